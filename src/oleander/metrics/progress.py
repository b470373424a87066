"""Means and confidence intervals of what is measured over the training of generators, for figures and tables."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from oleander.io.columns import CHECKPOINT_MEASURES, GENUINE, POISON
from oleander.metrics.intervals import mean_interval

GROUPS = ("experiment", "alpha", "lambda_prime", "points", "iteration", "dropout", "poison_fraction")
"""Columns that define a group to average. `points` is `POISON` or the reference `GENUINE`, whose alpha, lambda' and
iteration are empty; `dropout` is that of drawing, `poison_fraction` that of trials."""
SUMMARY = (*GROUPS, "measure", "mean", "low", "high", "n", "runs")
"""Columns of a summary."""

OF_TRAINING = ("classifier_on_poison", "discriminator_on_poison")
"""Measures that training itself takes: they have neither runs nor a dropout of drawing."""
OF_POINTS = tuple(name for name in CHECKPOINT_MEASURES if name not in OF_TRAINING)
"""Measures of drawn points, and of genuine ones as the reference."""


def summarize_progress(measures: pd.DataFrame, trials: pd.DataFrame | None, confidence: float) -> pd.DataFrame:
    """Average over generators and runs.

    Args:
        measures: columns `io.columns.CHECKPOINTS`.
        trials: columns `io.columns.CHECKPOINT_TRIALS`, or None. Trials without poison are the reference; those whose
            status is not "ok" are left out.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        One row per group and measure, columns `SUMMARY`: fractions stay fractions, distances are in the units of the
        points. `mean`, `low`, `high` and `n` are as in `mean_interval`, `runs` is the number of measurements.
    """
    rows = [
        row for experiment, own in measures.groupby("experiment", sort=False) for row in _of_measures(own, confidence)
    ]
    if trials is not None:
        fine = trials[trials["status"] == "ok"].dropna(subset=["error"])
        rows += [
            row for experiment, own in fine.groupby("experiment", sort=False) for row in _of_trials(own, confidence)
        ]
    return pd.DataFrame(rows, columns=list(SUMMARY)).astype({"iteration": "Int64", "dropout": "boolean"})


def _of_measures(own: pd.DataFrame, confidence: float) -> Iterator[dict[str, Any]]:
    genuine, poison = (own[own["points"] == points] for points in (GENUINE, POISON))
    for measure in OF_POINTS:
        yield _row(genuine, measure, confidence, ["experiment", "points"])
    kept = ["experiment", "alpha", "lambda_prime", "points", "iteration"]
    for _, group in poison.groupby(["alpha", "lambda_prime", "iteration"], sort=True):
        for measure in OF_TRAINING:
            yield _row(group.drop_duplicates("generator"), measure, confidence, kept)
        for _, drawn in group.groupby("dropout", sort=True):
            for measure in OF_POINTS:
                yield _row(drawn, measure, confidence, [*kept, "dropout"])


def _of_trials(own: pd.DataFrame, confidence: float) -> Iterator[dict[str, Any]]:
    own = own.assign(points=own["iteration"].isna().map({True: GENUINE, False: POISON}))
    clean, poisoned = (own[own["points"] == points] for points in (GENUINE, POISON))
    if len(clean):
        yield _row(clean, "error", confidence, ["experiment", "points", "poison_fraction"])
    for _, group in poisoned.groupby(["alpha", "lambda_prime", "iteration", "poison_fraction"], sort=True):
        yield _row(
            group,
            "error",
            confidence,
            ["experiment", "alpha", "lambda_prime", "points", "iteration", "poison_fraction"],
        )


def _row(group: pd.DataFrame, measure: str, confidence: float, kept: list[str]) -> dict[str, Any]:
    """The mean of a group that has one value of each column in `kept`."""
    measured = group.dropna(subset=[measure])
    return {
        **{column: group[column].iloc[0] for column in kept},
        "measure": measure,
        **mean_interval(measured[measure], measured["generator"], confidence),
        "runs": len(measured),
    }
