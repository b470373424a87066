"""The published claims: that they are the papers', that they can be read, and that none can pass by accident."""

import contextlib
import csv
import math
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claim_results import ALONG, CLAIMS, GENERATORS, PUBLISHED, make_results, truth
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from oleander.evaluation.claims import (
    COLUMNS,
    NOT_COMPARABLE,
    NOT_REPRODUCED,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    VERDICTS,
    WITHIN,
    combine,
    count_verdicts,
    note_readings,
    read_verdicts,
    summary_lines,
    verify_claims,
)
from oleander.evaluation.findings import select
from oleander.io.claims import BETWEEN_QUOTES, EMPTY, TOLERANT, Claim, parse_claim, parse_conditions, read_claims
from oleander.io.claims import COLUMNS as CLAIM_COLUMNS
from oleander.io.errors import OleanderError
from oleander.io.tables import write_csv
from oleander.plots.claims import claims_markdown, write_number

TITLES = {"BAAAN": "BAAAN: Backdoor Attacks Against", "pGAN": "Poisoning Attacks with Generative"}


def lines(path):
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


# The file


def test_all_parts_of_a_claim_repeat_what_was_published():
    same = ("paper", "figure", "section", "dataset", "condition", "quantity", "value", "quote")
    said: dict[str, dict[str, str]] = {}
    for row in lines(PUBLISHED / "claims.csv"):
        texts = {key: row[key] for key in same}
        assert said.setdefault(row["id"], texts) == texts


@pytest.fixture(scope="session")
def papers() -> dict[str, str]:
    """Paper -> its text in one line; the folder of texts is what OLEANDER_PAPERS names."""
    named = os.environ.get("OLEANDER_PAPERS")
    if not named:
        pytest.skip("needs the papers' texts: set OLEANDER_PAPERS to the folder that holds them as .txt")
    texts = [" ".join(path.read_text(encoding="utf-8").split()) for path in sorted(Path(named).glob("*.txt"))]
    found = {paper: [text for text in texts if title in text[:300]] for paper, title in TITLES.items()}
    assert {paper: len(own) for paper, own in found.items()} == dict.fromkeys(TITLES, 1)
    return {paper: own[0] for paper, own in found.items()}


@pytest.mark.parametrize("name", CLAIMS)
def test_every_quote_stands_in_its_paper(papers, name):
    texts = CLAIMS[name].texts
    for quote in texts["quote"].split(BETWEEN_QUOTES):
        assert " ".join(quote.split()) in papers[texts["paper"]]


MERGED = {"B13", "B15", "B22", "B23", "B24"}
"""Ids of statements that another one repeats; they are not given to others."""


def test_ids_are_complete_and_each_is_a_number_or_a_direction():
    ids = {claim.texts["id"] for claim in CLAIMS.values()}
    every = {f"{paper}{number:02}" for paper, last in (("B", 71), ("P", 65)) for number in range(1, last + 1)}
    assert ids == every - MERGED
    for one in ids:
        parts = [claim for claim in CLAIMS.values() if claim.texts["id"] == one]
        assert len({claim.is_direction for claim in parts}) == 1
        assert [claim.texts["part"] for claim in parts] == (list("abcdefgh"[: len(parts)]) if len(parts) > 1 else [""])


def test_every_number_of_the_papers_settings_has_a_direction_or_says_why_not():
    directions = " ".join(claim.texts["reason"] for claim in CLAIMS.values() if claim.is_direction)
    for claim in CLAIMS.values():
        if not claim.is_direction and claim.scale == "paper":
            known = re.search(rf"\b{claim.texts['id']}'s (number|sign)|\b{claim.texts['id']}'s\b", directions)
            assert known or "no direction of its own" in claim.texts["reason"], claim.name


def test_a_direction_holds_at_every_scale_and_a_number_where_it_was_published():
    for name, claim in CLAIMS.items():
        # Counts, and what a detector's percentile sets, do not depend on training.
        assert claim.scale == ("any" if claim.is_direction or name in ("P08", "P09") or "P20" in name else "paper"), (
            name
        )


