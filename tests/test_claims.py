"""The published claims: that they are the papers', that they can be read, and that none can pass by accident."""

import contextlib
import csv
import math
import os
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
    VERDICTS,
    WITHIN,
    accepted,
    combine,
    read_verdicts,
    select,
    summary_line,
    verify_claims,
)
from oleander.io.claims import COLUMNS as CLAIM_COLUMNS
from oleander.io.claims import EMPTY, Claim, parse_claim, parse_conditions, read_claims
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
    assert " ".join(texts["quote"].split()) in papers[texts["paper"]]


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
    verdicts = verify_claims([claim], tables, scale, {name: list(departures)}, {name: list(asked)}, 0.95)
    (row,) = verdicts.to_dict("records")
    return row


CHECKED = [name for name in CLAIMS if not name.startswith("P20")]


@pytest.mark.parametrize("name", CHECKED)
def test_results_as_published_reproduce(name):
    claim = CLAIMS[name]
    row = check(claim, make_results(claim, truth(claim)))
    assert (row["verdict"], row["n"]) == (REPRODUCED, GENERATORS), row["why"]
    if claim.kind in ("absolute", "difference", "ratio"):
        low, high = accepted(claim)
        assert low <= row["low"] <= row["reproduced"] <= row["high"] <= high


@pytest.mark.parametrize("direction", [0, -1], ids=["flat", "reversed"])
@pytest.mark.parametrize("name", CHECKED)
def test_no_effect_and_the_reverse_never_pass(name, direction):
    claim = CLAIMS[name]
    if claim.relation == "at most":
        # No increase is what it says; an increase beyond the tolerance is its reverse.
        direction, claim_truth = -1, lambda at: (0.2 + claim.tolerance + 0.02, 0.2)
    else:
        claim_truth = truth(claim, direction)
    row = check(claim, make_results(claim, claim_truth))
    assert row["verdict"] == NOT_REPRODUCED, row["why"]


@pytest.mark.parametrize("name", ["B01", "B19", "P04", "P10a", "P11", "P14", "P18d", "P19"])
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
    assert check(claim, shuffled)["verdict"] == NOT_REPRODUCED


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["P04", "P11", "P18a", "P19"]), st.integers(0, 10**6), st.floats(0.1, 5))
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
    low, high = accepted(claim)
    if not low <= row["reproduced"] <= high:
        assert row["verdict"] == NOT_REPRODUCED
    elif low <= row["low"] and row["high"] <= high:
        assert row["verdict"] == REPRODUCED
    else:
        assert row["verdict"] == WITHIN


def test_every_other_value_has_to_be_beaten():
    claim = CLAIMS["P04"]
    table = make_results(claim, lambda at: (0.2, 0.25 if at == 2 else 0.1))
    row = check(claim, table)
    assert row["verdict"] == NOT_REPRODUCED
    assert "alpha 0.5" in row["why"]
    assert row["reproduced"] == pytest.approx(-0.05, abs=0.01)


@pytest.mark.parametrize("name", ["P04", "P05", "P10a", "P10b"])
def test_an_order_over_all_alphas_is_open_where_one_has_no_results(name):
    claim = CLAIMS[name]
    table = make_results(claim, truth(claim)).assign(status="ok")
    asked = sorted(table["alpha"].unique())
    assert claim.compared == "alpha"
    assert check(claim, table, asked=asked)["verdict"] == REPRODUCED
    assert check(claim, table, asked=[0.7, *asked])["why"] == "no results of alpha 0.7, which the claim includes"
    diverged = table.assign(status=table["status"].mask(table["alpha"] == asked[-1], "diverged"))
    for missing in (diverged, table[table["alpha"] != asked[-1]]):
        row = check(claim, missing, asked=asked)
        assert row["verdict"] == NOT_RUN
        assert f"alpha {asked[-1]:g}" in row["why"]
    if claim.each:
        # Alpha 0 is none of those that the claim is about.
        assert check(claim, table, asked=[0.0, *asked])["verdict"] == REPRODUCED


def test_a_trend_is_not_two_ends():
    """One high value at one end is no trend, and two sizes are none either."""
    claim = CLAIMS["P19"]
    flat = make_results(claim, lambda at: (0.1, 0.05), noise=1)
    assert check(claim, flat)["verdict"] == NOT_REPRODUCED
    two = make_results(claim, truth(claim))
    two = two[two[claim.along].isin(ALONG[:2])]
    row = check(claim, two)
    assert row["verdict"] == NOT_RUN
    assert "three values" in row["why"]


def test_a_single_value_is_within_tolerance_at_best():
    claim = CLAIMS["P13"]
    table = make_results(claim, truth(claim)).query("generator == 0 and run == 0")
    assert check(claim, table)["verdict"] == WITHIN
    order = CLAIMS["P11"]
    table = make_results(order, truth(order)).query("generator == 0 and run == 0")
    row = check(order, table)
    assert row["verdict"] == NOT_REPRODUCED
    assert "unknown" in row["why"]


# What cannot be compared


def test_stand_in_data_are_not_comparable_whatever_they_show():
    for name in CHECKED:
        claim = CLAIMS[name]
        row = check(claim, make_results(claim, truth(claim)).assign(stand_in_for="MNIST"))
        assert row["verdict"] == NOT_COMPARABLE, name
        assert "in place of MNIST" in row["why"]
        assert row["n"] == GENERATORS


def test_absolute_numbers_at_other_settings_are_not_comparable():
    for name in CHECKED:
        claim = CLAIMS[name]
        row = check(claim, make_results(claim, truth(claim)), "laptop", ["experiments.mnist.epochs"])
        assert (row["verdict"] == NOT_COMPARABLE) == (claim.scale == "paper"), name
    assert {claim.scale for claim in CLAIMS.values() if claim.kind != "absolute"} == {"any"}


def test_distances_by_other_features_are_not_comparable():
    for name in ("B16", "B19", "B29"):
        claim = CLAIMS[name]
        table = make_results(claim, truth(claim)).assign(features="classifier")
        assert "not Inception's" in check(claim, table)["why"]


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
    assert summary_line(verdicts).startswith("0 of 49 checked: 0 reproduced")
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
    assert summary_line(read) == summary_line(verdicts)
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
    assert (found in VERDICTS[:2]) == (set(parts) <= set(VERDICTS[:2]))


def test_the_summary_counts_claims_not_parts():
    parts = [CLAIMS[name] for name in ("P10a", "P10b", "P11")]
    tables = {"trials": pd.concat([make_results(claim, truth(claim)) for claim in parts])}
    verdicts = verify_claims(parts, tables, "laptop", {}, {}, 0.95)
    said = "2 of 2 checked: 2 reproduced, 0 within tolerance, 0 not reproduced; 0 not comparable, 0 not run"
    assert summary_line(verdicts) == said
    text = claims_markdown(verdicts, "laptop", 0.95)
    assert said in text
    assert text.count("| P1") == 3


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
