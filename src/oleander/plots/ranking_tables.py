"""Defenses by the test error that they leave under attack, as Markdown and LaTeX."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from oleander.io.columns import CERTIFIED
from oleander.metrics.ranking import ERROR, FOUND, LOST, NET_ERROR, PRICE
from oleander.plots.style import describe
from oleander.plots.tables import (
    Grid,
    difference_cell,
    fraction_cell,
    latex_float,
    markdown_section,
    markdown_table,
)

_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    ERROR: ("error (%)", fraction_cell),
    NET_ERROR: ("net of control (points)", difference_cell),
    PRICE: ("price without poison (points)", difference_cell),
    FOUND: ("poison found (%)", fraction_cell),
    LOST: ("genuine lost (%)", fraction_cell),
    CERTIFIED: ("certified (%)", fraction_cell),
}
"""Measure of `metrics.ranking.RANKED` -> header of its column, and how a cell is written."""
_NOTE = (
    "Net: minus the error of the control's victims, trained on as many genuine points without poison, under the same "
    "defense. Price: error without poison minus that without a defense. Found, lost: poison and genuine points that "
    "are rejected or relabelled. Differences are of trials of one generator and run. Brackets: interval of the mean "
    "over generators, or over runs if there is only one generator; of fractions cut at 0 and 100 %."
)
_CERTIFIED = (
    " Certified: test points that are classified right, and provably still would be if so many training points were "
    "inserted or removed: {changes}. Only an ensemble proves any."
)


def ranking_markdown(
    table: pd.DataFrame,
    titles: Mapping[str, str],
    attacks: Mapping[str, str],
    defenses: Mapping[str, str],
    changes: Mapping[str, int],
    scale: str,
) -> str:
    """A section for each experiment, a row for each defense, the least error first.

    Args:
        table: from `oleander.metrics.ranking.rank_defenses`.
        titles: experiment -> title of its dataset, in the order of the sections.
        attacks: attack -> title.
        defenses: defense -> title.
        changes: ensemble -> the number of changes for which its certified test points were counted.
        scale: name of the scale.
    """
    sections = _sections(table, titles, attacks, defenses, changes, scale)
    return "\n".join(markdown_section(title, f"{markdown_table(grid)}\n{note}\n") for title, grid, note in sections)


def ranking_latex(
    table: pd.DataFrame,
    titles: Mapping[str, str],
    attacks: Mapping[str, str],
    defenses: Mapping[str, str],
    changes: Mapping[str, int],
    scale: str,
) -> str:
    """The tables of `ranking_markdown` as LaTeX."""
    return "\n".join(latex_float(*section) for section in _sections(table, titles, attacks, defenses, changes, scale))


def _sections(
    table: pd.DataFrame,
    titles: Mapping[str, str],
    attacks: Mapping[str, str],
    defenses: Mapping[str, str],
    changes: Mapping[str, int],
    scale: str,
) -> list[tuple[str, Grid, str]]:
    """Title, grid and note of each experiment with trials."""
    sections = []
    for experiment, title in titles.items():
        own = table[table["experiment"] == experiment]
        if own.empty:
            continue
        first = own[own["measure"] == ERROR].iloc[0]
        shown = [measure for measure in _COLUMNS if (own["measure"] == measure).any()]
        lines = []
        for (rank, defense), rows in own.groupby(["rank", "defense"], sort=True):
            cells = {row.measure: _COLUMNS[row.measure][1](row) for row in rows.itertuples() if row.runs}
            lines.append([str(rank), defenses[defense], *(cells.get(measure, "") for measure in shown)])
        heading = (
            f"Defenses against {attacks[first.attack]} with {100 * first.poison_fraction:g} % poison, "
            f"{describe(scale, first.stand_in_for or None, title)}"
        )
        grid = Grid(["rank", "defense", *(_COLUMNS[measure][0] for measure in shown)], lines, "rl" + "r" * len(shown))
        proven = ", ".join(f"{number} with the {defenses[name]}" for name, number in changes.items())
        sections.append((heading, grid, _NOTE + (_CERTIFIED.format(changes=proven) if CERTIFIED in shown else "")))
    return sections
