"""Outlier detection by distance to a principal subspace, one per class (pGAN paper, section 4.3).

Rubinstein et al., "Antidote: understanding and defending against poisoning of anomaly detectors", 2009.

For every class of the received points:
 1. subtract the mean; principal subspace = the fewest components that explain a given fraction of the variance, or a
    given number of components;
 2. score of a point = squared distance to the subspace;
 3. reject the fraction epsilon of points with the highest scores.
"""

from typing import Any

import torch

from oleander.defenses.base import Points, Sanitized
from oleander.defenses.filtering import ROUNDING, centred, largest, share_of
from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "epsilon": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "variance": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "components": {"type": "integer", "minimum": 1},
    },
    "required": ["epsilon"],
    "oneOf": [{"required": ["variance"]}, {"required": ["components"]}],
}


def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:
    """Reject the points furthest from their class's principal subspace; see `oleander.defenses.sanitize`.

    Settings: `epsilon`, the fraction of each class to reject (rounded half up), and either `variance`, the fraction of
    the variance explained by the subspace, or `components`, its dimension. Of equal scores the earlier point is
    rejected first. Points with score zero and the last point of a class are never rejected.

    Raises:
        OleanderError: not exactly one of `variance` and `components` is set, or `components` is so large that all
            points of a class lie in the subspace.
    """
    if ("variance" in settings) == ("components" in settings):
        raise OleanderError("PCA: set exactly one of variance and components in the configuration")
    kept = torch.ones(len(received.y), dtype=torch.bool, device=received.x.device)
    scores = torch.zeros(len(received.y), dtype=received.x.dtype, device=received.x.device)
    for label in received.y.unique().tolist():
        rows = (received.y == label).nonzero()[:, 0]
        x = received.x[rows].flatten(1)
        count = share_of(settings["epsilon"], len(rows))
        most = min(len(rows) - 1, x.shape[1])
        if count > 0 and len(rows) > 1 and settings.get("components", 0) >= most:
            raise OleanderError(
                f"PCA: components={settings['components']} is too large, because the {len(rows)} points of class "
                f"{label} with {x.shape[1]} features span at most {most} dimensions; lower components"
            )
        fresh = _residuals(centred(x), settings)
        scores[rows] = fresh.to(scores.dtype)
        kept[rows[largest(fresh, count)]] = False
    return Sanitized(kept=kept, labels=received.y.clone(), scores=scores)


def _residuals(rows: torch.Tensor, settings: dict[str, Any]) -> torch.Tensor:
    """Scores [n] of step 2 for centred `rows` [n, d], using the smaller of the two Gram matrices."""
    n, d = rows.shape
    values, vectors = torch.linalg.eigh(rows @ rows.T if n <= d else rows.T @ rows)
    values, vectors = values.flip(0), vectors.flip(1)
    held = values.clamp(min=0).cumsum(0)
    if "components" in settings:
        inside = settings["components"]
    else:
        inside = int((held < settings["variance"] * held[-1]).sum()) + 1
    outside = (torch.arange(len(values), device=rows.device) >= inside) & (values > ROUNDING * values[0])
    # With rows = U S V', a row's component along the j-th direction is U_j S_j, or the row times V_j.
    along = vectors * values.clamp(min=0).sqrt() if n <= d else rows @ vectors
    return along.square() @ outside.double()
