"""Check every published claim against the results, and give it a verdict.

A number is reproduced if the confidence interval of the results lies within the claim's tolerance. It is within
tolerance if only the mean does. An order or a trend is reproduced if a one-sided test reaches the confidence of the
intervals, else it is not reproduced: without an effect, the mean alone has the right sign half of the time. Results
are compared in pairs of one generator and run, which share data and seeds.
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
from oleander.metrics.trend import trend_confidence

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
"""Columns that identify a measurement under one condition; values of the first are independent."""

INCEPTION = "inception"
"""The features of the papers' FIDs."""

COLUMNS = (
    *STATEMENT,
    "scale",
    "reproduced",
    "low",
    "high",
    "confidence",
    "n",
    "over",
    "verdict",
    "claim_verdict",
    "why",
)
"""Columns of the verdicts, one row per part of a claim. `scale` is the scale of the results. `reproduced`, with its
interval `low` to `high`, is their value: the claim's number, or the difference of an order or trend. `confidence` is
that of the test of an order or trend. `n` is the number of independent values and `over` their name. `verdict` is that
of the part, `claim_verdict` that of all parts with its id."""


@dataclass(frozen=True)
class Finding:
    """The results' value for a claim.

    Attributes:
        estimate: the value with its interval.
        confidence: of an order or trend; NaN for a number.
        counted: whether the value is an exact count, without an interval.
        note: remark for the reader.
    """

    estimate: Estimate
    confidence: float = math.nan
    counted: bool = False
    note: str = ""


class SeveralResultsError(OleanderError):
    """A claim's conditions select several results."""


def verify_claims(
    claims: list[Claim],
    tables: dict[str, pd.DataFrame],
    scale: str,
    departures: dict[str, list[str]],
    asked: dict[str, list[Any]],
    confidence: float,
) -> pd.DataFrame:
    """Check every claim against the results.

    Args:
        claims: as `oleander.io.claims.read_claims` returns them.
        tables: one of `oleander.io.claims.TABLES` -> results, all of one scale; empty or absent if not run.
        scale: name of the scale.
        departures: name of a claim -> settings behind its results that differ from the paper's.
        asked: name of an ordering -> every configured value of its `compared` column. Without an entry, the values in
            the results are used.
        confidence: of the intervals, and the confidence that a test must reach, e.g. 0.95.

    Returns:
        Columns `COLUMNS`, one row per claim, in order.

    Raises:
        OleanderError: results are of another scale, or a claim names a column that its table lacks.
    """
    for name, table in tables.items():
        foreign = set(table["scale"].dropna()) - {scale} if "scale" in table else set()
        if foreign:
            raise OleanderError(
                f"some {name} are of scale {', '.join(map(str, sorted(foreign)))}, not {scale}; delete these CSVs and "
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
                **_check(claim, table, departures.get(claim.name, []), asked.get(claim.name, []), confidence),
            }
        )
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(row["id"], []).append(row["verdict"])
    return pd.DataFrame([{**row, "claim_verdict": combine(parts[row["id"]])} for row in rows], columns=list(COLUMNS))


