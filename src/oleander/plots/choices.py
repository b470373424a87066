"""Figure and table of what each choice that a paper leaves open does to its statements."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.evaluation.claims import NOT_REPRODUCED, REPRODUCED, WITHIN
from oleander.io.claims import DEFAULTS, Claim
from oleander.plots import style
from oleander.plots.looks import BLUE, GREY, RED, Look
from oleander.plots.tables import Grid, latex_float, markdown_section, markdown_table

BAND = "#e8f1e8"
NOTE = (
    "Differences in percentage points, with {confidence:g} % intervals over generators. Shaded: the side on which the "
    "paper's statement holds. A row without a point: the choice does not concern the statement, or this "
    "scale did not try it."
)


def plot_choices(
    effects: pd.DataFrame, claims: list[Claim], titles: dict[str, str], data: str, confidence: float
) -> Figure:
    """Plot the effect on each statement, a panel per statement and a row per choice.

    Args:
        effects: from `oleander.evaluation.choices.effects_of_choices`.
        claims: the statements, in the order of the panels.
        titles: claim -> title of its panel.
        data: description of the trials' data, for the title.
        confidence: of the intervals, e.g. 0.95.
    """
    rows = list(dict.fromkeys(effects["choice"]))
    columns = min(4, len(claims))
    lines = -(-len(claims) // columns)
    figure = style.new_figure(lines * (0.26 * len(rows) + 1.0) + 0.9, f"What open choices do to the statements: {data}")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for at, axes in enumerate(panels.flat):
        if at >= len(claims):
            axes.set_visible(False)
            continue
        claim = claims[at]
        _draw_panel(axes, effects[effects["claim"] == claim.name], rows, claim)
        axes.set_title("\n".join(textwrap.wrap(titles[claim.name], 24)), fontsize=style.LABEL_SIZE)
        if at % columns == 0:
            axes.set_yticks(range(len(rows)), rows, fontsize=style.NOTE_SIZE)
        if at + columns >= len(claims):
            axes.set_xlabel("points", fontsize=style.LABEL_SIZE)
    looks = [{"label": label, **look} for label, look in _LOOKS.items()]
    style.line_legend(figure, looks, NOTE.format(confidence=100 * confidence))
    return figure


_LOOKS = {
    REPRODUCED: {"color": BLUE, "marker": "o", "linestyle": "-", "markerfacecolor": BLUE},
    NOT_REPRODUCED: {"color": RED, "marker": "X", "linestyle": "-", "markerfacecolor": RED},
    "undecided": {"color": GREY, "marker": "o", "linestyle": "-", "markerfacecolor": "white"},
}


def _look(verdict: str) -> Look:
    if verdict in (REPRODUCED, WITHIN):
        return _LOOKS[REPRODUCED]
    return _LOOKS.get(verdict, _LOOKS["undecided"])


def _draw_panel(axes: Axes, effects: pd.DataFrame, rows: list[str], claim: Claim) -> None:
    measured = effects[effects["effect"].notna()]
    for row in measured.itertuples():
        look, height = _look(row.verdict), rows.index(row.choice)
        axes.plot([100 * row.low, 100 * row.high], [height, height], color=look["color"], linewidth=1.4)
        axes.plot(100 * row.effect, height, markersize=5, **look)
    style.tidy(axes, "", "")
    axes.axvline(0, color="#222222", linewidth=0.8)
    ends = 100 * measured[["effect", "low", "high"]].to_numpy(float)
    ends = ends[np.isfinite(ends)]
    reach = [min(0, ends.min(initial=0)), max(0, ends.max(initial=0))]
    room = 0.06 * (reach[1] - reach[0] or 1)
    axes.set_xlim(reach[0] - room, reach[1] + room)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    low, high = axes.get_xlim()
    limit = 100 * claim.tolerance if np.isfinite(claim.tolerance) else 0
    holds = {"as much as": (-limit, limit), "less than": (low, 0), "no more than": (low, limit)}
    holds = holds.get(claim.relation, (0, high))
    axes.axvspan(*holds, color=BAND, zorder=0)
    axes.axhline(0.5, color="#999999", linewidth=0.6, linestyle=":")


def choices_markdown(effects: pd.DataFrame, titles: dict[str, str], data: str) -> str:
    """The effects as a Markdown table, a row per choice and a column per statement."""
    heading, grid = _table(effects, titles, data)
    return markdown_section(heading, markdown_table(grid)) + f"\n{_TABLE_NOTE}\n"


def choices_latex(effects: pd.DataFrame, titles: dict[str, str], data: str) -> str:
    """The table of `choices_markdown` in LaTeX."""
    heading, grid = _table(effects, titles, data)
    return latex_float(heading, grid, _TABLE_NOTE)


_TABLE_NOTE = (
    "Differences in percentage points, in brackets their intervals over generators, and the verdict on the paper's "
    f'statement. The row "{DEFAULTS}" has the settings of config.yaml, each other row one setting changed.'
)


def _table(effects: pd.DataFrame, titles: dict[str, str], data: str) -> tuple[str, Grid]:
    cells = {(row.choice, row.claim): _cell(row) for row in effects.itertuples()}
    choices = list(dict.fromkeys(effects["choice"]))
    header = ["choice", *(f"{claim}: {title}" for claim, title in titles.items())]
    rows = [[choice, *(cells.get((choice, claim), "") for claim in titles)] for choice in choices]
    return f"What open choices do to the statements: {data}", Grid(header, rows, "l" * len(header))


def _cell(row: pd.Series) -> str:
    if np.isnan(row.effect):
        return row.verdict
    interval = "" if np.isnan(row.low) else f" [{100 * row.low:.1f} to {100 * row.high:.1f}]"
    return f"{100 * row.effect:.1f}{interval}, {row.verdict}"
