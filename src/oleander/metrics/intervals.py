"""Confidence intervals for measurements that share a generator."""

import math

import numpy as np
import pandas as pd
from scipy import special


def mean_interval(values: pd.Series, groups: pd.Series, confidence: float) -> dict[str, float]:
    """Mean over groups of the groups' means, with a Student interval over groups.

    Runs that share a generator are not independent of each other, generators are: the interval is over generators. With
    a single group there is nothing to tell generators apart by, so it is over that group's runs, and says so by `n`.

    Args:
        values: the measurements.
        groups: the generator of each.
        confidence: e.g. 0.95.

    Returns:
        `mean`, `low`, `high` (NaN where there is one value alone), and `n`, the number of independent values.
    """
    means = values.groupby(groups.to_numpy()).mean().to_numpy()
    independent = means if len(means) > 1 else values.to_numpy()
    n = len(independent)
    mean = float(np.mean(independent)) if n else math.nan
    if n < 2:
        return {"mean": mean, "low": math.nan, "high": math.nan, "n": n}
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2) * np.std(independent, ddof=1) / math.sqrt(n))
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n}
