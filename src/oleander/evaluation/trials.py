"""Trials: poison a training set, let a defense filter it, train a victim, measure (pGAN paper, section 4.2).

One trial is one row of measurements. For each generator, run and poison fraction:
 1. split the genuine points afresh into trusted points and a training set;
 2. replace points of the target class by poison, as many as the fraction of the whole training set says;
 3. let the defense filter what was received;
 4. train a victim on what is left, and measure it on the test set.

Victims are trained in cohorts; a trial's numbers do not depend on which trials share its cohort.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from oleander.attacks import Poisoners
from oleander.data.tasks import Task, split_task
from oleander.defenses import Points, sanitize
from oleander.io.errors import OleanderError
from oleander.metrics.classification import error_rates
from oleander.models import build_model
from oleander.training.classifiers import TrainingSets, bytes_per_replica, predict, train_classifiers
from oleander.training.devices import Placement
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

logger = logging.getLogger(__name__)

COLUMNS = (
    "scale",
    "experiment",
    "dataset",
    "stand_in_for",
    "attack",
    "alpha",
    "lambda_prime",
    "generator",
    "run",
    "poison_fraction",
    "defense",
    "train_points",
    "kept_points",
    "genuine_rejected",
    "poison_rejected",
    "error",
    "false_positive_rate",
    "false_negative_rate",
    "status",
)
"""Every trials file's columns. Rates and rejections are fractions in [0, 1]; `stand_in_for` is empty for real data;
`status` is "ok" or "diverged" (then the measurements are empty)."""


@dataclass(frozen=True)
class _Trial:
    """One victim's received set after its defense, and what is already known of it."""

    row: dict[str, Any]
    rows: torch.Tensor
    labels: torch.Tensor
    seed: int


def poisoned_count(fraction: float, train_points: int) -> int:
    """How many points a poison fraction of the whole training set is, half up."""
    return math.floor(fraction * train_points + 0.5)


def check_trials(task: Task, settings: dict[str, Any]) -> None:
    """Refuse settings that cannot be run, before anything is trained.

    Raises:
        OleanderError: a poison fraction that needs more points of the target class than the training set has.
    """
    per_class = settings["train_per_class"]
    worst = max(settings["poison_fractions"])
    if poisoned_count(worst, 2 * per_class) > per_class:
        raise OleanderError(
            f"poison fraction {worst:g} of {2 * per_class} points exceeds the {per_class} points of the target class "
            f"'{task.target_class}' that it replaces; use fractions up to 0.5"
        )


def run_trials(
    task: Task,
    poisoners: Poisoners,
    settings: dict[str, Any],
    identity: dict[str, Any],
    placement: Placement,
    scratch: Scratch,
) -> pd.DataFrame:
    """Run every trial of a cohort of poisoners.

    Args:
        task: on the placement's device.
        poisoners: trained on the same task.
        settings: `poison_fractions`, `runs`, `trusted_per_class`, `train_per_class`, `defense`, `victim`.
        identity: values of the columns that do not vary here: `scale`, `experiment`, `attack`.
        placement: device and cohort size.
        scratch: where to continue from and to save to.

    Returns:
        One row a trial, columns `COLUMNS`.
    """
    check_trials(task, settings)
    pool, trials = _receive(task, poisoners, settings, identity)
    victim = settings["victim"]
    features = math.prod(task.shape)
    model = build_model(victim, features, 1)
    size = placement.cohort_size(bytes_per_replica(model, victim["batch_size"], features))
    rows = []
    for start in range(0, len(trials), size):
        part = trials[start : start + size]
        logger.info("victims %d to %d of %d", start + 1, start + len(part), len(trials))
        # Named by both ends: a run that continues on another device may cut its cohorts elsewhere.
        span = f"{start}-{start + len(part)}"
        saved = scratch.load(f"measured-{span}", placement.device)
        if saved is None:
            measured = _train_and_measure(task, pool, part, model, victim, placement, scratch, f"victims-{span}")
            scratch.save(f"measured-{span}", measured, {})
        else:
            measured = saved[0]
        values = {name: tensor.tolist() for name, tensor in measured.items()}
        for at, trial in enumerate(part):
            fine = bool(values["converged"][at])
            rates = {name: values[name][at] if fine else math.nan for name in values if name != "converged"}
            rows.append({**trial.row, **rates, "status": "ok" if fine else "diverged"})
    diverged = sum(row["status"] != "ok" for row in rows)
    if diverged:
        logger.warning("%d of %d victims diverged and are left out of every mean", diverged, len(rows))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _train_and_measure(
    task: Task,
    pool: torch.Tensor,
    part: list[_Trial],
    model: Any,
    victim: dict[str, Any],
    placement: Placement,
    scratch: Scratch,
    name: str,
) -> dict[str, torch.Tensor]:
    """Train one cohort of victims and measure it on the test set; every value [victims]."""
    sets = TrainingSets(
        pool, [trial.rows for trial in part], [trial.labels for trial in part], [trial.seed for trial in part]
    )
    parameters, converged = train_classifiers(model, sets, victim, placement.device, scratch, name)
    rates = error_rates(predict(model, parameters, task.test_x.flatten(1)), task.test_y)
    return {**rates, "converged": converged.to(torch.uint8)}


