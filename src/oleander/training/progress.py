"""Progress: a bar on a terminal, a line a minute in the log."""

import logging
import platform
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

import oleander
from oleander.io.provenance import commit_of

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60


def log_to(path: str | Path) -> None:
    """Send the package's log lines, with the time, to `path` (a rule's log file) and its warnings to stderr."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    package = logging.getLogger("oleander")
    package.setLevel(logging.INFO)
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setLevel(logging.WARNING)
    to_terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    package.handlers = [to_file, to_terminal]
    logger.info(
        "oleander %s, torch %s, %s, commit %s",
        oleander.__version__,
        torch.__version__,
        platform.machine(),
        commit_of(Path(oleander.__file__).parent),
    )


class Progress:
    """Counts `total` steps of `what`; `done` of them were made by an earlier run."""

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        self.what, self.total, self.done = what, total, done
        self._first, self._started, self._logged = done, time.monotonic(), time.monotonic()
        self._bar = tqdm(total=total, initial=done, desc=what, unit="step", disable=None, leave=False)

    def advance(self, steps: int, note: str = "") -> None:
        """Count `steps` more, with a short `note` (a loss, a count) behind them."""
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
