"""Check every published claim against the results, and give it a verdict.

A number is reproduced if the confidence interval of the results lies within the claim's tolerance, within tolerance if
only the mean does, and not reproduced if the whole interval lies outside. A direction, an order or a trend, is
reproduced if a one-sided test of it reaches the confidence of the intervals, and not reproduced if a test of the
opposite does. Everything between is undecided, with the number of generators or seeds that would decide it.
"""

import math
import os
from typing import Any

import pandas as pd

from oleander.evaluation.findings import KEYS, Finding, SeveralResultsError, find, select
from oleander.io.claims import DIRECTIONS, STATEMENT, TOLERANT, Claim
from oleander.io.errors import OleanderError
from oleander.io.tables import read_csv
from oleander.metrics.decisions import MOST
from oleander.metrics.intervals import Estimate

REPRODUCED = "reproduced"
WITHIN = "within tolerance"
NOT_REPRODUCED = "not reproduced"
UNDECIDED = "undecided"
NOT_COMPARABLE = "not comparable"
NOT_RUN = "not run"
VERDICTS = (REPRODUCED, WITHIN, NOT_REPRODUCED, UNDECIDED, NOT_COMPARABLE, NOT_RUN)

GRID = ("alphas", "lambda_primes", "generators", "poison_fractions", "runs", "seeds", "trigger_values")
"""Settings that say how much is run, not how: results on a smaller grid can be compared with the paper's."""

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
    "needed",
    "verdict",
    "claim_verdict",
    "why",
)
"""Columns of the verdicts, one row per part of a claim. `scale` is the scale of the results. `reproduced`, with its
interval `low` to `high`, is their value: the claim's number, or the difference of an order or trend. `confidence` is
that of the test of an order or trend. `n` is the number of independent values and `over` their name; `needed`, where
the verdict is undecided, how many would decide it (infinity: more than `oleander.metrics.decisions.MOST`; NaN: unknown,
as of a single value). `verdict` is that of the part, `claim_verdict` that of all parts with its id."""


def verify_claims(
    claims: list[Claim],
    tables: dict[str, pd.DataFrame],
    scale: str,
    departures: dict[str, list[str]],
    asked: dict[str, dict[str, list[Any]]],
    confidence: float,
) -> pd.DataFrame:
    """Check every claim against the results.

    Args:
        claims: as `oleander.io.claims.read_claims` returns them.
        tables: one of `oleander.io.claims.TABLES` -> results, all of one scale; empty or absent if not run.
        scale: name of the scale.
        departures: name of a claim -> settings behind its results that differ from the paper's.
        asked: name of an ordering -> each of its `compared` columns -> every configured value. Without an entry, the
            values in the results are used.
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
                **_check(claim, table, departures.get(claim.name, []), asked.get(claim.name, {}), confidence),
            }
        )
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(row["id"], []).append(row["verdict"])
    return pd.DataFrame([{**row, "claim_verdict": combine(parts[row["id"]])} for row in rows], columns=list(COLUMNS))


def note_readings(verdicts: pd.DataFrame, readings: dict[str, str]) -> pd.DataFrame:
    """The verdicts, with a remark in `why` where a figure shows them under other readings of the paper.

    Args:
        verdicts: from `verify_claims`.
        readings: name of a claim -> name of the figure.
    """
    names = verdicts["id"] + verdicts["part"]
    notes = [f" Under other readings of the paper: {readings[name]}." if name in readings else "" for name in names]
    return verdicts.assign(why=verdicts["why"] + notes)


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
    """The verdict on a claim of several parts: the first of these that one of its parts has.

    Not reproduced: one part refutes the claim. Not run, not comparable, undecided: it is open, as a part was not
    checked, or not to an end. Within tolerance, reproduced: all of it holds, as well as its weakest part.
    """
    for verdict in (NOT_REPRODUCED, NOT_RUN, NOT_COMPARABLE, UNDECIDED, WITHIN):
        if verdict in verdicts:
            return verdict
    return REPRODUCED


def count_verdicts(verdicts: pd.DataFrame) -> dict[str, dict[str, int]]:
    """ "numbers" and "directions" -> verdict -> number of claims; the parts of a claim count as one.

    Verdicts are in the order of `VERDICTS`. Directions cannot be within tolerance.
    """
    claims = verdicts.drop_duplicates("id")
    direction = claims["kind"].isin(DIRECTIONS)
    counts = {}
    for name, own in (("numbers", claims[~direction]), ("directions", claims[direction])):
        possible = [verdict for verdict in VERDICTS if name == "numbers" or verdict != WITHIN]
        counts[name] = {verdict: int((own["claim_verdict"] == verdict).sum()) for verdict in possible}
    return counts


def summary_lines(verdicts: pd.DataFrame) -> list[str]:
    """One line on numbers and one on directions, so that nobody takes one for the other.

    E.g. "directions: 40 of 49 checked, 80 % of these decided: 29 reproduced, 3 not reproduced, 8 undecided; 5 not
    comparable, 4 not run".
    """
    lines = []
    for name, counts in count_verdicts(verdicts).items():
        checked = {verdict: count for verdict, count in counts.items() if verdict not in (NOT_COMPARABLE, NOT_RUN)}
        said, left = (
            ", ".join(f"{counts[verdict]} {verdict}" for verdict in counts if (verdict in checked) == inside)
            for inside in (True, False)
        )
        total = sum(checked.values())
        share = ""
        if name == "directions" and total:
            share = f", {100 * (total - checked[UNDECIDED]) / total:.0f} % of these decided"
        lines.append(f"{name}: {total} of {sum(counts.values())} checked{share}: {said}; {left}")
    return lines


def _stated(claim: Claim) -> dict[str, object]:
    return {name: getattr(claim, name) for name in ("kind", "relation", "expected", "tolerance", "unit")}


def _check(
    claim: Claim, table: pd.DataFrame, departures: list[str], asked: dict[str, list[Any]], confidence: float
) -> dict[str, object]:
    """The columns from `reproduced` to `why`, except `claim_verdict`."""
    blank = {name: math.nan for name in ("reproduced", "low", "high", "confidence", "needed")} | {"n": 0, "over": ""}
    if table.empty:
        return {**blank, "verdict": NOT_RUN, "why": "no such results"}
    try:
        left, right = select(table, claim.where), select(table, claim.against) if _one_other(claim) else None
        finding = find(claim, table, asked, confidence)
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
    other = [one for one in departures if one.rpartition(".")[2] not in GRID]
    apart = _not_comparable(claim, [left] if right is None else [left, right], other)
    if apart:
        return {**found, "needed": math.nan, "verdict": NOT_COMPARABLE, "why": apart}
    verdict, why = _verdict(claim, finding, confidence)
    needed = finding.needed if verdict == UNDECIDED else math.nan
    more = _needed(finding, found["over"]) if verdict == UNDECIDED else ""
    features = _other_features([left] if right is None else [left, right]) if claim.measure == "fid" else []
    note = f"Distances use the features of a {' and '.join(features)}." if features else ""
    # With other settings, too, results are not the paper's anyhow.
    grid = f"The paper's settings on a smaller grid: {_listed(departures)} differ." if departures and not other else ""
    said = " ".join(filter(None, (why, finding.note, more, note, grid)))
    return {**found, "needed": needed, "verdict": verdict, "why": said}


def _over(claim: Claim, estimate: Estimate) -> str:
    """Name of the independent values, e.g. "generators"."""
    names = KEYS[claim.table]
    return names[0 if estimate.over_groups or len(names) == 1 else 1] + "s"


def _one_other(claim: Claim) -> bool:
    """Is the claim compared with a single selection?"""
    return bool(claim.against) and not claim.rival


def _other_features(selections: list[pd.DataFrame]) -> list[str]:
    """The features of distances other than the papers'."""
    return sorted(set(pd.concat(selections)["features"].dropna().astype(str)) - {INCEPTION})


