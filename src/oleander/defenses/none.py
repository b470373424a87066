"""No defense: the victim trains on all received points. The baseline."""

from typing import Any

import torch

from oleander.defenses.base import Points, Sanitized

SETTINGS_SCHEMA: dict[str, Any] = {"properties": {}, "required": []}


def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:
    """Keep every point and its label; see `oleander.defenses.sanitize`."""
    return Sanitized(
        kept=torch.ones(len(received.y), dtype=torch.bool, device=received.x.device),
        labels=received.y.clone(),
        scores=torch.full((len(received.y),), torch.nan, dtype=received.x.dtype, device=received.x.device),
    )