def _receive(
    task: Task, poisoners: Poisoners, settings: dict[str, Any], identity: dict[str, Any]
) -> tuple[torch.Tensor, list[_Trial]]:
    """Steps 1 to 3 for every trial: the pool of all points [points, features], and what each victim trains on.

    Splits, defenses' draws and victims' seeds depend on generator and run alone, and a larger poison fraction contains
    the smaller: curves over alpha and fraction differ by the poison, not by the luck of the draw.
    """
    per_class = settings["train_per_class"]
    fractions = settings["poison_fractions"]
    most = poisoned_count(max(fractions), 2 * per_class)
    flat = task.train_x.flatten(1)
    chunks, size = [flat], len(flat)
    trials = []
    for at, replica in enumerate(poisoners.replicas):
        if not poisoners.converged[at]:
            logger.warning("%s diverged in training; its trials are left out", replica)
            continue
        for run in range(settings["runs"]):
            seed = derive_seed("trial", replica.seed, run)
            split = split_task(task, settings["trusted_per_class"], per_class, derive_seed(seed, "split"))
            trusted = Points(task.train_x[split.trusted_rows], task.train_y[split.trusted_rows])
            row = {
                **identity,
                "dataset": task.dataset,
                "stand_in_for": task.stand_in_for or "",
                "alpha": replica.alpha,
                "lambda_prime": replica.lambda_prime,
                "generator": replica.seed,
                "run": run,
                "defense": settings["defense"]["name"],
            }
            poison, _labels = poisoners.draw(most, derive_seed(seed, "poison"), at)
            target_first = split.train_rows[task.train_y[split.train_rows].argsort(descending=True, stable=True)]
            chunks.append(poison.flatten(1))
            for fraction in fractions:
                count = poisoned_count(fraction, 2 * per_class)
                rows = torch.cat([torch.arange(size, size + count, device=flat.device), target_first[count:]])
                is_poison = torch.arange(len(rows), device=flat.device) < count
                x = torch.cat([poison[:count], task.train_x[target_first[count:]]])
                y = torch.cat([torch.ones_like(rows[:count]), task.train_y[target_first[count:]]])
                done = sanitize(Points(x, y), trusted, settings["defense"], derive_seed(seed, "defense"))
                trials.append(
                    _Trial(
                        row={
                            **row,
                            "poison_fraction": fraction,
                            "train_points": len(rows),
                            "kept_points": int(done.kept.sum()),
                            "genuine_rejected": _share(~done.kept, ~is_poison),
                            "poison_rejected": _share(~done.kept, is_poison),
                        },
                        rows=rows[done.kept],
                        labels=done.labels[done.kept],
                        seed=derive_seed(seed, "victim"),
                    )
                )
            size += len(poison)
    return torch.cat(chunks), trials


def _share(of: torch.Tensor, among: torch.Tensor) -> float:
    """The fraction of the points `among` that are also `of`; NaN where there are none."""
    total = int(among.sum())
    return int((of & among).sum()) / total if total else math.nan
