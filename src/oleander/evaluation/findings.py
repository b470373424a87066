"""What the results say on a claim: they are selected, paired and estimated, and tests of a direction are made.

Results are compared in pairs of one generator and run, which share data and seeds.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from oleander.io.claims import EMPTY, FILLED, OTHERS, Claim, Condition, replaced
from oleander.io.errors import OleanderError
from oleander.metrics.decisions import needed_for_interval, needed_for_tests, share_level
from oleander.metrics.effects import PAIRED
from oleander.metrics.intervals import Estimate, estimate_mean, estimate_ratio
from oleander.metrics.trend import needed_for_trend, trend_confidence

KEYS = {
    "trials": PAIRED,
    "confusion": PAIRED,
    "errors": ("seed",),
    "scores": ("seed",),
    "sizes": (),
}
"""Columns that identify a measurement under one condition; values of the first are independent."""


@dataclass(frozen=True)
class Finding:
    """The results' value for a claim.

    Attributes:
        estimate: the value with its interval.
        confidence: that a direction is as the claim says; NaN for a number.
        opposite: that a direction is not as the claim says; NaN for a number.
        needed: how many independent values would decide the claim if their mean and spread were the present ones, more
            than there are; infinity above `oleander.metrics.decisions.MOST`, NaN if unknown.
        counted: whether the value is an exact count, without an interval.
        note: remark for the reader.
    """

    estimate: Estimate
    confidence: float = math.nan
    opposite: float = math.nan
    needed: float = math.nan
    counted: bool = False
    note: str = ""


class SeveralResultsError(OleanderError):
    """A claim's conditions select several results."""


def find(claim: Claim, table: pd.DataFrame, asked: dict[str, list[Any]], confidence: float) -> Finding | str:
    """What the results say on a claim, or why they say nothing.

    Args:
        claim: the claim.
        table: results of its kind.
        asked: column -> every configured value of it, for the columns in `claim.compared`.
        confidence: of the interval, and that a test must reach, e.g. 0.95.

    Raises:
        SeveralResultsError: the conditions select several measurements of one generator and run.
        OleanderError: a measurement is not a number.
        KeyError: the table lacks a column.
    """
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
    estimate = _estimate(claim, pairs, confidence)
    needed = needed_for_interval(estimate.value, estimate.spread, estimate.n, *claim.accepted, confidence)
    return Finding(estimate, needed=needed)


def _find_order(claim: Claim, table: pd.DataFrame, asked: dict[str, list[Any]], confidence: float) -> Finding | str:
    """The comparison of an ordering that is least sure, because all of them have to hold.

    Each is tested at the full level: all holding by chance is no likelier than the weakest one holding by chance. One
    that is surely reversed refutes the claim; as any of them might be so by chance, they share the level there. A
    configured comparison without results, e.g. of an alpha whose generators all diverged, leaves the claim open.
    """
    names, found = [], []
    for name, where, against in _comparisons(claim, table, asked):
        pairs = pair(claim, table, where, against)
        if pairs.empty:
            return f"no results of {name}, which the claim includes" if name else "no results under these conditions"
        names.append(name)
        found.append(_estimate(claim, pairs, confidence))
    if not found:
        return "nothing to compare with"
    within = np.array([one.confidence(*claim.accepted) for one in found])
    outside = np.array([one.opposite(*claim.accepted) for one in found])
    # NaN, of a single pair, ranks below every confidence.
    opposite = float(share_level(np.nan_to_num(outside).max(), len(found)))
    refuted = opposite >= confidence
    at = int(np.nan_to_num(outside).argmax() if refuted else np.nan_to_num(within, nan=-1).argmin())
    n = min(one.n for one in found)
    values, spreads = [one.value for one in found], [one.spread for one in found]
    return Finding(
        found[at],
        float(within[at]),
        opposite,
        needed_for_tests(values, spreads, n, *claim.accepted, confidence),
        note=f"The weakest of {len(found)}: {names[at]}." if len(found) > 1 else "",
    )


def _comparisons(
    claim: Claim, table: pd.DataFrame, asked: dict[str, list[Any]]
) -> list[tuple[str, tuple[Condition, ...], tuple[Condition, ...]]]:
    """Everything that an ordering compares: its name among the others, `where` and `against`."""
    one = [("", claim.where, claim.against)]
    if claim.each:
        one = []
        for value in _values(table, claim.where, claim.each, asked):
            at = (Condition(claim.each, "=", value),)
            where, against = (replaced(side, at) if side else () for side in (claim.where, claim.against))
            one.append((f"{claim.each} {value}", where, against))
    if not claim.rival:
        return one
    column, found = claim.rival, []
    for name, where, against in one:
        stated = [condition.value for condition in where if condition.column == column]
        own = [*values_of(select(table, where), column), *stated]
        # Of all results, so that one missing beside a single value of `each` is noticed.
        for value in _values(table, claim.against, column, asked):
            if value not in own:
                rival = replaced(against, (Condition(column, "=", value),))
                found.append((", ".join(filter(None, (name, f"{column} {value}"))), where, rival))
    return found


