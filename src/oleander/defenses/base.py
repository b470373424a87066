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
class Sanitized:
    """What a defense did to each received point.

    Attributes:
        kept: bool [n]; False for points it rejected.
        labels: int64 [n]; the labels to train with.
        scores: float [n]; how suspicious each point looked, higher is more so; NaN where the defense gives none.
    """

    kept: torch.Tensor
    labels: torch.Tensor
    scores: torch.Tensor
