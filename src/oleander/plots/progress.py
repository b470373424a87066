"""Figure and table of what the poison is like over the training of its generators (not in the pGAN paper)."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oleander.io.columns import GENUINE, POISON
from oleander.plots import style
from oleander.plots.looks import GREY, Look, Looks, alpha_label, look_of
from oleander.plots.tables import Grid, markdown_section, markdown_table
from oleander.plots.training_curves import LABELS

REFERENCE: Look = {"label": "genuine target points", "color": GREY, "marker": "", "linestyle": "--"}
"""Look of the reference; in the panel of the victims' error it is the error without poison."""


COLUMNS = 4
"""Panels in a row."""


@dataclass(frozen=True)
class _Panel:
    """One measure against iterations.

    Attributes:
        measure: value of the column `measure`.
        heading: title of the panel and of the table's column.
        label: of the y axis.
        factor: from the measure to the axis' unit: 100 for shares.
        dropout: of drawing; None where the measure has none.
        whole: whether the axis shows 0 to 100 %.
    """

    measure: str
    heading: str
    label: str
    factor: float = 100
    dropout: bool | None = None
    whole: bool = False

    def of(self, summary: pd.DataFrame) -> pd.DataFrame:
        """The panel's rows; of several poison fractions, the reference and the largest."""
        own = summary[summary["measure"] == self.measure]
        if self.dropout is not None:
            own = own[own["dropout"].fillna(self.dropout) == self.dropout]
        fractions = own["poison_fraction"]
        return own[fractions.isna() | (fractions == fractions.max()) | (own["points"] == GENUINE)]


def _panels(summary: pd.DataFrame, victims_dropout: bool) -> list[_Panel | None]:
    """Three rows of `COLUMNS` panels; None is an empty place."""
    said = [
        _Panel(name, LABELS[name][0], LABELS[name][1], whole=True)
        for name in ("classifier_on_poison", "discriminator_on_poison")
    ]
    tried = summary[summary["measure"] == "error"]
    error = None
    if len(tried):
        share = f"{100 * tried['poison_fraction'].max():g} % poison"
        drawn = "on" if victims_dropout else "off"
        error = _Panel("error", f"Victims, {share},\ndropout {drawn}", "Test error (%)")
    found: list[_Panel | None] = [*said, error, None]
    for dropout, drawn in ((False, "off"), (True, "on")):
        found += [
            _Panel("nearest_distance", f"Nearest other point,\ndropout {drawn}", "Mean distance", 1, dropout),
            _Panel("nearest_is_source", f"Nearest to source,\ndropout {drawn}", "Points (%)", 100, dropout),
            _Panel("told_apart", f"Told from genuine,\ndropout {drawn}", "Points (%)", 100, dropout),
            _Panel("rejected", f"Rejected,\ndropout {drawn}", "Points (%)", 100, dropout),
        ]
    return found


def plot_progress(
    summary: pd.DataFrame,
    titles: dict[str, str],
    confidence: float,
    looks: Looks,
    defense: str,
    victims_dropout: bool,
) -> Figure:
    """Plot every measure against the iterations of training, with a line per alpha and three rows per experiment.

    Args:
        summary: from `oleander.metrics.progress.summarize_progress`. Without trials there is no panel of errors.
        titles: experiment -> description of its data, from `style.describe`, in the order of the rows.
        confidence: of the bands, e.g. 0.95.
        looks: of the alphas, from `oleander.plots.looks.alpha_looks`.
        defense: title of the defense that rejects.
        victims_dropout: whether the victims' poison was drawn with dropout.
    """
    summary = summary[summary["experiment"].isin(titles)]
    figure = style.new_figure(6.4 * len(titles) + 1.0, "Poison over the training of pGAN")
    cut = False
    rows = figure.subfigures(len(titles), 1, squeeze=False).flat
    for part, (experiment, title) in zip(rows, titles.items(), strict=True):
        own = summary[summary["experiment"] == experiment]
        part.suptitle(title, fontsize=style.PANEL_SIZE)
        places = part.subplots(3, COLUMNS)
        for at, (axes, panel) in enumerate(zip(places.flat, _panels(own, victims_dropout), strict=True)):
            if panel is None:
                axes.set_visible(False)
                continue
            style.tidy(axes, "Iterations" if at >= 2 * COLUMNS else "", panel.label)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.set_title(panel.heading, fontsize=style.LABEL_SIZE)
            cut |= _draw(axes, panel, own, looks)
    alphas = sorted(summary["alpha"].dropna().unique())
    edge = ", cut at a panel's edge" if cut else ""
    note = (
        f"Lines: mean; bands: {100 * confidence:g} % Student interval over generators, or over runs if there is one "
        f"generator{edge}. Genuine target points are as many as the poison points; in the "
        "panel of the victims: no poison. Told from genuine: points whose nearest other point is of their own kind; "
        f"50 % where poison and genuine points are alike. Rejected: by {defense}."
    )
    style.line_legend(figure, [*(look_of(looks, f"{alpha:g}") for alpha in alphas), REFERENCE], note)
    return figure


