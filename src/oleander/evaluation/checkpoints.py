"""What the poison of a cohort is like over training, measured on the generators kept during training.

Splits, trusted points and poison are those of trials with the same seed (`oleander.evaluation.trials`). Genuine points
of the target class, as many as poison points, are the reference of every measure.
"""

import logging
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from oleander.attacks import Attacker
from oleander.data.tasks import Task, split_task
from oleander.defenses import Points, sanitize
from oleander.evaluation.trials import check_trials, poisoned_count, run_trials
from oleander.io.columns import CHECKPOINT_TRIALS, CHECKPOINTS, GENUINE, POISON
from oleander.io.errors import OleanderError
from oleander.metrics.neighbours import nearest_distances, nearest_other, told_apart
from oleander.training.devices import Placement
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

logger = logging.getLogger(__name__)

NAME = re.compile(r"(\d{6,})\.safetensors")
"""Name of a checkpoint: the iteration after which it was written, with at least six digits."""


def checkpoint_file(folder: Path | str, iteration: int) -> Path:
    """Path of a checkpoint in its cohort's folder."""
    return Path(folder) / f"{iteration:06d}.safetensors"


def checkpoint_files(folder: Path | str) -> dict[int, Path]:
    """Iteration -> checkpoint, ascending.

    Raises:
        OleanderError: the folder is missing or has no checkpoints.
    """
    found = {int(name[1]): path for path in Path(folder).glob("*") if (name := NAME.fullmatch(path.name))}
    if not found:
        raise OleanderError(
            f"{folder} holds no checkpoints such as 001000.safetensors; give the experiment a smaller "
            "checkpoint_iterations, or put the checkpoints there"
        )
    return dict(sorted(found.items()))


def measure_checkpoints(
    task: Task,
    files: Mapping[int, Path],
    load: Callable[[Path, bool], Attacker],
    settings: dict[str, Any],
    identity: dict[str, Any],
    players: Mapping[tuple[float, float, int], Callable[[int], dict[str, float]]],
) -> pd.DataFrame:
    """Measure the poison of every checkpoint, drawn with dropout off and on, and genuine points once.

    Args:
        task: the generators' training task, on their device.
        files: from `checkpoint_files`.
        load: makes an attacker of a checkpoint, with dropout on or off when drawing.
        settings: an evaluation's: `poison_fractions` and `train_points`, which give the number of points (that of the
            largest fraction of the first size), `runs`, `trusted_per_class` and `defense`, which must fit no victims.
        identity: values of the constant columns `scale`, `experiment`, `evaluation`, `attack`, `defense`.
        players: (alpha, lambda', generator) -> function of an iteration, from `curves_at`.

    Returns:
        One row per checkpoint, generator, dropout and run, and per generator and run for genuine points; columns
        `io.columns.CHECKPOINTS`. Generators that diverged are left out.

    Raises:
        OleanderError: too few training points or no poison to measure, the defense cannot use the points, or a
            checkpoint cannot be loaded.
    """
    check_trials(task, settings)
    size = settings["train_points"][0]
    count = poisoned_count(max(settings["poison_fractions"]), size)
    if count < 2:
        raise OleanderError(
            f"evaluation {identity['evaluation']} draws {count} poison points, but the distance to another needs at "
            "least 2; use larger poison fractions or train points"
        )
    rows: list[dict[str, Any]] = []
    referred: set[tuple[Any, ...]] = set()
    for iteration, path in files.items():
        attackers = {dropout: load(path, dropout) for dropout in (False, True)}
        attacker = attackers[False]
        common = {**identity, "dataset": task.dataset, "stand_in_for": task.stand_in_for or ""}
        common["precision"] = attacker.precision
        for at, replica in enumerate(attacker.replicas):
            if not attacker.converged[at]:
                logger.warning("%s had diverged after %d iterations and is left out", replica, iteration)
                continue
            names = {"alpha": replica.alpha, "lambda_prime": replica.lambda_prime, "generator": replica.seed}
            said = players[tuple(names.values())](iteration)
            for run in range(settings["runs"]):
                seed = derive_seed("trial", replica.seed, run)
                split = split_task(task, settings["trusted_per_class"], size, derive_seed(seed, "split"))
                trusted = Points(task.train_x[split.trusted_rows], task.train_y[split.trusted_rows])
                unused = split.unused_rows[task.train_y[split.unused_rows] == 1][:count]
                unseen = task.train_x[unused]
                row = {**common, **names, "run": run, "count": count}
                if (replica, run) not in referred:
                    referred.add((replica, run))
                    targets = split.train_rows[task.train_y[split.train_rows] == 1][:count]
                    measured = _measure(task, task.train_x[targets], unseen, trusted, settings, seed, targets)
                    rows.append({**row, "points": GENUINE, **measured})
                for dropout, drawn_by in attackers.items():
                    poison = drawn_by.craft(
                        task, split.train_rows, split.unused_rows, count, derive_seed(seed, "poison"), at
                    )
                    measured = _measure(task, poison.x, unseen, trusted, settings, seed)
                    conditions = {"points": POISON, "iteration": iteration, "dropout": dropout}
                    rows.append({**row, **conditions, **said, **measured})
    return pd.DataFrame(rows, columns=list(CHECKPOINTS)).astype({"iteration": "Int64"})


