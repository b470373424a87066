"""The verdicts on the papers' claims as text."""

import math

import pandas as pd

from oleander.evaluation.claims import summary_line
from oleander.plots.tables import Grid, markdown_table


def write_number(value: float, unit: str) -> str:
    """A number of a claim in its unit, e.g. "4.38 %"; a dash where there is none.

    Args:
        value: fractions in [0, 1] for percent and points.
        unit: one of `oleander.io.claims.UNITS`.
    """
    if math.isnan(value):
        return "–"
    if unit == "points of data":
        return f"{value:g}"
    return f"{100 * value:.3g} {unit}" if unit in ("%", "points") else f"{value:.3g}"


def write_result(row: pd.Series) -> str:
    """What the results give for a claim, with its interval and what it is over; empty if they were not run."""
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
    """The summary, and a table of every claim.

    Args:
        verdicts: `oleander.evaluation.claims.COLUMNS`.
        scale: name of the scale.
        confidence: of the intervals, e.g. 0.95.
    """
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
    return (
        f"# Did it reproduce? {scale} scale\n\n{summary_line(verdicts)}.\n\n"
        f"{markdown_table(Grid(header, rows, 'l' * len(header)))}\n"
        f"In brackets the {confidence * 100:g} % interval. An order or trend shows by how much one side is the larger. "
        "A claim of several parts (a, b, ...) is as good as its weakest. What the verdicts mean stands in "
        "`workflow/published/README.md`.\n"
    )
