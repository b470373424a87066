"""Estimates from measurements that share a generator: a bootstrap over generators, each with its runs.

A resample draws as many generators as there are, with replacement, and of each all of its runs as they are: how much
generators' means vary holds already what their runs add to it, and runs drawn anew inside would count that twice, so
that intervals of generators that are alike would be wider than they say by up to two fifths. Where there is one
generator, its runs are drawn. Percentiles of the resamples would be far too narrow for the three to five generators of
an experiment: of three, all agree on a sign by chance once in eight. So the resamples give a standard error alone, and
Student's distribution with one degree of freedom less than there are generators the interval (Hesterberg, What Teachers
Should Know About the Bootstrap, 2015, section 4: the t interval with bootstrap standard error, which is inflated by n /
(n - 1) under the root, since resamples vary too little by that).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

RESAMPLES = 2000
"""The standard error's own error is then below two percent."""


@dataclass(frozen=True)
class Estimate:
    """A number with what is known of its error.

    Attributes:
        value: the statistic of the measurements; NaN if there are none.
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

    def sureness(self) -> float:
        """Confidence that the true value is above 0: one less the p-value of Student's one-sided test against 0.

        NaN where there is no standard error. Measurements that all give the very same value leave no doubt, but 0 is
        not above 0.
        """
        if math.isnan(self.error):
            return math.nan
        if self.error == 0:
            return float(self.value > 0)
        return float(special.stdtr(self.n - 1, self.value / self.error))


def mean_weights(groups: np.ndarray, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Weights that turn rows into means over groups of the groups' means, of all rows and of resampled ones.

    Args:
        groups: [rows], the generator of each. Where all rows are of one group, each counts as a group of its own.
        resamples: how often to draw.
        seed: of the draws.

    Returns:
        The weights [rows] of the rows as they are, those of the resamples [resamples, rows], and the number of groups.
    """
    _names, codes = np.unique(groups, return_inverse=True)
    if codes.max(initial=0) == 0:
        codes = np.arange(len(groups))
    sizes = np.bincount(codes)
    count = len(sizes)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(count, np.full(count, 1 / count), size=resamples)
    own = 1 / (count * sizes[codes])
    return own, drawn[:, codes] * own, count


def bootstrap_estimate(
    values: np.ndarray,
    groups: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    confidence: float,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """A statistic of means, with its interval.

    Args:
        values: float [rows, columns], what was measured together in a row; finite.
        groups: [rows], the generator of each row.
        statistic: from means [..., columns], each over groups of the groups' means, to [...].
        confidence: e.g. 0.95.
        seed: of the resamples; the same seed gives the same numbers.
        resamples: how many.
    """
    if not len(values):
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, True)
    over_groups = len(np.unique(groups)) > 1
    weights, resampled, count = mean_weights(groups, resamples, seed)
    value = float(statistic(weights @ values))
    if count < 2:
        return Estimate(value, math.nan, math.nan, math.nan, count, over_groups)
    # Rows that are all alike differ by rounding alone once they are weighted.
    spread = 0.0 if (values == values[0]).all() else float(np.std(statistic(resampled @ values), ddof=1))
    error = spread * math.sqrt(count / (count - 1))
    half = float(special.stdtrit(count - 1, (1 + confidence) / 2)) * error
    return Estimate(value, value - half, value + half, error, count, over_groups)
