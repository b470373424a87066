"""What a machine does to its jobs: its clock is set back, its memory runs out."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from faults.report import TRACEBACK, Outcome, digests, sentences
from faults.runs import Job, Run
from faults.workplace import TRAINED, TRAINING, Workplace, settings
from workflow_checkout import Checkout

DAY = 86400
TOO_MANY = 10**13
"""Rows of a batch that no machine has the memory for."""
HOG = 150 * 2**20
"""Bytes that something else takes."""
ROOM = 60 * 2**20
"""Bytes that are free before it does: fewer, but with the job gone it fits."""

# Takes memory, touches all of it, and holds it for a moment. The job's memory may take a moment to come free: after the
# job it is this that is ended, not Snakemake.
HOG_PROGRAM = f"""
import pathlib, time
pathlib.Path("/proc/self/oom_score_adj").write_text("900")
taken = b"x" * {HOG}
time.sleep(2)
"""


def _ends_as_undisturbed(workplace: Workplace, checkout: Checkout, outcome: Outcome) -> bool:
    """Run the command again, and compare."""
    with Run(checkout, ["--", TRAINED]) as run:
        code, said = run.end(), run.said()
    fine = outcome.expect(code == 0, f"the workflow failed once there was no fault any more: {said}")
    return outcome.compare(workplace.expected_of(TRAINING), digests(checkout.result(""))) and fine


def _continued(checkout: Checkout) -> bool:
    return "continuing from" in (checkout.result("logs") / f"{TRAINING}.log").read_text(encoding="utf-8")


def _date_ahead(folder: Path) -> None:
    """Date all files in a folder tomorrow."""
    ahead = time.time() + DAY
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (ahead, ahead))


def _is_refused_until_dated_now(checkout: Checkout, outcome: Outcome) -> bool:
    """Whether the workflow refuses files from the future in one sentence, before any job, and its advice helps."""
    with Run(checkout, ["--", TRAINED]) as run:
        code, said = run.end(), run.said()
    found = sentences(said)
    clear = len(found) == 1 and "the clock was set back" in found[0] and " now with: find " in found[0]
    fine = outcome.expect(
        code != 0 and clear and "Training generators" not in said, f"said of files from the future: {said}"
    )
    if fine:
        subprocess.run(found[0].partition(" now with: ")[2], shell=True, cwd=checkout.folder, check=True)
    return fine


def clock_set_back_between_runs(workplace: Workplace) -> Outcome:
    """Kill training, and go on with data and state that are dated tomorrow."""
    outcome = Outcome("clock set back by a day between two runs", times=1)
    checkout = workplace.checkout("clock-between", with_data=True)
    with Run(checkout, ["--", TRAINED]) as run:
        run.wait_for_state()
        run.kill_all()
    checkout.succeed("--unlock")
    for name in ("data", "state"):
        _date_ahead(checkout.result(name))
    fine = _is_refused_until_dated_now(checkout, outcome)
    outcome.survived += _ends_as_undisturbed(workplace, checkout, outcome) and fine
    outcome.expect(_continued(checkout), "training did not continue from its state")
    return outcome


def clock_set_back_during_training(workplace: Workplace) -> Outcome:
    """Set Python's clock back while training runs; it goes on saving, and continues after a kill and with a clock that
    is right again."""
    outcome = Outcome("clock set back by a day while training runs, and right again after", times=1)
    checkout = workplace.checkout("clock-during", with_data=True)
    mark = checkout.folder / "set_back"
    checkout.environment = {"PYTHONPATH": str(Path(__file__).parent / "clock"), "SET_BACK": str(mark)}
    with Run(checkout, ["--", TRAINED]) as run:
        (state,) = run.wait_for_state().states()
        mark.touch()
        before = state.stat().st_mtime_ns
        run.wait_for(lambda: state.stat().st_mtime_ns > before, "a state that is saved by the clock set back")
        run.kill_all()
    checkout.succeed("--unlock")
    # It cannot be left behind here: the advice about files from the future goes by the system's clock, not by Python's.
    checkout.environment = {}
    outcome.survived += _ends_as_undisturbed(workplace, checkout, outcome)
    outcome.expect(_continued(checkout), "training did not continue from its state")
    return outcome


def data_dated_ahead_during_training(workplace: Workplace) -> Outcome:
    """Date the data tomorrow while training runs: to Snakemake, what comes out is older than what it is made from."""
    outcome = Outcome("clock set back to before the data were prepared, while training runs", times=1)
    checkout = workplace.checkout("clock-data", with_data=True)
    with Run(checkout, ["--", TRAINED]) as run:
        run.wait_for_state()
        _date_ahead(checkout.result("data"))
        code, said = run.end(), run.said()
    clear = "This could indicate a clock skew problem" in said and TRACEBACK not in said
    fine = outcome.expect(code != 0 and clear, f"said of a result older than its data: {said}")
    fine &= _is_refused_until_dated_now(checkout, outcome)
    outcome.survived += _ends_as_undisturbed(workplace, checkout, outcome) and fine
    return outcome


class MemoryGroup:
    """A control group of the kernel's whose memory can be limited, of version 1 or 2.

    Raises:
        OSError: none can be made here.
    """

    def __init__(self, name: str) -> None:
        lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
        own = {controllers: path.lstrip("/") for _, controllers, path in lines}
        if "memory" in own:
            self.folder = Path("/sys/fs/cgroup/memory") / own["memory"] / name
            self._limit, self._events = "memory.limit_in_bytes", "memory.oom_control"
            self._anonymous = "total_rss"
        else:
            self.folder = Path("/sys/fs/cgroup") / name
            self._limit, self._events, self._anonymous = "memory.max", "memory.events", "anon"
        self.folder.mkdir()
        if not (self.folder / self._limit).exists():
            self.remove()
            raise OSError(f"{self.folder.parent} hands no memory controller on")

    def remove(self) -> None:
        """Take it away; nothing may run in it any more."""
        self.folder.rmdir()

    def join(self) -> None:
        """Put this process into it."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def limit(self, room: int) -> None:
        """Leave it `room` bytes beside what its processes have taken."""
        (self.folder / self._limit).write_text(str(self._figures("memory.stat")[self._anonymous] + room))
        # Where memory may be swapped out, none of it.
        with contextlib.suppress(OSError):
            (self.folder / "memory.swap.max").write_text("0")

    def kills(self) -> int:
        """How many processes the kernel has ended for lack of memory."""
        return self._figures(self._events)["oom_kill"]

    def _figures(self, name: str) -> dict[str, int]:
        lines = (line.split() for line in (self.folder / name).read_text().splitlines())
        return {key: int(value) for key, value in lines}


