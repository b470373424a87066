"""What every defense takes and gives."""

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
    """A defense's wish: train a victim on some of the received points, labels as received, and say what it sees.

    Attributes:
        kept: bool [n]; the received points to train on.
    """

    kept: torch.Tensor


@dataclass(frozen=True)
class LastLayer:
    """What a fitted victim, dropout off, gives for all n received points, on their device.

    Attributes:
        hidden: float [n, units]; what enters the last layer.
        logits: float [n, outputs]; what leaves it. One output means two classes: it is the logit of class 1.
    """

    hidden: torch.Tensor
    logits: torch.Tensor


@dataclass(frozen=True)
class Sanitized:
    """What a defense did to each received point.

    Attributes:
        kept: bool [n]; False for points it rejected.
        labels: int64 [n]; the labels to train with.
        scores: float [n], of the points' own type; how suspicious each point looked, higher is more so; NaN where the
            defense gives none.
        diverged: True if a victim that the defense had fitted diverged: then the points were not judged to the end,
            and nothing should be concluded from them.
    """

    kept: torch.Tensor
    labels: torch.Tensor
    scores: torch.Tensor
    diverged: bool = False
