"""Random label flipping: the baseline for the other attacks.

Random points of the source and target classes get the other class's label.
"""

from typing import Any

import numpy as np
import torch

from oleander.attacks.base import Poison, check_finite
from oleander.data.tasks import Task

SETTINGS_SCHEMA: dict[str, Any] = {"properties": {}, "required": []}


def craft(
    task: Task, train_rows: torch.Tensor, unused_rows: torch.Tensor, count: int, settings: dict[str, Any], seed: int
) -> Poison:
    """Flip `count` points of the two classes in a random order; see `Attacker.craft`. No settings."""
    check_finite(task, "random_flipping")
    rows = train_rows[task.train_y[train_rows] <= 1]
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(rows))).to(rows.device)
    chosen = rows[order][:count]
    return Poison(task.train_x[chosen], 1 - task.train_y[chosen], chosen)
