"""Did it reproduce? Each published claim held against the results, with a verdict.

A number is reproduced if the interval of its results lies within the claim's tolerance, and within tolerance if the
results' mean does so and their interval does not. An order or a trend is reproduced if a one-sided test is at least
as sure of it as the intervals are; anything less is not reproduced: a mean alone leans the right way half of the time
where there is nothing. Results are compared in pairs, of one generator and run, which share their data and their
seeds.
"""

import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from oleander.io.claims import EMPTY, STATEMENT, Claim, Condition
from oleander.io.errors import OleanderError
from oleander.io.tables import read_csv
from oleander.metrics.intervals import Estimate, estimate_mean, estimate_ratio
from oleander.metrics.trend import trend_sureness

REPRODUCED = "reproduced"
WITHIN = "within tolerance"
NOT_REPRODUCED = "not reproduced"
NOT_COMPARABLE = "not comparable"
NOT_RUN = "not run"
VERDICTS = (REPRODUCED, WITHIN, NOT_REPRODUCED, NOT_COMPARABLE, NOT_RUN)

KEYS = {
    "trials": ("generator", "run"),
    "confusion": ("generator", "run"),
    "errors": ("seed",),
    "scores": ("seed",),
    "sizes": (),
}
"""Columns that tell apart the measurements of one condition; the first is what is independent."""

INCEPTION = "inception"
"""The features that the papers' FIDs are taken by."""

COLUMNS = (
    *STATEMENT,
    "scale",
    "reproduced",
    "low",
    "high",
    "sureness",
    "n",
    "over",
    "verdict",
    "claim_verdict",
    "why",
)
"""Columns of the verdicts, a row a part of a claim. `scale` is that of the results; `reproduced` with its interval
`low` to `high` is what they give for the claim: its number, or for an order or trend by how much one side is the
larger. `sureness` is that of the test of an order or trend; `n` how many independent values there are, `over` of
what. `verdict` is of the part, `claim_verdict` of all parts of its id."""


@dataclass(frozen=True)
class Finding:
    """What the results say of a claim.

    Attributes:
        estimate: the number, and what is known of its error.
        sureness: of an order or trend; NaN for a number.
        counted: whether the number is counted, so that there is nothing to estimate.
        note: what a reader should know of it.
    """

    estimate: Estimate
    sureness: float = math.nan
    counted: bool = False
    note: str = ""


class SeveralResultsError(OleanderError):
    """A claim says too little to choose between results."""


def verify_claims(
    claims: list[Claim],
    tables: dict[str, pd.DataFrame],
    scale: str,
    departures: dict[str, list[str]],
    asked: dict[str, list[Any]],
    confidence: float,
) -> pd.DataFrame:
    """Hold every claim against the results.

    Args:
        claims: as `oleander.io.claims.read_claims` gives them.
        tables: by the names of `oleander.io.claims.TABLES`, all of one scale; what was not run is empty or absent.
        scale: name of the scale.
        departures: name of a claim -> where the settings behind its results are not the paper's own, if anywhere.
        asked: name of an ordering -> every value that its `compared` column was to be run at; without an entry, those
            that the results have.
        confidence: of the intervals, and how sure a test must be, e.g. 0.95.

    Returns:
        `COLUMNS`, a row a claim, in their order.

    Raises:
        OleanderError: results of another scale; a claim names a column that its table has not.
    """
    for name, table in tables.items():
        foreign = set(table["scale"].dropna()) - {scale} if "scale" in table else set()
        if foreign:
            raise OleanderError(
                f"some {name} are of scale {', '.join(map(str, sorted(foreign)))}, not {scale}; delete those CSVs and "
                "run again"
            )
    rows = []
    for claim in claims:
        table = tables.get(claim.table, pd.DataFrame())
        rows.append(
            {
                **claim.texts,
                **_stated(claim),
                "scale": scale,
                **_judge(claim, table, departures.get(claim.name, []), asked.get(claim.name, []), confidence),
            }
        )
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(row["id"], []).append(row["verdict"])
    return pd.DataFrame([{**row, "claim_verdict": combine(parts[row["id"]])} for row in rows], columns=list(COLUMNS))


