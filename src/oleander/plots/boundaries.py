"""Figure of decision boundaries in the plane before and after poisoning (pGAN, Figure 9)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from oleander.metrics.intervals import mean_interval
from oleander.metrics.representative import median_generator
from oleander.plots import style
from oleander.plots.looks import alpha_label
from oleander.plots.planes import KINDS, View, draw_points, point_handles, set_view

CONDITIONS = {
    "clean": {"color": style.GREY, "linestyle": "--", "linewidth": 1.6},
    "poisoned": {"color": "black", "linestyle": "-", "linewidth": 1.8},
}
"""Looks of the boundaries before and after poisoning."""


def plot_boundaries(
    boundaries: pd.DataFrame,
    points: pd.DataFrame,
    class_names: tuple[str, str],
    title: str,
    scale: str,
    confidence: float,
) -> Figure:
    """Plot a panel per alpha with the training points and the boundaries weight0 x0 + weight1 x1 + bias = 0.

    Of several generators, the one with the median test error after poisoning is shown; the panel's title has the mean
    errors of all.

    Args:
        boundaries: columns alpha, generator, condition (`CONDITIONS`), weight0, weight1, bias and error (test error as
            a fraction), one row per alpha, generator and condition. Weights that are not finite or all zero draw no
            line.
        points: columns alpha, generator, kind (source, target or poison), x0, x1.
        class_names: names of source and target class.
        title: of the data, from `style.name_data`.
        scale: name of the scale.
        confidence: of the intervals of mean errors, e.g. 0.95.

    Raises:
        ValueError: an alpha, generator and condition have several rows.
    """
    if boundaries.duplicated(["alpha", "generator", "condition"]).any():
        raise ValueError("several boundaries of one alpha, generator and condition; select one first")
    generators = int(boundaries.groupby("alpha")["generator"].nunique().max())
    every = {alpha: own for alpha, own in boundaries.groupby("alpha")}
    chosen = {alpha: _median_generator(own) for alpha, own in every.items()}
    boundaries, points = (table[table["generator"] == table["alpha"].map(chosen)] for table in (boundaries, points))
    alphas = sorted(boundaries["alpha"].unique())
    rows, columns = style.grid_shape(len(alphas))
    heading = "Boundary before and after poisoning"
    if generators > 1:
        heading = f"Boundaries, generator with the median error of {style.number_word(generators)}"
    figure = style.new_figure(2.9 * rows + 0.9, f"{heading}: {style.describe(scale, None, title)}")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    shared = View.around(points.loc[points["kind"] != "poison", ["x0", "x1"]].to_numpy())
    for alpha, axes in zip(alphas, panels, strict=False):
        own = points[points["alpha"] == alpha]
        for kind in KINDS:
            draw_points(axes, kind, own.loc[own["kind"] == kind, ["x0", "x1"]].to_numpy(), 5)
        note = set_view(axes, shared, own.loc[own["kind"] == "poison", ["x0", "x1"]].to_numpy())
        found = boundaries[boundaries["alpha"] == alpha].set_index("condition")
        for condition in CONDITIONS:
            if condition in found.index:
                _draw_boundary(axes, found.loc[condition], condition)
        errors = found["error"].reindex(list(CONDITIONS))
        before, after = ("?" if np.isnan(error) else f"{error * 100:.1f} %" for error in errors)
        heading = f"{alpha_label(alpha)}: test error {before} → {after}"
        if generators > 1:
            heading += f"\n{_mean_errors(every[alpha], confidence)}"
        style.tidy(axes, "x₀", "x₁")
        style.panel_title(axes, f"{heading}\n{note}", columns)
    for axes in panels:
        axes.set_visible(False)
    lines = [Line2D([], [], label=f"boundary, {condition}", **look) for condition, look in CONDITIONS.items()]
    source, target, poison = point_handles(class_names)
    style.outside_legend(figure, [source, target, *lines, poison], columns=3)
    return figure


def _median_generator(boundaries: pd.DataFrame) -> int:
    """Of one alpha's generators, that with the median error after poisoning; the first if all victims diverged."""
    poisoned = boundaries[boundaries["condition"] == "poisoned"].dropna(subset=["error"])
    if poisoned.empty:
        return int(boundaries["generator"].min())
    return median_generator(poisoned["error"], poisoned["generator"])


def _mean_errors(boundaries: pd.DataFrame, confidence: float) -> str:
    """Mean errors of all generators with their intervals, e.g. "mean: 8.1 [7.9–8.3] → 23.4 [20.1–26.7] %"."""
    cells = []
    for condition in CONDITIONS:
        own = boundaries[boundaries["condition"] == condition].dropna(subset=["error"])
        found = mean_interval(100 * own["error"], own["generator"], confidence)
        interval = "" if np.isnan(found["low"]) else f" [{found['low']:.1f}–{found['high']:.1f}]"
        cells.append("?" if np.isnan(found["mean"]) else f"{found['mean']:.1f}{interval}")
    return f"mean: {' → '.join(cells)} %"


def _draw_boundary(axes: Axes, boundary: pd.Series, condition: str) -> None:
    """Draw a boundary across the whole panel, through its point nearest to the origin."""
    weights = boundary[["weight0", "weight1"]].to_numpy(dtype=float)
    bias, length = float(boundary["bias"]), float(weights @ weights)
    if not np.isfinite([*weights, bias]).all() or length == 0:
        return
    nearest = -bias * weights / length
    along = np.array([-weights[1], weights[0]]) / np.sqrt(length)
    axes.axline(tuple(nearest), tuple(nearest + along), label=condition, zorder=3, **CONDITIONS[condition])