def _values(
    table: pd.DataFrame, conditions: tuple[Condition, ...], column: str, asked: dict[str, list[Any]]
) -> list[str]:
    """The values of a column under conditions: those in the results, and those that were to be run."""
    others = tuple(one for one in conditions if one.column != column)
    own = tuple(one for one in conditions if one.column == column and one.value != OTHERS)
    every = [*select(table, others)[column], *asked.get(column, [])]
    return values_of(select(pd.DataFrame({column: every}), own), column)


def _find_trend(claim: Claim, table: pd.DataFrame, confidence: float) -> Finding | str:
    """The change of the measure from the first to the last value, and Page's test over all values."""
    pairs = pair(claim, table, claim.where, claim.against, (claim.along,))
    if pairs.empty:
        return "no results under these conditions"
    measured = pairs["left"] - pairs["right"] if claim.against else pairs["left"]
    keys = list(KEYS[claim.table])
    wide = measured.unstack(claim.along).sort_index(axis=1).dropna()
    if wide.shape[0] < 1 or wide.shape[1] < 3:
        return f"a trend needs three values of {claim.along}"
    groups = wide.index.get_level_values(keys[0]).to_numpy()
    over_groups = len(np.unique(groups)) > 1
    blocks = (wide.groupby(level=keys[0]).mean() if over_groups else wide).to_numpy()
    change = (wide.iloc[:, -1] - wide.iloc[:, 0]).to_numpy()
    estimate = estimate_mean(change, groups, confidence)
    note = f"The result is the change over {claim.along} {wide.columns[0]:g} to {wide.columns[-1]:g}."
    if len(blocks) < 2:
        return Finding(estimate, note=note)
    sign = 1 if claim.relation == "grows" else -1
    tests = (trend_confidence(sign * blocks), trend_confidence(-sign * blocks))
    return Finding(estimate, *tests, needed_for_trend(blocks, confidence), note=note)


def _estimate(claim: Claim, pairs: pd.DataFrame, confidence: float) -> Estimate:
    """The mean of pairs: of the one side, or of the difference or ratio of two."""
    groups = pairs.index.get_level_values(KEYS[claim.table][0]).to_numpy()
    left = pairs["left"].to_numpy()
    if not claim.against:
        return estimate_mean(left, groups, confidence)
    right = pairs["right"].to_numpy()
    if claim.is_relative:
        return estimate_ratio(left, right, groups, confidence)
    return estimate_mean(left - right, groups, confidence)


def pair(
    claim: Claim,
    table: pd.DataFrame,
    where: tuple[Condition, ...],
    against: tuple[Condition, ...],
    more: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Pair the measurements of a claim that share a generator and run, less those of its baseline.

    Pairs with an empty or diverged measurement are left out.

    Returns:
        Column `left`, for `where`, and column `right`, for `against` unless that is empty; indexed by `KEYS`, then by
        `more`.

    Raises:
        SeveralResultsError: the conditions select several measurements of one generator and run.
        OleanderError: a measurement is not a number.
    """
    keys = [*KEYS[claim.table], *more]
    sides = {"left": (where, claim.measure)}
    if against:
        sides["right"] = (against, claim.against_measure)
    if claim.baseline:
        sides |= {f"{side} less": (replaced(what, claim.baseline), name) for side, (what, name) in sides.items()}
    measured = {side: select(table, what)[[*keys, name]].set_index(keys)[name] for side, (what, name) in sides.items()}
    for values in measured.values():
        if values.index.has_duplicates:
            raise SeveralResultsError(
                f"several results for one {' and '.join(keys)}: add a condition to {claim.name} in "
                "workflow/published/claims.csv that selects one"
            )
    # Sorted, so that rounding of sums does not depend on the order of the files.
    pairs = pd.concat(measured, axis=1, join="inner").sort_index()
    try:
        pairs = pairs.astype(float).dropna()
    except ValueError as error:
        raise OleanderError(
            f"the {claim.table} of claim {claim.name} contain a value that is not a number ({error}); delete these "
            "files and run again"
        ) from error
    for side in [name for name in pairs if f"{name} less" in pairs]:
        pairs[side] -= pairs.pop(f"{side} less")
    return pairs


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
    if condition.value in (EMPTY, FILLED):
        return (text == "") == (condition.value == EMPTY)
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