GOOD = lines(PUBLISHED / "claims.csv")[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "feeling"}, "kind 'feeling'"),
        ({"relation": "more than"}, "relation"),
        ({"table": "figures"}, "table"),
        ({"unit": "stones"}, "unit"),
        ({"scale": "laptop"}, "scale"),
        ({"quote": ""}, "quote is empty"),
        ({"reason": ""}, "reason is empty"),
        ({"expected": "much"}, "expected 'much' is not a number"),
        ({"tolerance": "inf"}, "not finite"),
        ({"tolerance": "-1"}, "negative"),
        ({"tolerance": "0.000495"}, "lets 0 pass"),
        ({"against": ""}, "needs against"),
        ({"along": "seed"}, "takes no along"),
        ({"each": "seed"}, "takes no each"),
        ({"where": "autoencoder is mnist"}, "not a condition"),
        ({"where": "autoencoder = mnist; autoencoder = celeba"}, "two conditions"),
        ({"where": "model = inverse"}, "must give autoencoder"),
        ({"where": "autoencoder = mnist; seed >= few"}, "not a number"),
        ({"against": "seed = others"}, "in orderings"),
        ({"kind": "ordering", "relation": "more than"}, "only for kinds with a number"),
        ({"kind": "ordering", "relation": "as much as", "expected": "", "tolerance": "0"}, "nothing"),
        ({"kind": "ordering", "relation": "as much as", "expected": "", "against": ""}, "needs against"),
        ({"kind": "ordering", "relation": "less than", "tolerance": "", "expected": "", "against": ""}, "not a number"),
        ({"baseline": "seed = 0"}, "takes no baseline"),
        ({"relation": "within"}, "relation of a claim of kind difference"),
        ({"kind": "ratio", "relation": "within", "expected": "0.1", "tolerance": "0.05"}, "0.1 is not within 0.05"),
        ({"kind": "trend", "relation": "grows", "expected": "", "tolerance": ""}, "needs along"),
    ],
)
def test_a_line_that_cannot_be_checked_is_refused(tmp_path, changes, said):
    assert parse_claim(GOOD)
    path = tmp_path / "claims.csv"
    pd.DataFrame([{**GOOD, **changes}]).to_csv(path, index=False)
    with pytest.raises(OleanderError, match="claim 1") as caught:
        read_claims(path)
    assert said in str(caught.value)


def test_a_claim_stands_there_once(tmp_path):
    path = tmp_path / "claims.csv"
    pd.DataFrame([GOOD, GOOD]).to_csv(path, index=False)
    with pytest.raises(OleanderError, match="B01 appears twice"):
        read_claims(path)


def test_a_number_and_a_direction_are_two_claims(tmp_path):
    path = tmp_path / "claims.csv"
    direction = {"part": "b", "kind": "ordering", "relation": "more than", "expected": "", "tolerance": ""}
    pd.DataFrame([{**GOOD, "part": "a"}, {**GOOD, **direction}]).to_csv(path, index=False)
    with pytest.raises(OleanderError, match="B01b and another part are a number and a direction; give them two ids"):
        read_claims(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "claims.csv"
    with path.open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(OleanderError, match="too large for a list of claims"):
        read_claims(path)


CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "0", "nan", "-inf", "1e999", "a = 1; b >= 2", "\0", '"', "\r\n", "=" * 50]),
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(CLAIM_COLUMNS), CELLS, max_size=4), st.binary(max_size=30), st.booleans())
def test_only_the_projects_own_error_comes_out(tmp_path_factory, changes, noise, raw):
    path = tmp_path_factory.getbasetemp() / "hostile.csv"
    if raw:
        text = (PUBLISHED / "claims.csv").read_bytes()
        at = len(noise) * 40
        path.write_bytes(text[:at] + noise + text[at:])
    else:
        pd.DataFrame([{**GOOD, **changes}]).to_csv(path, index=False, errors="replace")
    with contextlib.suppress(OleanderError):
        assert all(isinstance(claim, Claim) for claim in read_claims(path))


# Verdicts


def check(claim: Claim, table: pd.DataFrame, scale="paper", departures=(), asked=()):
    name, tables = claim.name, {claim.table: table}
    verdicts = verify_claims([claim], tables, scale, {name: list(departures)}, {name: dict(asked)}, 0.95)
    (row,) = verdicts.to_dict("records")
    return row


CHECKED = [name for name in CLAIMS if not name.startswith("P20")]