def _draw(axes: Axes, panel: _Panel, summary: pd.DataFrame, looks: Looks) -> bool:
    """Draw one measure; True if a band is cut at the panel's edge."""
    own = panel.of(summary).dropna(subset=["mean"])
    if own[own["points"] == POISON].empty:
        style.say_nothing_to_draw(axes, "no values")
        return False
    for reference in own[own["points"] == GENUINE].itertuples():
        axes.axhline(reference.mean * panel.factor, color=GREY, linestyle="--", linewidth=1.2, label="reference")
        if not math.isnan(reference.low):
            low, high = reference.low * panel.factor, reference.high * panel.factor
            axes.axhspan(low, high, color=GREY, alpha=0.12, linewidth=0)
    poison = own[own["points"] == POISON]
    for at, (alpha, line) in enumerate(poison.groupby("alpha", sort=True)):
        line = line.sort_values("iteration")
        x = line["iteration"].to_numpy(dtype=float)
        mean, low, high = (line[name].to_numpy(dtype=float) * panel.factor for name in ("mean", "low", "high"))
        look = look_of(looks, f"{alpha:g}")
        axes.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)
        every = max(1, len(x) // 6)
        axes.plot(x, mean, markevery=(at % every, every), **{**look, "markersize": 3.5, "linewidth": 1.2})
    if panel.whole:
        axes.set_ylim(-3, 103)
        return bool((own["low"].min() < -0.03) or (own["high"].max() > 1.03))
    # A Student interval of two generators is many times as wide as their difference; it must not flatten the means.
    largest = own["mean"].max() * panel.factor
    widest = np.nanmax([*(own["high"] * panel.factor), largest])
    limit = 100 if panel.factor == 100 else math.inf
    top = max(min(widest, 2 * largest, limit), 1e-3 * panel.factor) * 1.05
    axes.set_ylim(-0.03 * top, top)
    return bool((own["low"] * panel.factor < -0.03 * top).any() or widest > top)


def progress_markdown(
    summary: pd.DataFrame, titles: dict[str, str], confidence: float, defense: str, victims_dropout: bool
) -> str:
    """Markdown with a section per experiment and alpha: every measure at every checkpoint.

    Arguments are those of `plot_progress`.
    """
    parts = []
    for experiment, title in titles.items():
        own = summary[summary["experiment"] == experiment]
        panels = [panel for panel in _panels(own, victims_dropout) if panel is not None]
        for alpha, poison in own[own["points"] == POISON].groupby("alpha", sort=True):
            lines = [["genuine", *(_cell(panel, own[own["points"] == GENUINE]) for panel in panels)]]
            lines += [
                [str(iteration), *(_cell(panel, rows) for panel in panels)]
                for iteration, rows in poison.groupby("iteration", sort=True)
            ]
            header = ["iteration", *(_heading(panel) for panel in panels)]
            parts.append(
                markdown_section(
                    f"{title}, {alpha_label(alpha)}", markdown_table(Grid(header, lines, "r" * len(header)))
                )
            )
            if said := _peak(poison):
                parts.append(f"{said}\n")
    parts.append(
        f"Brackets: {100 * confidence:g} % interval of the mean over generators, or over runs if there is only one "
        "generator. Genuine: as many genuine points of the target class, and victims without poison. Told from "
        "genuine: those of the points, and of as many genuine ones that nobody uses, whose nearest other point is of "
        f"their own kind; 50 % where both are alike. Rejected: by {defense}.\n"
    )
    return "\n".join(parts)


def _heading(panel: _Panel) -> str:
    unit = " (%)" if panel.factor == 100 else " (distance)"
    return f"{panel.heading}{unit}".replace("\n", " ")


def _cell(panel: _Panel, rows: pd.DataFrame) -> str:
    found = panel.of(rows).dropna(subset=["mean"])
    if found.empty:
        return ""
    row = found.iloc[0]
    digits = 1 if panel.factor == 100 else 2
    mean, low, high = (f"{row[name] * panel.factor:.{digits}f}" for name in ("mean", "low", "high"))
    return mean if math.isnan(row["low"]) else f"{mean} [{low}–{high}]"


def _peak(poison: pd.DataFrame) -> str:
    """When one alpha's error is largest, and what it is at the end; empty without trials."""
    own = poison[poison["measure"] == "error"].dropna(subset=["mean"])
    if own.empty:
        return ""
    own = own[own["poison_fraction"] == own["poison_fraction"].max()].sort_values("iteration")
    highest, last = own.loc[own["mean"].idxmax()], own.iloc[-1]
    said = f"The mean test error is largest after {highest['iteration']} iterations, {100 * highest['mean']:.1f} %"
    if highest["iteration"] == last["iteration"]:
        return f"{said}, the last checkpoint."
    return (
        f"{said}, and {100 * last['mean']:.1f} % after {last['iteration']}, the last. The largest of "
        f"{len(own)} means is by chance larger than its expectation."
    )
