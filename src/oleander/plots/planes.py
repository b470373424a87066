"""Drawing genuine and poison points in the plane."""

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from oleander.plots import looks, style

KINDS = {
    "source": {"color": looks.BLUE, "marker": "o", "markerfacecolor": "none"},
    "target": {"color": looks.GREEN, "marker": "^", "markeredgecolor": "none"},
    "poison": {"color": looks.RED, "marker": "x"},
}
"""Looks of the points: open circles, filled triangles and crosses also differ in grey print."""

_MARGIN = 0.15


@dataclass(frozen=True)
class View:
    """The part of the plane that a panel shows: (low, high) of each axis."""

    x: tuple[float, float]
    y: tuple[float, float]

    @classmethod
    def around(cls, *points: np.ndarray) -> "View":
        """The box around points [n, 2], with a margin."""
        every = np.concatenate(points)
        low, high = every.min(0), every.max(0)
        margin = _MARGIN * np.where(high > low, high - low, 1)
        low, high = low - margin, high + margin
        return cls((float(low[0]), float(high[0])), (float(low[1]), float(high[1])))

    def outside(self, points: np.ndarray) -> int:
        """The number of points [n, 2] outside the view."""
        (left, right), (bottom, top) = self.x, self.y
        x, y = points.T
        return len(points) - int(((x >= left) & (x <= right) & (y >= bottom) & (y <= top)).sum())


def set_view(axes: Axes, shared: View, poison: np.ndarray) -> str:
    """Set a panel's view: the shared view or, if it misses most of the poison, a wider view with all of it.

    A shared wider view would squeeze the genuine points of every panel into a corner.

    Returns:
        A note for the panel's title; empty if the shared view shows everything.
    """
    missed = shared.outside(poison)
    view, note = shared, f"{missed} of {len(poison)} poison points outside the view" if missed else ""
    if missed > len(poison) / 2:
        view = View.around(poison, np.array([shared.x, shared.y]).T)
        note = "wider view; dotted box: genuine points"
        corner = (shared.x[0], shared.y[0])
        axes.add_patch(
            Rectangle(
                corner,
                shared.x[1] - shared.x[0],
                shared.y[1] - shared.y[0],
                fill=False,
                edgecolor=style.GREY,
                linestyle=":",
                linewidth=1.2,
                zorder=4,
            )
        )
    axes.set_xlim(*view.x)
    axes.set_ylim(*view.y)
    return note


def draw_points(axes: Axes, kind: str, points: np.ndarray, size: float) -> None:
    """Draw points [n, 2] in the look of their kind, with markers `size` points wide."""
    look = {**KINDS[kind], "markersize": size, "linestyle": "none", "markeredgewidth": max(0.7, size / 4)}
    axes.plot(points[:, 0], points[:, 1], label=kind, **look)


def point_handles(class_names: tuple[str, str]) -> list[Artist]:
    """Legend entries for the three kinds of points."""
    names = {
        "source": f"genuine {class_names[0]} (source)",
        "target": f"genuine {class_names[1]} (target)",
        "poison": f"poison, labelled {class_names[1]}",
    }
    return [Line2D([], [], linestyle="none", markersize=5.5, label=name, **KINDS[kind]) for kind, name in names.items()]
