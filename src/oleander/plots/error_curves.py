"""Figures of victims' and defenses' errors against poison fraction (pGAN, Figures 2 and 4)."""

from collections.abc import Mapping

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
    controls: Mapping[str, str] | None = None,
) -> Figure:
    """Plot test error against poison fraction, with a panel per experiment, a line per alpha and one of the control.

    Args:
        trials: columns `io.columns.TRIALS`; trials whose status is not "ok" are left out.
        titles: experiment -> title of its dataset, in the order of the panels.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        looks: of the alphas, from `oleander.plots.looks.alpha_looks`, and of each control under its experiment's name.
        controls: experiment -> the experiment that is its control, whose trials are among `trials` as well. A control
            may lack some of the poison fractions.

    Raises:
        ValueError: an experiment has several defenses or attacks, or an attack without alpha.
    """
    shape = style.grid_shape(len(titles))
    height = 3.2 * shape[0] + 0.6
    shown = {"error": ERROR}
    return _plot(trials, titles, scale, confidence, looks, controls, shown, "Test error under poison", shape, height)


def plot_rates(
    trials: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    looks: Looks,
    controls: Mapping[str, str] | None = None,
) -> Figure:
    """Plot the `RATES` against poison fraction, with a row per rate and a column per experiment.

    Arguments and errors are those of `plot_error_curves`.
    """
    shape, height = (len(RATES), len(titles)), 2.0 * len(RATES) + 0.8
    title = "Errors and rejections under poison"
    return _plot(trials, titles, scale, confidence, looks, controls, RATES, title, shape, height)


def _plot(
    trials: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    looks: Looks,
    controls: Mapping[str, str] | None,
    measures: dict[str, str],
    title: str,
    shape: tuple[int, int],
    height: float,
) -> Figure:
    """Plot a row of panels per measure, with a panel per experiment."""
    controls = controls or {}
    attacked = trials[trials["experiment"].isin(titles)]
    if attacked["alpha"].isna().any():
        raise ValueError("an experiment has trials of an attack without alpha, but each line is an alpha; remove them")
    compared = trials[trials["experiment"].isin([controls[name] for name in titles if name in controls])]
    panels = []
    for at, (measure, label) in enumerate(measures.items()):
        for experiment, dataset_title in titles.items():
            own = attacked[attacked["experiment"] == experiment]
            lines = [
                Line(look_of(looks, f"{alpha:g}"), line, measure) for alpha, line in own.groupby("alpha", sort=True)
            ]
            control = compared[compared["experiment"] == controls.get(experiment)]
            if len(control):
                lines.append(Line(look_of(looks, controls[experiment]), control, measure))
            panels.append(
                Panel(
                    title=describe_trials(own, dataset_title, scale) if at == 0 else "",
                    lines=lines,
                    x_label=FRACTION if at == len(measures) - 1 else "",
                    y_label=label,
                )
            )
    measured, beside = (some[some["status"] == "ok"] for some in (attacked, compared))
    legend = [look_of(looks, f"{alpha:g}") for alpha in sorted(measured["alpha"].unique())]
    legend += {
        look["label"]: look for look in (look_of(looks, name) for name in beside["experiment"].unique())
    }.values()
    return plot_lines(title, panels, confidence, legend=legend, shape=shape, height=height)
