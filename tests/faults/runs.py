"""A workflow that runs in the background, and its jobs as the system shows them: which, how far, and how to end them.

Linux alone: it reads /proc.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from workflow_checkout import Checkout

# Slow and busy machines included; nothing here takes so long.
PATIENCE = 1200
POLL = 0.02


class CampaignError(Exception):
    """The campaign itself cannot go on: what it waits for does not happen."""


@dataclass(frozen=True)
class Job:
    """A rule's script at work.

    Attributes:
        process: its number.
        name: of its log, without its ending, below the folder of logs: rule and wildcards.
        results: the folder of results that it works in.
    """

    process: int
    name: str
    results: Path

    @property
    def log(self) -> Path:
        """Its log, which it opens when it has imported what it needs."""
        return self.results / "logs" / f"{self.name}.log"

    def states(self) -> list[Path]:
        """The states that it would continue from."""
        return sorted((self.results / "state" / self.name).glob("[!.]*.safetensors"))

    def has_begun(self) -> bool:
        """Whether it is past its imports."""
        log = str(self.log)
        with suppress(OSError):
            return any(os.readlink(entry.path) == log for entry in os.scandir(f"/proc/{self.process}/fd"))
        return False

    def stop(self) -> bool:
        """Let it stand still; False where it is no more."""
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self.process, signal.SIGSTOP)
            while (state := _state(self.process)) not in "TZ":
                time.sleep(0.001)
            return state == "T"
        return False

    def kill(self) -> None:
        """End it by SIGKILL."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)


def _state(process: int) -> str:
    """The letter that the system gives a process: T stopped, Z ended."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def _descendants(process: int) -> list[int]:
    """Processes that a process has started, and those that these have."""
    found = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                found += [child, *_descendants(child)]
    return found


def is_alive(process: int) -> bool:
    """Whether a process has not ended yet."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return _state(process) != "Z"
    return False


class Run(AbstractContextManager):
    """Snakemake in a session of its own; what is left of it at the end of `with` is killed.

    Args:
        checkout: where.
        arguments: of Snakemake.
        before: called in the new process before it becomes Snakemake.
    """

    def __init__(
        self, checkout: Checkout, arguments: Sequence[str], before: Callable[[], object] | None = None
    ) -> None:
        self.checkout = checkout
        self.results = checkout.result("").resolve()
        self.abandoned = False
        self._known: dict[tuple[int, str], Job | None] = {}
        self._output = checkout.folder / "said.txt"
        with self._output.open("w") as stream:
            self.process = subprocess.Popen(
                checkout.command(*arguments),
                cwd=checkout.folder,
                env=checkout.surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=before,
            )

    def __exit__(self, *_: object) -> None:
        if not self.abandoned:
            self.kill_all()

    def runs(self) -> bool:
        """Whether Snakemake has not ended yet."""
        return self.process.poll() is None

    def jobs(self) -> list[Job]:
        """The scripts that run now and keep a log of their own."""
        return [job for child in _descendants(self.process.pid) if (job := self._job(child)) is not None]

    def _job(self, process: int) -> Job | None:
        with suppress(OSError):
            arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            script = arguments[1].decode() if len(arguments) > 1 else ""
            if "/.snakemake/scripts/" not in script:
                return None
            key = process, script
            if key not in self._known:
                text = Path(script).read_text(encoding="utf-8")
                log = re.search(r"results/\w+/logs/([\w/.+-]+)\.log", text)
                keeps_one = log is not None and "begin_job" in text
                self._known[key] = Job(process, log[1], self.results) if keeps_one else None
            return self._known[key]
        return None

    def wait_for(self, true: Callable[[], object], what: str) -> None:
        """Return once `true()` is.

        Raises:
            CampaignError: Snakemake ends before, or it takes too long.
        """
        deadline = time.monotonic() + PATIENCE
        while not true():
            if not self.runs():
                raise CampaignError(f"the workflow ended before there was {what}:\n{self.said()}")
            if time.monotonic() > deadline:
                raise CampaignError(f"{what}: not within {PATIENCE} seconds")
            time.sleep(POLL)

    def wait_for_state(self) -> Job:
        """The one job that runs, once it has a state."""
        self.wait_for(lambda: any(job.states() for job in self.jobs()), "a state")
        (job,) = self.jobs()
        return job

    def end(self) -> int:
        """Snakemake's exit code, once it has ended.

        Raises:
            CampaignError: it takes too long.
        """
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise CampaignError(f"the workflow did not end within {PATIENCE} seconds:\n{self.said()}") from None

    def kill_all(self) -> None:
        """End Snakemake and every job of it by SIGKILL."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def abandon(self) -> list[int]:
        """End Snakemake alone by SIGKILL, as the kernel does where memory runs out; its jobs, returned, go on."""
        self.abandoned = True
        self.process.send_signal(signal.SIGSTOP)
        jobs = [job.process for job in self.jobs()]
        self.process.kill()
        self.process.wait()
        return jobs

    def said(self) -> str:
        """What Snakemake and its jobs have said so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")