def _not_comparable(claim: Claim, selections: list[pd.DataFrame], departures: list[str]) -> str:
    """Why the results cannot be compared with the paper's; empty if they can."""
    rows = pd.concat(selections)
    stand_ins = sorted(set(rows["stand_in_for"].dropna().astype(str)) - {""})
    if stand_ins:
        return f"stand-in data in place of {' and '.join(stand_ins)}"
    if claim.measure == "fid":
        features = _other_features(selections)
        if features and not claim.is_direction:
            return f"distances use the features of a {' and '.join(features)}, not Inception's"
        networks = set(zip(rows["features"], rows["feature_dataset"].fillna(""), strict=True))
        if features and len(networks) > 1:
            return "distances use features of different networks"
    if claim.scale == "paper" and departures:
        return f"a number, but settings differ from the paper's: {_listed(departures)}"
    return ""


def _listed(settings: list[str]) -> str:
    """The first three settings, and how many more there are."""
    more = f" and {len(settings) - 3} more" if len(settings) > 3 else ""
    return f"{', '.join(settings[:3])}{more}"


def _verdict(claim: Claim, finding: Finding, confidence: float) -> tuple[str, str]:
    """The verdict on comparable results, and its reason."""
    low, high = claim.accepted
    estimate = finding.estimate
    if claim.is_direction:
        if finding.confidence >= confidence:
            return REPRODUCED, f"with {_share(finding.confidence)} confidence."
        if finding.opposite >= confidence:
            what = "beyond the tolerance" if claim.relation in TOLERANT else "the opposite"
            return NOT_REPRODUCED, f"{what}, with {_share(finding.opposite)} confidence."
        if math.isnan(finding.confidence):
            return UNDECIDED, "a single value, without a spread."
        return UNDECIDED, f"confidence is {_share(finding.confidence)}; {_share(confidence)} is needed."
    inside = low <= estimate.value <= high
    if finding.counted:
        return (REPRODUCED, "counted.") if inside else (NOT_REPRODUCED, "the result is outside the tolerance.")
    if math.isnan(estimate.low):
        where = "inside" if inside else "outside"
        return UNDECIDED, f"a single value, {where} the tolerance, without an interval."
    if low <= estimate.low and estimate.high <= high:
        return REPRODUCED, "the whole interval is within the tolerance."
    if inside:
        return WITHIN, "the interval reaches beyond the tolerance."
    if estimate.low <= high and estimate.high >= low:
        return UNDECIDED, "the result is outside the tolerance, but its interval reaches into it."
    return NOT_REPRODUCED, "the whole interval is outside the tolerance."


def _needed(finding: Finding, over: str) -> str:
    """How many independent values would decide an undecided claim."""
    if math.isnan(finding.needed):
        return f"At least 2 {over} are needed."
    if math.isinf(finding.needed):
        return f"More than {MOST:,} {over} with this mean and spread would be needed."
    return f"{finding.needed:.0f} {over} with this mean and spread would decide it."


def _share(value: float) -> str:
    # Rounded down, so that 94.96 % does not read as 95 %, nor 99.99 % as 100 %.
    return "unknown" if math.isnan(value) else f"{math.floor(value * 1000) / 10:g} %"