@pytest.mark.parametrize("name", CHECKED)
def test_results_as_published_reproduce(name):
    claim = CLAIMS[name]
    row = check(claim, make_results(claim, truth(claim)))
    assert (row["verdict"], row["n"]) == (REPRODUCED, GENERATORS), row["why"]
    if claim.kind in ("absolute", "difference", "ratio"):
        low, high = claim.accepted
        assert low <= row["low"] <= row["reproduced"] <= row["high"] <= high


@pytest.mark.parametrize("direction", [0, -1], ids=["flat", "reversed"])
@pytest.mark.parametrize("name", CHECKED)
def test_no_effect_and_the_reverse_never_pass(name, direction):
    claim = CLAIMS[name]
    if claim.relation in (*TOLERANT, "within"):
        # No difference is what it says.
        direction = -1
    row = check(claim, make_results(claim, truth(claim, direction)))
    wrong = {NOT_REPRODUCED} if direction == -1 else {NOT_REPRODUCED, UNDECIDED}
    assert row["verdict"] in wrong, row["why"]


@pytest.mark.parametrize("name", ["B01", "B62", "P05", "P10a", "P11", "P14", "P18d", "P19", "P26", "P29", "P54"])
def test_shuffled_results_pass_no_more_often_than_chance(name):
    """With the measurements dealt out anew, within what a claim compares, no relation is left to find."""
    claim = CLAIMS[name]
    # Larger noise than effects: otherwise a shuffled table would be a patchwork of two clean levels.
    table = make_results(claim, truth(claim), noise=2)
    random = np.random.default_rng(7)
    measures = list(dict.fromkeys([claim.measure, claim.against_measure]))
    passed = 0
    for _time in range(40):
        dealt = random.permutation(table[measures].to_numpy().ravel()).reshape(-1, len(measures))
        passed += check(claim, table.assign(**dict(zip(measures, dealt.T, strict=True))))["verdict"] == REPRODUCED
    assert passed <= stats.binom.ppf(0.999, 40, 0.05)


@pytest.mark.parametrize("name", ["P01", "P13", "P16", "B10", "B16"])
def test_shuffled_conditions_do_not_give_a_published_number(name):
    """An absolute number among results of other conditions, far from it, is not found once they are mixed up."""
    claim = CLAIMS[name]
    own = make_results(claim, truth(claim))
    column = next(one.column for one in reversed(claim.where) if one.value != EMPTY)
    others = pd.concat(
        [
            own.assign(**{column: f"other{at}", claim.measure: own[claim.measure] * factor})
            for at, factor in enumerate((3, 5))
        ]
    )
    table = pd.concat([own, others], ignore_index=True)
    assert check(claim, table)["verdict"] == REPRODUCED
    shuffled = table.assign(**{claim.measure: np.random.default_rng(1).permutation(table[claim.measure])})
    assert check(claim, shuffled)["verdict"] in (NOT_REPRODUCED, UNDECIDED)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["P05", "P11", "P18a", "P19", "P29"]), st.integers(0, 10**6), st.floats(0.1, 5))
def test_an_order_and_its_reverse_are_never_both_reproduced(name, seed, noise):
    claim = CLAIMS[name]
    table = make_results(claim, truth(claim), noise, seed)
    # Noise beyond the effect's size may turn another experiment's order by chance, as often as the test allows.
    turned = make_results(claim, truth(claim, -1), min(noise, 1), seed)
    assert {check(claim, table)["verdict"], check(claim, turned)["verdict"]} != {REPRODUCED}
    flipped = table.assign(**{claim.measure: -table[claim.measure]})
    assert {check(claim, table)["verdict"], check(claim, flipped)["verdict"]} != {REPRODUCED}


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(CHECKED), st.integers(0, 10**6))
def test_neither_the_order_of_rows_nor_other_rows_matter(name, seed):
    claim = CLAIMS[name]
    table = make_results(claim, truth(claim), noise=0.5)
    foreign = table.assign(**{claim.where[0].column: "another", claim.measure: 0.77})
    mixed = pd.concat([table, foreign]).sample(frac=1, random_state=seed)
    one, other = check(claim, table), check(claim, mixed)
    assert {key: value for key, value in one.items() if not is_nan(value)} == {
        key: value for key, value in other.items() if not is_nan(value)
    }


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.1, 0.1), st.floats(0, 0.2))
def test_numbers_are_checked_by_value_and_interval_alone(offset, noise):
    claim = CLAIMS["P13"]
    table = make_results(claim, lambda at: (claim.expected + offset, 0), noise)
    row = check(claim, table)
    low, high = claim.accepted
    if row["low"] > high or row["high"] < low:
        assert row["verdict"] == NOT_REPRODUCED
    elif not low <= row["reproduced"] <= high:
        assert row["verdict"] == UNDECIDED
    elif low <= row["low"] and row["high"] <= high:
        assert row["verdict"] == REPRODUCED
    else:
        assert row["verdict"] == WITHIN


