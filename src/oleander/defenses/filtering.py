"""What the defenses that reject a fixed share of each class have in common."""

import math
from fractions import Fraction

import torch

ROUNDING = 1e-12
"""Below this share of the terms that it is a sum of, a float64 number is rounding and not information."""


def share_of(share: float, size: int, steps: int = 1) -> int:
    """How many points are `share` / `steps` of `size` points: half up, `share` being the decimal that was written."""
    return math.floor(Fraction(str(share)) * size / steps + Fraction(1, 2))


def centred(rows: torch.Tensor) -> torch.Tensor:
    """Rows [n, d] minus their mean, in float64; all zeros if they are equal but for rounding."""
    rows = rows.double()
    difference = rows - rows.mean(0)
    return difference * (difference.norm() > ROUNDING * rows.norm())


def largest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Positions of the `count` largest scores [n], most suspicious first; of equal ones the earlier goes first.

    A score of zero gives no reason to reject a point, and the last point of a class always stays: then there are fewer.
    """
    count = min(count, len(scores) - 1, int((scores > 0).sum()))
    return scores.argsort(descending=True, stable=True)[: max(count, 0)]
