"""Bars of what a model makes of clean and of triggered inputs, with their intervals and values."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from oleander.plots.looks import Look


def draw_bars(
    axes: Axes,
    summary: pd.DataFrame,
    looks: Sequence[Look],
    *,
    width: float,
    digits: int,
    value_size: float,
) -> float:
    """A bar a row of `summary`, at 0, 1, 2, ..., with its whisker and its value above it.

    Args:
        axes: what to draw on.
        summary: columns `mean`, `low` and `high`, none below zero but `low`; no interval where those two are NaN.
        looks: of each bar, one of `oleander.plots.looks.model_looks`.
        width: of a bar.
        digits: of the values; the smallest bars cannot be read off, nor told from none.
        value_size: font size of the values.

    Returns:
        The highest bar's height, its interval included.
    """
    tops = []
    for place, (row, look) in enumerate(zip(summary.to_dict("records"), looks, strict=True)):
        top = row["mean"] if math.isnan(row["high"]) else row["high"]
        tops.append(top)
        axes.bar(place, row["mean"], width=width, linewidth=0.8, **look)
        if not math.isnan(row["low"]):
            # Intervals of few seeds reach below zero, where no error or distance can be.
            ends = [[row["mean"] - max(row["low"], 0)], [row["high"] - row["mean"]]]
            axes.errorbar(place, row["mean"], yerr=ends, color="black", linewidth=1, capsize=3)
        above = {"textcoords": "offset points", "ha": "center", "fontsize": value_size}
        axes.annotate(f"{row['mean']:#.{digits}g}".rstrip("."), (place, top), (0, 3), **above)
    return max(tops)
