"""Figure of genuine and poison points in the plane, by alpha (pGAN, Figure 1)."""

import numpy as np
from matplotlib.figure import Figure

from oleander.plots import style
from oleander.plots.looks import alpha_label
from oleander.plots.planes import View, draw_points, point_handles, set_view


def plot_points(
    source: np.ndarray,
    target: np.ndarray,
    poison_by_alpha: dict[float, np.ndarray],
    distances: dict[float, tuple[int, float]],
    generators: int,
    class_names: tuple[str, str],
    title: str,
    scale: str,
) -> Figure:
    """Plot a panel per alpha with the genuine points of both classes and the poison.

    All panels show the area around the genuine points. A panel whose poison lies mostly outside has a wider view, which
    its title mentions.

    Args:
        source, target: genuine points [n, 2] of each class.
        poison_by_alpha: alpha -> poison points [n, 2]; alphas are shown ascending.
        distances: alpha -> number of the generator that drew the poison, and its energy distance from genuine points.
        generators: the largest number of generators of one alpha, of which that with the median distance is shown.
        class_names: names of source and target class.
        title: of the data, from `style.name_data`.
        scale: name of the scale.
    """
    rows, columns = style.grid_shape(len(poison_by_alpha))
    heading = "Genuine and poison points"
    if generators > 1:
        heading = f"Poison of the generator with the median distance of {style.number_word(generators)}"
    figure = style.new_figure(2.9 * rows + 0.8, f"{heading}: {style.describe(scale, None, title)}")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    shared = View.around(source, target)
    for alpha, axes in zip(sorted(poison_by_alpha), panels, strict=False):
        poison = poison_by_alpha[alpha]
        draw_points(axes, "source", source, 3)
        draw_points(axes, "target", target, 3)
        draw_points(axes, "poison", poison, 3)
        note = set_view(axes, shared, poison) if len(poison) else "no poison points"
        style.tidy(axes, "x₀", "x₁")
        generator, distance = distances[alpha]
        style.panel_title(
            axes, f"{alpha_label(alpha)}: generator {generator}, energy distance {distance:.3f}\n{note}", columns
        )
    for axes in panels:
        axes.set_visible(False)
    style.outside_legend(figure, point_handles(class_names), columns=3)
    return figure
