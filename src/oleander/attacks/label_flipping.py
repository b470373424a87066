"""Label flipping that is hard to detect (pGAN paper, section 4.2, Figure 6).

The points of one class nearest to the other class's mean get the other class's label. Of all flipped points, these are
the hardest to distinguish from genuine points of that class.

The paper does not say from where the flipped points come, nor whose places they take. Both are settings, because the
answers change which errors the attack causes: flipping points of the training set in place turns 500 points a class
into 100 and 900 at 40 %, while section 4.2 substitutes genuine points "to preserve the ratio between classes".
"""

from typing import Any

import torch

from oleander.attacks.base import Poison, check_finite
from oleander.data.tasks import Task

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "flipped": {"enum": ["source", "target"]},
        "drawn_from": {"enum": ["training_set", "unused"]},
        "replaced": {"enum": ["themselves", "source", "target"]},
    },
    "required": ["flipped", "drawn_from", "replaced"],
    "if": {"properties": {"drawn_from": {"const": "unused"}}},
    "then": {"properties": {"replaced": {"enum": ["source", "target"]}}},
}


def craft(
    task: Task, train_rows: torch.Tensor, unused_rows: torch.Tensor, count: int, settings: dict[str, Any], seed: int
) -> Poison:
    """Flip the points nearest to the mean of the other class, nearest first; see `Attacker.craft`.

    Distances are Euclidean, to the mean of the other class's points of the training set; points at equal distance keep
    their order. The attack is deterministic: `seed` is ignored.

    Settings:
        flipped: class whose points get the other class's label.
        drawn_from: `training_set`, or `unused`: points that neither the training set nor the defender holds.
        replaced: `themselves`: flipped points of the training set stay where they are; `source` or `target`: they take
            the places of that class's first points of the training set.
    """
    check_finite(task, "label_flipping")
    flipped = 1 if settings["flipped"] == "target" else 0
    pool = train_rows if settings["drawn_from"] == "training_set" else unused_rows
    rows, others = _of_class(task, pool, flipped), _of_class(task, train_rows, 1 - flipped)
    if len(others) == 0 or len(rows) == 0:
        rows = rows[:0]
    else:
        mean = task.train_x[others].flatten(1).double().mean(0)
        distances = (task.train_x[rows].flatten(1).double() - mean).norm(dim=1)
        rows = rows[distances.argsort(stable=True)][:count]
    replaced = rows
    if settings["replaced"] != "themselves":
        replaced = _of_class(task, train_rows, 1 if settings["replaced"] == "target" else 0)[: len(rows)]
        rows = rows[: len(replaced)]
    return Poison(task.train_x[rows], torch.full_like(rows, 1 - flipped), replaced)


def _of_class(task: Task, rows: torch.Tensor, label: int) -> torch.Tensor:
    return rows[task.train_y[rows] == label]
