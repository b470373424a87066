"""Inputs and outputs of all defenses."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Points:
    """Labelled points.

    Attributes:
        x: float [n, *shape].
        y: int64 [n], labels from 0.
    """

    x: torch.Tensor
    y: torch.Tensor


@dataclass(frozen=True)
class FitRequest:
    """A defense's request to train a victim on some received points, with labels as received.

    Attributes:
        kept: bool [n]; True for the received points to train on.
    """

    kept: torch.Tensor


@dataclass(frozen=True)
class LastLayer:
    """The last layer of a fitted victim for all n received points, on their device, with dropout off.

    Attributes:
        hidden: float [n, units]; the last layer's inputs.
        logits: float [n, outputs]; its outputs. A single output is the logit of class 1 of two.
    """

    hidden: torch.Tensor
    logits: torch.Tensor


@dataclass(frozen=True)
class Ensemble:
    """Victims that each train on a part of the points kept, and vote; ties go to the smallest label.

    Attributes:
        parts: int64 [n], in [0, count); the victim that trains on each received point. It must depend on the point
            alone, or a vote proves nothing (`oleander.metrics.votes`).
        count: number of victims; one without points votes as it was initialized.
        changes: number of inserted or removed points for which the share of certified test points is measured.
    """

    parts: torch.Tensor
    count: int
    changes: int


@dataclass(frozen=True)
class Sanitized:
    """A defense's decision for each received point.

    Attributes:
        kept: bool [n]; False for rejected points.
        labels: int64 [n]; the labels to train with.
        scores: float [n], of the points' dtype; higher is more suspicious; NaN if the defense gives none.
        diverged: True if a victim fitted by the defense diverged; the decisions are then incomplete and must not be
            used.
        ensemble: the victims to train in place of a single one; None for a single one. All sets that a defense
            decides on together have as many.
    """

    kept: torch.Tensor
    labels: torch.Tensor
    scores: torch.Tensor
    diverged: bool = False
    ensemble: Ensemble | None = None
