"""Every statement of the papers beside what came out at each scale, and why, as Markdown."""

from collections.abc import Mapping

import pandas as pd

from oleander.evaluation.claims import NOT_COMPARABLE, NOT_RUN, REPRODUCED, WITHIN, summary_lines
from oleander.plots.claims import write_result
from oleander.plots.tables import Grid, markdown_section, markdown_table


def statements_markdown(recorded: Mapping[str, pd.DataFrame], why: Mapping[str, str]) -> str:
    """Markdown with a section per paper and a line per statement.

    Args:
        recorded: scale -> its verdicts, columns `oleander.evaluation.claims.COLUMNS`.
        why: id of a claim, with or without its part -> what explains its verdicts.
    """
    claims = pd.concat(recorded.values()).drop_duplicates(["id", "part"])
    found = {scale: _by_claim(verdicts) for scale, verdicts in recorded.items()}
    header = ["id", "the paper says", *(f"{scale} scale" for scale in recorded), "why"]
    parts = []
    for paper, own in claims.groupby("paper", sort=False):
        rows = [_row(claim, list(found.values()), why) for _at, claim in own.iterrows()]
        table = markdown_table(Grid(header, rows, "l" * len(header)))
        counts = "".join(
            f"{scale.capitalize()} scale: {'; '.join(summary_lines(verdicts[verdicts['paper'] == paper]))}.\n\n"
            for scale, verdicts in recorded.items()
        )
        parts.append(markdown_section(str(paper), f"{counts}{table}"))
    return "\n".join(parts)


def _by_claim(verdicts: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    return {(row["id"], row["part"]): row for _at, row in verdicts.iterrows()}


def _row(claim: pd.Series, scales: list[dict[tuple[str, str], pd.Series]], why: Mapping[str, str]) -> list[str]:
    key = (claim["id"], claim["part"])
    rows = [own.get(key) for own in scales]
    said = f"{claim['dataset']}, {claim['condition']}: {claim['quantity']} {claim['value']}"
    return ["".join(key), said, *map(_result, rows), _explain(key, rows, why)]


def _result(row: pd.Series | None) -> str:
    if row is None or row["verdict"] == NOT_RUN:
        return "–"
    result = write_result(row)
    return f"{row['verdict']}: {result}" if result else row["verdict"]


def _explain(key: tuple[str, str], rows: list[pd.Series | None], why: Mapping[str, str]) -> str:
    """What was found out; else the reason that the verdict itself gives, where there is something to explain."""
    known = why.get("".join(key), why.get(key[0]))
    if known:
        return known
    open_ones = [row for row in rows if row is not None and row["verdict"] not in (REPRODUCED, WITHIN, NOT_RUN)]
    # That settings are not the paper's says less than any other reason.
    open_ones.sort(key=lambda row: row["verdict"] == NOT_COMPARABLE)
    return str(open_ones[0]["why"]) if open_ones else ""
