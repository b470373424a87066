"""Tables as Markdown and LaTeX, with the paper's statements."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from oleander.io.claims import Claim

STATEMENT = ("id", "dataset", "condition", "quantity", "value")
"""Columns shown of a statement."""


@dataclass(frozen=True)
class Grid:
    """A table of unescaped text; the functions that write it escape it.

    Attributes:
        header: titles of the columns, all different.
        rows: the cells of each row.
        columns: one letter per column: l for left, r for right, p for long text that LaTeX may wrap.
    """

    header: list[str]
    rows: list[list[str]]
    columns: str

    def frame(self) -> pd.DataFrame:
        """The grid as a data frame."""
        return pd.DataFrame(self.rows, columns=self.header, dtype=object)


def markdown_table(grid: Grid) -> str:
    """A grid as a GitHub Markdown table that ends in a line break; all text is escaped."""
    frame = grid.frame().map(escape_markdown).rename(columns=escape_markdown)
    sides = ["right" if column == "r" else "left" for column in grid.columns]
    return frame.to_markdown(index=False, tablefmt="pipe", colalign=sides, disable_numparse=True) + "\n"


def markdown_section(title: str, content: str) -> str:
    """A section with an escaped heading."""
    return f"## {escape_markdown(title)}\n\n{content}"


def escape_markdown(text: str) -> str:
    """`text` in one line, with GitHub's markup and mathematics escaped."""
    return re.sub(r"([\\|$<*`~])", r"\\\1", " ".join(text.splitlines()))


def fraction_cell(row: Any) -> str:
    """A fraction's `mean` in percent and its interval from `low` to `high`, cut at 0 and 100 %: "4.2 [3.9–4.5]"."""
    interval = "" if math.isnan(row.low) else f" [{100 * max(row.low, 0):.1f}–{100 * min(row.high, 1):.1f}]"
    return f"{100 * row.mean:.1f}{interval}"


def difference_cell(row: Any) -> str:
    """A difference's `mean` in percentage points and its interval: "+1.0 [−0.2, +2.2]"."""
    interval = "" if math.isnan(row.low) else f" [{_signed(row.low)}, {_signed(row.high)}]"
    return f"{_signed(row.mean)}{interval}"


def _signed(share: float) -> str:
    """A share in percentage points with its sign; what is rounded to nothing has none."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def statements(claims: Iterable[Claim], paper: str, figure: str) -> list[dict[str, str]]:
    """A paper's statements on one of its figures or tables, without repetitions.

    Args:
        claims: of all papers.
        paper: name of the paper in the claims, e.g. "pGAN".
        figure: name of the figure in the claims, e.g. "Fig2".

    Returns:
        id, dataset, condition, quantity and value of each, as published.
    """
    own = {claim.texts["id"]: claim.texts for claim in claims if claim.texts["paper"] == paper}
    return [{key: one[key] for key in STATEMENT} for one in own.values() if one["figure"] == figure]


def published_markdown(published: list[dict[str, str]], name: str) -> str:
    """A Markdown section with the paper's statements on a figure or table.

    Args:
        published: from `statements`.
        name: of the figure or table in the heading, e.g. "this figure".
    """
    grid = Grid(list(STATEMENT), [list(one.values()) for one in published], "l" * len(STATEMENT))
    return markdown_section(f"What the paper says about {name}, at its own scale", markdown_table(grid))


def latex_float(title: str, grid: Grid, note: str = "") -> str:
    """A LaTeX table with a caption and an optional note; all text is escaped, and no package is needed."""
    # Use LaTeX's own commands instead of booktabs'.
    commands = {"footnotesize": ";", "toprule": "hline", "midrule": "hline", "bottomrule": "hline"}
    text = (
        grid.frame()
        .style.hide(axis="index")
        .format(escape_latex)
        .format_index(escape_latex, axis="columns")
        .set_table_styles([{"selector": name, "props": f":{command}"} for name, command in commands.items()])
        .to_latex(column_format=grid.columns.replace("p", "p{0.35\\linewidth}"), caption=escape_latex(title))
    )
    beneath = f"\n\\medskip\n{escape_latex(note)}\n" if note else ""
    end = "\\end{table}\n"
    return f"{text.removesuffix(end)}{beneath}{end}"


def escape_latex(text: str) -> str:
    """`text` in one line, with LaTeX's special characters escaped."""
    return " ".join(text.splitlines()).replace("->", "→").translate(_LATEX_SIGNS)


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
        "α": "$\\alpha$",
        "ε": "$\\varepsilon$",
        "–": "--",
        "−": "$-$",
    }
)
