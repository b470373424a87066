"""Effects of poison: differences of trials of one generator and run, which share data and seeds.

The raw effect is against the victim without poison, the net effect against a control that takes as many genuine points
away. Only the net effect is the poison's doing.
"""

from collections.abc import Mapping

import pandas as pd

from oleander.metrics.summary import SUMMARY, summarize

RAW, NET = "raw", "net"
EFFECTS = ("error", "false_positive_rate", "false_negative_rate")
"""Measures whose effects are summarized."""
PAIRED = ("generator", "run")
"""Columns of trials that share data and seeds, whatever the attack."""

_TESTED = ["evaluation", "dataset", "defense", "train_points"]


def summarize_effects(trials: pd.DataFrame, controls: Mapping[str, str], confidence: float) -> pd.DataFrame:
    """Average the effects of poison on the `EFFECTS`, over generators and runs.

    Args:
        trials: columns `io.columns.TRIALS`, of one scale, those of the controls among them.
        controls: experiment -> the experiment that is its control, of an attack without alpha.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        Columns `metrics.summary.SUMMARY`, one row per group with poison and measure: "raw_error" and so on for every
        experiment, "net_error" and so on for those with a control. Fractions, which may be negative. `runs` counts
        the pairs; groups without any are left out.

    Raises:
        ValueError: several trials could be subtracted from one.
    """
    measures, poisoned = list(EFFECTS), trials[trials["poison_fraction"] > 0]
    own = [*_TESTED, "experiment", "alpha", "lambda_prime"]
    differences = {RAW: subtract_trials(poisoned, trials[trials["poison_fraction"] == 0], own, measures)}
    net = [
        subtract_trials(
            poisoned[poisoned["experiment"] == experiment],
            trials[trials["experiment"] == control],
            [*_TESTED, "poison_fraction"],
            measures,
        )
        for experiment, control in controls.items()
    ]
    if net:
        differences[NET] = pd.concat(net)
    found = []
    for kind, difference in differences.items():
        summary = summarize(difference, measures, confidence)
        found.append(summary.assign(measure=f"{kind}_" + summary["measure"]))
    # An empty frame has no dtypes and would change those of the others.
    found = [summary[summary["runs"] > 0] for summary in found if (summary["runs"] > 0).any()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=SUMMARY)


def subtract_trials(trials: pd.DataFrame, others: pd.DataFrame, same: list[str], measures: list[str]) -> pd.DataFrame:
    """Trials with the measures of their partners subtracted from their own.

    Args:
        trials: columns `io.columns.TRIALS`.
        others: the same columns; trials whose status is not "ok" are no partners.
        same: columns that partners have in common besides `PAIRED`; empty equals empty.
        measures: columns to subtract.

    Returns:
        `trials` with differences in place of the measures; NaN without a partner.

    Raises:
        ValueError: a trial has several partners.
    """
    keys = [*same, *PAIRED]
    others = others.loc[others["status"] == "ok", [*keys, *measures]]
    if others.duplicated(keys).any():
        raise ValueError(f"several trials of one {' and '.join(PAIRED)} could be subtracted; select one first")
    paired = trials[keys].merge(others, how="left", on=keys)
    return trials.assign(**{name: trials[name].to_numpy() - paired[name].to_numpy() for name in measures})
