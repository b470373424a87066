"""Figure of the training curves of pGAN's generator, discriminator and classifier."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oleander.io.columns import PGAN_CURVES
from oleander.io.tables import recorded_precision
from oleander.plots import style
from oleander.plots.looks import Looks, look_of

LABELS = {
    "discriminator_loss": ("Discriminator", "Loss (nats)", 1),
    "classifier_loss": ("Classifier", "Loss (nats)", 1),
    "generator_loss": ("Generator", "Loss (nats)", 1),
    "discriminator_on_poison": ("Poison predicted\nas genuine", "Mean D(G(z)) (%)", 100),
    "classifier_on_poison": ("Poison predicted\nas target class", "Mean C(G(z)) (%)", 100),
}
"""Each of `PGAN_CURVES` -> title, axis label and factor to the axis' unit."""

MOST_POINTS = 100
"""Limit per line: about what a panel's width can show. Thousands of epochs would blur it and enlarge the PDF."""


def plot_training_curves(curves: pd.DataFrame, titles: dict[str, str], scale: str, looks: Looks) -> Figure:
    """Plot training curves with a row per experiment, a column per curve and a line per alpha.

    Lines are means over generators; bands span the lowest to the highest value.

    Args:
        curves: columns experiment, alpha, generator, epoch, and `PGAN_CURVES`. A generator is left out from the first
            epoch with a value that is not finite.
        titles: experiment -> name of its data, from `style.name_data`, in the order of the rows.
        scale: name of the scale.
        looks: of the alphas, from `oleander.plots.looks.alpha_looks`.
    """
    curves = _drop_diverged(curves[curves["experiment"].isin(titles)])
    shown = [look_of(looks, f"{alpha:g}") for alpha in sorted(curves["alpha"].unique())]
    figure = style.new_figure(2.2 * len(titles) + 1.1, "pGAN training")
    longest = 1
    rows = figure.subfigures(len(titles), 1, squeeze=False).flat
    for row, (experiment, title) in zip(rows, titles.items(), strict=True):
        own = curves[curves["experiment"] == experiment]
        described = style.describe(scale, None, title, recorded_precision(own))
        row.suptitle(described, fontsize=style.PANEL_SIZE)
        width = int(np.ceil(own["epoch"].nunique() / MOST_POINTS)) or 1
        longest = max(longest, width)
        for axes, curve in zip(row.subplots(1, len(PGAN_CURVES)), PGAN_CURVES, strict=True):
            heading, label, factor = LABELS[curve]
            _draw_panel(axes, own, curve, factor, width, looks)
            style.tidy(axes, "Epoch", label)
            axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
            axes.set_title(heading, fontsize=style.LABEL_SIZE)
    note = "Lines: mean over generators. Bands: lowest to highest value."
    if longest > 1:
        note += f" Each point averages up to {longest} epochs."
    style.line_legend(figure, shown, note)
    return figure


def _drop_diverged(curves: pd.DataFrame) -> pd.DataFrame:
    """The epochs of each generator before its first value that is not finite."""
    curves = curves.sort_values("epoch", kind="stable", ignore_index=True)
    finite = np.isfinite(curves[list(PGAN_CURVES)]).all(axis=1)
    return curves[finite.groupby([curves["experiment"], curves["alpha"], curves["generator"]]).cummin()]


def _draw_panel(axes: Axes, curves: pd.DataFrame, curve: str, factor: float, width: int, looks: Looks) -> None:
    """Draw one curve of one experiment, with `width` epochs per point."""
    if curves.empty:
        style.say_nothing_to_draw(axes, "no values")
        return
    for at, (alpha, own) in enumerate(curves.groupby("alpha", sort=True)):
        epochs = own["epoch"].to_numpy()
        point = (epochs - curves["epoch"].min()) // width
        drawn = own.groupby(point).agg(
            epoch=("epoch", "mean"), mean=(curve, "mean"), low=(curve, "min"), high=(curve, "max")
        )
        every = max(1, len(drawn) // 5)
        look = looks[f"{alpha:g}"]
        band = {"color": look["color"], "alpha": 0.18, "linewidth": 0}
        axes.fill_between(drawn["epoch"], drawn["low"] * factor, drawn["high"] * factor, **band)
        axes.plot(
            drawn["epoch"],
            drawn["mean"] * factor,
            markevery=(at * every // curves["alpha"].nunique(), every),
            **{**look, "markersize": 3.5, "linewidth": 1.2},
        )
    if factor == 100:
        axes.set_ylim(-3, 103)
