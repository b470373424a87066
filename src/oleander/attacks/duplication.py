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


KEPT = 5
"""One in so many target points is never replaced; the copies are of these."""


def craft(task: Task, train_rows: torch.Tensor, count: int, settings: dict[str, Any], seed: int) -> Poison:
    """Copies of the last target points of `train_rows` in place of the first; see `Attacker.craft`. No settings.

    Four in five target points can be replaced: as many as the paper replaces at most, 400 of 500.
    """
    check_finite(task, "duplication")
    rows = train_rows[task.train_y[train_rows] == 1]
    kept = rows[len(rows) - len(rows) // KEPT :]
    count = min(count, len(rows) - len(kept)) if len(kept) else 0
    drawn = np.random.default_rng(seed).random(count) * len(kept)
    copied = kept[torch.from_numpy(drawn.astype(np.int64)).to(rows.device)]
    return Poison(task.train_x[copied], torch.ones_like(copied), rows[:count])
