"""Checks that need the prepared data but no training: what cannot work is said in seconds, not after hours."""

import contextlib
from collections.abc import Iterator
from typing import Any

from oleander.attacks import trained_attack
from oleander.data.tasks import Task
from oleander.evaluation.boundaries import check_boundaries
from oleander.evaluation.trials import check_trials
from oleander.io.errors import OleanderError
from oleander.models import build_model


def check_task(
    task: Task,
    evaluations: dict[str, dict[str, Any]],
    victims: dict[str, dict[str, Any] | None],
    attacks: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Make sure that every evaluation can be run on `task`, and every attack trained on it.

    Args:
        task: as the experiments will use it.
        evaluations: name -> its sizes: `poison_fractions`, `train_points` and `trusted_per_class`, or
            `genuine_per_class` where boundaries are fitted.
        victims: name of an evaluation -> the settings of its victim's network; None, or no entry, where it trains none.
        attacks: name -> the settings of an attack that is trained on the task.

    Returns:
        What the task is (its classes, the number of points of each, the shape of one, and Pr(Yp)), and the names of
        what was checked: `evaluations`, `victims` and `attacks`, sorted.

    Raises:
        OleanderError: names the evaluation, the victim or the attack that cannot work: too few points of a class, a
            poison fraction that does not fit, or a network that cannot be built for the shape of the task's points.
    """
    for name, sizes in evaluations.items():
        victim = victims.get(name)
        with _naming(f"evaluation {name}"):
            if "poison_fractions" in sizes:
                check_trials(task, sizes)
            else:
                check_boundaries(task, {**sizes, "victim": victim})
        if victim is not None:
            with _naming(f"evaluation {name}, its victim on {task.dataset}"):
                build_model(victim, task.shape, task.outputs)
    for name, settings in attacks.items():
        with _naming(f"attack {name} on {task.dataset}"):
            trained_attack(settings["name"]).check(task, [], settings)
    return {
        "dataset": task.dataset,
        "stand_in_for": task.stand_in_for,
        "source_class": task.source_class,
        "target_class": task.target_class,
        "train_points": {name: int((task.train_y == label).sum()) for label, name in enumerate(task.classes)},
        "test_points": {name: int((task.test_y == label).sum()) for label, name in enumerate(task.classes)},
        "shape": list(task.shape),
        "target_class_prior": task.prior,
        "evaluations": sorted(evaluations),
        "victims": sorted(name for name in evaluations if victims.get(name) is not None),
        "attacks": sorted(attacks),
    }


@contextlib.contextmanager
def _naming(what: str) -> Iterator[None]:
    """Say of an error what it happened to."""
    try:
        yield
    except OleanderError as error:
        raise OleanderError(f"{what}: {error}") from error
