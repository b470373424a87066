"""Activation clustering: a class whose activations fall into a large and a small cluster loses the small one.

Chen et al., "Detecting backdoor attacks on deep neural networks by activation clustering", 2018, Algorithm 1, with the
silhouette score and the relative size as tests of the clusters:
 1. fit a victim to all received points; activations of a point = the inputs of its last layer;
 2. for every class: reduce the activations to a few independent components, and cluster them by 2-means;
 3. reject the smaller cluster if the clusters are well separated (silhouette score) and it is small (its share of the
    class); both thresholds are settings, because the paper leaves them to the user.

Independent components are a rotation of whitened principal components, and 2-means depends on distances alone, which no
rotation changes. The whitened components are therefore clustered as they are.
"""

from collections.abc import Generator
from typing import Any

import numpy as np
import torch

from oleander.defenses.base import FitRequest, LastLayer, Points, Sanitized
from oleander.defenses.filtering import ROUNDING, centred
from oleander.defenses.fits import check_fit, is_finite
from oleander.training.seeds import derive_seed

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "components": {"type": "integer", "minimum": 1},
        "silhouette": {"type": "number", "minimum": -1, "maximum": 1},
        "largest": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    },
    "required": ["components", "silhouette", "largest"],
}

RESTARTS = 10
"""2-means is started this often; the clusters with the least variance are taken."""


def sanitize(
    received: Points, trusted: Points, settings: dict[str, Any], seed: int
) -> Generator[FitRequest, LastLayer, Sanitized]:
    """Reject small clusters of activations; see `oleander.defenses.sanitize`.

    Settings: `components`, at most as many as the activations of a class span; `silhouette`, the least score of
    clusters that are taken for two; `largest`, the largest share of its class that a cluster of poison has. A point's
    score is the share of its class in the other cluster; 0 in a class that is not split: one of fewer than three
    points, whose activations are the same, or whose clusters are not well separated.

    Raises:
        OleanderError: the fit's result does not match the received points.
    """
    kept = torch.ones(len(received.y), dtype=torch.bool, device=received.x.device)
    scores = torch.zeros(len(received.y), dtype=received.x.dtype, device=received.x.device)
    layer = yield FitRequest(kept.clone())
    check_fit(layer, received.y, "activation clustering")
    if not is_finite(layer):
        return Sanitized(kept=kept, labels=received.y.clone(), scores=scores, diverged=True)
    for label in received.y.unique().tolist():
        rows = (received.y == label).nonzero()[:, 0]
        own = _whitened(centred(layer.hidden[rows]), settings["components"]).cpu().numpy()
        second = _second_cluster(own, settings["silhouette"], derive_seed(seed, "clusters", label))
        if second is not None:
            others = torch.from_numpy(np.where(second, 1 - second.mean(), second.mean())).to(received.x.device)
            scores[rows] = others.to(scores.dtype)
            kept[rows] = 1 - others > settings["largest"] + ROUNDING
    return Sanitized(kept=kept, labels=received.y.clone(), scores=scores)


def _whitened(rows: torch.Tensor, components: int) -> torch.Tensor:
    """Principal components [n, at most `components`] of centred `rows` [n, d], each scaled to variance 1; none without
    variance."""
    left, values, _ = torch.linalg.svd(rows, full_matrices=False)
    spanned = int((values > values.amax() * ROUNDING**0.5).sum()) if len(values) else 0
    return left[:, : min(components, spanned)] * len(rows) ** 0.5


def _second_cluster(rows: np.ndarray, silhouette: float, seed: int) -> np.ndarray | None:
    """Members of the second of two clusters, bool [n]; None if there are no two."""
    # Imported here: scikit-learn takes half a second, and every trial imports the registry.
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    if len(rows) < 3 or rows.shape[1] == 0:
        return None
    second = KMeans(2, n_init=RESTARTS, random_state=seed % 2**32).fit_predict(rows) == 1
    return second if silhouette_score(rows, second) >= silhouette else None
