"""Detector of generated points: a small classifier learns to tell received from trusted points, one per class.

Not from a paper. It takes a classifier two-sample test (Lopez-Paz & Oquab, "Revisiting classifier two-sample tests",
2017) as a filter; the classifier is a forest of extremely randomized trees (Geurts, Ernst & Wehenkel, 2006).

For every class:
 1. trusted and received points fall into folds, by a hash of their values, so that copies share a fold;
 2. a forest is trained on all folds but one, both kinds of points with the same weight in all;
    score of a point in the fold left out = the trees' mean probability that it is a received point;
 3. threshold = a quantile of the trusted points' own scores;
 4. reject received points with a score above the threshold.

Genuine received points cannot be told from trusted ones; a generator's points can, as far as it errs.
"""

from typing import Any

import numpy as np
import torch

from oleander.defenses.base import Points, Sanitized
from oleander.defenses.content import groups_by_content
from oleander.defenses.filtering import ROUNDING
from oleander.io.errors import OleanderError
from oleander.training.seeds import derive_seed

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "trees": {"type": "integer", "minimum": 1},
        "folds": {"type": "integer", "minimum": 2},
        "quantile": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    },
    "required": ["trees", "folds", "quantile"],
}


def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:
    """Reject points that are told from trusted ones; see `oleander.defenses.sanitize`.

    Settings: `trees` of a forest, `folds`, and `quantile` of the trusted points' scores. Without received or without
    trusted points in the other folds nothing is learnt, and a score is 0.5.

    Raises:
        OleanderError: a received class has fewer trusted points than there are folds.
    """
    kept = torch.ones(len(received.y), dtype=torch.bool, device=received.x.device)
    scores = torch.zeros(len(received.y), dtype=received.x.dtype, device=received.x.device)
    for label in received.y.unique().tolist():
        here, genuine = received.y == label, trusted.x[trusted.y == label].flatten(1)
        if len(genuine) < settings["folds"]:
            raise OleanderError(
                f"detector: class {label} has {len(genuine)} trusted points, but at least folds={settings['folds']} "
                "are needed; give more trusted points or fewer folds"
            )
        x = torch.cat([genuine, received.x[here].flatten(1)])
        found = _scores(x, len(genuine), settings, derive_seed(seed, "detector", label))
        threshold = np.quantile(found[: len(genuine)], settings["quantile"])
        own = torch.from_numpy(found[len(genuine) :]).to(received.x.device)
        scores[here] = own.to(scores.dtype)
        kept[here] = own <= threshold + ROUNDING
    return Sanitized(kept=kept, labels=received.y.clone(), scores=scores)


def _scores(x: torch.Tensor, trusted: int, settings: dict[str, Any], seed: int) -> np.ndarray:
    """Scores [n] of step 2; the first `trusted` rows of `x` [n, d] are trusted points."""
    # Imported here: scikit-learn takes half a second, and every trial imports the registry.
    from sklearn.ensemble import ExtraTreesClassifier

    folds = groups_by_content(x, settings["folds"], seed).cpu().numpy()
    rows, is_received = x.cpu().numpy(), np.arange(len(x)) >= trusted
    scores = np.full(len(x), 0.5)
    for fold in range(settings["folds"]):
        others, own = folds != fold, folds == fold
        if own.any() and len(np.unique(is_received[others])) == 2:
            forest = ExtraTreesClassifier(
                settings["trees"], class_weight="balanced", random_state=derive_seed(seed, fold) % 2**32
            )
            scores[own] = forest.fit(rows[others], is_received[others]).predict_proba(rows[own])[:, 1]
    return scores
