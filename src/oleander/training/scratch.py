"""Scratch state: lets a killed job resume.

Snakemake deletes the declared outputs of a failed job before it retries, so the state is in an undeclared folder beside
the output. It is keyed by the resolved settings: a state from other settings, or a damaged one, is logged and ignored.
It is written atomically, every few minutes and on SIGTERM or Ctrl-C.
"""

import contextlib
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from oleander.io.artifacts import load_artifact, save_artifact
from oleander.io.errors import OleanderError

logger = logging.getLogger(__name__)

State = tuple[dict[str, torch.Tensor], dict[str, Any]]


class Scratch:
    """A folder of state files, one per part of the job.

    Args:
        folder: folder of the state, or None to keep none (when used as a library).
        key: fingerprint of everything that the result depends on.
        minutes: interval between saves by `save_if_due`.
    """

    def __init__(self, folder: Path | str | None, key: str, minutes: float) -> None:
        self.folder = None if folder is None else Path(folder)
        self.key = key
        self.seconds = minutes * 60
        self._saved_at = time.monotonic()
        self._signal: int | None = None

    @classmethod
    def none(cls) -> "Scratch":
        """A scratch that keeps no state."""
        return cls(None, "", 0)

    def load(self, part: str, device: torch.device) -> State | None:
        """A part's saved tensors (on `device`) and position, or None if there is nothing to resume from."""
        path = self._path(part)
        if path is None or not path.exists():
            return None
        try:
            tensors, header = load_artifact(path, device)
        except OleanderError as error:
            logger.warning("state not used, starting over: %s", error)
            return None
        if header.get("key") != self.key or "position" not in header:
            logger.warning("state not used, starting over: %s was made with other settings", path)
            return None
        logger.info("continuing from %s", path)
        return tensors, header["position"]

    def save(self, part: str, tensors: dict[str, torch.Tensor], position: dict[str, Any]) -> None:
        """Write a part's state now."""
        path = self._path(part)
        if path is not None:
            save_artifact(path, tensors, {"key": self.key, "position": position})
            self._saved_at = time.monotonic()

    def save_if_due(self, part: str, state: Callable[[], State]) -> None:
        """Write a part's state if the interval has passed; after SIGTERM or Ctrl-C, write it and exit."""
        if self._signal is not None:
            self.save(part, *state())
            logger.info("stopped by signal %d; run again to continue", self._signal)
            raise SystemExit(128 + self._signal)
        if self.folder is not None and time.monotonic() - self._saved_at >= self.seconds:
            self.save(part, *state())

    def forget(self, part: str) -> None:
        """Remove a part's state."""
        path = self._path(part)
        if path is not None:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all state, once the output is complete."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator["Scratch"]:
        """Context in which SIGTERM and Ctrl-C take effect at the next `save_if_due`."""
        if self.folder is None or threading.current_thread() is not threading.main_thread():
            yield self
            return

        def note(number: int, _frame: object) -> None:
            self._signal = number

        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _path(self, part: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{part}.safetensors"
