"""Results made for a published claim: as the paper has them, without an effect, or reversed."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from oleander.evaluation.findings import KEYS, select
from oleander.io.claims import EMPTY, FILLED, OTHERS, TOLERANT, WITHIN, Claim, read_claims

PUBLISHED = Path(__file__).resolve().parents[1] / "workflow/published"
CLAIMS = {claim.name: claim for claim in read_claims(PUBLISHED / "claims.csv")}
GENERATORS, RUNS = 5, 4
ALONG = (1000.0, 4000.0, 7000.0, 10000.0)
VALUES = {"alpha": (0.0, 0.1, 0.3, 0.5, 0.9), "poison_fraction": (0.1, 0.2, 0.4), "predicted_class": (3.0, 5.0, 8.0)}
"""Values of the columns over which an ordering compares."""


def row_for(conditions, **more):
    """A result that fulfils conditions; of an inequality, the bound itself."""
    special = {EMPTY: math.nan, FILLED: "something"}
    row = {one.column: special.get(one.value, one.value) for one in conditions}
    return {**{key: _number(value) for key, value in row.items()}, **more}


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def conditions_of(claim: Claim):
    """What the comparisons of a claim are made under: (where, against) rows without measurements."""
    where, against = row_for(claim.where), row_for(claim.against) if claim.against else None
    if claim.kind == "trend":
        return [
            ({**where, claim.along: at}, {**against, claim.along: at} if against is not None else None) for at in ALONG
        ]
    return [
        (
            {**where, **({claim.each: each} if claim.each else {})},
            {**against, **({claim.each: each} if claim.each else {}), **({claim.rival: rival} if claim.rival else {})}
            if against is not None
            else None,
        )
        for each, rival in product(_fitting(claim.where, claim.each), _fitting(claim.against, claim.rival))
        if not claim.rival or rival != where.get(claim.rival)
    ]


def _fitting(conditions, column):
    """The values of a column that fulfil the conditions on it; one for no column."""
    if not column:
        return [None]
    own = tuple(one for one in conditions if one.column == column and one.value != OTHERS)
    return select(pd.DataFrame({column: VALUES[column]}), own)[column].tolist()


def effect_size(claim: Claim) -> float:
    """By how much `truth` sets the two sides of a claim apart; of an absolute number, a tenth of it."""
    if claim.kind == "absolute":
        return claim.expected / 10 or claim.tolerance / 10
    if claim.relation in TOLERANT:
        return claim.tolerance * (0.2 if claim.is_relative else 1)
    return {"ratio": 5 * abs(claim.expected), "difference": abs(claim.expected) or 0.03}.get(claim.kind, 0.05)


def make_results(claim: Claim, effect, noise=0.02, seed=0):
    """A table in which every comparison of a claim shows `effect(comparison)`: the left and the right value.

    `noise` is relative to the effect; runs of a generator share some of it, and so do both sides, as in paired trials.
    """
    random = np.random.default_rng(seed)
    rows = []
    size = noise * effect_size(claim)
    base = row_for(claim.baseline)
    for at, (where, against) in enumerate(conditions_of(claim)):
        left, right = effect(at)
        for generator in range(GENERATORS):
            shared = random.normal(0, size)
            for run in range(RUNS if "run" in KEYS[claim.table] else 1):
                keys = dict(zip(KEYS[claim.table], (generator, run), strict=False))
                one = {**where, **keys, "stand_in_for": "", claim.measure: left + shared + random.normal(0, size)}
                if against is None:
                    rows.append(one)
                    continue
                other = {**against, **keys, "stand_in_for": "", claim.against_measure: right + random.normal(0, size)}
                pairs = [one | other] if claim.against_measure != claim.measure else [one, other]
                if base:
                    # What both sides are counted from.
                    measures = {claim.measure: 0.1, claim.against_measure: 0.1}
                    pairs = [
                        {**row, **{name: row[name] + 0.1 for name in measures if name in row}} for row in pairs
                    ] + [{**row, **base, **measures} for row in pairs]
                rows += pairs
    table = pd.DataFrame(rows)
    key_columns = [column for column in table if column not in (claim.measure, claim.against_measure)]
    table = table.drop_duplicates(key_columns, ignore_index=True)
    return table.assign(features="inception", feature_dataset="") if claim.table == "scores" else table


def truth(claim: Claim, direction=1):
    """The left and right value of each comparison: as the claim says (1), without an effect (0), or reversed (-1)."""
    grows = 1 if claim.relation in ("more than", "grows") else -1
    if claim.kind == "absolute":
        # What is not there, and what is as far beyond.
        wrong = {0: 0.0 if claim.expected else 0.5, -1: 2 * claim.expected or 0.9}
        if claim.relation == "at least":
            wrong = {0: 0.0, -1: claim.expected / 2}
        return lambda at: ({1: claim.expected + (0.05 if claim.relation == "at least" else 0), **wrong}[direction], 0)
    if claim.kind == "difference":
        step = claim.expected or -0.03
        return lambda at: (0.2 + direction * step, 0.2)
    if claim.relation == WITHIN:
        # No change, too, is within.
        return lambda at: (5 * (1 + (claim.expected if direction == 1 else 2 * claim.tolerance)), 5)
    if claim.kind == "ratio":
        return lambda at: (5 * (1 + direction * claim.expected), 5)
    if claim.kind == "trend":
        return lambda at: (0.1 + direction * grows * 0.02 * at, 0.05)
    if claim.relation in TOLERANT:
        beyond = 2 * effect_size(claim) if direction == -1 else 0
        return lambda at: (0.2 + beyond, 0.2)
    middle = 0.2 if claim.against else claim.expected
    return lambda at: (middle + direction * grows * 0.05, middle)
