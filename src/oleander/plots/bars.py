"""Bars with intervals and values, for models on clean and triggered inputs."""

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
    """Draw a bar per row of `summary` at x = 0, 1, 2, ..., with its interval and its value above it.

    Args:
        axes: axes to draw on.
        summary: columns `mean`, `low` and `high`. Only `low` may be negative; NaN for `low` and `high` draws no
            interval.
        looks: one per bar, from `oleander.plots.looks.model_looks`.
        width: width of a bar.
        digits: significant digits of the values, which make small bars readable.
        value_size: font size of the values.

    Returns:
        The height of the highest bar, including its interval.
    """
    tops = []
    for place, (row, look) in enumerate(zip(summary.to_dict("records"), looks, strict=True)):
        top = row["mean"] if math.isnan(row["high"]) else row["high"]
        tops.append(top)
        axes.bar(place, row["mean"], width=width, linewidth=0.8, **look)
        if not math.isnan(row["low"]):
            # Intervals of few seeds may reach below zero; errors and distances cannot.
            ends = [[row["mean"] - max(row["low"], 0)], [row["high"] - row["mean"]]]
            axes.errorbar(place, row["mean"], yerr=ends, color="black", linewidth=1, capsize=3)
        above = {"textcoords": "offset points", "ha": "center", "fontsize": value_size}
        axes.annotate(f"{row['mean']:#.{digits}g}".rstrip("."), (place, top), (0, 3), **above)
    return max(tops)
