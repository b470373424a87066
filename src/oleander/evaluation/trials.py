"""Trials: poison a training set, let a defense filter it, train a victim, measure (pGAN paper, sections 4.2 and 4.3).

One trial is one row of measurements. For each repetition of the attack, run, size of the training set and poison
fraction:
 1. split the genuine points into trusted points and a training set;
 2. replace points of the training set by poison, up to the poison fraction of the whole set;
 3. let the defense filter the poisoned set;
 4. train a victim on the remaining points, and measure it on the test set. If the defense is an ensemble, several
    victims train on a part of the points each, and their vote is measured.

Defenses and victims run in cohorts. The other trials of a cohort change a trial's numbers only by rounding. When a
convolutional victim is trained on a thousand images, rounding grows to percentage points of test error, like another
seed. Its trials of one run without poison may therefore differ between alphas.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from oleander.attacks import Attacker, Poison, Replica, load_attacker
from oleander.data.tasks import Split, Task, split_task
from oleander.defenses import FitRequest, LastLayer, Points, Sanitized, sanitize_cohort
from oleander.io.artifacts import fingerprint
from oleander.io.columns import CERTIFIED, CONFUSION, TRIAL_MEASURES, TRIALS
from oleander.io.errors import OleanderError
from oleander.metrics.classification import confusion, error_rates
from oleander.metrics.votes import certified_changes, count_votes, plurality
from oleander.models import Architecture, build_model
from oleander.training.classifiers import (
    TrainingSets,
    bytes_per_replica,
    predict,
    predict_last_layer,
    train_classifiers,
)
from oleander.training.devices import Placement
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

logger = logging.getLogger(__name__)

SETTINGS = ("task", "attack", "replicas", "evaluation", "identity", "device", "version")
"""Parameters of a job that its trials depend on."""


def trials_key(params: Mapping[str, Any], placement: Placement, dataset: str, **inputs: Any) -> str:
    """Fingerprint of all that trials depend on. A state saved under another one is not continued.

    Args:
        params: of the job, `SETTINGS` among them.
        placement: where the job runs, and how precisely.
        dataset: SHA-256 of the dataset.
        inputs: what else the trials are made from.
    """
    settings = {name: params[name] for name in SETTINGS}
    return fingerprint({**settings, "precision": placement.precision.name, "dataset": dataset, **inputs})


@dataclass(frozen=True)
class _Trial:
    """The poisoned training set of one victim, before the defense.

    Attributes:
        row: the trial's values of `TRIAL_IDENTITY` and `TRIAL_CONDITIONS`.
        rows: int64 [n], positions in the pool of all points, shuffled because defenses break ties by order.
        labels: int64 [n], as received.
        poison: bool [n], True for poison points.
        trusted: rows of the task's training points that the defender trusts.
        seed: of the defense and the victim.
    """

    row: dict[str, Any]
    rows: torch.Tensor
    labels: torch.Tensor
    poison: torch.Tensor
    trusted: torch.Tensor
    seed: int


def poisoned_count(fraction: float, train_points: int) -> int:
    """The number of poison points for a fraction of the whole training set, rounded half up."""
    return math.floor(fraction * train_points + 0.5)


def check_trials(task: Task, settings: dict[str, Any]) -> None:
    """Check, before training, that trials can run on a task.

    Raises:
        OleanderError: there are too few training points, or a poison fraction exceeds the points of the target class
            in a training set.
    """
    worst = max(settings["poison_fractions"])
    for points in settings["train_points"]:
        split = split_task(task, settings["trusted_per_class"], points, seed=0)
        targets = int((task.train_y[split.train_rows] == 1).sum())
        if poisoned_count(worst, points) > targets:
            raise OleanderError(
                f"poison fraction {worst:g} of {points} points exceeds the {targets} points of the target class "
                f"'{task.target_class}' that it replaces; use fractions up to {targets / points:.2g}"
            )


def check_untrained(task: Task, attack: dict[str, Any], settings: dict[str, Any]) -> None:
    """Check that an attack that trains nothing has enough poison on a task.

    Args:
        task: the task of the trials.
        attack: the attack's block of the configuration.
        settings: as for `check_trials`.

    Raises:
        OleanderError: it has fewer points than the largest poison fraction needs.
    """
    attacker = load_attacker(attack, None, [Replica(0)])
    for points in settings["train_points"]:
        split = split_task(task, settings["trusted_per_class"], points, seed=0)
        _craft(task, attacker, attack["name"], split, settings["poison_fractions"], 0, 0)


def _craft(
    task: Task, attacker: Attacker, attack: str, split: Split, fractions: list[float], seed: int, at: int
) -> Poison:
    """The poison of one training set, as much as the largest fraction needs."""
    train_points = len(split.train_rows)
    most = poisoned_count(max(fractions), train_points)
    poison = attacker.craft(task, split.train_rows, split.unused_rows, most, derive_seed(seed, "poison"), at)
    if len(poison.x) < most:
        raise OleanderError(
            f"attack '{attack}' has {len(poison.x)} poison points for {train_points} points of {task.dataset}, but "
            f"{most} are asked for; use smaller poison fractions in the evaluation"
        )
    return poison


def run_trials(
    task: Task,
    attacker: Attacker,
    settings: dict[str, Any],
    identity: dict[str, Any],
    placement: Placement,
    scratch: Scratch,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every trial of an attacker.

    Args:
        task: on the placement's device.
        attacker: trained on the same source and target class, or an attack without training.
        settings: `poison_fractions`, `runs`, `trusted_per_class`, `train_points` (a list), `defense` (a block of the
            configuration), `victim` (None trains none) and optionally `alphas` (other generators are skipped).
        identity: values of the constant columns `scale`, `experiment`, `evaluation`, `attack`, `defense`.
        placement: device and cohort size.
        scratch: holds the saved state to continue from.

    Returns:
        One row per trial, columns `io.columns.TRIALS` and, if the defense is an ensemble, `CERTIFIED`; and the victims'
        confusion matrices, columns `CONFUSION`.
    """
    check_trials(task, settings)
    # Generators may have been trained on another device, in another precision.
    precisions = dict.fromkeys(name for name in (attacker.precision, placement.precision.name) if name)
    pool, trials = _receive(task, attacker, settings, {**identity, "precision": "+".join(precisions)})
    victim = settings["victim"]
    model, size = None, placement.cpu_replicas
    if victim is not None:
        model = build_model(victim, task.shape, task.outputs)
        size = placement.cohort_size(bytes_per_replica(model, victim["batch_size"], pool.shape[1]))
    logger.info("%d trials in cohorts of up to %d", len(trials), size)
    rows: list[dict[str, Any]] = []
    matrices: list[dict[str, Any]] = []
    for start in range(0, len(trials), size):
        part = trials[start : start + size]
        logger.info("trials %d to %d of %d", start + 1, start + len(part), len(trials))
        # The name has both ends because a run that continues on another device may have other cohort sizes.
        span = f"{start}-{start + len(part)}"
        saved = scratch.load(f"measured-{span}", placement.device)
        if saved is None:
            measured = _measure_cohort(task, pool, part, model, size, settings, placement, scratch, span)
            scratch.save(f"measured-{span}", measured, {})
        else:
            measured = saved[0]
        for at, trial in enumerate(part):
            values = {name: measured[name][at].item() for name in (*TRIAL_MEASURES, CERTIFIED) if name in measured}
            fine = bool(measured["converged"][at])
            rows.append({**trial.row, **values, "status": "ok" if fine else "diverged"})
            if victim is not None and fine:
                shares = measured["confusion"][at].tolist()
                matrices += [
                    {**trial.row, "true_class": true_class, "predicted_class": predicted_class, "share": share}
                    for true_class, line in zip(task.classes, shares, strict=True)
                    for predicted_class, share in zip(task.classes, line, strict=True)
                ]
    diverged = sum(row["status"] != "ok" for row in rows)
    if diverged:
        logger.warning("%d of %d victims diverged and are left out of every mean", diverged, len(rows))
    columns = [*TRIALS, *([CERTIFIED] if any(CERTIFIED in row for row in rows) else [])]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(matrices, columns=list(CONFUSION))


