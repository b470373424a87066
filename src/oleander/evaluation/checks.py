"""Checks that need the prepared data but no training: what cannot work is said in seconds, not after hours."""

from typing import Any

from oleander.data.tasks import Task, split_task
from oleander.evaluation.trials import check_trials


def check_task(task: Task, settings: dict[str, Any]) -> dict[str, Any]:
    """Make sure that an evaluation can be run on `task`.

    Args:
        task: as the experiment will use it.
        settings: of the evaluation, resolved.

    Returns:
        What the task is: its classes, the number of points of each, the shape of one, and Pr(Yp).

    Raises:
        OleanderError: too few points of a class, or a poison fraction that does not fit.
    """
    if "poison_fractions" in settings:
        check_trials(task, settings)
    else:
        split_task(task, 0, 2 * settings["genuine_per_class"], seed=0)
    return {
        "dataset": task.dataset,
        "stand_in_for": task.stand_in_for,
        "source_class": task.source_class,
        "target_class": task.target_class,
        "train_points": {name: int((task.train_y == label).sum()) for label, name in enumerate(task.classes)},
        "test_points": {name: int((task.test_y == label).sum()) for label, name in enumerate(task.classes)},
        "shape": list(task.shape),
        "target_class_prior": task.prior,
    }
