"""Duplication: harmless filler, the control of every attack that takes the place of genuine points.

Points of the target class give way to copies of others of that class, rightly labelled. What it does to a victim is
what the loss of genuine points does; what another attack does beyond it is owed to its poison.
"""

from typing import Any

import numpy as np
import torch

from oleander.attacks.base import Poison, check_finite
from oleander.data.tasks import Task

SETTINGS_SCHEMA: dict[str, Any] = {"properties": {}, "required": []}


def craft(task: Task, train_rows: torch.Tensor, count: int, settings: dict[str, Any], seed: int) -> Poison:
    """Copies of target points in place of earlier ones in `train_rows`; see `Attacker.craft`. No settings.

    Copy i is drawn from the points after the i-th, so that it does not depend on `count`.
    """
    check_finite(task, "duplication")
    rows = train_rows[task.train_y[train_rows] == 1]
    count = min(count, len(rows) - 1)
    if count < 1:
        return Poison(task.train_x[rows[:0]], rows[:0], rows[:0])
    first = np.arange(count) + 1
    later = first + np.floor(np.random.default_rng(seed).random(count) * (len(rows) - first)).astype(np.int64)
    copied = rows[torch.from_numpy(later).to(rows.device)]
    return Poison(task.train_x[copied], torch.ones_like(copied), rows[:count])
