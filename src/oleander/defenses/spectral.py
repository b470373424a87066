"""Spectral signatures: outliers among a fitted victim's representations, one filter per class.

Tran, Li & Madry, "Spectral signatures in backdoor attacks", 2018, Algorithm 1:
 1. fit a victim to all received points; representation of a point = the inputs of its last layer;
 2. for every class: subtract the mean, v = top right singular vector,
    score of a point = ((representation - mean) . v)^2;
 3. reject the 1.5 * epsilon highest scores, where epsilon bounds the number of poison points in the class.

Then the victim is trained anew on the rest.
"""

from collections.abc import Generator
from typing import Any

import torch

from oleander.defenses.base import FitRequest, LastLayer, Points, Sanitized
from oleander.defenses.filtering import along_top_direction, centred, largest, share_of
from oleander.defenses.fits import check_fit, is_finite

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {"epsilon": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}},
    "required": ["epsilon"],
}


def sanitize(
    received: Points, trusted: Points, settings: dict[str, Any], seed: int
) -> Generator[FitRequest, LastLayer, Sanitized]:
    """Reject the points whose representations are outliers in their class; see `oleander.defenses.sanitize`.

    Settings: `epsilon`, the largest fraction of a class that is thought to be poison; one and a half times as many are
    rejected, rounded half up. Of equal scores the earlier point is rejected first. Points with score zero and the last
    point of a class are never rejected.

    Raises:
        OleanderError: the fit's result does not match the received points.
    """
    kept = torch.ones(len(received.y), dtype=torch.bool, device=received.x.device)
    scores = torch.full((len(received.y),), torch.nan, dtype=received.x.dtype, device=received.x.device)
    layer = yield FitRequest(kept.clone())
    check_fit(layer, received.y, "spectral signatures")
    if not is_finite(layer):
        return Sanitized(kept=kept, labels=received.y.clone(), scores=scores, diverged=True)
    for label in received.y.unique().tolist():
        rows = (received.y == label).nonzero()[:, 0]
        fresh = along_top_direction(centred(layer.hidden[rows])).square()
        scores[rows] = fresh.to(scores.dtype)
        kept[rows[largest(fresh, share_of(settings["epsilon"], 3 * len(rows), 2))]] = False
    return Sanitized(kept=kept, labels=received.y.clone(), scores=scores)
