"""Whether a true value lies in a range: how sure the measurements are, and how many of them would decide it.

All counts assume that further measurements leave the mean and the spread as they are.
"""

import math

import numpy as np
from scipy import special

MOST = 1000
"""Largest count that is searched for; more are given as infinity."""


def confidence_within(value: float, spread: float, n: int | np.ndarray, low: float, high: float) -> np.ndarray:
    """Confidence that the true mean lies above `low` and below `high`: the lesser of two one-sided Student tests.

    Args:
        value: the mean of n independent values.
        spread: their standard deviation; NaN gives NaN. If it is 0, the confidence is 1 or 0.
        n: number of values, at least 2; an array gives the confidence for each number.
        low, high: the range; one of them may be infinite.

    Returns:
        Confidence in [0, 1], in the shape of n.
    """
    return np.minimum(_above(value, spread, n, low), _above(-value, spread, n, -high))


def confidence_outside(value: float, spread: float, n: int | np.ndarray, low: float, high: float) -> np.ndarray:
    """Confidence that the true mean lies below `low` or above `high`: the greater of two one-sided Student tests.

    Arguments and result as those of `confidence_within`.
    """
    return np.maximum(_above(-value, spread, n, -low), _above(value, spread, n, high))


def share_level(confidence: float | np.ndarray, tests: int) -> np.ndarray:
    """Bonferroni: the confidence that remains of the surest of several tests, any of which might err; at least 0."""
    return np.maximum(0, 1 - tests * (1 - np.asarray(confidence)))


def needed_for_tests(
    values: list[float], spreads: list[float], n: int, low: float, high: float, confidence: float
) -> float:
    """The smallest number of values at which all means are surely within the range, or one is surely outside.

    Args:
        values, spreads: mean and standard deviation of each comparison.
        n: present number of values; the result is larger.
        low, high: the range, as in `confidence_within`.
        confidence: that the tests must reach, e.g. 0.95.

    Returns:
        The number; infinity above `MOST`, NaN if a spread is unknown.
    """
    counts = np.arange(max(n + 1, 2), MOST + 1)
    known = list(zip(values, spreads, strict=True))
    within = np.min([confidence_within(*one, counts, low, high) for one in known], axis=0)
    outside = np.max([confidence_outside(*one, counts, low, high) for one in known], axis=0)
    if np.isnan(spreads).any():
        return math.nan
    return _first(counts, (within >= confidence) | (share_level(outside, len(known)) >= confidence))


def needed_for_interval(value: float, spread: float, n: int, low: float, high: float, confidence: float) -> float:
    """The smallest number of values whose Student interval lies wholly within the range, or wholly outside.

    Arguments and result as those of `needed_for_tests`, for one mean.
    """
    if math.isnan(spread):
        return math.nan
    counts = np.arange(max(n + 1, 2), MOST + 1)
    half = special.stdtrit(counts - 1, (1 + confidence) / 2) * spread / np.sqrt(counts)
    within = (low <= value - half) & (value + half <= high)
    return _first(counts, within | (value + half < low) | (value - half > high))


def _above(value: float, spread: float, n: int | np.ndarray, bound: float) -> np.ndarray:
    """Confidence that the true mean is above the bound."""
    n = np.asarray(n)
    if bound == -math.inf:
        return np.ones(n.shape)
    if bound == math.inf:
        return np.zeros(n.shape)
    if spread == 0:
        return np.full(n.shape, float(value > bound))
    return special.stdtr(n - 1, (value - bound) * np.sqrt(n) / spread)


def _first(counts: np.ndarray, decided: np.ndarray) -> float:
    return float(counts[decided.argmax()]) if decided.any() else math.inf
