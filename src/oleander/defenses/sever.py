"""Sever on the gradients of the victim's last layer, one filter per class (pGAN paper, section 4.3).

Diakonikolas et al., "Sever: a robust meta-algorithm for stochastic optimization", 2019, algorithm 1 with the filter of
its experiments: a fixed fraction of each class is removed, in equal parts over the filterings.

For every filtering:
 1. fit a victim to the remaining points;
 2. gradient of a point = gradient of its cross-entropy with respect to the last layer's weights and biases,
    (p - y) x [h; 1];
 3. for every class, over its remaining points: subtract the mean, v = top right singular vector,
    score of a point = |(gradient - mean) . v|;
 4. reject the class's epsilon / filterings * (points received) highest scores.
"""

from collections.abc import Generator
from typing import Any

import torch

from oleander.defenses.base import FitRequest, LastLayer, Points, Sanitized
from oleander.defenses.filtering import along_top_direction, centred, largest, share_of
from oleander.defenses.fits import check_fit, is_finite

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "epsilon": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "filterings": {"type": "integer", "minimum": 1},
    },
    "required": ["epsilon", "filterings"],
}


def sanitize(
    received: Points, trusted: Points, settings: dict[str, Any], seed: int
) -> Generator[FitRequest, LastLayer, Sanitized]:
    """Reject the points whose gradients are outliers in their class; see `oleander.defenses.sanitize`.

    Settings: `epsilon`, the total fraction of each class to reject, and `filterings`. Each filtering requests one fit
    and rejects its part of epsilon, rounded half up. Of equal scores the earlier point is rejected first. Points with
    score zero and the last point of a class are never rejected. A point's score is from its last filtering.

    Raises:
        OleanderError: a fit's result does not match the received points.
    """
    kept = torch.ones(len(received.y), dtype=torch.bool, device=received.x.device)
    scores = torch.full((len(received.y),), torch.nan, dtype=received.x.dtype, device=received.x.device)
    classes = [(label, int((received.y == label).sum())) for label in received.y.unique().tolist()]
    diverged = False
    for _ in range(settings["filterings"]):
        layer = yield FitRequest(kept.clone())
        check_fit(layer, received.y, "Sever")
        # A diverged set keeps requesting fits: all sets of a cohort make the same number of requests.
        diverged = diverged or not is_finite(layer)
        if diverged:
            continue
        for label, size in classes:
            rows = (kept & (received.y == label)).nonzero()[:, 0]
            fresh = along_top_direction(centred(_gradients(layer.hidden[rows], layer.logits[rows], label)))
            scores[rows] = fresh.to(scores.dtype)
            kept[rows[largest(fresh, share_of(settings["epsilon"], size, settings["filterings"]))]] = False
    return Sanitized(kept=kept, labels=received.y.clone(), scores=scores, diverged=diverged)


def _gradients(hidden: torch.Tensor, logits: torch.Tensor, label: int) -> torch.Tensor:
    """Step 2 for points of one class: float64 [n, outputs * (units + 1)]."""
    logits = logits.double()
    if logits.shape[1] == 1:
        # -sigmoid(-z) instead of sigmoid(z) - 1, which rounds to zero for well fitted points.
        error = -(-logits).sigmoid() if label == 1 else logits.sigmoid()
    else:
        error = logits.softmax(1)
        error[:, label] = 0
        error[:, label] = -error.sum(1)
    inputs = torch.cat([hidden.double(), torch.ones_like(logits[:, :1])], dim=1)
    return (error.unsqueeze(2) * inputs.unsqueeze(1)).flatten(1)
