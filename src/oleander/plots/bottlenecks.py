"""Figure and table of what the size of autoencoders' codes does to their errors (beyond the BAAAN paper)."""

import math
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from oleander.evaluation.bottlenecks import BACKDOOR_ERROR, BACKDOORED, CLEAN_MODEL, COST, LINEAR
from oleander.io.claims import Claim
from oleander.io.tables import recorded_precision
from oleander.plots import style
from oleander.plots.looks import BLACK, BLUE, GREEN, GREY, RED
from oleander.plots.tables import Grid, latex_float, markdown_section, markdown_table

_LOOKS = {
    CLEAN_MODEL: {"label": "clean model, clean images", "color": BLUE, "marker": "o", "linestyle": "-"},
    BACKDOORED: {"label": "backdoored model, clean images", "color": GREEN, "marker": "s", "linestyle": "--"},
    BACKDOOR_ERROR: {"label": "backdoored model, triggered images", "color": RED, "marker": "^", "linestyle": "-."},
    LINEAR: {"label": "principal components, as many", "color": GREY, "marker": "x", "linestyle": ":"},
}
_COST_LOOK = {**_LOOKS[BACKDOORED], "linestyle": "-"}
_DEFAULT_LOOK = {"label": "default of config.yaml", "color": BLACK, "marker": "", "linestyle": (0, (1, 3))}
_PAPER = "the paper"
_HEADER = {
    LINEAR: "principal components",
    CLEAN_MODEL: "clean model",
    BACKDOORED: "backdoored, clean images",
    COST: "difference in pairs",
    BACKDOOR_ERROR: "backdoored, triggered images",
}


@dataclass(frozen=True, eq=False)
class CodeSizes:
    """A column of panels, and the lines of the table on one dataset.

    Attributes:
        title: of the dataset.
        autoencoders: names of those shown; the first has the default size.
        published: measure -> the claim that gives the paper's number for it.
    """

    title: str
    autoencoders: list[str]
    published: dict[str, Claim]


def plot_bottlenecks(measured: pd.DataFrame, panels: list[CodeSizes], scale: str, confidence: float) -> Figure:
    """Plot errors against channels of the code above, the clean cost of the backdoor below; a column a dataset.

    Args:
        measured: from `oleander.evaluation.bottlenecks.measure_bottlenecks`.
        panels: the columns.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
    """
    figure = style.new_figure(6.6, "Errors of autoencoders by the size of their code")
    grid = figure.subplots(2, len(panels), squeeze=False, sharex="col", height_ratios=(3, 2))
    for (above, below), panel in zip(grid.T, panels, strict=True):
        own = measured[measured["autoencoder"].isin(panel.autoencoders)].sort_values("channels")
        default = own.loc[own["autoencoder"] == panel.autoencoders[0], "channels"].iloc[0]
        first = above.get_subplotspec().is_first_col()
        style.tidy(above, "", "Mean squared error" if first else "")
        style.tidy(
            below,
            "Channels of the code\n(numbers in it)",
            "Backdoored minus clean model,\nclean images" if first else "",
        )
        _draw_errors(above, own, _comparable(own, panel.published))
        _draw_cost(below, own, _comparable(own, panel.published))
        for axes in (above, below):
            axes.axvline(default, color=BLACK, linestyle=_DEFAULT_LOOK["linestyle"], linewidth=1, zorder=0)
        sizes = own.drop_duplicates("channels")
        below.set_xscale("log", base=2)
        below.set_xticks(sizes["channels"], [f"{row.channels}\n({row.numbers})" for row in sizes.itertuples()])
        below.minorticks_off()
        low, high = sizes["channels"].min(), sizes["channels"].max()
        below.set_xlim(low / 1.4, 1.4 * high)
        data = style.describe(scale, _stand_in(own), panel.title, recorded_precision(own))
        style.panel_title(above, data, len(panels))
    style.line_legend(figure, [*_LOOKS.values(), _DEFAULT_LOOK], _explain(measured, confidence))
    return figure


def _comparable(own: pd.DataFrame, published: dict[str, Claim]) -> dict[str, Claim]:
    """The paper's numbers; none for data that stand in for the paper's."""
    return {} if _stand_in(own) else published


def _stand_in(own: pd.DataFrame) -> str:
    found = own["stand_in_for"].iloc[0]
    return found if isinstance(found, str) else ""