def test_every_other_value_has_to_be_beaten():
    claim = CLAIMS["P29"]
    # The other alphas are 0.1, 0.3, 0.5 and 0.9.
    table = make_results(claim, lambda at: (0.2, 0.25 if at == 2 else 0.1))
    row = check(claim, table)
    assert row["verdict"] == NOT_REPRODUCED
    assert "The weakest of 4: alpha 0.5." in row["why"]
    assert row["reproduced"] == pytest.approx(-0.05, abs=0.01)


def test_every_fraction_and_every_larger_alpha_have_to_be_beaten():
    claim = CLAIMS["P04"]
    table = make_results(claim, truth(claim))
    assert set(table["alpha"]) == {0.1, 0.3, 0.5, 0.9}
    beaten = table.eval("alpha == 0.3 and poison_fraction == 0.2")
    row = check(claim, table.assign(error=table["error"].mask(beaten, 0.9)))
    assert row["verdict"] == NOT_REPRODUCED
    assert "The weakest of 9: poison_fraction 0.2, alpha 0.3." in row["why"]
    # Neither alpha 0 nor smaller fractions are what it is about.
    other = table.assign(alpha=table["alpha"].replace(0.9, 0.0), error=0.9)
    small = table.assign(poison_fraction=0.05, error=0.9)[table["poison_fraction"] == 0.1]
    more = pd.concat([table, other[other["alpha"] == 0], small.drop_duplicates(["alpha", "generator", "run"])])
    assert check(claim, more)["verdict"] == REPRODUCED


ASKED = {
    "P04": ("alpha", "poison_fraction"),
    "P05": ("alpha",),
    "P10a": ("alpha",),
    "P10b": ("alpha",),
    "P29": ("alpha",),
}


@pytest.mark.parametrize(("name", "column"), [(name, column) for name, columns in ASKED.items() for column in columns])
def test_an_order_over_all_values_is_open_where_one_has_no_results(name, column):
    claim = CLAIMS[name]
    table = make_results(claim, truth(claim)).assign(status="ok")
    values = sorted(table[column].unique())
    assert column in claim.compared
    assert check(claim, table, asked={column: values})["verdict"] == REPRODUCED
    why = check(claim, table, asked={column: [0.7, *values]})["why"]
    assert re.fullmatch(rf"no results of (.*, )?{column} 0\.7(, .*)?, which the claim includes", why)
    diverged = table.assign(status=table["status"].mask(table[column] == values[-1], "diverged"))
    for missing in (diverged, table[table[column] != values[-1]]):
        row = check(claim, missing, asked={column: values})
        assert row["verdict"] == NOT_RUN
        assert f"{column} {values[-1]:g}" in row["why"]
    if claim.each == column:
        # 0 is none of those that the claim is about.
        assert check(claim, table, asked={column: [0.0, *values]})["verdict"] == REPRODUCED


def test_rises_are_compared_by_hand():
    """P26: what 40 % poison adds on MNIST, less what it adds on Fashion-MNIST, in pairs."""
    claim = CLAIMS["P26"]
    random = np.random.default_rng(3)
    keys = [("mnist", 0.4, 0.12), ("mnist", 0, 0.03), ("fmnist", 0.4, 0.1), ("fmnist", 0, 0.05)]
    rows = [
        {"experiment": one, "evaluation": "effectiveness", "alpha": 0.1, "poison_fraction": at, "stand_in_for": ""}
        | {"generator": generator, "run": 0, "error": level + random.normal(0, 0.02)}
        for one, at, level in keys
        for generator in range(6)
    ]
    error = pd.DataFrame(rows).set_index(["experiment", "poison_fraction", "generator"])["error"].unstack()
    rise = (error.loc[("mnist", 0.4)] - error.loc[("mnist", 0)]) - (
        error.loc[("fmnist", 0.4)] - error.loc[("fmnist", 0)]
    )
    row = check(claim, pd.DataFrame(rows))
    theirs = stats.ttest_1samp(rise, 0, alternative="greater")
    assert row["reproduced"] == pytest.approx(rise.mean())
    assert row["confidence"] == pytest.approx(1 - theirs.pvalue)
    assert (row["verdict"] == REPRODUCED) == (theirs.pvalue <= 0.05)
    assert check(claim, pd.DataFrame(rows).query("poison_fraction > 0"))["verdict"] == NOT_RUN


