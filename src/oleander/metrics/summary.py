"""Means and confidence intervals of trials, for figures and tables."""

import pandas as pd

from oleander.metrics.intervals import mean_interval

GROUPS = [
    "experiment",
    "evaluation",
    "dataset",
    "stand_in_for",
    "attack",
    "alpha",
    "lambda_prime",
    "poison_fraction",
    "defense",
    "train_points",
]
"""Columns that define a group of trials to average; alpha and lambda' are empty for attacks without training."""
SUMMARY = [*GROUPS, "measure", "mean", "low", "high", "n", "runs"]
"""Columns of a summary."""


def summarize(trials: pd.DataFrame, measures: list[str], confidence: float) -> pd.DataFrame:
    """Average trials over generators and runs.

    Args:
        trials: columns `io.columns.TRIALS`, of one scale. Trials whose status is not "ok" and empty measurements are
            left out.
        measures: columns to average, e.g. `error`; fractions stay fractions.
        confidence: of the interval, e.g. 0.95.

    Returns:
        One row per group and measure, columns `SUMMARY`: `mean`, `low`, `high` and `n` as in `mean_interval`, and
        `runs`, the number of measured trials. A group without measurements has NaN and zeros. Sorted by group, then in
        the order of `measures`.

    Raises:
        ValueError: the trials are of several scales, which `SUMMARY` does not distinguish.
    """
    trials = trials[trials["status"] == "ok"]
    # Empty strings in a CSV are read as NaN; restore them.
    trials = trials.assign(stand_in_for=trials["stand_in_for"].astype(object).fillna(""))
    if trials["scale"].nunique() > 1:
        raise ValueError("trials of several scales cannot share a mean; select one first")
    rows = []
    for values, group in trials.groupby(GROUPS, sort=True, dropna=False):
        for measure in measures:
            measured = group.dropna(subset=[measure])
            rows.append(
                {
                    **dict(zip(GROUPS, values, strict=True)),
                    "measure": measure,
                    **mean_interval(measured[measure], measured["generator"], confidence),
                    "runs": len(measured),
                }
            )
    return pd.DataFrame(rows, columns=SUMMARY)
