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


def nearest_other(points: Tensor) -> Tensor:
    """Distance of each of at least two points [n, *shape] to the nearest other; 0 where a point occurs twice."""
    return nearest_distances(points, points, torch.arange(len(points), device=points.device))