def read_verdicts(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the result of `verify_claims` from a CSV.

    Raises:
        OleanderError: the file is missing or damaged.
    """
    verdicts = read_csv(path, COLUMNS)
    if verdicts.empty or not verdicts[["verdict", "claim_verdict"]].isin(VERDICTS).all(axis=None):
        raise OleanderError(f"{path} has lines without a verdict; delete it and run again")
    texts = verdicts[["part", "over"]].astype(object).fillna("")
    return verdicts.assign(part=texts["part"], over=texts["over"])


def combine(verdicts: list[str]) -> str:
    """The verdict on a claim of several parts: the weakest of their verdicts.

    A part that is not reproduced refutes the claim; else a part that was not checked leaves it open.
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
    """E.g. "31 of 49 checked: 27 reproduced, 2 within tolerance, 2 not reproduced; 10 not comparable, 8 not run"."""
    counts = count_verdicts(verdicts)
    checked = {verdict: counts[verdict] for verdict in VERDICTS[:3]}
    said, left = (
        ", ".join(f"{count} {verdict}" for verdict, count in part.items())
        for part in (checked, {verdict: counts[verdict] for verdict in VERDICTS[3:]})
    )
    return f"{sum(checked.values())} of {sum(counts.values())} checked: {said}; {left}"


def _stated(claim: Claim) -> dict[str, object]:
    return {name: getattr(claim, name) for name in ("kind", "relation", "expected", "tolerance", "unit")}


def _check(
    claim: Claim, table: pd.DataFrame, departures: list[str], asked: list[Any], confidence: float
) -> dict[str, object]:
    """The columns from `reproduced` to `why`, except `claim_verdict`."""
    blank = {"reproduced": math.nan, "low": math.nan, "high": math.nan, "confidence": math.nan, "n": 0, "over": ""}
    if table.empty:
        return {**blank, "verdict": NOT_RUN, "why": "no such results"}
    try:
        left, right = select(table, claim.where), select(table, claim.against) if _one_other(claim) else None
        finding = _find(claim, table, asked, confidence)
    except SeveralResultsError as error:
        return {**blank, "verdict": NOT_COMPARABLE, "why": str(error)}
    except KeyError as error:
        raise OleanderError(
            f"claim {claim.name} names a column that {claim.table} do not have: {error}; correct the claim in "
            "workflow/published/claims.csv"
        ) from error
    if isinstance(finding, str):
        if left.empty and not select(table.drop(columns="status", errors="ignore"), claim.where).empty:
            finding = "all models trained for it diverged"
        return {**blank, "verdict": NOT_RUN, "why": finding}
    estimate = finding.estimate
    found = {
        "reproduced": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "confidence": finding.confidence,
        "n": estimate.n,
        "over": "counted" if finding.counted else _over(claim, estimate),
    }
    apart = _not_comparable(claim, [left] if right is None else [left, right], departures)
    if apart:
        return {**found, "verdict": NOT_COMPARABLE, "why": apart}
    verdict, why = _verdict(claim, finding, confidence)
    return {**found, "verdict": verdict, "why": " ".join(filter(None, (why, finding.note)))}


def _over(claim: Claim, estimate: Estimate) -> str:
    """Name of the independent values, e.g. "generators"."""
    names = KEYS[claim.table]
    return names[0 if estimate.over_groups or len(names) == 1 else 1] + "s"


def _one_other(claim: Claim) -> bool:
    """Is the claim compared with a single selection?"""
    return bool(claim.against) and (bool(claim.each) or not claim.compared)


def _not_comparable(claim: Claim, selections: list[pd.DataFrame], departures: list[str]) -> str:
    """Why the results cannot be compared with the paper's; empty if they can."""
    rows = pd.concat(selections)
    stand_ins = sorted(set(rows["stand_in_for"].dropna().astype(str)) - {""})
    if stand_ins:
        return f"stand-in data in place of {' and '.join(stand_ins)}"
    if claim.measure == "fid":
        features = sorted(set(rows["features"].dropna().astype(str)) - {INCEPTION})
        if features:
            return f"distances use the features of a {' and '.join(features)}, not Inception's"
    if claim.scale == "paper" and departures:
        more = f" and {len(departures) - 3} more" if len(departures) > 3 else ""
        return f"an absolute number, but settings differ from the paper's: {', '.join(departures[:3])}{more}"
    return ""


def _verdict(claim: Claim, finding: Finding, confidence: float) -> tuple[str, str]:
    """The verdict on comparable results, and its reason."""
    if claim.kind in ("ordering", "trend"):
        if finding.confidence >= confidence:
            return REPRODUCED, f"with {_share(finding.confidence)} confidence."
        return NOT_REPRODUCED, f"confidence is {_share(finding.confidence)}; {_share(confidence)} is needed."
    low, high = accepted(claim)
    estimate = finding.estimate
    if not low <= estimate.value <= high:
        overlap = estimate.low <= high and estimate.high >= low and not finding.counted
        more = " The interval overlaps the tolerance: too few results to decide." if overlap else ""
        return NOT_REPRODUCED, f"the result is outside the tolerance.{more}"
    if finding.counted or (low <= estimate.low and estimate.high <= high):
        return REPRODUCED, "counted." if finding.counted else "the whole interval is within the tolerance."
    if math.isnan(estimate.low):
        return WITHIN, "a single value, without an interval."
    return WITHIN, "the interval reaches beyond the tolerance."


def accepted(claim: Claim) -> tuple[float, float]:
    """Lowest and highest result that count as the claim's number; infinite where the claim is only a bound."""
    low, high = claim.expected - claim.tolerance, claim.expected + claim.tolerance
    return (
        -math.inf if claim.relation == "at most" else low,
        math.inf if claim.relation == "at least" else high,
    )


def _share(value: float) -> str:
    # Rounded down, so that 94.96 % does not read as 95 %, nor 99.99 % as 100 %.
    return "unknown" if math.isnan(value) else f"{math.floor(value * 1000) / 10:g} %"


def _find(claim: Claim, table: pd.DataFrame, asked: list[Any], confidence: float) -> Finding | str:
    """The finding, or why there is none."""
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
    """The comparison of an ordering with the lowest confidence, because all of them have to hold.

    Each is tested at the full level: all holding by chance is no likelier than the weakest one holding by chance. A
    configured comparison without results, e.g. of an alpha whose generators all diverged, leaves the claim open.
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
        # The comparisons differ in their last condition.
        name = f"{against[-1].column} {against[-1].value}"
        if pairs.empty:
            return f"no results of {name}, which the claim includes" if column else "no results under these conditions"
        estimate = _estimate(claim, pairs, confidence)
        found.append((replace(estimate, value=sign * estimate.value).confidence(), estimate, name))
    if not found:
        return "nothing to compare with"
    # NaN, of a single pair, ranks below every confidence.
    lowest, estimate, name = min(found, key=lambda one: -1 if math.isnan(one[0]) else one[0])
    return Finding(estimate, lowest, note=f"The weakest of {len(found)}: {name}." if len(found) > 1 else "")


def _find_trend(claim: Claim, table: pd.DataFrame, confidence: float) -> Finding | str:
    """The change of the measure from the first to the last value, and Page's test over all values."""
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
    values = f"{wide.columns[0]:g} to {wide.columns[-1]:g}"
    note = f"The result is the change over {claim.along} {values}."
    return Finding(estimate, trend_confidence(sign * blocks.to_numpy()), note=note)


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
    """Pair the measurements of a claim that share a generator and run.

    Pairs with an empty or diverged measurement are left out.

    Returns:
        Column `left`, for `where`, and column `right`, for `against` unless that is empty; indexed by `KEYS`, then by
        `more`.

    Raises:
        SeveralResultsError: the conditions select several measurements of one generator and run.
        OleanderError: a measurement is not a number.
    """
    keys = [*KEYS[claim.table], *more]
    measured = {"left": select(table, where)[[*keys, claim.measure]].set_index(keys)[claim.measure]}
    if against:
        right = select(table, against)[[*keys, claim.against_measure]].set_index(keys)[claim.against_measure]
        measured["right"] = right
    for values in measured.values():
        if values.index.has_duplicates:
            raise SeveralResultsError(
                f"several results for one {' and '.join(keys)}: add a condition to {claim.name} in "
                "workflow/published/claims.csv that selects one"
            )
    # Sorted, so that rounding of sums does not depend on the order of the files.
    pairs = pd.concat(measured, axis=1, join="inner").sort_index()
    try:
        return pairs.astype(float).dropna()
    except ValueError as error:
        raise OleanderError(
            f"the {claim.table} of claim {claim.name} contain a value that is not a number ({error}); delete these "
            "files and run again"
        ) from error


def select(table: pd.DataFrame, conditions: tuple[Condition, ...]) -> pd.DataFrame:
    """The rows that fulfil every condition and whose status, if any, is ok.

    Raises:
        KeyError: the table lacks a column.
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
    """The values of a column, ascending, formatted as in a condition."""
    return [
        f"{value:g}" if isinstance(value, float) else str(value) for value in sorted(rows[column].dropna().unique())
    ]


def _without(conditions: tuple[Condition, ...], column: str) -> tuple[Condition, ...]:
    return tuple(one for one in conditions if one.column != column)
