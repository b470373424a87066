"""Distance-based outlier detection, one detector per class (pGAN paper, section 4.2).

Wu & Jermaine, "Outlier detection by sampling with accuracy guarantees", 2006, as used by Paudice et al., "Detection of
adversarial training examples in poisoning attacks through anomaly detection", 2018.

For every class:
 1. score of a point = Euclidean distance to the k-th nearest of s trusted points of its class, drawn without
    replacement for each point (or the mean distance to the k nearest; the papers do not say which);
 2. threshold = a quantile of the trusted points' own scores, each computed against s of the others;
 3. reject points with a score above the threshold.
"""

from typing import Any

import torch

from oleander.defenses.base import Points, Sanitized
from oleander.io.errors import OleanderError
from oleander.training.seeds import generator_for

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "neighbours": {"type": "integer", "minimum": 1},
        "sample": {"type": "integer", "minimum": 1},
        "quantile": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "statistic": {"enum": ["kth", "mean"]},
    },
    "required": ["neighbours", "sample", "quantile", "statistic"],
}


def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:
    """Reject outliers of each class; see `oleander.defenses.sanitize`.

    Settings: `neighbours` k, `sample` s, `quantile` (the papers' "alpha-percentile", not the attack's alpha) and
    `statistic`, "kth" or "mean".

    Raises:
        OleanderError: a received class has too few trusted points, or k is larger than s.
    """
    k, s = settings["neighbours"], settings["sample"]
    if k > s:
        raise OleanderError(
            f"outlier detector: neighbours ({k}) must not exceed sample ({s}); change defenses in the configuration"
        )
    kept = torch.zeros(len(received.y), dtype=torch.bool, device=received.x.device)
    scores = torch.zeros(len(received.y), device=received.x.device, dtype=received.x.dtype)
    for label in received.y.unique().tolist():
        reference = trusted.x[trusted.y == label].flatten(1)
        if len(reference) <= s:
            raise OleanderError(
                f"outlier detector: class {label} has {len(reference)} trusted points, but more than sample={s} are "
                "needed; give more trusted points or lower sample"
            )
        here = received.y == label
        draw = generator_for("cpu", seed, "outlier", label)
        own = _scores(reference, reference, settings, draw, exclude_self=True)
        scores[here] = _scores(received.x[here].flatten(1), reference, settings, draw, exclude_self=False)
        kept[here] = scores[here] <= own.quantile(settings["quantile"])
    return Sanitized(kept=kept, labels=received.y.clone(), scores=scores)


def _scores(
    queries: torch.Tensor,
    reference: torch.Tensor,
    settings: dict[str, Any],
    draw: torch.Generator,
    exclude_self: bool,
) -> torch.Tensor:
    """Scores [queries] of step 1; with `exclude_self`, query i is reference i and is not compared with itself."""
    lottery = torch.rand(len(queries), len(reference), generator=draw, dtype=torch.float64)
    if exclude_self:
        lottery.fill_diagonal_(torch.inf)
    drawn = lottery.topk(settings["sample"], dim=1, largest=False).indices.to(queries.device)
    # Exact distances: the matrix-product form is inaccurate for small distances, which matter here.
    distances = torch.cdist(queries, reference, compute_mode="donot_use_mm_for_euclid_dist").gather(1, drawn)
    nearest = distances.topk(settings["neighbours"], dim=1, largest=False).values
    return nearest.amax(1) if settings["statistic"] == "kth" else nearest.mean(1)
