"""Tables of numbers in colours, each number in its cell."""

import numpy as np
import seaborn
from matplotlib import colormaps
from matplotlib.axes import Axes

from oleander.plots import style

NOTHING = "#eeeeee"
"""The colour of a cell without a number."""


def draw_heat_map(
    axes: Axes,
    values: np.ndarray,
    texts: list[list[str]],
    labels: tuple[list[str], list[str]],
    colors: str,
    limits: tuple[float, float],
    size: float = style.NOTE_SIZE,
) -> None:
    """Draw [rows, columns], the first row on top.

    Args:
        axes: to draw into.
        values: what a cell's colour says; NaN cells are pale grey.
        texts: what stands in each cell, in black or white, whichever its colour shows better.
        labels: of the rows and of the columns.
        colors: name of matplotlib's colour map.
        limits: the values of its two ends.
        size: of the numbers, in points.
    """
    rows, columns = labels
    # Numbers are written below: seaborn's own are hard to read on middling colours, and missing where a cell is empty.
    seaborn.heatmap(
        values,
        cmap=colormaps[colors].with_extremes(bad=NOTHING),
        vmin=limits[0],
        vmax=limits[1],
        linewidths=0.5,
        cbar=False,
        xticklabels=columns,
        yticklabels=rows,
        ax=axes,
    )
    axes.set_facecolor(NOTHING)
    axes.tick_params(length=0, labelsize=style.NOTE_SIZE, rotation=0)
    mesh = axes.collections[0]
    # Relative luminance of sRGB; at 0.179 black and white letters have the same contrast (WCAG 2, 1.4.3).
    shades = mesh.to_rgba(np.ma.masked_invalid(values))[..., :3]
    shades = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    light = shades @ (0.2126, 0.7152, 0.0722) > 0.179
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            color = "black" if light[row, column] else "white"
            place = {"ha": "center", "va": "center", "fontsize": size, "color": color, "linespacing": 1.1}
            axes.text(column + 0.5, row + 0.5, text, **place)
