"""Files that are cut off, or whose bits are flipped, at random: states of training, and CSVs of results."""

import contextlib
import logging
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from faults.report import Outcome, digests, sentences
from faults.runs import Run
from faults.workplace import COHORT, Workplace

from oleander.io.artifacts import load_artifact
from oleander.io.errors import OleanderError
from oleander.io.tables import DIGEST_ATTRIBUTE, read_csv
from oleander.training.scratch import Scratch

TRIALS = f"results/demo/pgan/mnist/trials/sever_01/{COHORT}.csv"
DRAWN = "results/demo/figures/pgan_fig13.png"


def truncate(path: Path, draw: random.Random) -> None:
    """Cut a file off somewhere; when it was changed stays as it was."""
    cut_off(path, draw.randrange(path.stat().st_size))


def cut_off(path: Path, size: int) -> None:
    """Cut a file off at a size; when it was changed stays as it was."""
    before = path.stat()
    os.truncate(path, size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip_a_bit(path: Path, draw: random.Random) -> None:
    """Flip one bit of a file somewhere; when it was changed stays as it was."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextlib.contextmanager
def warnings_of(name: str) -> Iterator[list[str]]:
    """The warnings that a logger gives while inside."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger(name)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def damage_states(samples: Path, times: int, draw: random.Random) -> Outcome:
    """Damage copies of states `times` times each, and let a job's `Scratch` read them: said, and not used."""
    outcome = Outcome("copy of a state cut off, or a bit of it flipped")
    kinds = set()
    for sample in sorted(samples.glob("*.safetensors")):
        kinds.add(sample.name.partition(".")[0])
        folder = samples / "damaged"
        folder.mkdir(exist_ok=True)
        copy = folder / "part.safetensors"
        scratch = Scratch(folder, load_artifact(sample)[1]["key"], minutes=1)
        shutil.copyfile(sample, copy)
        outcome.expect(scratch.load("part", torch.device("cpu")), f"{sample.name} is refused as it is")
        for time in range(times):
            shutil.copyfile(sample, copy)
            damage = (truncate, flip_a_bit)[time % 2]
            damage(copy, draw)
            outcome.times += 1
            with warnings_of("oleander.training.scratch") as said:
                taken = scratch.load("part", torch.device("cpu"))
            told = len(said) == 1 and said[0].startswith("state not used, starting over: ")
            outcome.survived += taken is None and told
            outcome.expect(taken is None, f"{sample.name}: used in spite of {damage.__name__}")
            outcome.expect(told, f"{sample.name}: said of it: {said}")
    outcome.details["kinds of job"] = sorted(kinds)
    return outcome


def damage_csvs(workplace: Workplace, times: int, draw: random.Random) -> Outcome:
    """Cut copies of every CSV of the undisturbed run off, `times` times each and at the ends of as many rows."""
    outcome = Outcome("CSV of results cut off")
    copy = workplace.folder / "cut.csv"
    for path in sorted(workplace.undisturbed.result("").rglob("*.csv")):
        shutil.copy2(path, copy)
        if DIGEST_ATTRIBUTE not in os.listxattr(copy):
            outcome.skipped = "the file system of the temporary folder keeps no extended attributes"
            return outcome
        content = path.read_bytes()
        ends = [at + 1 for at, byte in enumerate(content[:-1]) if byte == ord("\n")]
        cuts = [draw.randrange(len(content)) for _ in range(times)] + draw.sample(ends, min(times, len(ends)))
        for cut in cuts:
            shutil.copy2(path, copy)
            cut_off(copy, cut)
            outcome.times += 1
            try:
                read_csv(copy)
            except OleanderError as error:
                outcome.survived += outcome.expect("delete it and run again" in str(error), str(error))
            else:
                outcome.unclear.append(f"{path.name} was taken for whole, cut off at byte {cut} of {len(content)}")
    return outcome


def damage_a_csv_of_the_workflow(workplace: Workplace, times: int, draw: random.Random) -> Outcome:
    """Cut a cohort's trials off, let a figure of them be drawn anew, and do as the refusal says."""
    outcome = Outcome("CSV cut off that a job of the workflow reads")
    checkout = workplace.undisturbed
    trials, drawn = checkout.folder / TRIALS, checkout.folder / DRAWN
    for time in range(times):
        content = trials.read_bytes()
        ends = [at + 1 for at, byte in enumerate(content[:-1]) if byte == ord("\n")]
        cut_off(trials, draw.choice(ends) if time % 2 == 0 else draw.randrange(len(content)))
        drawn.unlink()
        outcome.times += 1
        with Run(checkout, [DRAWN]) as run:
            refused = run.end() != 0
            said = sentences(run.said())
        outcome.expect(refused and not drawn.exists(), "the workflow took a CSV that was cut off")
        clear = len(said) == 1 and said[0].startswith(TRIALS) and "; delete it and run again" in said[0]
        outcome.expect(clear, f"said of it: {said}")
        trials.unlink()
        # By its name: what is made of it is there, and Snakemake would not miss it.
        checkout.succeed(DRAWN)
        checkout.succeed(*workplace.targets)
        outcome.survived += outcome.compare(workplace.expected, digests(checkout.result(""))) and clear and refused
    return outcome
