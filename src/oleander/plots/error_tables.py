"""Test errors against poison fraction, and the effects of poison, as Markdown and LaTeX (pGAN, Figures 2 and 4)."""

from collections.abc import Mapping

import pandas as pd

from oleander.metrics.effects import NET, RAW, summarize_effects
from oleander.metrics.summary import summarize
from oleander.plots.error_curves import RATES
from oleander.plots.looks import Looks, alpha_label, look_of
from oleander.plots.style import describe
from oleander.plots.tables import (
    Grid,
    difference_cell,
    fraction_cell,
    latex_float,
    markdown_section,
    markdown_table,
    published_markdown,
)

_EFFECTS = {
    f"{RAW}_error": "error, raw",
    f"{NET}_error": "error, net",
    f"{NET}_false_positive_rate": "false positives, net",
    f"{NET}_false_negative_rate": "false negatives, net",
}
"""Measure of `metrics.effects.summarize_effects` -> header of its column."""
_BRACKETS = "Brackets: interval of the mean over generators, or over runs if there is only one generator"
_RAW = (
    "Differences of trials of one generator and run, which share data and seeds. Raw: minus the victim without poison."
)
_NET = 'Net: minus the trial of "{control}" at the same poison fraction, which leaves what the poison itself does.'


def error_tables(
    trials: pd.DataFrame,
    published: list[dict[str, str]],
    titles: Mapping[str, str],
    scale: str,
    confidence: float,
    controls: Mapping[str, str],
    looks: Looks,
) -> tuple[pd.DataFrame, str, str]:
    """The table behind a figure of test errors: as columns, as Markdown and as LaTeX.

    Args:
        trials: see `rates_summary`, as are `confidence` and `controls`.
        published: see `errors_markdown`, as are `titles`, `scale` and `looks`.
        titles: experiment -> dataset title.
        scale: name of the scale.
        confidence: of the intervals.
        controls: experiment -> its control.
        looks: control -> its look.
    """
    summary = rates_summary(trials, controls, confidence)
    shown = (titles, scale, controls, looks)
    return summary, errors_markdown(summary, published, *shown), errors_latex(summary, *shown)


def rates_summary(trials: pd.DataFrame, controls: Mapping[str, str], confidence: float) -> pd.DataFrame:
    """Test errors, `RATES` and effects of poison, with their intervals.

    Args:
        trials: columns `io.columns.TRIALS`, those of the controls among them.
        controls: experiment -> the experiment that is its control.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        Columns `metrics.summary.SUMMARY`: `metrics.summary.summarize`, then `metrics.effects.summarize_effects`.
    """
    parts = (summarize(trials, ["error", *RATES], confidence), summarize_effects(trials, controls, confidence))
    # An empty frame has no dtypes and would change those of the other.
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def errors_markdown(
    summary: pd.DataFrame,
    published: list[dict[str, str]],
    titles: Mapping[str, str],
    scale: str,
    controls: Mapping[str, str] | None = None,
    looks: Looks | None = None,
) -> str:
    """Markdown with errors and effects of every experiment, alpha and poison fraction, and the paper's statements.

    Args:
        summary: from `rates_summary`.
        published: the paper's statements on the figure, from `oleander.plots.tables.statements`.
        titles: experiment -> dataset title, in the order of the sections.
        scale: name of the scale.
        controls: experiment -> the experiment that is its control.
        looks: experiment that is a control -> its look, whose label the notes use.
    """
    tables = _tables(summary, titles, scale, controls or {}, looks or {})
    parts = [markdown_section(heading, f"{markdown_table(grid)}\n{note}\n") for heading, grid, note in tables]
    return "\n".join([*parts, published_markdown(published, "this figure")])


def errors_latex(
    summary: pd.DataFrame,
    titles: Mapping[str, str],
    scale: str,
    controls: Mapping[str, str] | None = None,
    looks: Looks | None = None,
) -> str:
    """The tables of `errors_markdown` without the paper's statements, as LaTeX."""
    return "\n".join(latex_float(*table) for table in _tables(summary, titles, scale, controls or {}, looks or {}))


def _tables(
    summary: pd.DataFrame, titles: Mapping[str, str], scale: str, controls: Mapping[str, str], looks: Looks
) -> list[tuple[str, Grid, str]]:
    """Heading, grid and note of two tables per experiment: its errors and the effects of its poison."""
    tables = []
    for experiment, title in titles.items():
        rows = summary[summary["experiment"] == experiment]
        stand_in = rows["stand_in_for"].iloc[0] if len(rows) else None
        data = describe(scale, stand_in if isinstance(stand_in, str) else None, title)
        control = controls.get(experiment)
        beside = summary[summary["experiment"] == control]
        tables.append((f"Test error (%), {data}", _errors(rows, beside), f"{_BRACKETS}, cut at 0 and 100 %."))
        effects, note = _effects(rows), _RAW
        if control is not None and _EFFECTS[f"{NET}_error"] in effects.header:
            note = f"{note} {_NET.format(control=look_of(looks, control)['label'])}"
        tables.append((f"Effect of poison (percentage points), {data}", effects, f"{note} {_BRACKETS}."))
    return tables


def _errors(rows: pd.DataFrame, beside: pd.DataFrame) -> Grid:
    """Test errors, poison fraction by alpha and control, with cells like "4.2 [3.9–4.5]"."""
    rows, beside = (some[some["measure"] == "error"] for some in (rows, beside))
    columns = {alpha_label(alpha): own for alpha, own in rows.groupby("alpha", sort=True)}
    if len(beside):
        columns["control"] = beside
    cells = pd.DataFrame(
        {name: {row.poison_fraction: fraction_cell(row) for row in own.itertuples()} for name, own in columns.items()}
    )
    lines = [[f"{100 * fraction:g}", *row] for fraction, row in cells.sort_index().fillna("").iterrows()]
    return Grid(["poison (%)", *cells.columns], lines, "r" * (1 + len(cells.columns)))


def _effects(rows: pd.DataFrame) -> Grid:
    """Effects, a line per alpha and poison fraction, with cells like "+1.0 [−0.2, +2.2]"."""
    rows = rows[rows["measure"].isin(_EFFECTS)]
    cells = rows.assign(cell=[difference_cell(row) for row in rows.itertuples()])
    cells = cells.pivot(index=["alpha", "poison_fraction"], columns="measure", values="cell").fillna("")
    shown = [name for name in _EFFECTS if name in cells]
    lines = [[f"{alpha:g}", f"{100 * fraction:g}", *row] for (alpha, fraction), row in cells[shown].iterrows()]
    return Grid(["α", "poison (%)", *(_EFFECTS[name] for name in shown)], lines, "r" * (2 + len(shown)))
