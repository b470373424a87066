"""The fault campaign, `make faults`: the real workflow under every fault that it claims to survive.

    cd tests && python -m faults.campaign --kills 60 --seed 0 --evidence ../results/reference/faults
    cd tests && python -m faults.campaign --short

An undisturbed run comes first, on a checkout of its own with jobs of seconds, and every result's digest is kept. Then
checkouts are disturbed, and each has to end with the same bytes: SIGKILL at random moments to every trainer and
evaluator and to Snakemake, states and CSVs damaged, disks full and read-only, the clock set back, memory that runs out.
Where a fault cannot be survived silently, one clear sentence has to say what is wrong.

The exit code is 1 if a result was lost or differs, something half-written was left, or an error was unclear. The seed
decides what is drawn; when a job meets its fault depends on the machine as well.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from faults import damage, disks, host, report
from faults.kills import MOMENTS, Campaign, Kills
from faults.report import Outcome
from faults.runs import CampaignError
from faults.workplace import FIGURES, SHORT, Workplace

from oleander.io.files import write_json, write_text
from oleander.io.provenance import commit_of, machine

REPOSITORY = Path(__file__).resolve().parents[2]
SHORT_KILLS = 8

HEADING = """# Faults

What `make faults` found, of commit `{commit}` with seed {seed}: {processor}, {cores} cores, {memory_gib} GiB,
Python {python}, torch {torch}, Snakemake {snakemake}. What is done stands in `tests/faults/campaign.py`.

"""
KILLED = """
{made} kills in {rounds} rounds of the whole workflow, each round compared with an undisturbed run in {files} files.
{with_state} of the killed jobs had a state, and {continued} attempts continued from one. {all} kills took Snakemake and
all of its jobs, {snakemake} Snakemake alone, whose jobs went on beside those of the next run.

"""


def say(text: str) -> None:
    """Print at once, also where the output is a file."""
    print(text, flush=True)


def guarded(name: str, fault: Callable[[], Outcome]) -> Outcome:
    """What a fault comes to; where the campaign itself cannot go on with it, that is its outcome."""
    started = time.monotonic()
    say(f"-- {name}")
    try:
        outcome = fault()
    except (CampaignError, AssertionError, OSError) as error:
        outcome = Outcome(name, times=1, unclear=[str(error)])
    state = f"not here: {outcome.skipped}" if outcome.skipped else f"{outcome.survived} of {outcome.times} survived"
    say(f"   {state}, {time.monotonic() - started:.0f} s")
    return outcome


def faults_of(workplace: Workplace, draw: random.Random, samples: Path, short: bool) -> list[tuple[str, Callable]]:
    """The faults other than kills, in their order."""
    few, many = (1, 20) if short else (3, 100)
    return [
        ("copies of states", partial(damage.damage_states, samples, many, draw)),
        ("CSVs", partial(damage.damage_csvs, workplace, many // 4, draw)),
        ("a CSV of the workflow", partial(damage.damage_a_csv_of_the_workflow, workplace, 1 if short else 2, draw)),
        ("results' disk full", partial(disks.results_disk_full, workplace, few, draw)),
        ("states' disk full", partial(disks.state_disk_full, workplace, few, draw)),
        ("results read-only", partial(disks.results_read_only, workplace)),
        ("clock set back between runs", partial(host.clock_set_back_between_runs, workplace)),
        ("clock set back during training", partial(host.clock_set_back_during_training, workplace)),
        ("data dated ahead", partial(host.data_dated_ahead_during_training, workplace)),
        ("out of memory", partial(host.out_of_memory, workplace, few)),
        ("too much memory asked for", partial(host.too_much_memory_asked_for, workplace)),
    ]


def run(folder: Path, kills: int, seed: int, short: bool) -> tuple[list[Outcome], Kills, int]:
    """Every fault.

    Returns:
        Outcomes, the kills, and how many files an undisturbed run makes.
    """
    draw = random.Random(seed)
    samples = folder / "samples"
    samples.mkdir()
    say("-- undisturbed")
    workplace = Workplace(REPOSITORY, folder, SHORT if short else FIGURES)
    campaign = Campaign(workplace, kills, draw, samples, each_at_work=not short)
    outcomes = [guarded("kills", campaign.run), campaign.state_outcome]
    outcomes += [guarded(name, fault) for name, fault in faults_of(workplace, draw, samples, short)]
    return outcomes, campaign.kills, len(workplace.expected)


def findings(outcomes: list[Outcome], kills: Kills, wanted: int, files: int, seed: int) -> dict[str, Any]:
    """All that is recorded, as JSON values; `wanted` is the number of kills that was asked for."""
    return {
        "command": f"make faults KILLS={wanted} SEED={seed}",
        "commit": commit_of(REPOSITORY),
        "machine": machine(),
        "seed": seed,
        "files_compared": files,
        "kills": {
            "made": kills.made,
            "rounds": kills.rounds,
            "snakemake_run_again": kills.repeats,
            "by_what": dict(kills.by_what),
            "by_job": {job: {moment: counts[moment] for moment in MOMENTS} for job, counts in kills.by_job.items()},
            "had_a_state": kills.with_state,
            "attempts_that_continued_from_a_state": len(kills.attempts),
            "states_damaged": dict(kills.told),
        },
        "faults": report.as_json(outcomes),
    }


def markdown(found: dict[str, Any]) -> str:
    """The evidence in words and tables."""
    kills = found["kills"]
    numbers = {"made": kills["made"], "rounds": kills["rounds"], "files": found["files_compared"]}
    numbers |= {"with_state": kills["had_a_state"], "continued": kills["attempts_that_continued_from_a_state"]}
    numbers |= {what: kills["by_what"].get(what, 0) for what in ("all", "snakemake")}
    heading = HEADING.format(**found["machine"], commit=found["commit"], seed=found["seed"])
    return heading + report.table(found["faults"]) + KILLED.format(**numbers) + report.kills_table(kills["by_job"])


def conclude(found: dict[str, Any], outcomes: list[Outcome], evidence: Path | None) -> int:
    """Print what was found, write it where asked, and give the exit code."""
    say(f"\n{report.table(found['faults'])}\n{report.kills_table(found['kills']['by_job'])}")
    if evidence is not None and "+changes" in found["commit"]:
        say("not recorded: the checkout has changes that are not committed; commit them and run again")
    elif evidence is not None:
        write_json(evidence / "faults.json", found)
        write_text(evidence / "README.md", markdown(found))
    problems = report.failures(outcomes)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def main() -> int:
    """The campaign, as the command line asks for it; its exit code."""
    parser = argparse.ArgumentParser(description="Run the workflow under faults, and compare with an undisturbed run.")
    parser.add_argument("--kills", type=int, default=60, help="kills at least")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument(
        "--short", action="store_true", help=f"a part of the workflow, {SHORT_KILLS} kills, no evidence"
    )
    parser.add_argument("--evidence", type=Path, help="the folder to write faults.json and README.md to")
    arguments = parser.parse_args()
    kills = SHORT_KILLS if arguments.short else arguments.kills
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="oleander-faults-"))
    try:
        outcomes, killed, files = run(folder, kills, arguments.seed, arguments.short)
    except CampaignError as error:
        print(f"error: {error}; what there is of it is in {folder}", file=sys.stderr)
        return 1
    found = findings(outcomes, killed, kills, files, arguments.seed)
    code = conclude(found, outcomes, None if arguments.short else arguments.evidence)
    if code == 0:
        shutil.rmtree(folder)
    else:
        say(f"what was disturbed is in {folder}")
    return code


if __name__ == "__main__":
    sys.exit(main())
