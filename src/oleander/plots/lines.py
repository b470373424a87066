"""Line plots of means with confidence intervals against a column of the trials."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.io.tables import recorded_precision
from oleander.metrics.summary import GROUPS, SUMMARY, summarize
from oleander.plots import style
from oleander.plots.looks import Look

ERROR, FRACTION = "Test error (%)", "Poison fraction (%)"

_NARROW = 12
"""Characters in a label that fit into a legend next to two panels."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a panel.

    Attributes:
        look: from `oleander.plots.looks`; its label is shown in the legend.
        trials: columns `io.columns.TRIALS`; trials whose status is not "ok" are left out. They may differ only in the
            panel's x, in generator and in run.
        measure: the column shown, a fraction in [0, 1].
    """

    look: Look
    trials: pd.DataFrame
    measure: str = "error"

    @property
    def label(self) -> str:
        """Label in the legend."""
        return self.look["label"]


@dataclass(frozen=True, eq=False)
class Panel:
    """Lines that share axes.

    Attributes:
        title: above the panel; may be empty.
        lines: at least one.
        x: the column on the x axis, one of `metrics.summary.GROUPS`.
        x_label, y_label: of the axes; y is always in percent.
        x_in_percent: whether x is a fraction to show in percent.
    """

    title: str
    lines: Sequence[Line]
    x: str = "poison_fraction"
    x_label: str = FRACTION
    y_label: str = ERROR
    x_in_percent: bool = True


def plot_lines(
    title: str,
    panels: Sequence[Panel],
    confidence: float,
    note: str = "",
    legend: Iterable[Look] | None = None,
    shape: tuple[int, int] | None = None,
    height: float | None = None,
) -> Figure:
    """Plot panels in reading order, with one legend if panels share labels, else a legend under each panel.

    Args:
        title: of the figure; it or the panels' titles name data and scale (`describe_trials`).
        panels: at least one.
        confidence: of the error bars, e.g. 0.95.
        note: text to add to the explanation of the bars.
        legend: looks in a single legend, even if no labels are shared. Default: the looks of all lines.
        shape: rows and columns of panels. Default: `style.grid_shape`.
        height: in inches. Default: fits the rows of panels and their legends.

    Raises:
        ValueError: a panel has two lines of one label, or a line has several values at one x.
    """
    rows, columns = shape or style.grid_shape(len(panels))
    labels = [label for panel in panels for label in dict.fromkeys(line.label for line in panel.lines)]
    shared = legend is not None or len(panels) == 1 or len(set(labels)) < len(labels)
    if height is None:
        height = 3.2 * rows + 0.6
        if not shared:
            # Make room for the legends under the panels; a line of text is 0.2 inches high.
            texts = ["\n".join(style.break_label(line.label) for line in panel.lines) for panel in panels]
            height += 0.2 * rows * (1 + max(text.count("\n") + 1 for text in texts))
    figure = style.new_figure(height, title)
    places = figure.subplots(rows, columns, squeeze=False).flat
    cut = False
    for axes, panel in zip(places, panels, strict=False):
        cut |= draw_lines(axes, panel, confidence)
        style.panel_title(axes, panel.title, columns)
        if not shared:
            style.panel_legend(axes, [line.look for line in panel.lines])
    for axes in places:
        axes.set_visible(False)
    note = " ".join(filter(None, (explain_bars(panels, confidence, cut), note)))
    if legend is None:
        legend = {line.label: line.look for panel in panels for line in panel.lines}.values()
    if shared and (columns > 2 or max(map(len, labels), default=0) > _NARROW):
        style.line_legend(figure, legend, note)
    else:
        if shared:
            style.line_legend(figure, legend)
        style.add_note(figure, note)
    return figure


def draw_lines(axes: Axes, panel: Panel, confidence: float) -> bool:
    """Draw a panel's lines and label its axes; True if a bar is cut at 0 or 100 %.

    Raises:
        ValueError: as `plot_lines` does.
    """
    labels = [line.label for line in panel.lines]
    if len(set(labels)) < len(labels):
        raise ValueError(f"several lines of one label in a panel: {', '.join(labels)}; give each its own label")
    factor = 100 if panel.x_in_percent else 1
    summaries = {line.label: _summarize_line(line, panel.x, confidence) for line in panel.lines}
    style.tidy(axes, panel.x_label, panel.y_label)
    # An empty frame has no dtypes and would change those of the others.
    found = [summary for summary in summaries.values() if len(summary)]
    every = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=SUMMARY)
    places = np.sort(every[panel.x].unique()) * factor
    every = every.dropna(subset=["mean"])
    if every.empty:
        style.say_nothing_to_draw(axes, "no trial was measured")
        return False
    drawn = [(line.look, summaries[line.label]) for line in panel.lines if summaries[line.label]["mean"].notna().any()]
    # Shift lines sideways, by a quarter of the smallest gap in all, so that their bars do not overlap.
    gap = np.diff(places).min() if len(places) > 1 else 1.0
    for (look, line), shift in zip(drawn, np.linspace(-gap / 8, gap / 8, len(drawn) + 2)[1:-1], strict=True):
        line = line.dropna(subset=["mean"]).sort_values(panel.x)
        # A share cannot be less than none or more than all, which a Student interval does not know.
        mean, low, high = (line[name].clip(0, 1).to_numpy() * 100 for name in ("mean", "low", "high"))
        axes.errorbar(
            line[panel.x].to_numpy() * factor + shift,
            mean,
            yerr=[mean - low, high - mean],
            capsize=2,
            elinewidth=0.9,
            **style.line_style(look),
        )
    top = max(100 * every[["mean", "high"]].clip(upper=1).max(axis=None), 1) * 1.05
    axes.set_ylim(-0.03 * top, top)
    axes.set_xlim(places[0] - gap / 4, places[-1] + gap / 4)
    names = [f"{place:g}" for place in places]
    if len(places) <= 6 and _have_room(places, names):
        axes.set_xticks(places, names)
    return bool((every["low"] < 0).any() or (every["high"] > 1).any())


def _have_room(places: np.ndarray, names: list[str]) -> bool:
    """Are tick labels at these places separate in a panel of a third of the figure's width?"""
    sizes = np.array([len(name) for name in names])
    # Such a panel holds about 30 digits; neighbours need half of each length plus one digit between them.
    needed = ((sizes[1:] + sizes[:-1]) / 2 + 1) / 30
    return bool((np.diff(places) >= needed * np.ptp(places)).all())