def _measure(
    task: Task,
    points: torch.Tensor,
    unseen: torch.Tensor,
    trusted: Points,
    settings: dict[str, Any],
    seed: int,
    rows: torch.Tensor | None = None,
) -> dict[str, float]:
    """The measures of points labelled as the target class.

    `unseen`: genuine points of the target class that no trial uses; `rows`: which of the task's training points the
    points are.
    """
    to_source = nearest_distances(points, task.source_x)
    if rows is None:
        to_target = nearest_distances(points, task.target_x)
    else:
        position = torch.cumsum(task.train_y == 1, 0) - 1
        to_target = nearest_distances(points, task.target_x, position[rows])
    received = Points(points, torch.ones(len(points), dtype=torch.int64, device=points.device))
    done = sanitize(received, trusted, settings["defense"], derive_seed(seed, "defense"))
    return {
        "nearest_distance": nearest_other(points).double().mean().item(),
        "nearest_is_source": (to_source < to_target).double().mean().item(),
        "told_apart": told_apart(points, unseen) if len(unseen) > 1 else math.nan,
        "rejected": (~done.kept).double().mean().item(),
    }


def curves_at(
    curves: pd.DataFrame, iterations_per_epoch: int
) -> dict[tuple[float, float, int], Callable[[int], dict[str, float]]]:
    """(alpha, lambda', generator) -> function that gives, for an iteration, the curves' means over its epoch.

    Args:
        curves: columns alpha, lambda_prime, generator, epoch (from 1), discriminator_on_poison, classifier_on_poison.
        iterations_per_epoch: 1 or more; iteration 1 is the first.
    """
    measures = ["discriminator_on_poison", "classifier_on_poison"]

    def reader(own: pd.DataFrame) -> Callable[[int], dict[str, float]]:
        by_epoch = own.set_index("epoch")[measures]
        return lambda iteration: by_epoch.loc[-(-iteration // iterations_per_epoch)].to_dict()

    groups = curves.groupby(["alpha", "lambda_prime", "generator"])
    return {(float(alpha), float(weight), int(seed)): reader(own) for (alpha, weight, seed), own in groups}


def try_checkpoints(
    task: Task,
    files: Mapping[int, Path],
    load: Callable[[Path, bool], Attacker],
    settings: dict[str, Any],
    identity: dict[str, Any],
    placement: Placement,
    scratch: Callable[[int], Scratch],
) -> pd.DataFrame:
    """Run an evaluation's trials on every checkpoint: the victim's error over the generators' training.

    Args:
        task: on the placement's device.
        files: from `checkpoint_files`.
        load: makes an attacker of a checkpoint, with dropout on or off when drawing.
        settings, identity, placement: as for `run_trials`. Trials without poison, which are the same for all
            checkpoints, are run once, with the first.
        scratch: makes the saved state of an iteration's trials.

    Returns:
        The trials with their iteration, which is empty for trials without poison: columns
        `io.columns.CHECKPOINT_TRIALS`.

    Raises:
        OleanderError: as `run_trials` and `load` do.
    """
    tables = []
    fractions = settings["poison_fractions"]
    for at, (iteration, path) in enumerate(files.items()):
        logger.info("checkpoint %d of %d: iteration %d", at + 1, len(files), iteration)
        asked = [fraction for fraction in fractions if fraction > 0 or at == 0]
        if not asked:
            break
        with scratch(iteration).interruptible() as own:
            attacker = load(path, settings["dropout_when_drawing"])
            trials, _ = run_trials(task, attacker, {**settings, "poison_fractions": asked}, identity, placement, own)
        poisoned = trials["poison_fraction"] > 0
        tables.append(trials.assign(iteration=pd.Series(iteration, trials.index, dtype="Int64").where(poisoned)))
    return pd.concat(tables, ignore_index=True)[list(CHECKPOINT_TRIALS)]
