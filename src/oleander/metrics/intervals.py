"""Estimates with confidence intervals, from measurements grouped by generator.

Generators are independent; runs of one generator are not. Runs are therefore averaged per generator, and the Student
interval is over the generators' means, all with equal weight. With a single generator the interval is over its runs.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from oleander.metrics.decisions import confidence_outside, confidence_within


@dataclass(frozen=True)
class Estimate:
    """An estimate with its confidence interval and standard error.

    Attributes:
        value: the estimate; NaN if there are no measurements.
        low, high: its interval; NaN if there is only one measurement.
        error: its standard error; NaN if there is only one measurement.
        n: number of independent values.
        over_groups: True if the independent values are group means, False if they are the rows of a single group.
    """

    value: float
    low: float
    high: float
    error: float
    n: int
    over_groups: bool

    @property
    def spread(self) -> float:
        """Standard deviation of the independent values that has this standard error; NaN for a single value."""
        return self.error * math.sqrt(self.n)

    def confidence(self, low: float = 0, high: float = math.inf) -> float:
        """Confidence that the true value lies between `low` and `high`, by default that it is positive.

        1 - p of Student's one-sided test, the lesser of two; NaN without a standard error. If all measurements are
        equal, it is 1 or 0.
        """
        return float(confidence_within(self.value, self.spread, self.n, low, high))

    def opposite(self, low: float = 0, high: float = math.inf) -> float:
        """Confidence that the true value lies below `low` or above `high`, likewise."""
        return float(confidence_outside(self.value, self.spread, self.n, low, high))


def estimate_mean(values: np.ndarray, groups: np.ndarray, confidence: float) -> Estimate:
    """Estimate the mean over groups of the groups' means. For differences of pairs, this is the paired t interval.

    Args:
        values: float [rows], finite.
        groups: [rows], the generator of each row.
        confidence: e.g. 0.95.
    """
    means, over_groups = _independent(np.asarray(values, dtype=float)[:, None], groups)
    means = means[:, 0]
    if not len(means):
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, over_groups)
    # The mean of equal values may be rounded.
    value = means[0] if (means == means[0]).all() else means.mean()
    return _student(float(value), means, over_groups, confidence)


def estimate_ratio(above: np.ndarray, below: np.ndarray, groups: np.ndarray, confidence: float) -> Estimate:
    """Estimate the relative difference above / below - 1 of two means, each over groups of the groups' means.

    The standard error is from the delta method on pairs of group means, so variation common to both, such as a
    generator whose victims have larger errors, cancels.

    Args:
        above, below: float [rows], finite; the pair of a row was measured together.
        groups: [rows], the generator of each row.
        confidence: e.g. 0.95.

    Returns:
        The estimate; infinite or NaN, without an interval, if the mean of `below` is 0.
    """
    pairs = np.stack([np.asarray(above, dtype=float), np.asarray(below, dtype=float)], axis=1)
    means, over_groups = _independent(pairs, groups)
    if not len(means):
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, over_groups)
    upper, lower = means.mean(0)
    if lower == 0:
        value = math.copysign(math.inf, upper) if upper else math.nan
        return Estimate(value, math.nan, math.nan, math.nan, len(means), over_groups)
    constant = (means == means[0]).all()
    ratio = float(means[0, 0] / means[0, 1] if constant else upper / lower)
    residuals = np.zeros(len(means)) if constant else (means[:, 0] - ratio * means[:, 1]) / abs(lower)
    return _student(ratio - 1, residuals, over_groups, confidence)


def mean_interval(values: pd.Series, groups: pd.Series, confidence: float) -> dict[str, float]:
    """The result of `estimate_mean` as columns of a table.

    Args:
        values: the measurements.
        groups: the generator of each.
        confidence: e.g. 0.95.

    Returns:
        `mean`, `low`, `high` (NaN if there is only one value) and `n`, the number of independent values.
    """
    estimate = estimate_mean(values.to_numpy(), groups.to_numpy(), confidence)
    return {"mean": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}


def _independent(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, bool]:
    """The groups' means [groups, columns] and True; for a single group, its rows and False."""
    _names, codes = np.unique(groups, return_inverse=True)
    count = codes.max(initial=-1) + 1
    if count == 1:
        return values, False
    if count and (values == values[0]).all():
        # Means over different numbers of runs may differ by rounding.
        return np.repeat(values[:1], count, axis=0), True
    return np.array([values[codes == code].mean(0) for code in range(count)]).reshape(count, values.shape[1]), True


def _student(value: float, sample: np.ndarray, over_groups: bool, confidence: float) -> Estimate:
    """An estimate of `value` whose standard error is that of the mean of `sample`."""
    n = len(sample)
    if n < 2:
        return Estimate(value, math.nan, math.nan, math.nan, n, over_groups)
    if (sample == sample[0]).all():
        return Estimate(value, value, value, 0.0, n, over_groups)
    error = float(np.std(sample, ddof=1)) / math.sqrt(n)
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * error
    return Estimate(value, value - half, value + half, error, n, over_groups)
