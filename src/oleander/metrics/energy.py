"""Energy distance between two samples of points (Székely & Rizzo, "Energy statistics", 2013)."""

import numpy as np
from scipy.spatial.distance import cdist


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| with Euclidean distances, over all pairs of the samples.

    It is 0 for equal samples and else above 0. For samples of one distribution its mean is
    (1 / n + 1 / m) E|X - X'|, so compare only distances between samples of the same sizes. In one dimension it is
    twice the integral of the squared difference of the distribution functions.

    Args:
        x, y: float [n, features] and [m, features], at least one point each.

    Returns:
        The distance, in the units of the points, 0 or more up to rounding.
    """
    return float(2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean())
