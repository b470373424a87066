"""What the tests share: the project, the real data, seeds and margins of tests that learn, reports of failures."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

# Before anything imports matplotlib: no test opens a window.
os.environ.setdefault("MPLBACKEND", "Agg")

import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that measure how far the tests marked `learns` are from failing."""
    group = parser.getgroup("oleander")
    group.addoption("--seeds", type=int, default=1, help="run every test marked `learns` with this many seeds")
    group.addoption("--margin", type=float, default=1.0, help="make the bounds of these tests this many times tighter")
    group.addoption("--threads", type=int, default=1, help="threads of torch in the tests' own process")


def pytest_configure(config: pytest.Config) -> None:
    """One thread unless asked: networks this small lose by more."""
    torch.set_num_threads(config.getoption("--threads"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test that asks for `seed` the seeds 0, 1, ... of the option --seeds."""
    if "seed" in metafunc.fixturenames and metafunc.definition.get_closest_marker("learns"):
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds")))


@pytest.fixture
def margin(request: pytest.FixtureRequest) -> float:
    """How many times tighter the bounds of a test that learns are to be."""
    return request.config.getoption("--margin")


class Reports:
    """Reports a failure when it happens, and at the end what was skipped for want of what."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write name and message of a failed test at once, also where tests run in parallel."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = (crash.message if crash else str(report.longrepr)).strip()
            self.terminal.ensure_newline()
            self.terminal.write_line(f"FAILED {report.nodeid} ({report.when}): {message[:1000]}", red=True)

    def pytest_terminal_summary(self) -> None:
        """One line on skipped tests, e.g. "skipped: 12 for want of real data, 4 of Chromium"."""
        wants = Counter(missing_thing(report) for report in self.terminal.stats.get("skipped", []))
        if wants:
            counts = ", ".join(f"{count} for want of {thing}" for thing, count in wants.most_common())
            self.terminal.write_line(f"skipped: {counts}")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Report where pytest itself writes: in the process that was started, not in its workers."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Reports(terminal), "oleander-reports")


def missing_thing(report: pytest.TestReport) -> str:
    """What a skipped test lacked: the X of its reason "needs X: what to do"."""
    reason = report.longrepr[2].removeprefix("Skipped: ")
    needed = re.match(r"needs ([^:]+)", reason)
    return needed[1] if needed else reason


@pytest.fixture(scope="session")
def repository() -> Path:
    """The project's root folder."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real datasets that OLEANDER_DATA names; without it the test is skipped."""
    named = os.environ.get("OLEANDER_DATA")
    if not named:
        pytest.skip("needs real data: set OLEANDER_DATA to the folder that holds it")
    root = Path(named)
    if not root.is_dir():
        pytest.fail(f"OLEANDER_DATA names {root}, which is not a folder; correct or unset it")
    return root
