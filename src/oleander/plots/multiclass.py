"""Figure of an attack that causes one specific error in a multi-class classifier (pGAN, Figure 7)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.metrics.summary import GROUPS
from oleander.plots import style
from oleander.plots.heat_maps import draw_heat_map
from oleander.plots.lines import Line, Panel, describe_trials, draw_lines, explain_bars
from oleander.plots.looks import measure_looks

_OWN = ("true_class", "predicted_class")


def plot_multiclass(
    trials: pd.DataFrame,
    confusion: pd.DataFrame,
    classes: tuple[str, str],
    dataset_title: str,
    scale: str,
    confidence: float,
) -> Figure:
    """Plot error rates against poison fraction (left) and the change of the confusion matrix (right).

    Args:
        trials: columns `io.columns.TRIALS`, of one dataset, defense and alpha.
        confusion: as in `confusion_difference`.
        classes: names of source and target class.
        dataset_title: title of the dataset.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.

    Raises:
        ValueError: trials or confusion matrices differ in more than poison fraction, generator and run.
    """
    data = [name for name in ("dataset", "stand_in_for", "precision") if name in trials]
    described = describe_trials(pd.concat([trials[data], confusion[data]]), dataset_title, scale)
    figure = style.new_figure(4.7, f"All classes: {described}")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    source, target = classes
    looks = measure_looks({"error": "overall error", "source_as_target": f"{source} predicted as {target}"})
    panel = Panel("Test error", [Line(look, trials, measure) for measure, look in looks.items()])
    cut = draw_lines(left, panel, confidence)
    style.panel_title(left, panel.title, 2)
    style.panel_legend(left, looks.values())
    _draw_difference(right, confusion)
    style.add_note(figure, explain_bars([panel], confidence, cut))
    return figure


def confusion_difference(confusion: pd.DataFrame) -> pd.DataFrame:
    """The mean confusion matrix at the largest poison fraction minus that without poison.

    Args:
        confusion: columns `metrics.summary.GROUPS`, generator, run, true_class, predicted_class (names) and share, the
            fraction in [0, 1] of the true class's test points. One dataset, attack, alpha and defense.

    Returns:
        Percentage points, true class by predicted class, in the order of the true classes. Means are over the
        generators' means, as in `metrics.intervals.mean_interval`. Empty without matrices of both kinds.

    Raises:
        ValueError: confusion matrices differ in more than poison fraction, generator and run.
    """
    for column in GROUPS:
        if column != "poison_fraction" and confusion[column].nunique(dropna=False) > 1:
            raise ValueError(f"confusion matrices of several values of {column}; select one first")
    # The names of digits are read as numbers from a CSV.
    confusion = confusion.astype(dict.fromkeys(_OWN, str))
    names = confusion["true_class"].unique()
    fractions = confusion["poison_fraction"]
    if not ((fractions == 0).any() and (fractions > 0).any()):
        return pd.DataFrame()
    poisoned, clean = (
        confusion[fractions == fraction]
        .groupby([*_OWN, "generator"])["share"]
        .mean()
        .groupby(list(_OWN))
        .mean()
        .unstack()
        .reindex(index=names, columns=names)
        for fraction in (fractions.max(), 0)
    )
    return 100 * (poisoned - clean)


def _draw_difference(axes: Axes, confusion: pd.DataFrame) -> None:
    difference = confusion_difference(confusion)
    if difference.empty:
        style.say_nothing_to_draw(axes, "no trial was measured")
        axes.set_axis_off()
        return
    values = difference.to_numpy()
    texts = [["" if np.isnan(value) else _write(value) for value in row] for row in values]
    names = list(difference.index)
    most = max(np.nanmax(np.abs(values)), 0.1)
    # Half a figure has room for ten cells with numbers of 8 points.
    size = min(style.NOTE_SIZE, 80 / len(names))
    draw_heat_map(axes, values, texts, (names, names), "RdBu_r", (-most, most), size)
    axes.set_xlabel("Predicted class", fontsize=style.LABEL_SIZE)
    axes.set_ylabel("True class", fontsize=style.LABEL_SIZE)
    largest = 100 * confusion["poison_fraction"].max()
    style.panel_title(axes, f"Change at {largest:g} % poison, percentage points", 2)


def _write(value: float) -> str:
    """A number with its sign, because colours do not show it in grey print."""
    rounded = f"{value:+.1f}"
    return "0" if float(rounded) == 0 else rounded.replace("-", "−")
