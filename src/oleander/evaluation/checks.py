"""Checks that need the prepared data but no training, so that bad settings fail in seconds rather than hours."""

import contextlib
from collections.abc import Iterator
from typing import Any

from oleander.attacks import trained_attack
from oleander.data.prepared import Dataset
from oleander.data.tasks import Task, make_task
from oleander.evaluation.boundaries import check_boundaries
from oleander.evaluation.trials import check_trials, check_untrained
from oleander.io.errors import OleanderError
from oleander.models import build_model


def check_tasks(dataset: Dataset, tasks: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`check_task` for several tasks on `dataset`: name -> `settings` of the task, and the other arguments by name.

    Raises:
        OleanderError: as for `check_task` and `make_task`.
    """
    found = {}
    for name, block in tasks.items():
        others = {key: value for key, value in block.items() if key != "settings"}
        found[name] = check_task(make_task(dataset, **block["settings"]), **others)
    return found


def check_task(
    task: Task,
    evaluations: dict[str, dict[str, Any]],
    victims: dict[str, dict[str, Any] | None],
    attacks: dict[str, dict[str, Any]],
    untrained: dict[str, dict[str, dict[str, Any]]],
) -> dict[str, Any]:
    """Check that every evaluation can run on `task` and every attack can be trained on it.

    Args:
        task: the task of the experiments.
        evaluations: name -> its sizes: `poison_fractions`, `train_points` and `trusted_per_class`, or
            `genuine_per_class` for boundaries.
        victims: name of an evaluation -> settings of its victim's network; None or no entry if it trains no victim.
        attacks: name -> settings of an attack that is trained on the task.
        untrained: name of an evaluation -> experiment of an attack without training -> its `attack`, a block of the
            configuration, and its `poison_fractions`.

    Returns:
        A description of the task (its classes, the points per class, the shape of a point and Pr(Yp)) and the sorted
        names of the checked `evaluations`, `victims` and `attacks`.

    Raises:
        OleanderError: a class has too few points, a poison fraction does not fit, an attack has too little poison, or a
            network cannot be built for the shape of the task's points. The message names the evaluation, victim or
            attack.
    """
    for name, sizes in evaluations.items():
        victim = victims.get(name)
        with _naming(f"evaluation {name}"):
            if "poison_fractions" in sizes:
                check_trials(task, sizes)
            else:
                check_boundaries(task, {**sizes, "victim": victim})
        for experiment, own in untrained.get(name, {}).items():
            with _naming(f"evaluation {name}, experiment {experiment}"):
                check_untrained(task, own["attack"], {**sizes, "poison_fractions": own["poison_fractions"]})
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
    """Prefix errors with `what`."""
    try:
        yield
    except OleanderError as error:
        raise OleanderError(f"{what}: {error}") from error
