"""Verdicts on the papers' claims as text."""

import math

import pandas as pd

from oleander.evaluation.claims import summary_lines
from oleander.io.claims import DIRECTIONS
from oleander.plots.tables import Grid, markdown_table


def write_number(value: float, unit: str) -> str:
    """A number of a claim with its unit, e.g. "4.38 %"; a dash for NaN.

    Args:
        value: a fraction in [0, 1] for "%" and "points".
        unit: one of `oleander.io.claims.UNITS`.
    """
    if math.isnan(value):
        return "–"
    if unit == "points of data":
        return f"{value:g}"
    return f"{100 * value:.3g} {unit}" if unit in ("%", "points") else f"{value:.3g}"


def write_result(row: pd.Series) -> str:
    """The results' value for a claim with its interval and sample size, e.g. "4.2 % [3.9 to 4.5], 5 generators".

    Empty if nothing was run.
    """
    if not row["n"]:
        return ""
    value = write_number(row["reproduced"], row["unit"])
    if row["over"] == "counted":
        return value
    if math.isnan(row["low"]):
        return f"{value} (n = 1)"
    factor = 100 if row["unit"] in ("%", "points") else 1
    return f"{value} [{factor * row['low']:.3g} to {factor * row['high']:.3g}], {row['n']} {row['over']}"


def claims_markdown(verdicts: pd.DataFrame, scale: str, confidence: float) -> str:
    """Markdown with a section on numbers and one on directions, each with a summary and a table of claims.

    Args:
        verdicts: columns `oleander.evaluation.claims.COLUMNS`.
        scale: name of the scale.
        confidence: of the intervals, e.g. 0.95.
    """
    direction = verdicts["kind"].isin(DIRECTIONS)
    numbers, directions = summary_lines(verdicts)
    return (
        f"# Did it reproduce? {scale} scale\n\n"
        f"## Numbers\n\n{numbers}.\n\n{_claims_table(verdicts[~direction])}\n"
        f"## Directions: orders and trends\n\n{directions}.\n\n{_claims_table(verdicts[direction])}\n"
        f"Brackets: {confidence * 100:g} % confidence interval. For a direction, the result is the difference of what "
        "is compared, in % the relative one. A claim of several parts (a, b, ...) gets one verdict from theirs. "
        "`workflow/published/README.md` explains the verdicts.\n"
    )


def _claims_table(verdicts: pd.DataFrame) -> str:
    header = ["claim", "figure", "data", "condition", "quantity", "the paper", "here", "verdict", "why"]
    rows = [
        [
            f"{row['id']}{row['part']}",
            f"{row['paper']} {row['figure']}",
            row["dataset"],
            row["condition"],
            row["quantity"],
            row["value"],
            write_result(row),
            row["verdict"],
            row["why"],
        ]
        for _at, row in verdicts.iterrows()
    ]
    return markdown_table(Grid(header, rows, "l" * len(header)))