def test_a_relative_order_is_one_of_the_ratio():
    """B46: 15 % of the clean GAN's distance, whatever that is."""
    claim = CLAIMS["B46"]
    for level in (0.1, 50):
        for change, verdict in (
            (0.14, REPRODUCED),
            (-0.14, REPRODUCED),
            (0.16, NOT_REPRODUCED),
            (-0.16, NOT_REPRODUCED),
        ):
            table = make_results(claim, lambda at, by=1 + change, level=level: (level * by, level), noise=1e-3 * level)
            row = check(claim, table)
            assert (row["verdict"], round(row["reproduced"], 2)) == (verdict, change)


def test_a_trend_is_not_two_ends():
    """One high value at one end is no trend, and two sizes are none either."""
    claim = CLAIMS["P19"]
    flat = make_results(claim, lambda at: (0.1, 0.05), noise=1)
    assert check(claim, flat)["verdict"] == UNDECIDED
    two = make_results(claim, truth(claim))
    two = two[two[claim.along].isin(ALONG[:2])]
    row = check(claim, two)
    assert row["verdict"] == NOT_RUN
    assert "three values" in row["why"]


def test_a_single_value_decides_nothing():
    for name in ("P11", "P13", "P19", "P33", "P54", "B46"):
        claim = CLAIMS[name]
        table = make_results(claim, truth(claim)).query(
            "seed == 0" if claim.table == "scores" else "generator == 0 and run == 0"
        )
        row = check(claim, table)
        assert (row["verdict"], row["n"]) == (UNDECIDED, 1), name
        assert math.isnan(row["needed"])
        over = "seeds" if claim.table == "scores" else "runs"
        assert f"At least 2 {over} are needed." in row["why"]


def of_generators(claim, values, left=0.0):
    """A table with one value of a claim's measure, above `left`, for each generator."""
    where = {one.column: float(one.value) if one.value[0].isdigit() else one.value for one in claim.where}
    rows = [{**where, "generator": at, "run": 0, claim.measure: left + value} for at, value in enumerate(values)]
    if claim.against:
        against = {one.column: float(one.value) if one.value[0].isdigit() else one.value for one in claim.against}
        rows += [{**against, "generator": at, "run": 0, claim.measure: left} for at in range(len(values))]
    return pd.DataFrame(rows).assign(stand_in_for="")


def like(values, n):
    """n values with the mean and the standard deviation of the given ones."""
    ladder = np.arange(n, dtype=float)
    return np.mean(values) + (ladder - ladder.mean()) / ladder.std(ddof=1) * np.std(values, ddof=1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-30, 30), min_size=2, max_size=5, unique=True))
