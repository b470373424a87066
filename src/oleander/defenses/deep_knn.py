"""Deep k-NN: points whose neighbours among a fitted victim's representations are mostly of another class.

Peri et al., "Deep k-NN defense against clean-label data poisoning attacks", 2020:
 1. fit a victim to all received points; representation of a point = the inputs of its last layer. The paper takes the
    features of the network that its attacks fine-tune; a trial's victim starts from nothing (R);
 2. for every point: the k received points with the nearest representations (Euclidean distance);
 3. reject the point if another label than its own is the most frequent among them.

A point counts as its own neighbour, and all that are as near as the k-th do (R).
"""

from collections.abc import Generator
from typing import Any

import torch
from torch.nn import functional as F

from oleander.defenses.base import FitRequest, LastLayer, Points, Sanitized
from oleander.defenses.fits import check_fit, is_finite
from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {"neighbours": {"type": "integer", "minimum": 1}},
    "required": ["neighbours"],
}

ROWS_AT_ONCE = 1000
"""Number of points whose distances to all others are in memory at once."""


def sanitize(
    received: Points, trusted: Points, settings: dict[str, Any], seed: int
) -> Generator[FitRequest, LastLayer, Sanitized]:
    """Reject points that disagree with their neighbours' labels; see `oleander.defenses.sanitize`.

    Settings: `neighbours` k. A label that is as frequent as the point's own does not reject it. A point's score is the
    fraction of its neighbours with the most frequent label other than its own.

    Raises:
        OleanderError: fewer than k points were received, or the fit's result does not match them.
    """
    k, y = settings["neighbours"], received.y
    if 0 < len(y) < k:
        raise OleanderError(
            f"deep k-NN: {len(y)} points were received, but at least neighbours={k} are needed; give more points or "
            "lower neighbours"
        )
    kept = torch.ones(len(y), dtype=torch.bool, device=received.x.device)
    scores = torch.zeros(len(y), dtype=received.x.dtype, device=received.x.device)
    layer = yield FitRequest(kept.clone())
    check_fit(layer, y, "deep k-NN")
    if not is_finite(layer):
        return Sanitized(kept=kept, labels=y.clone(), scores=scores, diverged=True)
    if len(y):
        votes = _votes(layer.hidden.double(), F.one_hot(y).double(), k)
        own = votes.gather(1, y.unsqueeze(1))[:, 0]
        most = votes.scatter(1, y.unsqueeze(1), 0).amax(1)
        kept = most <= own
        scores = (most / votes.sum(1)).to(scores.dtype)
    return Sanitized(kept=kept, labels=y.clone(), scores=scores)


def _votes(hidden: torch.Tensor, labels: torch.Tensor, k: int) -> torch.Tensor:
    """Step 2: number of each point's neighbours of each label, [n, labels], for one-hot `labels` [n, labels]."""
    counted = []
    for part in hidden.split(ROWS_AT_ONCE):
        # Exact distances: equal points must be equally near.
        distances = torch.cdist(part, hidden, compute_mode="donot_use_mm_for_euclid_dist")
        near = distances <= distances.kthvalue(k, dim=1, keepdim=True).values
        counted.append(near.double() @ labels)
    return torch.cat(counted)
