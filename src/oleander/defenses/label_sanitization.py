"""Label sanitization by nearest neighbours (pGAN paper, section 4.3).

Paudice, Muñoz-González & Lupu, "Label sanitization against label flipping poisoning attacks", 2018, in the pGAN paper's
form: a point is relabelled if enough of its nearest neighbours share a label other than its own.

 1. neighbours of a point = the k nearest other received points of any class (Euclidean distance);
 2. if at least `agreeing` of them have the same label, and it is not the point's, the point gets that label.

All points are relabelled at once, based on the received labels; none is rejected.
"""

from typing import Any

import torch
from torch.nn import functional as F

from oleander.defenses.base import Points, Sanitized
from oleander.defenses.filtering import ROUNDING
from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "neighbours": {"type": "integer", "minimum": 1},
        "agreeing": {"type": "integer", "minimum": 1},
    },
    "required": ["neighbours", "agreeing"],
}

ROWS_AT_ONCE = 1000
"""Number of points whose distances to all others are in memory at once."""


def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:
    """Relabel points that disagree with their neighbours; see `oleander.defenses.sanitize`.

    Settings: `neighbours` k and `agreeing`. If several other labels have enough neighbours, the most frequent wins,
    then the smallest; of equally near points, the earlier one is the neighbour. A point's score is the fraction of its
    neighbours with the most frequent label other than its own.

    Raises:
        OleanderError: `agreeing` is larger than k, or between 1 and k points were received.
    """
    k, agreeing = settings["neighbours"], settings["agreeing"]
    if agreeing > k:
        raise OleanderError(
            f"label sanitization: agreeing ({agreeing}) must not exceed neighbours ({k}); "
            "change defenses in the configuration"
        )
    if 0 < len(received.y) <= k:
        raise OleanderError(
            f"label sanitization: {len(received.y)} points were received, but more than neighbours={k} are needed; "
            "give more points or lower neighbours"
        )
    labels = received.y.clone()
    scores = torch.zeros(len(labels), dtype=received.x.dtype, device=received.x.device)
    if len(labels):
        votes = F.one_hot(received.y)[_nearest(received.x.flatten(1), k)].sum(1)
        most, winner = votes.scatter(1, received.y.unsqueeze(1), 0).max(1)
        labels = torch.where(most >= agreeing, winner, labels)
        scores = most.to(scores.dtype) / k
    return Sanitized(kept=torch.ones_like(labels, dtype=torch.bool), labels=labels, scores=scores)


def _nearest(x: torch.Tensor, k: int) -> torch.Tensor:
    """Step 1: positions [n, k] of the neighbours of every row of `x` [n, d]; n must exceed k."""
    x = x.double()
    x = x - x.mean(0)
    norms = x.square().sum(1)
    found = []
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = torch.arange(start, min(start + ROWS_AT_ONCE, len(x)), device=x.device)
        scale = norms[rows].unsqueeze(1) + norms
        squared = torch.addmm(scale, x[rows], x.T, alpha=-2)
        # For equal points only rounding error remains: set their distance to zero.
        squared.masked_fill_(squared < ROUNDING * scale, 0)
        squared[rows - start, rows] = torch.inf
        places = []
        for _ in range(k):
            # argmin returns the first of equal values; topk does not guarantee an order.
            places.append(squared.argmin(1))
            squared.scatter_(1, places[-1].unsqueeze(1), torch.inf)
        found.append(torch.stack(places, dim=1))
    return torch.cat(found)
