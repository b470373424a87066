"""Means and intervals of trials, as figures and tables both report them."""

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
"""What trials have in common that are averaged; alpha and lambda' are empty for attacks that train nothing."""
SUMMARY = [*GROUPS, "measure", "mean", "low", "high", "n", "runs"]
"""Columns of a summary."""


def summarize(trials: pd.DataFrame, measures: list[str], confidence: float) -> pd.DataFrame:
    """Average trials over generators and runs.

    Args:
        trials: `io.columns.TRIALS`, of one scale. Trials whose status is not "ok" are left out, and so are
            measurements that are empty.
        measures: columns to average, e.g. `error`; fractions stay fractions.
        confidence: of the interval, e.g. 0.95.

    Returns:
        One row a group and measure, columns `SUMMARY`: `mean`, `low`, `high` and `n` as `mean_interval` gives them,
        `runs` the number of trials measured. A group without measurements has NaN and zeros. Sorted by group, then in
        the order of `measures`.

    Raises:
        ValueError: trials of several scales, which no column would tell apart.
    """
    trials = trials[trials["status"] == "ok"]
    # A CSV brings the empty string of real data back as NaN, which would drop out of the groups.
    trials = trials.assign(stand_in_for=trials["stand_in_for"].astype(object).fillna(""))
    if trials["scale"].nunique() > 1:
        raise ValueError("trials of several scales cannot share a mean; select one of them first")
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