def read_verdicts(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read what `verify_claims` gave, as it was written to a CSV.

    Raises:
        OleanderError: the file is missing or damaged.
    """
    verdicts = read_csv(path, COLUMNS)
    if verdicts.empty or not verdicts[["verdict", "claim_verdict"]].isin(VERDICTS).all(axis=None):
        raise OleanderError(f"{path} has lines without a verdict; delete it and run again")
    texts = verdicts[["part", "over"]].astype(object).fillna("")
    return verdicts.assign(part=texts["part"], over=texts["over"])


def combine(verdicts: list[str]) -> str:
    """The verdict of a claim of several parts, all of which it says: the weakest of them.

    One part that is not reproduced refutes the claim, whatever the others; one that was not checked leaves it open.
    """
    for verdict in (NOT_REPRODUCED, NOT_RUN, NOT_COMPARABLE, WITHIN):
        if verdict in verdicts:
            return verdict
    return REPRODUCED


def count_verdicts(verdicts: pd.DataFrame) -> dict[str, int]:
    """Verdict -> number of claims, in the order of `VERDICTS`; the parts of a claim count as one."""
    of_claims = verdicts.drop_duplicates("id")["claim_verdict"]
    return {verdict: int((of_claims == verdict).sum()) for verdict in VERDICTS}


def summary_line(verdicts: pd.DataFrame) -> str:
    """Such as "31 of 49 checked: 27 reproduced, 2 within tolerance, 2 not reproduced; 10 not comparable, 8 not run"."""
    counts = count_verdicts(verdicts)
    checked = {verdict: counts[verdict] for verdict in VERDICTS[:3]}
    said, left = (
        ", ".join(f"{count} {verdict}" for verdict, count in part.items())
        for part in (checked, {verdict: counts[verdict] for verdict in VERDICTS[3:]})
    )
    return f"{sum(checked.values())} of {sum(counts.values())} checked: {said}; {left}"


def _stated(claim: Claim) -> dict[str, object]:
    return {name: getattr(claim, name) for name in ("kind", "relation", "expected", "tolerance", "unit")}


def _judge(
    claim: Claim, table: pd.DataFrame, departures: list[str], asked: list[Any], confidence: float
) -> dict[str, object]:
    """The columns from `reproduced` to `why`, but for `claim_verdict`."""
    blank = {"reproduced": math.nan, "low": math.nan, "high": math.nan, "sureness": math.nan, "n": 0, "over": ""}
    if table.empty:
        return {**blank, "verdict": NOT_RUN, "why": "no such results"}
    try:
        left, right = select(table, claim.where), select(table, claim.against) if _one_other(claim) else None
        finding = _find(claim, table, asked, confidence)
    except SeveralResultsError as error:
        return {**blank, "verdict": NOT_COMPARABLE, "why": str(error)}
    except KeyError as error:
        raise OleanderError(
            f"claim {claim.name} names a column that {claim.table} have not: {error}; correct the claim in "
            "workflow/published/claims.csv"
        ) from error
    if isinstance(finding, str):
        if left.empty and not select(table.drop(columns="status", errors="ignore"), claim.where).empty:
            finding = "all that was trained for it diverged"
        return {**blank, "verdict": NOT_RUN, "why": finding}
    estimate = finding.estimate
    found = {
        "reproduced": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "sureness": finding.sureness,
        "n": estimate.n,
        "over": "counted" if finding.counted else _over(claim, estimate),
    }
    apart = _not_comparable(claim, [left] if right is None else [left, right], departures)
    if apart:
        return {**found, "verdict": NOT_COMPARABLE, "why": apart}
    verdict, why = _verdict(claim, finding, confidence)
    return {**found, "verdict": verdict, "why": " ".join(filter(None, (why, finding.note)))}


def _over(claim: Claim, estimate: Estimate) -> str:
    """What the independent values are, such as "generators"."""
    names = KEYS[claim.table]
    return names[0 if estimate.over_groups or len(names) == 1 else 1] + "s"


def _one_other(claim: Claim) -> bool:
    """Is the claim held against one selection?"""
    return bool(claim.against) and (bool(claim.each) or not claim.compared)


def _not_comparable(claim: Claim, sides: list[pd.DataFrame], departures: list[str]) -> str:
    """Why results cannot be held against the paper's; empty if they can."""
    rows = pd.concat(sides)
    stand_ins = sorted(set(rows["stand_in_for"].dropna().astype(str)) - {""})
    if stand_ins:
        return f"stand-in data in place of {' and '.join(stand_ins)}"
    if claim.measure == "fid":
        features = sorted(set(rows["features"].dropna().astype(str)) - {INCEPTION})
        if features:
            return f"distances by the features of a {' and '.join(features)}, not Inception's"
    if claim.scale == "paper" and departures:
        more = f" and {len(departures) - 3} more" if len(departures) > 3 else ""
        return f"an absolute number at other settings than the paper's: {', '.join(departures[:3])}{more}"
    return ""


def _verdict(claim: Claim, finding: Finding, confidence: float) -> tuple[str, str]:
    """The verdict on comparable results, and its reason."""
    if claim.kind in ("ordering", "trend"):
        if finding.sureness >= confidence:
            return REPRODUCED, f"sure to {_share(finding.sureness)}."
        return NOT_REPRODUCED, f"sure to {_share(finding.sureness)} only, where {_share(confidence)} is asked for."
    low, high = accepted(claim)
    estimate = finding.estimate
    if not low <= estimate.value <= high:
        overlap = estimate.low <= high and estimate.high >= low and not finding.counted
        more = " Its interval reaches into it: too few results to tell." if overlap else ""
        return NOT_REPRODUCED, f"the result is outside the tolerance.{more}"
    if finding.counted or (low <= estimate.low and estimate.high <= high):
        return REPRODUCED, "counted." if finding.counted else "the whole interval is within the tolerance."
    if math.isnan(estimate.low):
        return WITHIN, "a single value, of unknown error."
    return WITHIN, "the interval reaches beyond the tolerance."


def accepted(claim: Claim) -> tuple[float, float]:
    """From where to where a result counts as the claim's number; infinite on the open side of a bound."""
    low, high = claim.expected - claim.tolerance, claim.expected + claim.tolerance
    return (
        -math.inf if claim.relation == "at most" else low,
        math.inf if claim.relation == "at least" else high,
    )


def _share(value: float) -> str:
    # Never rounded up to what is asked for, nor to certainty.
    return "unknown" if math.isnan(value) else f"{math.floor(value * 1000) / 10:g} %"


def _find(claim: Claim, table: pd.DataFrame, asked: list[Any], confidence: float) -> Finding | str:
    """What the results say, or why they say nothing."""
    if claim.table == "sizes":
        rows = select(table, claim.where)
        if len(rows) != 1:
            return f"{len(rows)} rows of {claim.where[0].value}"
        value = float(rows[claim.measure].iloc[0])
        return Finding(Estimate(value, value, value, 0.0, 1, True), counted=True)
    if claim.kind == "trend":
        return _find_trend(claim, table, confidence)
    if claim.kind == "ordering":
        return _find_order(claim, table, asked, confidence)
    pairs = pair(claim, table, claim.where, claim.against)
    if pairs.empty:
        return "no results under these conditions"
    return Finding(_estimate(claim, pairs, confidence))


def _find_order(claim: Claim, table: pd.DataFrame, asked: list[Any], confidence: float) -> Finding | str:
    """The least sure of the comparisons that an ordering is made of, since all have to hold.

    Each is tested at the full level: that all hold by chance is no likelier than that the least sure does. One that
    was asked for and has no results, such as that of an alpha whose generators all diverged, leaves the claim open.
    """
    column = claim.compared
    wheres, againsts = [claim.where], [claim.against]
    if column:
        free = claim.where if claim.each else _without(claim.against, column)
        planned = select(pd.DataFrame({column: asked}), tuple(one for one in free if one.column == column))
        values = values_of(pd.DataFrame({column: [*select(table, free)[column], *planned[column]]}), column)
        if not claim.each:
            stated = [one.value for one in claim.where if one.column == column]
            own = [*values_of(select(table, claim.where), column), *stated]
            values = [value for value in values if value not in own]
        conditions = [Condition(column, "=", value) for value in values]
        wheres = [(*_without(claim.where, column), one) if claim.each else claim.where for one in conditions]
        againsts = [(*_without(claim.against, column), one) for one in conditions]
    sign = 1 if claim.relation == "more than" else -1
    found = []
    for where, against in zip(wheres, againsts, strict=True):
        pairs = pair(claim, table, where, against)
        # The last condition is the one that these comparisons differ in.
        name = f"{against[-1].column} {against[-1].value}"
        if pairs.empty:
            return f"no results of {name}, which it is also about" if column else "no results under these conditions"
        estimate = _estimate(claim, pairs, confidence)
        found.append((replace(estimate, value=sign * estimate.value).confidence(), estimate, name))
    if not found:
        return "nothing to compare with"
    # NaN, a single pair that says nothing of chance, is the least sure of all.
    sureness, estimate, name = min(found, key=lambda one: -1 if math.isnan(one[0]) else one[0])
    return Finding(estimate, sureness, note=f"The weakest of {len(found)}: {name}." if len(found) > 1 else "")


def _find_trend(claim: Claim, table: pd.DataFrame, confidence: float) -> Finding | str:
    """By how much the measure changes from the first to the last value, and Page's test over all."""
    pairs = pair(claim, table, claim.where, claim.against, (claim.along,))
    if pairs.empty:
        return "no results under these conditions"
    measured = pairs["left"] - pairs["right"] if claim.against else pairs["left"]
    keys = list(KEYS[claim.table])
    wide = measured.unstack(claim.along).sort_index(axis=1).dropna()
    groups = wide.index.get_level_values(keys[0]).to_numpy()
    over_groups = len(np.unique(groups)) > 1
    blocks = wide.groupby(level=keys[0]).mean() if over_groups else wide
    if blocks.shape[0] < 2 or blocks.shape[1] < 3:
        return f"a trend needs two {keys[0]}s or runs and three values of {claim.along}"
    sign = 1 if claim.relation == "grows" else -1
    change = (wide.iloc[:, -1] - wide.iloc[:, 0]).to_numpy()
    estimate = estimate_mean(change, groups, confidence)
    sureness = trend_sureness(sign * blocks.to_numpy())
    values = f"{wide.columns[0]:g} to {wide.columns[-1]:g}"
    return Finding(estimate, sureness, note=f"The result is the change over {claim.along} {values}.")


def _estimate(claim: Claim, pairs: pd.DataFrame, confidence: float) -> Estimate:
    """The claim's number: a mean, or a difference or ratio of two."""
    groups = pairs.index.get_level_values(KEYS[claim.table][0]).to_numpy()
    left = pairs["left"].to_numpy()
    if claim.kind == "absolute":
        return estimate_mean(left, groups, confidence)
    right = pairs["right"].to_numpy()
    if claim.kind == "ratio":
        return estimate_ratio(left, right, groups, confidence)
    return estimate_mean(left - right, groups, confidence)


def pair(
    claim: Claim,
    table: pd.DataFrame,
    where: tuple[Condition, ...],
    against: tuple[Condition, ...],
    more: tuple[str, ...] = (),
) -> pd.DataFrame:
    """The measurements on both sides of a claim that share a generator and run; `left` and, if there is one, `right`.

    Measurements that are empty are left out, and so are those of what diverged, together with what they would be
    compared with. Indexed by `KEYS`, then by `more`.

    Raises:
        SeveralResultsError: several measurements under one condition, which the claim would have to choose from.
        OleanderError: measurements that are no numbers.
    """
    keys = [*KEYS[claim.table], *more]
    sides = {"left": select(table, where)[[*keys, claim.measure]].set_index(keys)[claim.measure]}
    if against:
        sides["right"] = select(table, against)[[*keys, claim.against_measure]].set_index(keys)[claim.against_measure]
    for side in sides.values():
        if side.index.has_duplicates:
            raise SeveralResultsError(
                f"several results for one {' and '.join(keys)}: state in workflow/published/claims.csv which of them "
                f"{claim.name} is about"
            )
    # In one order, whatever that of the files, so that sums are rounded alike.
    pairs = pd.concat(sides, axis=1, join="inner").sort_index()
    try:
        return pairs.astype(float).dropna()
    except ValueError as error:
        raise OleanderError(
            f"the {claim.table} that claim {claim.name} is checked on hold what is no number ({error}); delete those "
            "files and run again"
        ) from error


def select(table: pd.DataFrame, conditions: tuple[Condition, ...]) -> pd.DataFrame:
    """The rows that fulfil every condition and whose status, where there is one, is ok.

    Raises:
        KeyError: a column that the table has not.
    """
    kept = np.ones(len(table), dtype=bool)
    if "status" in table:
        kept &= (table["status"] == "ok").to_numpy()
    for one in conditions:
        kept &= _fulfils(table[one.column], one).to_numpy()
    return table[kept]


def _fulfils(values: pd.Series, condition: Condition) -> pd.Series:
    text = values.astype(object).where(values.notna(), "").astype(str)
    if condition.value == EMPTY:
        return text == ""
    numbers = pd.to_numeric(values, errors="coerce")
    try:
        wanted = float(condition.value)
    except ValueError:
        return text == condition.value
    close = pd.Series(np.isclose(numbers, wanted), index=values.index)
    return {
        "=": close,
        "<": (numbers < wanted) & ~close,
        "<=": (numbers < wanted) | close,
        ">": (numbers > wanted) & ~close,
        ">=": (numbers > wanted) | close,
    }[condition.sign]


def values_of(rows: pd.DataFrame, column: str) -> list[str]:
    """The values of a column, ascending, as a condition writes them."""
    return [
        f"{value:g}" if isinstance(value, float) else str(value) for value in sorted(rows[column].dropna().unique())
    ]


def _without(conditions: tuple[Condition, ...], column: str) -> tuple[Condition, ...]:
    return tuple(one for one in conditions if one.column != column)
