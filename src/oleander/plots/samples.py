"""Figures of genuine and poison images side by side (pGAN, Figures 3, 4 and 10-12)."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.io.errors import OleanderError
from oleander.io.pictures import Samples
from oleander.plots import style
from oleander.plots.looks import alpha_label


@dataclass(frozen=True, eq=False)
class SamplePanel:
    """The images of one dataset and one alpha.

    Attributes:
        title: of the dataset.
        stand_in_for: the paper's dataset that this one replaces; None or empty for the paper's own.
        precision: of the generators' training.
        source_class, target_class: their names.
        alpha: of the generator that drew `poison`.
        source, target, poison: [n, C, H, W] in [0, 1], C 1 (grey) or 3 (RGB).
    """

    title: str
    stand_in_for: str | None
    precision: str
    source_class: str
    target_class: str
    alpha: float
    source: np.ndarray
    target: np.ndarray
    poison: np.ndarray

    @classmethod
    def of(cls, samples: Samples, title: str, alpha: float) -> "SamplePanel":
        """The panel of an experiment's saved samples at one alpha, with poison of its first generator.

        Raises:
            OleanderError: no generator at that alpha converged.
        """
        poison = samples.first_generator()
        if alpha not in poison:
            raise OleanderError(
                f"experiment {samples.experiment}: no generator at alpha {alpha:g} converged; see its log"
            )
        return cls(
            title=title,
            stand_in_for=samples.stand_in_for,
            precision=samples.precision,
            source_class=samples.source_class,
            target_class=samples.target_class,
            alpha=alpha,
            source=samples.source,
            target=samples.target,
            poison=poison[alpha],
        )


def plot_genuine_and_poison(panels: list[SamplePanel], rows: int, columns: int, scale: str) -> Figure:
    """Plot a row per dataset: genuine source class, poison, genuine target class (Figures 3 and 4).

    Args:
        panels: one per dataset, from top to bottom.
        rows, columns: of images in a block; missing images stay white.
        scale: name of the scale.

    Raises:
        ValueError: images are not [n, 1 or 3, H, W] in [0, 1].
    """
    height = sum(block_height(panel.source, rows, columns, 3) + 0.62 for panel in panels)
    figure = style.new_figure(height + 0.3, "Genuine and poison images")
    for part, panel in zip(_lines(figure, len(panels)), panels, strict=True):
        described = style.describe(scale, panel.stand_in_for, panel.title, panel.precision)
        part.suptitle(described, fontsize=style.PANEL_SIZE)
        blocks = {
            f"genuine {panel.source_class}": panel.source,
            f"pGAN poison, {alpha_label(panel.alpha)}": panel.poison,
            f"genuine {panel.target_class}": panel.target,
        }
        for axes, (title, images) in zip(part.subplots(1, 3), blocks.items(), strict=True):
            draw_block(axes, images, rows, columns, title)
    return figure


def plot_sample_sheets(panel_by_alpha: dict[float, SamplePanel], rows: int, columns: int, scale: str) -> Figure:
    """Plot genuine images of both classes, then a block of poison per alpha (Figures 10-12).

    Args:
        panel_by_alpha: alpha -> its images, all of one dataset; alphas are shown ascending.
        rows, columns: of images in a block; missing images stay white.
        scale: name of the scale.

    Raises:
        ValueError: there is no panel, or images are not [n, 1 or 3, H, W] in [0, 1].
    """
    if not panel_by_alpha:
        raise ValueError("a sample sheet needs the images of at least one alpha")
    alphas = sorted(panel_by_alpha)
    first = panel_by_alpha[alphas[0]]
    blocks = {
        f"genuine {first.source_class} (source)": first.source,
        f"genuine {first.target_class} (target)": first.target,
        **{f"poison, {alpha_label(alpha)}": panel_by_alpha[alpha].poison for alpha in alphas},
    }
    across = 4 if len(blocks) == 4 or len(blocks) > 6 else 3
    down = -(-len(blocks) // across)
    height = block_height(first.source, rows, columns, across) + 0.34
    described = style.describe(scale, first.stand_in_for, first.title, first.precision)
    title = f"Genuine and poison images: {described}"
    figure = style.new_figure(down * height + 0.35, title)
    places = figure.subplots(down, across, squeeze=False).flat
    for (name, images), axes in zip(blocks.items(), places, strict=False):
        draw_block(axes, images, rows, columns, name)
    for axes in places:
        axes.set_visible(False)
    return figure


def tile(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Tile the first images in reading order, with white gaps between them.

    Args:
        images: [n, C, H, W] in [0, 1], C 1 or 3.
        rows, columns: of the block; missing images stay white.

    Returns:
        float32 [rows * (H + gap) - gap, columns * (W + gap) - gap, C], with a gap of H // 14 pixels, at least one.

    Raises:
        ValueError: another shape, or values outside [0, 1].
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images must be [n, 1 or 3, H, W], got {tuple(images.shape)}")
    if len(images) and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError("images must lie in [0, 1]")
    _, channels, high, wide = images.shape
    gap = max(1, high // 14)
    block = np.ones((rows * (high + gap) - gap, columns * (wide + gap) - gap, channels), dtype=np.float32)
    for at, image in enumerate(images[: rows * columns]):
        top, left = at // columns * (high + gap), at % columns * (wide + gap)
        block[top : top + high, left : left + wide] = image.transpose(1, 2, 0)
    return block


def _lines(figure: Figure, count: int) -> list:
    """Subfigures from top to bottom, so that each row of blocks has its own title."""
    return list(figure.subfigures(count, 1, squeeze=False).flat)


def block_height(images: np.ndarray, rows: int, columns: int, across: int) -> float:
    """Height of a block in inches, if `across` blocks share the figure's width with gaps of 0.2 inches."""
    high, wide, _ = tile(images, rows, columns).shape
    return (style.WIDTH / across - 0.2) * high / wide


def draw_block(axes: Axes, images: np.ndarray, rows: int, columns: int, title: str) -> None:
    """Draw the first images [n, 1 or 3, H, W] in [0, 1] as a block with a title."""
    block = tile(images, rows, columns)
    if block.shape[2] == 1:
        axes.imshow(block[:, :, 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(block, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=style.LABEL_SIZE)
    if not len(images):
        style.say_nothing_to_draw(axes, "no images")
