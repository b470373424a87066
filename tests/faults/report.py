"""What a fault campaign found: how results are held against those of an undisturbed run, and the table of it all."""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from oleander.io.files import sha256_of

TIMES = ("logs", "benchmarks")
"""Folders whose files say when and how fast: no two runs agree on them."""

TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Outcome:
    """What became of one kind of fault.

    Attributes:
        fault: what was done, and to what.
        times: how often.
        survived: how often of these all came out as in the undisturbed run, at the latest when the same command was run
            again.
        lost: results that the undisturbed run has, and this one has not.
        differing: results with other bytes.
        left: files that the undisturbed run does not leave: states, and files half-written.
        unclear: what was said where one clear sentence was due, and whatever else was not as it should be.
        skipped: why it cannot be done on this machine; empty where it was.
        details: more figures, by name.
    """

    fault: str
    times: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    skipped: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def compare(self, expected: dict[str, str], found: dict[str, str]) -> bool:
        """Add what tells `found` from `expected` (file -> digest); True where nothing does."""
        lost = sorted(expected.keys() - found.keys())
        differing = sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name])
        left = sorted(found.keys() - expected.keys())
        self.lost += lost
        self.differing += differing
        self.left += left
        return not (lost or differing or left)

    def expect(self, fine: object, problem: str) -> bool:
        """Add `problem` unless all is `fine`."""
        if not fine:
            self.unclear.append(problem)
        return bool(fine)

    @property
    def failed(self) -> bool:
        """Whether the fault was made and something came of it, or was never made for no reason."""
        bad = self.lost or self.differing or self.left or self.unclear or self.survived != self.times
        return bool(bad) or (self.times == 0 and not self.skipped)


def digests(folder: Path) -> dict[str, str]:
    """Every file in a folder of results, but for `TIMES` -> SHA-256 of its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {str(path.relative_to(folder)): path for path in files}
    return {name: sha256_of(path) for name, path in sorted(names.items()) if name.split("/")[0] not in TIMES}


def sentences(said: str) -> list[str]:
    """The errors that jobs and the workflow itself tell of, each once; empty where there is a traceback besides."""
    if TRACEBACK in said:
        return []
    found = re.findall(r"^error: (.+)$", said, re.MULTILINE)
    found += re.findall(r"^WorkflowError in .*, line \d+:\n(.+)$", said, re.MULTILINE)
    return list(dict.fromkeys(found))


def table(outcomes: list[dict[str, Any]]) -> str:
    """A Markdown table of outcomes, each as `asdict` gives it."""
    lines = [
        "| fault | times | survived | artifacts lost | results that differ | unclear errors |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for outcome in outcomes:
        if outcome["skipped"]:
            lines.append(f"| {outcome['fault']} | not here: {outcome['skipped']} | | | | |")
            continue
        counts = [outcome["times"], outcome["survived"]]
        counts += [len(outcome[name]) for name in ("lost", "differing", "unclear")]
        lines.append(f"| {outcome['fault']} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"


def kills_table(by_job: dict[str, dict[str, int]]) -> str:
    """A Markdown table of kills: kind of job -> when in its life -> how often."""
    moments = list(dict.fromkeys(moment for counts in by_job.values() for moment in counts))
    lines = [f"| killed | {' | '.join(moments)} |", f"|---|{'---:|' * len(moments)}"]
    for job, counts in sorted(by_job.items()):
        lines.append(f"| {job} | {' | '.join(str(counts.get(moment, 0)) for moment in moments)} |")
    return "\n".join(lines) + "\n"


def failures(outcomes: list[Outcome]) -> list[str]:
    """What went wrong, a line each; empty where all was survived."""
    lines = []
    for outcome in outcomes:
        if not outcome.failed:
            continue
        lines.append(f"{outcome.fault}: {outcome.survived} of {outcome.times} survived")
        for name in ("lost", "differing", "left", "unclear"):
            lines += [f"{outcome.fault}: {name}: {entry}" for entry in getattr(outcome, name)]
    return lines


def as_json(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Outcomes as JSON values."""
    return [asdict(outcome) for outcome in outcomes]
