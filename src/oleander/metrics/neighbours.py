"""Distances between point sets, from pairwise Euclidean distances."""

import torch
from torch import Tensor


def nearest_distances(points: Tensor, others: Tensor, exclude: Tensor | None = None) -> Tensor:
    """Distance of each point to its nearest neighbour among others.

    Args:
        points: float [n, *shape].
        others: float [m, *shape], at least one more than are excluded.
        exclude: int64 [n], the position in `others` of each point itself, which does not count; None: it is not there.

    Returns:
        Float [n], in the units of the points.
    """
    # Exact distances: the matrix-product form is inaccurate for small distances, which matter here.
    distances = torch.cdist(points.flatten(1), others.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
    if exclude is not None:
        distances.scatter_(1, exclude.unsqueeze(1), torch.inf)
    return distances.amin(1)


def told_apart(points: Tensor, others: Tensor) -> float:
    """How well the nearest neighbour tells two samples apart: a two-sample test by classification.

    Every point of both samples is given the sample of its nearest other point (leave one out). 0.5: the samples are
    alike; 1: each lies by itself; below 0.5: points of one sample lie among those of the other, one by one. Lopez-Paz
    and Oquab, "Revisiting Classifier Two-Sample Tests", 2017.

    Args:
        points: float [n, *shape], at least 2; the last of the larger sample do not count.
        others: float [m, *shape], at least 2.

    Returns:
        The fraction of points in [0, 1] whose nearest other point is of their own sample. Where both are as near, the
        other sample's wins.
    """
    count = min(len(points), len(others))
    points, others = points[:count], others[:count]
    across = torch.cdist(points.flatten(1), others.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
    own = torch.cat([nearest_other(points) < across.amin(1), nearest_other(others) < across.amin(0)])
    return own.double().mean().item()


def nearest_other(points: Tensor) -> Tensor:
    """Distance of each of at least two points [n, *shape] to the nearest other; 0 where a point occurs twice."""
    return nearest_distances(points, points, torch.arange(len(points), device=points.device))
