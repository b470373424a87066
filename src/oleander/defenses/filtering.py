"""Helpers for defenses that reject a fixed fraction of the points."""

import math
from fractions import Fraction

import scipy.linalg
import torch

ROUNDING = 1e-12
"""A float64 sum smaller than this fraction of its terms is treated as rounding error."""


def share_of(share: float, size: int, steps: int = 1) -> int:
    """`share` / `steps` of `size` points, rounded half up; `share` is taken as the decimal written."""
    return math.floor(Fraction(str(share)) * size / steps + Fraction(1, 2))


def centred(rows: torch.Tensor) -> torch.Tensor:
    """Rows [n, d] minus their mean, in float64; all zeros if the rows are equal up to rounding."""
    rows = rows.double()
    difference = rows - rows.mean(0)
    return difference * (difference.norm() > ROUNDING * rows.norm())


def along_top_direction(rows: torch.Tensor) -> torch.Tensor:
    """|rows . v| [n] for the top right singular vector v of `rows` [n, d], using the smaller of the two Gram matrices.

    LAPACK on the CPU finds one eigenpair of a few hundred in a quarter of the time for all.
    """
    n, d = rows.shape
    gram = (rows @ rows.T if n <= d else rows.T @ rows).cpu().numpy()
    value, vector = scipy.linalg.eigh(gram, subset_by_index=[len(gram) - 1] * 2, overwrite_a=True, check_finite=False)
    direction = torch.from_numpy(vector[:, 0]).to(rows.device)
    if n <= d:
        return direction.abs() * max(float(value[0]), 0.0) ** 0.5
    return (rows @ direction).abs()


def largest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Positions of the `count` largest scores [n], largest first; ties are broken by position.

    Fewer are returned if needed: points with score zero and the last point are never rejected.
    """
    count = min(count, len(scores) - 1, int((scores > 0).sum()))
    return scores.argsort(descending=True, stable=True)[: max(count, 0)]
