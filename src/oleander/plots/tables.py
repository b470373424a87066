"""Tables as Markdown and LaTeX, with what the paper says beneath."""

import math
from dataclasses import dataclass

import pandas as pd

from oleander.plots.style import describe


@dataclass(frozen=True)
class Grid:
    """A table of text.

    Attributes:
        header: titles of the columns.
        rows: the cells, row after row.
        columns: one letter a column: l for left, r for right, p for long text that LaTeX may break.
    """

    header: list[str]
    rows: list[list[str]]
    columns: str


def markdown_table(grid: Grid) -> str:
    """A table as GitHub renders it, with a line break at its end."""
    marks = ["---:" if column == "r" else "---" for column in grid.columns]
    return "".join(_markdown_row(row) for row in [grid.header, marks, *grid.rows])


def published_markdown(published: pd.DataFrame, figure: str, name: str) -> str:
    """The paper's statements on a figure or table.

    Args:
        published: the papers' numbers: columns id, figure, dataset, condition, quantity, value.
        figure: what stands in their column figure, such as "Fig2".
        name: what the heading calls it, such as "this figure".
    """
    columns = ["id", "dataset", "condition", "quantity", "value"]
    statements = published.loc[published["figure"] == figure, columns]
    grid = Grid(columns, statements.astype(str).values.tolist(), "l" * len(columns))
    return f"## What the paper says of {name}, at its own scale\n\n{markdown_table(grid)}"


def latex_float(title: str, grid: Grid, note: str = "") -> str:
    """A LaTeX table with a caption and perhaps a note below; all text is escaped, and no package needed."""
    columns = grid.columns.replace("p", "p{0.35\\linewidth}")
    header, *rows = (" & ".join(map(escape_latex, row)) + " \\\\\n" for row in [grid.header, *grid.rows])
    beneath = f"\n\\medskip\n{escape_latex(note)}\n" if note else ""
    return (
        f"\\begin{{table}}\n\\footnotesize\n\\caption{{{escape_latex(title)}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\hline\n{header}\\hline\n{''.join(rows)}\\hline\n\\end{{tabular}}\n"
        f"{beneath}\\end{{table}}\n"
    )


def escape_latex(text: str) -> str:
    """`text` with every sign that LaTeX would take as a command, or as another sign, written out."""
    return text.replace("->", "→").translate(_LATEX_SIGNS)


_LATEX_SIGNS = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {
        "\\": "\\textbackslash{}",
        "~": "\\textasciitilde{}",
        "^": "\\textasciicircum{}",
        "<": "\\textless{}",
        ">": "\\textgreater{}",
        "|": "\\textbar{}",
        "→": "$\\rightarrow$",
        "–": "--",
    }
)


def effectiveness_markdown(summary: pd.DataFrame, published: pd.DataFrame, titles: dict[str, str], scale: str) -> str:
    """Test error for every experiment, alpha and poison fraction, then the paper's statements on Figure 2.

    Args:
        summary: as `oleander.metrics.summary.summarize` gives it, fractions in [0, 1].
        published: the papers' numbers: columns id, figure, dataset, condition, quantity, value.
        titles: experiment -> dataset title, in the order of the sections.
        scale: name of the scale.
    """
    parts = []
    for experiment, title in titles.items():
        table, stand_in = _error_table(summary, experiment)
        parts.append(f"## Test error (%), {describe(scale, stand_in, title)}\n")
        header = ["poison (%)", *(f"alpha {alpha:g}" for alpha in table.columns)]
        rows = [[f"{100 * fraction:g}", *row] for fraction, row in table.iterrows()]
        parts.append(markdown_table(Grid(header, rows, "l" * len(header))))
    parts.append("In brackets the interval of the mean, over generators or, where there is one alone, over its runs.\n")
    parts.append(published_markdown(published, "Fig2", "this figure"))
    return "\n".join(parts)


def effectiveness_latex(summary: pd.DataFrame, titles: dict[str, str], scale: str) -> str:
    """The same test errors as one tabular an experiment."""
    parts = []
    for experiment, title in titles.items():
        table, stand_in = _error_table(summary, experiment)
        header = " & ".join(["poison (\\%)", *(f"$\\alpha = {alpha:g}$" for alpha in table.columns)])
        rows = "".join(
            f"{100 * fraction:g} & {' & '.join(cell.replace('–', '--') for cell in row)} \\\\\n"
            for fraction, row in table.iterrows()
        )
        caption = describe(scale, stand_in, title).replace("–", "--")
        columns = "r" * (len(table.columns) + 1)
        parts.append(
            f"% Test error (%), {caption}\n\\begin{{tabular}}{{{columns}}}\n\\hline\n{header} \\\\\n\\hline\n"
            f"{rows}\\hline\n\\end{{tabular}}\n"
        )
    return "\n".join(parts)


def _error_table(summary: pd.DataFrame, experiment: str) -> tuple[pd.DataFrame, str | None]:
    """Cells such as "4.2 [3.9–4.5]", poison fraction by alpha, and what the data stand in for."""
    rows = summary[(summary["experiment"] == experiment) & (summary["measure"] == "error")]
    cells = rows.assign(cell=[_cell(row.mean, row.low, row.high) for row in rows.itertuples()])
    stand_in = rows["stand_in_for"].iloc[0] if len(rows) else None
    return (
        cells.pivot(index="poison_fraction", columns="alpha", values="cell").fillna(""),
        stand_in if isinstance(stand_in, str) and stand_in else None,
    )


def _cell(mean: float, low: float, high: float) -> str:
    interval = "" if math.isnan(low) else f" [{100 * low:.1f}–{100 * high:.1f}]"
    return f"{100 * mean:.1f}{interval}"


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"