def test_as_many_generators_as_needed_would_decide_an_order_and_one_less_would_not(values):
    claim = CLAIMS["P34"]
    values = np.array(values) / 1000
    row = check(claim, of_generators(claim, values, 0.1))
    p = stats.ttest_1samp(values, 0, alternative="less").pvalue
    expected = REPRODUCED if p <= 0.05 else NOT_REPRODUCED if p >= 0.95 else UNDECIDED
    assert row["verdict"] == expected
    if expected != UNDECIDED:
        assert math.isnan(row["needed"])
        return
    if math.isinf(row["needed"]):
        assert "More than 1,000 generators" in row["why"]
        n = 1001
    else:
        n = int(row["needed"])
        assert f"{n} generators with this mean and spread would decide it." in row["why"]
        p = stats.ttest_1samp(like(values, n), 0).pvalue
        assert p <= 0.1 + 1e-9
    if n - 1 > len(values):
        assert stats.ttest_1samp(like(values, n - 1), 0).pvalue > 0.1 - 1e-9


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.101, 0.100, 0.099), REPRODUCED),
        ((0.10, 0.12, 0.07), WITHIN),
        ((0.13, 0.16, 0.10), UNDECIDED),
        ((0.160, 0.161, 0.159), NOT_REPRODUCED),
    ],
)
def test_a_number_by_its_interval(values, verdict):
    """P08: 0.1, give or take 0.02."""
    claim = CLAIMS["P08"]
    row = check(claim, of_generators(claim, values))
    assert row["verdict"] == verdict
    interval = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (row["low"], row["high"]) == pytest.approx(interval)
    if verdict != UNDECIDED:
        assert math.isnan(row["needed"])
        return
    n = int(row["needed"])
    for count, decided in ((n, True), (n - 1, False)):
        more = like(values, count)
        low, high = stats.t.interval(0.95, count - 1, more.mean(), stats.sem(more))
        assert (low > 0.12 or high < 0.08) == decided


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.001, -0.001, 0.0), REPRODUCED),
        ((0.009, -0.009, 0.0), UNDECIDED),
        ((0.020, 0.021, 0.019), NOT_REPRODUCED),
        ((-0.020, -0.021, -0.019), NOT_REPRODUCED),
    ],
)
def test_as_much_as_is_two_tests(values, verdict):
    """P54: a difference of at most 0.01 either way."""
    claim = CLAIMS["P54"]
    row = check(claim, of_generators(claim, values, 0.1))
    assert row["verdict"] == verdict
    inside = max(
        stats.ttest_1samp(values, -0.01, alternative="greater").pvalue,
        stats.ttest_1samp(values, 0.01, alternative="less").pvalue,
    )
    assert row["confidence"] == pytest.approx(1 - inside)
    if verdict == NOT_REPRODUCED:
        assert row["why"].startswith("beyond the tolerance, with 9")


def test_one_of_several_orders_refutes_only_at_a_shared_level():
    """Ten comparisons without an effect: one of them is often below 0 by chance."""
    claim = CLAIMS["P29"]
    refuted = 0
    for seed in range(100):
        table = make_results(claim, lambda at: (0.2, 0.2), noise=1, seed=seed)
        refuted += check(claim, table)["verdict"] == NOT_REPRODUCED
    assert refuted <= stats.binom.ppf(0.999, 100, 0.05)