def _measure_cohort(
    task: Task,
    pool: torch.Tensor,
    part: list[_Trial],
    model: Architecture | None,
    size: int,
    settings: dict[str, Any],
    placement: Placement,
    scratch: Scratch,
    span: str,
) -> dict[str, torch.Tensor]:
    """Steps 3 and 4 for one cohort of up to `size` trials: `TRIAL_MEASURES`, `converged` and `confusion`, and
    `CERTIFIED` of an ensemble, each [trials, ...]."""
    victim, device = settings["victim"], placement.device
    seeds = [derive_seed(trial.seed, "victim") for trial in part]
    fits = 0

    def fit(requests: list[FitRequest]) -> list[LastLayer]:
        """Train the victims that a defense requests, with the settings of the final victims."""
        nonlocal fits
        name = f"fit{fits}-{span}"
        fits += 1
        saved = scratch.load(f"{name}-done", device)
        if saved is None:
            sets = TrainingSets(
                pool,
                [trial.rows[asked.kept] for trial, asked in zip(part, requests, strict=True)],
                [trial.labels[asked.kept] for trial, asked in zip(part, requests, strict=True)],
                seeds,
            )
            parameters, _converged = train_classifiers(model, sets, victim, device, scratch, name, placement.precision)
            layers = predict_last_layer(model, parameters, pool, [trial.rows for trial in part])
            tensors = {f"{kind}{at}": pair[k] for at, pair in enumerate(layers) for k, kind in enumerate(_LAYER)}
            scratch.save(f"{name}-done", tensors, {})
        else:
            tensors = saved[0]
        return [LastLayer(*(tensors[f"{kind}{at}"] for kind in _LAYER)) for at in range(len(part))]

    shape = task.shape
    done = sanitize_cohort(
        [Points(pool[trial.rows].view(-1, *shape), trial.labels) for trial in part],
        [Points(task.train_x[trial.trusted], task.train_y[trial.trusted]) for trial in part],
        settings["defense"],
        [derive_seed(trial.seed, "defense") for trial in part],
        fit if model is not None else None,
    )
    measured = _what_was_done(part, done)
    if model is None:
        return {**measured, "converged": torch.ones(len(part), dtype=torch.uint8)}
    answers, fine = _predict(
        task, pool, _training_sets(pool, part, done), model, size, settings, placement, scratch, span
    )
    for number in range(fits):
        scratch.forget(f"fit{number}-{span}-done")
    # One prediction a victim; the victims of a trial follow one another.
    votes = count_votes(answers.view(len(part), -1, answers.shape[1]), len(task.classes))
    predicted, converged = plurality(votes), fine.view(len(part), -1).all(1)
    converged &= torch.tensor([not one.diverged for one in done], device=device)
    rates = error_rates(predicted, task.test_y)
    if all(one.ensemble is not None for one in done):
        changes = torch.tensor([one.ensemble.changes for one in done], device=device).unsqueeze(1)
        proven = (predicted == task.test_y) & (certified_changes(votes) >= changes)
        rates[CERTIFIED] = proven.double().mean(1)
    for rate in rates.values():
        rate[~converged] = torch.nan
    shares = confusion(predicted, task.test_y, len(task.classes))
    return {**measured, **rates, "confusion": shares, "converged": converged.to(torch.uint8)}


