"""Partition ensemble: victims trained on disjoint parts of the points vote, and the vote's margin is a certificate.

Levine & Feizi, "Deep partition aggregation: provable defenses against general poisoning attacks", 2021 (DPA):
 1. part of a point = a hash of its values, modulo the number of parts; its label does not enter;
 2. a victim is trained on each part, with seeds of its own;
 3. the victims vote; ties go to the smallest label;
 4. an inserted or removed point changes one vote at most, so that a margin of votes certifies a prediction against as
    many changes (Theorem 1; `oleander.metrics.votes`).

No point is rejected: the victim changes, not the data. `oleander.evaluation.trials` trains the victims, each on its
points in an order that does not depend on the other parts. Rounding may depend on the cohort (`trials`), of which the
theorem knows nothing.
"""

from typing import Any

import torch

from oleander.defenses.base import Ensemble, Points, Sanitized
from oleander.defenses.content import groups_by_content

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "parts": {"type": "integer", "minimum": 1},
        "changes": {"type": "integer", "minimum": 0},
    },
    "required": ["parts", "changes"],
}


def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:
    """Keep every point and its label, and part the points; see `oleander.defenses.sanitize`.

    Settings: `parts`, the number of victims, and `changes`, the number of inserted or removed points for which the
    share of certified test points is measured.
    """
    return Sanitized(
        kept=torch.ones(len(received.y), dtype=torch.bool, device=received.x.device),
        labels=received.y.clone(),
        scores=torch.full((len(received.y),), torch.nan, dtype=received.x.dtype, device=received.x.device),
        ensemble=Ensemble(
            parts=groups_by_content(received.x, settings["parts"], seed),
            count=settings["parts"],
            changes=settings["changes"],
        ),
    )
