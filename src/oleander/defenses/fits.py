"""Helpers for defenses that fit victims of their own."""

import torch

from oleander.defenses.base import LastLayer
from oleander.io.errors import OleanderError


def is_finite(layer: LastLayer) -> bool:
    """Whether a fitted victim has finite hidden units and outputs, i.e. did not diverge."""
    return bool(layer.hidden.isfinite().all() and layer.logits.isfinite().all())


def check_fit(layer: LastLayer, labels: torch.Tensor, defense: str) -> None:
    """Check a fit's result.

    Args:
        layer: the result.
        labels: int64 [n], of the received points.
        defense: name in the error message.

    Raises:
        OleanderError: it has the wrong number of points, or too few outputs for their labels.
    """
    hidden, logits = list(layer.hidden.shape), list(layer.logits.shape)
    if not (len(hidden) == len(logits) == 2 and hidden[0] == logits[0] == len(labels)):
        raise OleanderError(
            f"{defense}: fit returned hidden units {hidden} and logits {logits} for {len(labels)} received points; "
            "return one row of each per received point"
        )
    if len(labels) and int(labels.max()) >= max(logits[1], 2):
        raise OleanderError(
            f"{defense}: received labels go up to {int(labels.max())}, but the fitted victim has {logits[1]} outputs; "
            "use a victim with one output per class"
        )