_LAYER = ("hidden", "logits")


def _training_sets(pool: torch.Tensor, part: list[_Trial], done: list[Sanitized]) -> TrainingSets:
    """What the victims of a cohort train on, those of a trial one after another."""
    rows, labels, seeds = [], [], []
    for trial, one in zip(part, done, strict=True):
        if one.ensemble is None:
            rows.append(trial.rows[one.kept])
            labels.append(one.labels[one.kept])
            seeds.append(derive_seed(trial.seed, "victim"))
            continue
        # In the order of the pool, which does not depend on the other parts, as a certificate wants.
        order = trial.rows.argsort()
        for member in range(one.ensemble.count):
            own = order[(one.kept & (one.ensemble.parts == member))[order]]
            rows.append(trial.rows[own])
            labels.append(one.labels[own])
            seeds.append(derive_seed(trial.seed, "victim", member))
    return TrainingSets(pool, rows, labels, seeds)


def _predict(
    task: Task,
    pool: torch.Tensor,
    sets: TrainingSets,
    model: Architecture,
    size: int,
    settings: dict[str, Any],
    placement: Placement,
    scratch: Scratch,
    span: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Train a victim on each set, up to `size` together: labels that they predict, int64 [victims, test points], and
    whether they converged, bool [victims]."""
    answers, converged = [], []
    starts = range(0, len(sets), size)
    for start in starts:
        some = slice(start, start + size)
        name = f"victims-{span}" if len(starts) == 1 else f"victims-{span}-{start}"
        saved = scratch.load(f"{name}-done", placement.device)
        if saved is None:
            own = TrainingSets(pool, sets.rows[some], sets.labels[some], sets.seeds[some])
            parameters, fine = train_classifiers(
                model, own, settings["victim"], placement.device, scratch, name, placement.precision
            )
            found = {"predicted": predict(model, parameters, task.test_x.flatten(1)), "converged": fine}
            if len(starts) > 1:
                scratch.save(f"{name}-done", found, {})
        else:
            found = saved[0]
        answers.append(found["predicted"])
        converged.append(found["converged"])
    if len(starts) > 1:
        for start in starts:
            scratch.forget(f"victims-{span}-{start}-done")
    return torch.cat(answers), torch.cat(converged)


def _what_was_done(part: list[_Trial], done: list[Sanitized]) -> dict[str, torch.Tensor]:
    """The `TRIAL_MEASURES` of the defense, float64 [trials] each."""

    def share(of: torch.Tensor) -> float:
        return int(of.sum()) / len(of) if len(of) else math.nan

    columns: dict[str, list[float]] = {name: [] for name in TRIAL_MEASURES[:5]}
    for trial, one in zip(part, done, strict=True):
        rejected, changed = ~one.kept, one.labels != trial.labels
        columns["kept_points"].append(int(one.kept.sum()))
        for name, of in (("rejected", rejected), ("relabelled", changed)):
            columns[f"poison_{name}"].append(share(of[trial.poison]))
            columns[f"genuine_{name}"].append(share(of[~trial.poison]))
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in columns.items()}


def _receive(
    task: Task, attacker: Attacker, settings: dict[str, Any], identity: dict[str, Any]
) -> tuple[torch.Tensor, list[_Trial]]:
    """Steps 1 and 2 for every trial: the pool of all points [points, features], and each victim's poisoned set.

    Splits and the seeds of defenses and victims depend only on the repetition and the run. The poison points of a
    larger fraction include those of a smaller one. Curves over alpha and fraction therefore differ by the poison, not
    by other random draws.
    """
    flat = task.train_x.flatten(1)
    chunks, size = [flat], len(flat)
    trials = []
    wanted = settings.get("alphas")
    for at, replica in enumerate(attacker.replicas):
        if wanted is not None and not math.isnan(replica.alpha) and replica.alpha not in wanted:
            continue
        if not attacker.converged[at]:
            logger.warning("%s diverged in training; its trials are left out", replica)
            continue
        for run in range(settings["runs"]):
            seed = derive_seed("trial", replica.seed, run)
            for train_points in settings["train_points"]:
                split = split_task(task, settings["trusted_per_class"], train_points, derive_seed(seed, "split"))
                poison = _craft(task, attacker, identity["attack"], split, settings["poison_fractions"], seed, at)
                chunks.append(poison.x.flatten(1))
                for fraction in settings["poison_fractions"]:
                    count = poisoned_count(fraction, train_points)
                    genuine = split.train_rows[~torch.isin(split.train_rows, poison.replaced[:count])]
                    rows = torch.cat([torch.arange(size, size + count, device=flat.device), genuine])
                    labels = torch.cat([poison.y[:count], task.train_y[genuine]])
                    shuffled = np.random.default_rng(derive_seed(seed, "order")).permutation(len(rows))
                    order = torch.from_numpy(shuffled).to(flat.device)
                    trials.append(
                        _Trial(
                            row={
                                **identity,
                                "dataset": task.dataset,
                                "stand_in_for": task.stand_in_for or "",
                                "alpha": replica.alpha,
                                "lambda_prime": replica.lambda_prime,
                                "generator": replica.seed,
                                "run": run,
                                "poison_fraction": fraction,
                                "train_points": len(rows),
                            },
                            rows=rows[order],
                            labels=labels[order],
                            poison=order < count,
                            trusted=split.trusted_rows,
                            seed=seed,
                        )
                    )
                size += len(poison.x)
    return torch.cat(chunks), trials