def _draw_errors(axes: Axes, own: pd.DataFrame, published: dict[str, Claim]) -> None:
    rows = own[own["measure"].isin(_LOOKS)]
    # A logarithm has no place for the part of an interval below 0.
    rows = rows.assign(low=rows["low"].clip(lower=rows["mean"].min() / 3))
    stated = {measure: claim for measure, claim in published.items() if measure in _LOOKS}
    for measure, look in _LOOKS.items():
        _draw_line(axes, rows[rows["measure"] == measure], look)
    _draw_published(axes, stated)
    ends = [*rows[["mean", "low", "high"]].stack(), *(end for claim in stated.values() for end in claim.accepted)]
    axes.set_yscale("log")
    axes.set_ylim(min(ends) / 1.2, max(ends) * 1.2)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_cost(axes: Axes, own: pd.DataFrame, published: dict[str, Claim]) -> None:
    _draw_line(axes, own[own["measure"] == COST], _COST_LOOK)
    _draw_published(axes, {measure: claim for measure, claim in published.items() if measure == COST})
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.yaxis.set_major_formatter("{x:g}")


def _draw_line(axes: Axes, line: pd.DataFrame, look: dict[str, object]) -> None:
    half = [line["mean"] - line["low"], line["high"] - line["mean"]]
    axes.errorbar(line["channels"], line["mean"], yerr=half, capsize=2, elinewidth=0.9, **style.line_style(look))


def _draw_published(axes: Axes, published: dict[str, Claim]) -> None:
    for measure, claim in published.items():
        color = _LOOKS[BACKDOORED if measure == COST else measure]["color"]
        axes.axhspan(*claim.accepted, color=color, alpha=0.13, linewidth=0, zorder=0)
        axes.axhline(claim.expected, color=color, linewidth=0.9, zorder=0)


def _explain(measured: pd.DataFrame, confidence: float) -> str:
    counts = sorted({int(n) for n in measured.loc[measured["measure"] == COST, "n"]})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else "".join(map(str, counts))
    bars = (
        f"Error bars: {confidence * 100:g} % Student interval of the mean over {seeds} seeds; below, of the "
        "differences between models of one seed."
        if counts[-1] > 1
        else "One seed: no intervals."
    )
    return (
        f"{bars} Shaded, in the colour of the line: the paper's number, and how far from it counts as reproduced "
        "(workflow/published); not beside stand-in data."
    )


def bottlenecks_markdown(measured: pd.DataFrame, panels: list[CodeSizes], scale: str, confidence: float) -> str:
    """The figure's numbers as Markdown tables, one a dataset, with the paper's own in the last line."""
    return "\n".join(
        markdown_section(heading, f"{markdown_table(grid)}\n{_note(confidence)}\n")
        for heading, grid in _tables(measured, panels, scale)
    )


def bottlenecks_latex(measured: pd.DataFrame, panels: list[CodeSizes], scale: str, confidence: float) -> str:
    """The tables of `bottlenecks_markdown` in LaTeX."""
    return "\n".join(latex_float(*table, _note(confidence)) for table in _tables(measured, panels, scale))


def _tables(measured: pd.DataFrame, panels: list[CodeSizes], scale: str) -> list[tuple[str, Grid]]:
    tables = []
    for panel in panels:
        own = measured[measured["autoencoder"].isin(panel.autoencoders)].sort_values("channels")
        cells = {(row.channels, row.measure): _cell(row) for row in own.itertuples()}
        default = own.loc[own["autoencoder"] == panel.autoencoders[0], "channels"].iloc[0]
        rows = [
            [f"{one.channels} (default)" if one.channels == default else str(one.channels), str(one.numbers)]
            + [cells[one.channels, measure] for measure in _HEADER]
            for one in own.drop_duplicates("channels").itertuples()
        ]
        published = {measure: f"{claim.expected:g} ± {claim.tolerance:g}" for measure, claim in panel.published.items()}
        rows.append([_PAPER, "", *(published.get(measure, "") for measure in _HEADER)])
        data = style.describe(scale, _stand_in(own), panel.title, recorded_precision(own))
        header = ["channels", "numbers", *_HEADER.values()]
        tables.append((f"Mean squared error by the size of the code, {data}", Grid(header, rows, "r" * len(header))))
    return tables


def _cell(row: tuple) -> str:
    if math.isnan(row.mean):
        return ""
    interval = "" if math.isnan(row.low) else f" [{row.low:.5f}, {row.high:.5f}]"
    return f"{row.mean:.5f}{interval}".replace("-", "−")


def _note(confidence: float) -> str:
    return (
        f"In brackets {confidence * 100:g} % Student intervals over seeds; of the differences, over pairs of one seed, "
        "which share their first weights and clean batches. The paper's line gives what counts as reproduced."
    )