@contextlib.contextmanager
def memory_group(name: str) -> Iterator[MemoryGroup]:
    """A `MemoryGroup` for as long as `with` lasts."""
    group = MemoryGroup(name)
    try:
        yield group
    finally:
        # Its processes take a moment to go.
        for _ in range(100):
            with contextlib.suppress(OSError):
                group.remove()
                break
            time.sleep(0.1)


def out_of_memory(workplace: Workplace, times: int) -> Outcome:
    """Let something else take the memory that training runs in, so that the kernel ends training."""
    outcome = Outcome("killed by the kernel, out of memory")
    for time_ in range(times):
        checkout = workplace.checkout(f"memory-{time_}", with_data=True)
        try:
            with memory_group(f"oleander-faults-{os.getpid()}") as group:
                outcome.times += 1
                fine = _is_ended_by_the_kernel(checkout, group, outcome)
        except OSError as error:
            outcome.skipped = f"no memory control group can be made ({error})"
            return outcome
        outcome.survived += _ends_as_undisturbed(workplace, checkout, outcome) and fine
        outcome.expect(_continued(checkout), "training did not continue from its state")
    return outcome


def _is_ended_by_the_kernel(checkout: Checkout, group: MemoryGroup, outcome: Outcome) -> bool:
    with Run(checkout, ["--", TRAINED], before=group.join) as run:
        job: Job = run.wait_for_state()
        # Of all in the group, the job is the one to be ended.
        Path(f"/proc/{job.process}/oom_score_adj").write_text("1000")
        group.limit(ROOM)
        subprocess.run([sys.executable, "-c", HOG_PROGRAM], preexec_fn=group.join, check=False)
        code, said = run.end(), run.said()
    fine = outcome.expect(group.kills() >= 1, "the kernel ended nothing")
    return outcome.expect(code != 0 and "SIGKILL" in said and TRACEBACK not in said, f"said of it: {said}") and fine


def too_much_memory_asked_for(workplace: Workplace) -> Outcome:
    """Train with batches larger than any memory, then with those of the undisturbed run."""
    outcome = Outcome("more memory asked for than there is", times=1)
    checkout = workplace.checkout("greedy", with_data=True)
    greedy = settings()
    greedy["scales"]["demo"]["attacks"]["pgan_images"]["batch_size"] = TOO_MANY
    checkout.configure(greedy)
    with Run(checkout, ["--", TRAINED]) as run:
        code, said = run.end(), run.said()
    found = sentences(said)
    clear = len(found) == 1 and found[0].startswith("memory ran out") and "; give the job more" in found[0]
    fine = outcome.expect(code != 0 and clear, f"said of it: {found or said}")
    checkout.configure(settings())
    outcome.survived += _ends_as_undisturbed(workplace, checkout, outcome) and fine
    return outcome