def test_a_trend_needs_as_many_generators_as_its_score_grows():
    claim = CLAIMS["P19"]
    random = np.random.default_rng(0)
    rows = [
        {"experiment": "mnist", "evaluation": "sizes", "alpha": 0.1, "generator": generator, "run": 0}
        | {"poison_fraction": poison, "train_points": size, "stand_in_for": "", "error": error}
        for generator in range(4)
        for size in ALONG
        for poison, error in ((0.0, 0.03), (0.2, 0.05 - size / 2e6 + random.normal(0, 0.008)))
    ]
    table = pd.DataFrame(rows)
    row = check(claim, table)
    assert row["verdict"] == UNDECIDED
    blocks = table.query("poison_fraction > 0").pivot_table(index="generator", columns="train_points", values="error")
    blocks = -blocks.to_numpy()
    n = int(row["needed"])
    assert n > 4
    # Page's test on the same ranks once more, of as many blocks; scipy's large-sample p.
    for count, sure in ((4 * math.ceil(n / 4), True), (4 * ((n - 1) // 4), False)):
        p = stats.page_trend_test(np.tile(blocks, (count // 4, 1)), method="asymptotic").pvalue
        assert (p <= 0.05 or p >= 0.95) == sure


# What cannot be compared


def test_stand_in_data_are_not_comparable_whatever_they_show():
    for name in CHECKED:
        claim = CLAIMS[name]
        row = check(claim, make_results(claim, truth(claim)).assign(stand_in_for="MNIST"))
        assert row["verdict"] == NOT_COMPARABLE, name
        assert "in place of MNIST" in row["why"]
        assert row["n"] == GENERATORS


def test_numbers_at_other_settings_are_not_comparable():
    for name in CHECKED:
        claim = CLAIMS[name]
        row = check(claim, make_results(claim, truth(claim)), "laptop", ["experiments.mnist.epochs"])
        assert (row["verdict"] == NOT_COMPARABLE) == (claim.scale == "paper"), name


def test_a_smaller_grid_at_the_papers_settings_is_compared_and_said():
    cut = ["experiments.mnist.alphas", "experiments.mnist.generators", "evaluations.effectiveness.runs"]
    for name in ("P01", "P23"):
        claim = CLAIMS[name]
        results = make_results(claim, truth(claim))
        row, whole = check(claim, results, "paper", cut), check(claim, results, "paper")
        assert row["verdict"] == whole["verdict"] == REPRODUCED
        said = f"The paper's settings on a smaller grid: {', '.join(cut)} differ."
        assert row["why"] == f"{whole['why']} {said}"
        other = check(claim, results, "laptop", [*cut, "experiments.mnist.epochs"])
        assert "smaller grid" not in other["why"]


def test_a_verdict_under_other_readings_says_where():
    claim = CLAIMS["P18a"]
    verdicts = verify_claims([claim], {"trials": make_results(claim, truth(claim))}, "laptop", {}, {}, 0.95)
    noted = note_readings(verdicts, {"P18a": "pgan_sensitivity"})
    assert noted["why"].item() == f"{verdicts['why'].item()} Under other readings of the paper: pgan_sensitivity."
    assert note_readings(verdicts, {"P18": "pgan_sensitivity"}).equals(verdicts)


def test_distances_by_other_features_are_not_comparable_but_have_an_order():
    for name in ("B16", "B19", "B29"):
        claim = CLAIMS[name]
        table = make_results(claim, truth(claim)).assign(features="classifier")
        assert "not Inception's" in check(claim, table)["why"]
    claim = CLAIMS["B56"]
    table = make_results(claim, truth(claim)).assign(features="classifier", feature_dataset="mnist")
    row = check(claim, table)
    assert row["verdict"] == REPRODUCED
    assert row["why"].endswith("Distances use the features of a classifier.")
    apart = table.assign(feature_dataset=table["gan"])
    assert check(claim, apart)["why"] == "distances use features of different networks"


def test_counts_are_compared_as_they_are():
    claim = CLAIMS["P20a"]
    table = pd.DataFrame(
        {"task": ["mnist_3v5"] * 2, "role": ["source", "target"], "train_points": [6131, 5421], "stand_in_for": ""}
    )
    assert check(claim, table, "laptop", ["tasks"])["verdict"] == REPRODUCED
    assert check(claim, table.assign(train_points=[6132, 5421]))["verdict"] == NOT_REPRODUCED


def test_what_was_not_run_is_said():
    verdicts = verify_claims(list(CLAIMS.values()), {}, "demo", {}, {}, 0.95)
    assert tuple(verdicts.columns) == COLUMNS
    assert set(verdicts["verdict"]) == {NOT_RUN}
    numbers, directions = summary_lines(verdicts)
    assert re.match(r"numbers: 0 of \d+ checked: 0 reproduced, 0 within tolerance, ", numbers)
    assert re.match(r"directions: 0 of \d+ checked: 0 reproduced, 0 not reproduced, 0 undecided; ", directions)
    claim = CLAIMS["P11"]
    table = make_results(claim, truth(claim))
    assert check(claim, table[table["lambda_prime"] < 1])["verdict"] == NOT_RUN


def test_diverged_results_are_left_out_with_their_pairs():
    claim = CLAIMS["P14"]
    table = make_results(claim, truth(claim)).assign(status="ok")
    bad = (table["generator"] == 0) & (table["poison_fraction"] > 0)
    table.loc[bad, ["status", claim.measure]] = ["diverged", 1.0]
    row = check(claim, table)
    assert (row["verdict"], row["n"]) == (REPRODUCED, GENERATORS - 1)
    row = check(claim, table.assign(status="diverged"))
    assert (row["verdict"], row["why"]) == (NOT_RUN, "all models trained for it diverged")


def test_a_claim_that_would_have_to_choose_is_not_compared_and_one_of_no_column_an_error():
    claim = CLAIMS["P13"]
    table = make_results(claim, truth(claim))
    row = check(claim, pd.concat([table, table]))
    assert row["verdict"] == NOT_COMPARABLE
    assert row["why"].startswith("several results for one generator and run: add a condition to P13 in workflow/")
    with pytest.raises(
        OleanderError, match=r"P13 names a column.*; correct the claim in workflow/published/claims\.csv"
    ):
        check(claim, table.drop(columns="poison_fraction"))


def test_verdicts_come_back_from_their_csv_or_not_at_all(tmp_path):
    verdicts = verify_claims(list(CLAIMS.values()), {}, "demo", {}, {}, 0.95)
    path = tmp_path / "claims.csv"
    write_csv(path, verdicts)
    read = read_verdicts(path)
    assert summary_lines(read) == summary_lines(verdicts)
    assert list(read["id"] + read["part"]) == list(CLAIMS)
    content = path.read_bytes()
    for end in (0, 10, len(content) // 2, len(content) - 30):
        path.write_bytes(content[:end])
        with pytest.raises(OleanderError, match="run again"):
            read_verdicts(path)


def test_results_of_another_scale_are_an_error():
    claim = CLAIMS["P13"]
    table = make_results(claim, truth(claim)).assign(scale="demo")
    assert check(claim, table, "demo")["verdict"] == REPRODUCED
    with pytest.raises(OleanderError, match="trials are of scale demo, not paper"):
        check(claim, table, "paper")


def test_results_that_are_no_numbers_are_an_error():
    claim = CLAIMS["P13"]
    table = make_results(claim, truth(claim)).astype({claim.measure: object})
    table.loc[0, claim.measure] = "many"
    with pytest.raises(OleanderError, match="of claim P13 contain a value that is not a number"):
        check(claim, table)


def test_conditions_by_hand():
    table = pd.DataFrame({"alpha": [0.1, 0.3, math.nan], "name": ["a", "b", None], "status": ["ok", "ok", "ok"]})
    for text, rows in (
        ("alpha = 0.1", [0]),
        ("alpha >= 0.1", [0, 1]),
        ("alpha > 0.1", [1]),
        ("alpha <= 0.3; name = b", [1]),
        ("alpha < 0.3", [0]),
        ("alpha = empty", [2]),
        ("name = empty", [2]),
        ("", [0, 1, 2]),
    ):
        assert list(select(table, parse_conditions(text)).index) == rows, text
    table.loc[0, "status"] = "diverged"
    assert list(select(table, parse_conditions("alpha = 0.1")).index) == []


@given(st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=6))
def test_a_claim_is_as_good_as_its_weakest_part(parts):
    found = combine(parts)
    assert found in parts
    assert (found == REPRODUCED) == (set(parts) == {REPRODUCED})
    assert (found == NOT_REPRODUCED) == (NOT_REPRODUCED in parts)
    assert (found in (REPRODUCED, WITHIN)) == (set(parts) <= {REPRODUCED, WITHIN})
    if found == UNDECIDED:
        assert not {NOT_RUN, NOT_COMPARABLE} & set(parts)


def test_the_summary_counts_claims_not_parts_and_directions_apart():
    parts = [CLAIMS[name] for name in ("P01", "P10a", "P10b", "P11", "P54")]
    effects = {name: truth(CLAIMS[name]) for name in ("P01", "P10a", "P10b", "P11")}
    effects["P54"] = lambda at: (0.21, 0.2)
    tables = {"trials": pd.concat([make_results(claim, effects[claim.name]) for claim in parts])}
    verdicts = verify_claims(parts, tables, "laptop", {"P01": ["experiments.mnist.epochs"]}, {}, 0.95)
    assert summary_lines(verdicts) == [
        "numbers: 0 of 1 checked: 0 reproduced, 0 within tolerance, 0 not reproduced, 0 undecided; "
        "1 not comparable, 0 not run",
        "directions: 3 of 3 checked, 67 % of these decided: 2 reproduced, 0 not reproduced, 1 undecided; "
        "0 not comparable, 0 not run",
    ]
    counts = count_verdicts(verdicts)
    assert {name: sum(own.values()) for name, own in counts.items()} == {"numbers": 1, "directions": 3}
    text = claims_markdown(verdicts, "laptop", 0.95)
    numbers, directions = text.split("## Directions")
    assert "## Numbers" in numbers
    assert [line[2:6].strip() for line in numbers.splitlines() if line.startswith("| P")] == ["P01"]
    assert [line[2:6].strip() for line in directions.splitlines() if line.startswith("| P")] == [
        *("P10a", "P10b", "P11", "P54")
    ]


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.0438, "%", "4.38 %"),
        (-0.0125, "points", "-1.25 points"),
        (0.000495, "MSE", "0.000495"),
        (8.7, "FID", "8.7"),
        (6131, "points of data", "6131"),
        (math.nan, "%", "–"),
    ],
)
def test_numbers_are_written_in_their_unit(value, unit, written):
    assert write_number(value, unit) == written
