"""Progress: a bar in the terminal, one line per minute in the log."""

import logging
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import tqdm

from oleander.io.errors import OleanderError, plain_errors
from oleander.io.provenance import commit_of

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60


class _LogFile(logging.FileHandler):
    """A log file that ignores write errors: a full disk is reported when it prevents writing a result."""

    @classmethod
    def begin(cls, path: str | Path) -> "_LogFile":
        """Create an empty log at `path`.

        Raises:
            OleanderError: it cannot be created.
        """
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            return cls(path, mode="w", encoding="utf-8")
        except OSError as error:
            raise OleanderError(
                f"cannot write the log {path}: {error.strerror or error}; free some space or make the folder writable"
            ) from error

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Drop a line that cannot be written; report other errors as usual."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def begin_job(log: str | Path, threads: int) -> None:
    """Set up a rule's job: log to `log`, with warnings also on stderr, and limit torch to `threads` threads.

    More threads than allotted would slow down other jobs and change the result's last digits. If the log cannot be
    created, the process exits with one sentence.
    """
    torch.set_num_threads(threads)
    package = logging.getLogger("oleander")
    package.setLevel(logging.INFO)
    with plain_errors():
        to_file = _LogFile.begin(log)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setLevel(logging.WARNING)
    to_terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    package.handlers = [to_file, to_terminal]
    logger.info(
        "oleander %s, torch %s, %s, %d threads, commit %s",
        version("oleander"),
        torch.__version__,
        platform.machine(),
        threads,
        # This file lies in src/oleander/training of a checkout.
        commit_of(Path(__file__).resolve().parents[3]),
    )


class Progress:
    """Reports progress over `total` steps of `what`, of which an earlier run did `done`."""

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        self.what, self.total, self.done = what, total, done
        self._first, self._started, self._logged = done, time.monotonic(), time.monotonic()
        self._bar = tqdm(total=total, initial=done, desc=what, unit="step", disable=None, leave=False)

    def advance(self, steps: int, note: str = "") -> None:
        """Advance by `steps`, with an optional short `note` (a loss, a count) for the log."""
        self.done += steps
        self._bar.update(steps)
        now = time.monotonic()
        if now - self._logged >= SECONDS_BETWEEN_LINES or self.done >= self.total:
            self._logged = now
            pace = (now - self._started) / max(1, self.done - self._first)
            remaining = pace * (self.total - self.done)
            logger.info(
                "%s: %d of %d steps, %.1f ms a step, %.1f min left %s",
                self.what,
                self.done,
                self.total,
                1e3 * pace,
                remaining / 60,
                note,
            )
        if self.done >= self.total:
            self._bar.close()
