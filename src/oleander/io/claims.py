"""The papers' claims from workflow/published/claims.csv: what is claimed, and which results it is checked against.

Imports nothing heavy, because the workflow reads the claims to decide which results it needs.
"""

import csv
import math
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from oleander.io.errors import OleanderError

WITHIN = "within"
"""Relation of a ratio that, as the published one, is no larger than `tolerance`, whatever its sign."""

RELATIONS = {
    "absolute": ("equals", "at least", "at most"),
    "difference": ("equals", "at least", "at most"),
    "ratio": ("equals", "at least", "at most", WITHIN),
    "ordering": ("more than", "less than", "no more than", "as much as"),
    "trend": ("grows", "shrinks"),
}
"""Kind of a claim -> its possible relations.

- absolute: a number for the results selected by `where`.
- difference: the result of `where` minus that of `against`.
- ratio: the result of `where` divided by that of `against`, minus 1.
- ordering: which of the two is larger, or by how little they differ, relatively where the unit is %; or whether the
  result of `where` is more or less than `expected`.
- trend: whether the results, or their difference, grow or shrink `along` a column."""

DIRECTIONS = ("ordering", "trend")
"""Kinds of claims about a direction; the others are about a number."""

TOLERANT = ("no more than", "as much as")
"""Relations of an ordering that allow a difference up to `tolerance`."""

TABLES = ("trials", "confusion", "errors", "scores", "sizes")
"""Results that a claim can be checked against: trials and confusion matrices of attacks, errors of autoencoders, scores
of GANs, sizes of the prepared data."""

NAMED_BY = {
    "trials": ("experiment", "evaluation"),
    "confusion": ("experiment", "evaluation"),
    "errors": ("autoencoder",),
    "scores": ("gan", "target"),
    "sizes": (),
}
"""Columns that identify a table's files; both sides of a claim give them."""

UNITS = ("%", "points", "MSE", "FID", "points of data")
"""Units of a claim's numbers: percent, percentage points, or the plain number."""

SCALES = ("paper", "any")
"""Where a claim is comparable: only at the paper's own settings, or at any scale on the paper's data."""

EMPTY, FILLED, OTHERS = "empty", "filled", "others"
"""Special values of a condition: a cell without a value, one with any, and every other value in turn."""

BETWEEN_QUOTES = " [...] "
"""Stands between the quotes of a statement that the paper makes in several places."""

STATEMENT = (
    "id",
    "part",
    "paper",
    "figure",
    "section",
    "dataset",
    "condition",
    "quantity",
    "value",
    "quote",
    "kind",
    "relation",
    "expected",
    "tolerance",
    "unit",
    "reason",
)
"""Columns that state what was published and how it is compared; the verdicts repeat them."""

COLUMNS = (
    *STATEMENT,
    "scale",
    "table",
    "measure",
    "where",
    "against",
    "baseline",
    "each",
    "along",
)
"""Columns of claims.csv; workflow/published/README.md documents them."""

BYTES = 1_000_000
"""Maximum size of claims.csv."""

_CONDITION = re.compile(r"([a-z_]+) (=|<=|>=|<|>) (\S.*)")


@dataclass(frozen=True)
class Condition:
    """A condition on a row: `column` `sign` `value`, such as alpha >= 0.1."""

    column: str
    sign: str
    value: str


