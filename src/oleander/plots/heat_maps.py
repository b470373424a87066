"""Heat maps with a text in each cell."""

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
    """Draw a heat map, the first row on top.

    Args:
        axes: axes to draw on.
        values: [rows, columns], shown by colour; NaN cells are pale grey.
        texts: text of each cell, in black or white, whichever has more contrast.
        labels: of the rows and of the columns.
        colors: name of a matplotlib colour map.
        limits: values at the two ends of the colour map.
        size: font size of the texts, in points.
    """
    rows, columns = labels
    # Texts are drawn below: seaborn's have little contrast on medium colours, and are missing in empty cells.
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
    # Relative luminance of sRGB; at 0.179 black and white text have equal contrast (WCAG 2, 1.4.3).
    shades = mesh.to_rgba(np.ma.masked_invalid(values))[..., :3]
    shades = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    light = shades @ (0.2126, 0.7152, 0.0722) > 0.179
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            color = "black" if light[row, column] else "white"
            place = {"ha": "center", "va": "center", "fontsize": size, "color": color, "linespacing": 1.1}
            axes.text(column + 0.5, row + 0.5, text, **place)