def _summarize_line(line: Line, x: str, confidence: float) -> pd.DataFrame:
    """A line's means and intervals, one row per value of x.

    Raises:
        ValueError: the trials differ in more than x, or have no x.
    """
    # Each value of x may have its own experiment or evaluation; the other columns hold their settings.
    for column in sorted(set(GROUPS) - {x, "experiment", "evaluation"}):
        if line.trials[column].nunique(dropna=False) > 1:
            raise ValueError(f"line '{line.label}' has trials of several values of {column}; select one first")
    if line.trials[x].isna().any():
        raise ValueError(f"line '{line.label}' has trials without {x}, the column of the x axis; remove them first")
    summary = summarize(line.trials, [line.measure], confidence)
    if summary.duplicated([x]).any():
        raise ValueError(
            f"line '{line.label}' has trials of several experiments or evaluations at one {x}; select one first"
        )
    return summary


def explain_bars(panels: Sequence[Panel], confidence: float, cut: bool) -> str:
    """A note that explains the error bars and counts the trials left out."""
    generators = [
        count
        for panel in panels
        for line in panel.lines
        for count in line.trials[line.trials["status"] == "ok"].groupby(panel.x)["generator"].nunique()
    ]
    fewest, most = (min(generators), max(generators)) if generators else (0, 0)
    # Attacks without training have repetitions instead of generators.
    untrained = any(line.trials["alpha"].isna().any() for panel in panels for line in panel.lines)
    one, many = ("generator or repetition", "generators or repetitions") if untrained else ("generator", "generators")
    if most <= 1:
        over = f"the runs of one {one}"
    elif fewest == 1:
        over = f"{many} (up to {most}), or over runs if there is one {one}"
    else:
        over = f"{most} {many}" if fewest == most else f"{fewest} to {most} {many}"
    note = f"Error bars: {confidence * 100:g} % Student interval of the mean over {over}"
    note += ", cut at 0 and 100 %." if cut else "."
    # Two lines may show two measures of the same trials.
    shown = [line.trials for panel in panels for line in panel.lines if len(line.trials)]
    return " ".join(filter(None, (note, count_left_out(pd.concat(shown).drop_duplicates()) if shown else "")))


def count_left_out(trials: pd.DataFrame) -> str:
    """A sentence that counts diverged trials; empty if there are none."""
    diverged = int((trials["status"] != "ok").sum())
    return f"{diverged} of {len(trials)} trials diverged and are left out." if diverged else ""


def describe_trials(trials: pd.DataFrame, dataset_title: str, scale: str) -> str:
    """Data and scale of trials, e.g. "embedded digits in place of MNIST - demo scale".

    Raises:
        ValueError: the trials are of several datasets, or of a dataset and its stand-in.
    """
    if trials["dataset"].nunique() > 1:
        raise ValueError(f"trials of several datasets cannot share the title {dataset_title}; select one first")
    # The empty string of real data is read as NaN from a CSV.
    stand_ins = set(trials["stand_in_for"].astype(object).fillna(""))
    if len(stand_ins) > 1:
        raise ValueError(f"trials of {dataset_title} are of real data and of a stand-in; select one first")
    return style.describe(scale, next(iter(stand_ins), None), dataset_title, recorded_precision(trials))


def select_fraction(trials: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """The trials at one poison fraction."""
    return trials[np.isclose(trials["poison_fraction"], fraction, rtol=0, atol=1e-9)]
