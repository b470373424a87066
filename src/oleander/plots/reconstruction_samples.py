"""Figure of clean and triggered test images, decoded by backdoored autoencoders (BAAAN, Figure 2)."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from oleander.io.columns import CLEAN
from oleander.io.pictures import Reconstructions
from oleander.plots import style
from oleander.plots.samples import draw_block

_LABELS = 0.9
"""Width of the rows' names, in inches."""


def rows_of(reconstructions: Reconstructions) -> dict[str, np.ndarray]:
    """The rows of the figure: name -> images.

    The rows are clean images, decoded clean images, triggered images, and decoded triggered images of each backdoored
    model. The paper does not name the model that decodes the clean images. Here it is the last one: in config.yaml, the
    model with the inverse target, whose backdoor is the hardest to learn.
    """
    backdoored = {model: own for model, own in reconstructions.images.items() if model != CLEAN}
    last = list(backdoored)[-1]
    return {
        "clean": backdoored[last]["clean"],
        f"clean, decoded ({last})": backdoored[last]["clean_decoded"],
        "triggered": backdoored[last]["triggered"],
        **{f"triggered, decoded ({model})": own["triggered_decoded"] for model, own in backdoored.items()},
    }


def plot_reconstructions(
    reconstructions: dict[str, Reconstructions],
    titles: dict[str, str],
    columns: int,
    scale: str,
    withheld: Sequence[str] = (),
) -> Figure:
    """Plot a block per dataset, side by side, with the rows of `rows_of`.

    Args:
        reconstructions: autoencoder -> its saved images.
        titles: autoencoder -> title of its data, from left to right; all have the same backdoored models.
        columns: images in a row.
        scale: name of the scale.
        withheld: titles of data that are not shown, as their images may not be published.

    Raises:
        ValueError: datasets have different rows, or images are not [n, 1 or 3, H, W] in [0, 1].
    """
    blocks = [rows_of(reconstructions[name]) for name in titles]
    if any(list(block) != list(blocks[0]) for block in blocks):
        raise ValueError("datasets with different backdoored models cannot share the rows of a figure")
    row_height = (style.WIDTH - _LABELS) / len(blocks) / columns
    figure = style.new_figure(row_height * len(blocks[0]) + 1.1, "Test images decoded by backdoored autoencoders")
    grid = figure.subplots(len(blocks[0]), len(blocks), squeeze=False)
    for (name, title), block, panels in zip(titles.items(), blocks, grid.T, strict=True):
        for axes, images in zip(panels, block.values(), strict=True):
            draw_block(axes, images, 1, columns, "")
        stand_in = reconstructions[name].stand_in_for
        style.panel_title(panels[0], style.describe(scale, stand_in, title), len(blocks))
    for axes, label in zip(grid[:, 0], blocks[0], strict=True):
        where = {"transform": axes.transAxes, "ha": "right", "va": "center", "fontsize": style.LABEL_SIZE}
        axes.text(-0.03, 0.5, textwrap.fill(label, 12), **where)
    seeds = sorted({reconstructions[name].seed for name in titles})
    style.add_note(
        figure,
        f"Models of seed {', '.join(map(str, seeds))}. In brackets: the target of the decoding model. "
        "Test images are chosen at random." + style.not_shown(withheld),
    )
    return figure
