"""Tables of measurements, as Markdown and LaTeX, with what the paper says beneath."""

import math

import pandas as pd

from oleander.plots.style import describe


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
        parts.append(_markdown_row(header) + _markdown_row(["---"] * len(header)))
        parts[-1] += "".join(_markdown_row([f"{100 * fraction:g}", *row]) for fraction, row in table.iterrows())
    parts.append("In brackets the interval of the mean, over generators or, where there is one alone, over its runs.\n")
    statements = published[published["figure"] == "Fig2"]
    parts.append("## What the paper says of this figure, at its own scale\n")
    columns = ["id", "dataset", "condition", "quantity", "value"]
    parts.append(_markdown_row(columns) + _markdown_row(["---"] * len(columns)))
    parts[-1] += "".join(_markdown_row(row) for row in statements[columns].astype(str).values.tolist())
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
    stand_in = rows["stand_in_for"].iloc[0]
    return (
        cells.pivot(index="poison_fraction", columns="alpha", values="cell").fillna(""),
        stand_in if isinstance(stand_in, str) and stand_in else None,
    )


def _cell(mean: float, low: float, high: float) -> str:
    interval = "" if math.isnan(low) else f" [{100 * low:.1f}–{100 * high:.1f}]"
    return f"{100 * mean:.1f}{interval}"


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"
