"""Duplication: a control that replaces genuine points by harmless ones.

Points of the target class are replaced by correctly labelled copies of other points of that class. Its effect on a
victim is that of losing genuine points; any further effect of another attack is due to its poison.
"""

from typing import Any

import numpy as np
import torch

from oleander.attacks.base import Poison, check_finite
from oleander.data.tasks import Task

SETTINGS_SCHEMA: dict[str, Any] = {"properties": {}, "required": []}


KEPT = 5
"""One in this many target points is never replaced; only these are copied."""


def craft(
    task: Task, train_rows: torch.Tensor, unused_rows: torch.Tensor, count: int, settings: dict[str, Any], seed: int
) -> Poison:
    """Replace the first target points of `train_rows` by copies of the last ones; see `Attacker.craft`. No settings.

    At most four in five target points are replaced, like the paper's maximum of 400 of 500.
    """
    check_finite(task, "duplication")
    rows = train_rows[task.train_y[train_rows] == 1]
    kept = rows[len(rows) - len(rows) // KEPT :]
    count = min(count, len(rows) - len(kept)) if len(kept) else 0
    drawn = np.random.default_rng(seed).random(count) * len(kept)
    copied = kept[torch.from_numpy(drawn.astype(np.int64)).to(rows.device)]
    return Poison(task.train_x[copied], torch.ones_like(copied), rows[:count])
