"""Estimates with confidence intervals, from measurements that share a generator.

Runs that share a generator are not independent of each other, generators are: a generator's runs are averaged first,
all generators weigh alike whatever their number of runs, and the interval is Student's over the generators' means. With
a single generator there is nothing to tell generators apart by, so it is over that generator's runs.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special


@dataclass(frozen=True)
class Estimate:
    """A number with what is known of its error.

    Attributes:
        value: the estimate; NaN if there are no measurements.
        low, high: its interval; NaN where one measurement is all there is.
        error: its standard error, likewise.
        n: how many independent values stand behind it.
        over_groups: whether those are groups; else they are the rows of a single one.
    """

    value: float
    low: float
    high: float
    error: float
    n: int
    over_groups: bool

    def confidence(self) -> float:
        """Confidence that the true value is above 0: one less the p-value of Student's one-sided test against 0.

        NaN where there is no standard error. Measurements that all give the very same value leave no doubt, but 0 is
        not above 0.
        """
        if math.isnan(self.error):
            return math.nan
        if self.error == 0:
            return float(self.value > 0)
        return float(special.stdtr(self.n - 1, self.value / self.error))


def estimate_mean(values: np.ndarray, groups: np.ndarray, confidence: float) -> Estimate:
    """The mean over groups of the groups' means. Of the differences of pairs, it is the paired t interval.

    Args:
        values: float [rows], finite.
        groups: [rows], the generator of each row.
        confidence: e.g. 0.95.
    """
    means, over_groups = _independent(np.asarray(values, dtype=float)[:, None], groups)
    means = means[:, 0]
    if not len(means):
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, over_groups)
    # The sum of values that are all alike may be rounded.
    value = means[0] if (means == means[0]).all() else means.mean()
    return _student(float(value), means, over_groups, confidence)


def estimate_ratio(above: np.ndarray, below: np.ndarray, groups: np.ndarray, confidence: float) -> Estimate:
    """By which share of it one mean is larger than another, above / below - 1, both over groups of the groups' means.

    The standard error is that of the ratio's linear approximation (delta method) in the pairs of groups' means: what
    both share, such as a generator whose victims err more in general, drops out.

    Args:
        above, below: float [rows], finite, measured together in a row.
        groups: [rows], the generator of each row.
        confidence: e.g. 0.95.

    Returns:
        The estimate; infinite or NaN, and without an interval, where the mean below the line is 0.
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
    """`estimate_mean` as columns of a table.

    Args:
        values: the measurements.
        groups: the generator of each.
        confidence: e.g. 0.95.

    Returns:
        `mean`, `low`, `high` (NaN where there is one value alone), and `n`, the number of independent values.
    """
    estimate = estimate_mean(values.to_numpy(), groups.to_numpy(), confidence)
    return {"mean": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}


def _independent(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, bool]:
    """The groups' means [groups, columns], or all rows where they are of one group; and whether they are groups."""
    _names, codes = np.unique(groups, return_inverse=True)
    count = codes.max(initial=-1) + 1
    if count == 1:
        return values, False
    if count and (values == values[0]).all():
        # Means of unequal numbers of runs would differ by rounding.
        return np.repeat(values[:1], count, axis=0), True
    return np.array([values[codes == code].mean(0) for code in range(count)]).reshape(count, values.shape[1]), True


def _student(value: float, sample: np.ndarray, over_groups: bool, confidence: float) -> Estimate:
    """The estimate whose error is that of the mean of `sample`."""
    n = len(sample)
    if n < 2:
        return Estimate(value, math.nan, math.nan, math.nan, n, over_groups)
    if (sample == sample[0]).all():
        return Estimate(value, value, value, 0.0, n, over_groups)
    error = float(np.std(sample, ddof=1)) / math.sqrt(n)
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * error
    return Estimate(value, value - half, value + half, error, n, over_groups)