@dataclass(frozen=True)
class Claim:
    """A published statement, or one part of it, and how to check it.

    Attributes:
        texts: the columns for readers: id, part, paper, figure, section, dataset, condition, quantity, value,
            quote, reason.
        kind: a key of `RELATIONS`.
        relation: one of that kind's relations.
        expected: the published number, fractions in [0, 1]; NaN for a trend and for an ordering of two results.
        tolerance: allowed difference from `expected`, or of the two results of a `TOLERANT` ordering; else NaN.
        unit: one of `UNITS`.
        scale: one of `SCALES`.
        table: one of `TABLES`.
        measure: the measured column.
        where: conditions that select the results.
        against: conditions that select the results to compare with, including those of `where`; may be empty.
        against_measure: the measured column of `against`.
        baseline: conditions that select, in place of those of `where` and `against` on the same columns, the results
            that are subtracted from both; may be empty.
        each: a column for whose every value an ordering must hold; or empty.
        along: the column along which a trend runs; or empty.
    """

    texts: dict[str, str]
    kind: str
    relation: str
    expected: float
    tolerance: float
    unit: str
    scale: str
    table: str
    measure: str
    where: tuple[Condition, ...]
    against: tuple[Condition, ...]
    against_measure: str
    baseline: tuple[Condition, ...]
    each: str
    along: str

    @property
    def name(self) -> str:
        """Its id with its part, such as P18a."""
        return self.texts["id"] + self.texts["part"]

    @property
    def is_direction(self) -> bool:
        """Is it about a direction rather than a number?"""
        return self.kind in DIRECTIONS

    @property
    def rival(self) -> str:
        """The column of `against` with whose every value `where` is compared in turn; or empty."""
        if self.kind != "ordering":
            return ""
        free = [one.column for one in self.against if one.value == OTHERS or one.sign != "="]
        return next((column for column in free if column != self.each), "")

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns over whose values an ordering is checked."""
        return tuple(filter(None, (self.each, self.rival)))

    @property
    def accepted(self) -> tuple[float, float]:
        """Lowest and highest result that is as claimed; of an ordering of two results, of their difference.

        Infinite where the claim is only a bound. NaN for a trend.
        """
        if self.relation in ("as much as", WITHIN):
            return -self.tolerance, self.tolerance
        if self.relation == "no more than":
            return -math.inf, self.tolerance
        if self.kind == "ordering":
            bound = 0.0 if self.against else self.expected
            return (bound, math.inf) if self.relation == "more than" else (-math.inf, bound)
        low, high = self.expected - self.tolerance, self.expected + self.tolerance
        return (
            -math.inf if self.relation == "at most" else low,
            math.inf if self.relation == "at least" else high,
        )

    @property
    def is_relative(self) -> bool:
        """Is the result a relative difference, one side divided by the other, minus 1?"""
        return self.kind == "ratio" or (self.kind == "ordering" and bool(self.against) and self.unit == "%")

    def sides(self) -> list[tuple[Condition, ...]]:
        """The conditions of everything that it is checked on: of `where`, `against` and what is subtracted."""
        compared = [side for side in (self.where, self.against) if side]
        return [*compared, *(replaced(side, self.baseline) for side in compared if self.baseline)]

    def sources(self) -> list[tuple[str, ...]]:
        """Identifies the files of its results: values of the `NAMED_BY` columns, one tuple per distinct side."""
        named = [
            tuple(one.value for name in NAMED_BY[self.table] for one in side if one.column == name)
            for side in self.sides()
        ]
        return list(dict.fromkeys(named))


def replaced(conditions: tuple[Condition, ...], by: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """`conditions` with those on the columns of `by` replaced by these."""
    names = {one.column for one in by}
    return tuple(one for one in conditions if one.column not in names) + by


DEFAULTS = "the defaults"
"""Name of the settings without any choice in their place."""


def one_of_choice(claim: Claim, replaced: str, by: str) -> Claim:
    """The claim about the experiment or evaluation `by` in place of `replaced`."""

    def swapped(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(
            replace(one, value=by) if one.column in ("experiment", "evaluation") and one.value == replaced else one
            for one in conditions
        )

    return replace(claim, where=swapped(claim.where), against=swapped(claim.against))


def claims_by_choice(claims: list[Claim], choices: dict[str, tuple[str, str]]) -> dict[str, list[Claim]]:
    """`DEFAULTS` and the title of every choice -> the claims that it concerns, about its own results.

    Args:
        claims: about the results of the defaults.
        choices: title -> name of an experiment or evaluation, and of the one that takes its place.
    """
    found = {DEFAULTS: claims}
    for title, swap in choices.items():
        found[title] = [own for claim in claims if (own := one_of_choice(claim, *swap)) != claim]
    return found


def read_claims(path: str | os.PathLike[str]) -> list[Claim]:
    """Read claims.csv.

    Raises:
        OleanderError: the file cannot be read, or a claim cannot be checked.
    """
    try:
        if Path(path).stat().st_size > BYTES:
            raise OleanderError(
                f"{path} is larger than {BYTES:,} bytes, too large for a list of claims; restore it from the repository"
            )
        with Path(path).open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = tuple(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise OleanderError(f"{path} cannot be read ({error}); restore it from the repository") from error
    if columns != COLUMNS:
        raise OleanderError(f"{path} does not have the columns {', '.join(COLUMNS)}; restore it from the repository")
    claims: dict[str, Claim] = {}
    sorts: dict[str, bool] = {}
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise OleanderError(f"{path}, claim {number}, does not have {len(COLUMNS)} cells; correct it")
        try:
            claim = parse_claim(row)
        except ValueError as error:
            raise OleanderError(f"{path}, claim {number} ({row['id']}{row['part']}): {error}; correct it") from error
        if claim.name in claims:
            raise OleanderError(f"{path}, claim {number}: {claim.name} appears twice; give it another part")
        sort = sorts.setdefault(claim.texts["id"], claim.is_direction)
        if sort != claim.is_direction:
            raise OleanderError(
                f"{path}, claim {number}: {claim.name} and another part are a number and a direction; give them two ids"
            )
        claims[claim.name] = claim
    return list(claims.values())


def parse_claim(row: dict[str, str]) -> Claim:
    """Parse a row of claims.csv.

    Raises:
        ValueError: the claim cannot be checked, or could never fail.
    """
    kind, relation, table = row["kind"], row["relation"], row["table"]
    _one_of("kind", kind, RELATIONS)
    _one_of(f"relation of a claim of kind {kind}", relation, RELATIONS[kind])
    _one_of("table", table, TABLES)
    _one_of("unit", row["unit"], UNITS)
    _one_of("scale", row["scale"], SCALES)
    for column in ("id", "quote", "reason", "measure"):
        if not row[column]:
            raise ValueError(f"{column} is empty")
    where, given = parse_conditions(row["where"]), parse_conditions(row["against"])
    against_measure = next((one.value for one in given if one.column == "measure"), row["measure"])
    given = tuple(one for one in given if one.column != "measure")
    against = replaced(where, given) if row["against"] else ()
    ordering, has_number = kind == "ordering", kind not in DIRECTIONS
    tolerant = ordering and relation in TOLERANT
    bound = ordering and not tolerant and not against
    expected = _number("expected", row["expected"], has_number or bound)
    tolerance = _number("tolerance", row["tolerance"], has_number or tolerant)
    for name, needed, allowed in (
        ("against", kind in ("difference", "ratio") or tolerant, kind != "absolute"),
        ("along", kind == "trend", kind == "trend"),
        ("baseline", False, ordering),
        ("each", False, ordering),
    ):
        if needed and not row[name]:
            raise ValueError(f"a claim of kind {kind} needs {name}")
        if row[name] and not allowed:
            raise ValueError(f"a claim of kind {kind} takes no {name}")
    if tolerance < 0 or (tolerant and tolerance == 0):
        raise ValueError("tolerance is negative, or nothing")
    if has_number and relation == "equals" and expected != 0 and tolerance >= abs(expected):
        raise ValueError(f"a tolerance of {tolerance:g} lets 0 pass for {expected:g}")
    if relation == WITHIN and tolerance < abs(expected):
        raise ValueError(f"a published change of {expected:g} is not within {tolerance:g}")
    if any(one.value == OTHERS for one in where) or sum(one.value == OTHERS for one in against) > 1:
        raise ValueError(f"'{OTHERS}' is only allowed in one condition of against")
    if any(one.value == OTHERS for one in against) and not ordering:
        raise ValueError(f"'{OTHERS}' is only allowed in orderings")
    claim = Claim(
        texts={name: row[name] for name in (*COLUMNS[:10], "reason")},
        kind=kind,
        relation=relation,
        expected=expected,
        tolerance=tolerance,
        unit=row["unit"],
        scale=row["scale"],
        table=table,
        measure=row["measure"],
        where=where,
        against=against,
        against_measure=against_measure,
        baseline=parse_conditions(row["baseline"]),
        each=row["each"],
        along=row["along"],
    )
    if any(len(source) != len(NAMED_BY[table]) for source in claim.sources()):
        raise ValueError(f"where must give {' and '.join(NAMED_BY[table])}, each by one '='")
    return claim


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """Parse conditions as written in claims.csv, such as "alpha = 0.1; poison_fraction = 0.4".

    Raises:
        ValueError: a condition is malformed, or a column has two.
    """
    conditions = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        matched = _CONDITION.fullmatch(part)
        if matched is None:
            raise ValueError(f"'{part}' is not a condition such as 'alpha = 0.1'")
        condition = Condition(*matched.groups())
        if condition.sign != "=":
            _number(condition.column, condition.value, True)
        conditions.append(condition)
    if len({one.column for one in conditions}) < len(conditions):
        raise ValueError(f"'{text}' has two conditions on one column")
    return tuple(conditions)


def _one_of(what: str, value: str, known: tuple[str, ...] | dict[str, tuple[str, ...]]) -> None:
    if value not in known:
        raise ValueError(f"{what} '{value}' is not one of {', '.join(known)}")


def _number(name: str, text: str, needed: bool) -> float:
    if not needed:
        if text:
            raise ValueError(f"{name} is only for kinds with a number, and for orderings that need one")
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} '{text}' is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} '{text}' is not finite")
    return value
