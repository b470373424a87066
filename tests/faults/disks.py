"""Disks that are full, and disks that are read-only: tmpfs mounts in the places of folders, which takes root."""

import contextlib
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from faults.report import Outcome, digests, sentences
from faults.runs import Run
from faults.workplace import TRAINED, TRAINING, Workplace
from workflow_checkout import Checkout

ROOMY = 64 * 2**20
"""Bytes of a disk that everything fits on."""


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr.strip())


@contextlib.contextmanager
def disk(folder: Path, size: int) -> Iterator[None]:
    """While inside, a folder is an empty disk of `size` bytes.

    Raises:
        OSError: it cannot be mounted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def no_disks() -> str:
    """Why no disk can be mounted here; empty where it can."""
    try:
        with tempfile.TemporaryDirectory() as folder, disk(Path(folder), 2**20):
            return ""
    except OSError as error:
        return f"no tmpfs can be mounted ({error})"


def fill(folder: Path, left: int) -> Path:
    """The file in a folder that leaves `left` bytes of its disk."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    filler.write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - left))
    return filler


def results_disk_full(workplace: Workplace, times: int, draw: random.Random) -> Outcome:
    """Train with room for a part of what training writes, then with room for all."""
    outcome = Outcome("disk of the results full")
    if outcome_skipped(outcome):
        return outcome
    needed = sum((workplace.undisturbed.result("") / name).stat().st_size for name in workplace.outputs[TRAINING])
    for time in range(times):
        checkout = workplace.checkout(f"full-{time}")
        with disk(checkout.folder / "results", ROOMY):
            workplace.give_data(checkout)
            left = draw.randrange(needed * 9 // 10) if time else 0
            filler = fill(checkout.folder / "results", left)
            outcome.times += 1
            fine = _refused(checkout, outcome, "No space left on device")
            filler.unlink()
            outcome.survived += _succeeds(workplace, checkout, outcome) and fine
    return outcome


def state_disk_full(workplace: Workplace, times: int, draw: random.Random) -> Outcome:
    """Train with too little room for a state, then with enough."""
    outcome = Outcome("disk of the states full")
    if outcome_skipped(outcome):
        return outcome
    for time in range(times):
        checkout = workplace.checkout(f"full-state-{time}", with_data=True)
        with disk(checkout.result("state"), ROOMY):
            filler = fill(checkout.result("state"), draw.randrange(2**14))
            outcome.times += 1
            fine = _refused(checkout, outcome, "No space left on device")
            filler.unlink()
            outcome.survived += _succeeds(workplace, checkout, outcome) and fine
    return outcome


def results_read_only(workplace: Workplace) -> Outcome:
    """Train into a folder that is read-only, once with nothing but data in it, and once where training has a state."""
    outcome = Outcome("results folder read-only")
    if outcome_skipped(outcome):
        return outcome
    checkout = workplace.checkout("read-only")
    results = checkout.folder / "results"
    with disk(results, ROOMY):
        workplace.give_data(checkout)
        for begun in (False, True):
            if begun:
                (checkout.folder / TRAINED).unlink()
                with Run(checkout, [TRAINED]) as run:
                    run.wait_for_state()
                    run.kill_all()
                checkout.succeed("--unlock")
            _mount("-o", "remount,ro", str(results))
            outcome.times += 1
            fine = _refused(checkout, outcome, "Read-only file system")
            _mount("-o", "remount,rw", str(results))
            outcome.survived += _succeeds(workplace, checkout, outcome) and fine
    return outcome


def outcome_skipped(outcome: Outcome) -> bool:
    """Whether there can be no disks here, which the outcome then says."""
    outcome.skipped = no_disks()
    return bool(outcome.skipped)


def _refused(checkout: Checkout, outcome: Outcome, reason: str) -> bool:
    """Whether training ends with one sentence that says why, where and what to do, and leaves nothing half-written."""
    with Run(checkout, ["--", TRAINED]) as run:
        code, said = run.end(), run.said()
    found = sentences(said)
    clear = len(found) == 1 and reason in found[0] and "results" in found[0] and "; " in found[0]
    half = [str(path) for path in checkout.folder.rglob(".partial-*")]
    outcome.left += half
    fine = outcome.expect(code != 0, "the workflow ended with success")
    fine &= outcome.expect(clear, f"said of it: {found or said}")
    return fine and not half and not (checkout.folder / TRAINED).exists()


def _succeeds(workplace: Workplace, checkout: Checkout, outcome: Outcome) -> bool:
    """Whether the same command ends with the bytes of the undisturbed run."""
    with Run(checkout, ["--", TRAINED]) as run:
        code, said = run.end(), run.said()
    fine = outcome.expect(code == 0, f"the workflow failed once there was no fault any more: {said}")
    return outcome.compare(workplace.expected_of(TRAINING), digests(checkout.result(""))) and fine
