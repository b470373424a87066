"""Label flipping that is hard to detect (pGAN paper, section 4.2, Figure 6).

The points of one class nearest to the other class's mean get the other class's label. Of all flipped points, these are
the hardest to distinguish from genuine points of that class.
"""

from typing import Any

import torch

from oleander.attacks.base import Poison, check_finite, relabelled
from oleander.data.tasks import Task

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {"flipped": {"enum": ["source", "target"]}},
    "required": ["flipped"],
}


def craft(task: Task, train_rows: torch.Tensor, count: int, settings: dict[str, Any], seed: int) -> Poison:
    """Flip the points nearest to the mean of the other class, nearest first; see `Attacker.craft`.

    Settings: `flipped`, the class whose points get the other class's label. Distances are Euclidean; points at equal
    distance keep their order in `train_rows`. The attack is deterministic: `seed` is ignored.
    """
    check_finite(task, "label_flipping")
    flipped = 1 if settings["flipped"] == "target" else 0
    labels = task.train_y[train_rows]
    rows, others = train_rows[labels == flipped], train_rows[labels == 1 - flipped]
    if len(others) == 0 or len(rows) == 0:
        rows = rows[:0]
    else:
        mean = task.train_x[others].flatten(1).double().mean(0)
        distances = (task.train_x[rows].flatten(1).double() - mean).norm(dim=1)
        rows = rows[distances.argsort(stable=True)][:count]
    return relabelled(task, rows, torch.full_like(rows, 1 - flipped))
