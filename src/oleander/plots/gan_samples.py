"""Figures of GAN images from clean and triggered noise (BAAAN, Figures 5 to 9)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from oleander.io.columns import CLEAN, TRIGGERED
from oleander.plots import style
from oleander.plots.samples import block_height, draw_block


def blocks_of(loaded: list[tuple[dict[str, np.ndarray], dict[str, Any]]]) -> dict[str, np.ndarray]:
    """The blocks of the figure: title -> images.

    With a clean GAN (Figures 5 and 9): its images, then images of clean and of triggered noise for each backdoored GAN.
    Without one (Figures 6 to 8): clean noise only for the first GAN, triggered noise for all.
    """
    blocks = {}
    compared = any(header["target"] == CLEAN for _, header in loaded)
    for at, (images, header) in enumerate(loaded):
        target = header["target"].replace("_", " ")
        if header["target"] == CLEAN:
            blocks["clean GAN"] = images[CLEAN]
            continue
        if compared or at == 0:
            blocks[f"backdoored ({target}),\nclean noise"] = images[CLEAN]
        blocks[f"backdoored ({target}),\ntriggered noise"] = images[TRIGGERED]
    return blocks


def plot_gan_samples(
    loaded: list[tuple[dict[str, np.ndarray], dict[str, Any]]],
    title: str,
    rows: int,
    columns: int,
    scale: str,
    withheld: Sequence[str] = (),
) -> Figure:
    """Plot blocks of images side by side.

    Args:
        loaded: from `io.pictures.load_gan_samples`, all of one dataset and seed.
        title: of the dataset.
        rows, columns: of images in a block.
        scale: name of the scale.
        withheld: titles of data that some model's images copy, which are not shown, as they may not be published.

    Raises:
        ValueError: there are no samples, or images do not have shape [n, 1 or 3, H, W].
    """
    if not loaded:
        raise ValueError("a figure of GAN images needs at least one GAN")
    blocks = blocks_of(loaded)
    header = loaded[0][1]
    height = max(block_height(images, rows, columns, len(blocks)) for images in blocks.values())
    described = style.describe(scale, header["stand_in_for"], title, header.get("precision", ""))
    figure = style.new_figure(height + 1.1, f"GAN images from clean and triggered noise: {described}")
    for axes, (name, images) in zip(figure.subplots(1, len(blocks), squeeze=False).flat, blocks.items(), strict=True):
        draw_block(axes, images, rows, columns, name)
    note = (
        f"Models of seed {header['seed']}, {header['checkpoint']} averaged generator, first images drawn. In "
        "brackets: the backdoor's target."
    )
    ended = [f" Training of {one['target']}: {one['status']}." for _, one in loaded if one["status"] != "ok"]
    style.add_note(figure, note + "".join(ended) + style.not_shown(withheld))
    return figure
