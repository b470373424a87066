"""Trimmed loss: train on the points with the smallest loss, again and again.

Shen & Sanghavi, "Learning with bad training data via iterative trimmed loss minimization", 2019, Algorithm 1:
 1. fit a victim to all received points;
 2. keep the (1 - epsilon) fraction of all received points with the smallest cross-entropy;
 3. fit a victim to the points kept; repeat from step 2.

The trial's own victim is the last fit. Jagielski et al., "Manipulating machine learning", 2018, have the same iteration
for regression, from a random subset (TRIM).
"""

from collections.abc import Generator
from typing import Any

import torch
from torch.nn import functional as F

from oleander.defenses.base import FitRequest, LastLayer, Points, Sanitized
from oleander.defenses.filtering import largest, share_of
from oleander.defenses.fits import check_fit, is_finite

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "epsilon": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "rounds": {"type": "integer", "minimum": 1},
    },
    "required": ["epsilon", "rounds"],
}


def sanitize(
    received: Points, trusted: Points, settings: dict[str, Any], seed: int
) -> Generator[FitRequest, LastLayer, Sanitized]:
    """Reject the points with the largest loss, whatever their class; see `oleander.defenses.sanitize`.

    Settings: `epsilon`, the fraction of all received points to reject (rounded half up), and `rounds`, the number of
    selections, each of which requests one fit. A point that was rejected may come back. Of equal losses the earlier
    point is rejected first; points with the smallest loss of all are never rejected. A point's score is its loss in the
    last round.

    Raises:
        OleanderError: a fit's result does not match the received points.
    """
    kept = torch.ones(len(received.y), dtype=torch.bool, device=received.x.device)
    scores = torch.full((len(received.y),), torch.nan, dtype=received.x.dtype, device=received.x.device)
    count = share_of(settings["epsilon"], len(received.y))
    diverged = False
    for _ in range(settings["rounds"]):
        layer = yield FitRequest(kept.clone())
        check_fit(layer, received.y, "trimmed loss")
        # A diverged set keeps requesting fits: all sets of a cohort make the same number of requests.
        diverged = diverged or not is_finite(layer)
        if diverged or not len(kept):
            continue
        losses = _losses(layer.logits.double(), received.y)
        scores = losses.to(scores.dtype)
        kept = torch.ones_like(kept)
        kept[largest(losses - losses.min(), count)] = False
    return Sanitized(kept=kept, labels=received.y.clone(), scores=scores, diverged=diverged)


def _losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy [n] of logits [n, outputs]."""
    if logits.shape[1] == 1:
        return F.softplus(torch.where(labels == 1, -logits[:, 0], logits[:, 0]))
    return F.cross_entropy(logits, labels, reduction="none")
