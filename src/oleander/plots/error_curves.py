"""Figures of victims' and defenses' errors against poison fraction (pGAN, Figures 2 and 4)."""

import pandas as pd
from matplotlib.figure import Figure

from oleander.plots import style
from oleander.plots.lines import ERROR, FRACTION, Line, Panel, describe_trials, plot_lines
from oleander.plots.looks import Looks, look_of

RATES = {
    "false_positive_rate": "False positive\nrate (%)",
    "false_negative_rate": "False negative\nrate (%)",
    "genuine_rejected": "Genuine points\nrejected (%)",
    "poison_rejected": "Poison points\nrejected (%)",
}
"""Measure -> axis label in `plot_rates`, from top to bottom."""


def plot_error_curves(
    trials: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    looks: Looks,
) -> Figure:
    """Plot test error against poison fraction, with a panel per experiment and a line per alpha.

    Args:
        trials: columns `io.columns.TRIALS`; trials whose status is not "ok" are left out.
        titles: experiment -> title of its dataset, in the order of the panels.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        looks: of the alphas, from `oleander.plots.looks.alpha_looks`.

    Raises:
        ValueError: an experiment has several defenses or attacks, or an attack without alpha.
    """
    shape = style.grid_shape(len(titles))
    height = 3.2 * shape[0] + 0.6
    return _plot(trials, titles, scale, confidence, looks, {"error": ERROR}, "Test error under poison", shape, height)


def plot_rates(
    trials: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    looks: Looks,
) -> Figure:
    """Plot the `RATES` against poison fraction, with a row per rate and a column per experiment.

    Arguments and errors are those of `plot_error_curves`.
    """
    shape, height = (len(RATES), len(titles)), 2.0 * len(RATES) + 0.8
    return _plot(trials, titles, scale, confidence, looks, RATES, "Errors and rejections under poison", shape, height)


def _plot(
    trials: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    looks: Looks,
    measures: dict[str, str],
    title: str,
    shape: tuple[int, int],
    height: float,
) -> Figure:
    """Plot a row of panels per measure, with a panel per experiment."""
    trials = trials[trials["experiment"].isin(titles)]
    if trials["alpha"].isna().any():
        raise ValueError("an experiment has trials of an attack without alpha, but each line is an alpha; remove them")
    panels = []
    for at, (measure, label) in enumerate(measures.items()):
        for experiment, dataset_title in titles.items():
            own = trials[trials["experiment"] == experiment]
            lines = [
                Line(look_of(looks, f"{alpha:g}"), line, measure) for alpha, line in own.groupby("alpha", sort=True)
            ]
            panels.append(
                Panel(
                    title=describe_trials(own, dataset_title, scale) if at == 0 else "",
                    lines=lines,
                    x_label=FRACTION if at == len(measures) - 1 else "",
                    y_label=label,
                )
            )
    shown = sorted(trials.loc[trials["status"] == "ok", "alpha"].unique())
    legend = [look_of(looks, f"{alpha:g}") for alpha in shown]
    return plot_lines(title, panels, confidence, legend=legend, shape=shape, height=height)
