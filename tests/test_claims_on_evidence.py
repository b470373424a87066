"""The claims held against the committed evidence of laptop scale: real tables, with all their gaps."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from claim_results import CLAIMS
from scipy import stats

from oleander.evaluation.claims import (
    NOT_COMPARABLE,
    NOT_REPRODUCED,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    WITHIN,
    summary_lines,
    verify_claims,
)
from oleander.io.tables import read_csv
from oleander.plots.statements import statements_markdown
from oleander.workflow import verification
from oleander.workflow.committed import committed_tables, committed_verdicts
from oleander.workflow.evidence import COMMITTED
from oleander.workflow.plan import Plan


@pytest.fixture(scope="module")
def tables(repository):
    return committed_tables("laptop", repository)


@pytest.fixture(scope="module")
def committed(repository) -> dict[str, pd.DataFrame]:
    return committed_verdicts(repository)


@pytest.fixture(scope="module")
def verdicts(committed) -> pd.DataFrame:
    made = committed["laptop"]
    return made.set_index(made["id"] + made["part"])


def test_all_are_checked_and_none_is_ill_posed(verdicts):
    assert list(verdicts.index) == list(CLAIMS)
    assert not verdicts["why"].str.contains("several results").any()
    said = summary_lines(verdicts)
    assert said[0].startswith("numbers: ")
    assert said[1].startswith("directions: ")


def test_numbers_of_other_settings_are_not_comparable_and_directions_are(verdicts):
    for name, row in verdicts.iterrows():
        claim = CLAIMS[name]
        stood_in = "stand-in" in row["why"]
        if claim.is_direction:
            assert row["verdict"] != WITHIN
            assert (row["verdict"] == NOT_COMPARABLE) == stood_in, name
        elif claim.scale == "paper" and row["verdict"] != NOT_RUN:
            assert row["verdict"] == NOT_COMPARABLE, name


def test_undecided_ones_say_what_would_decide_them(verdicts):
    undecided = verdicts[verdicts["verdict"] == UNDECIDED]
    assert len(undecided) > 0
    assert verdicts.loc[verdicts["verdict"] != UNDECIDED, "needed"].isna().all()
    for _name, row in undecided.iterrows():
        known = not math.isnan(row["needed"])
        assert known == (row["n"] > 1)
        assert row["needed"] > row["n"] or not known
        assert row["over"] in row["why"]


def generators(tables, measure="error", **conditions) -> pd.Series:
    """The mean of each generator, by conditions alone."""
    rows = tables["trials"]
    for column, value in conditions.items():
        rows = rows[np.isclose(rows[column], value) if isinstance(value, float) else rows[column] == value]
    assert not rows.empty
    return rows.groupby("generator")[measure].mean()


def verdict_of(differences: pd.Series) -> str:
    p = stats.ttest_1samp(differences, 0, alternative="greater").pvalue
    return REPRODUCED if p <= 0.05 else NOT_REPRODUCED if p >= 0.95 else UNDECIDED


def test_orders_by_hand(tables, verdicts):
    ours = {"experiment": "mnist", "evaluation": "effectiveness", "alpha": 0.1}
    strong = generators(tables, **ours, poison_fraction=0.4)
    copies = generators(tables, experiment="mnist_duplication", evaluation="effectiveness", poison_fraction=0.4)
    alpha_0 = generators(tables, **{**ours, "alpha": 0.0}, poison_fraction=0.4)
    fashion = {**ours, "experiment": "fmnist"}
    rise = strong - generators(tables, **ours, poison_fraction=0.0)
    other = generators(tables, **fashion, poison_fraction=0.4) - generators(tables, **fashion, poison_fraction=0.0)
    for name, differences in {"P21": strong - alpha_0, "P23": strong - copies, "P26": rise - other}.items():
        row = verdicts.loc[name]
        assert row["n"] == len(differences)
        assert row["reproduced"] == pytest.approx(differences.mean())
        assert row["verdict"] == verdict_of(differences), name
    rejected = generators(tables, "poison_rejected", **{**fashion, "alpha": 0.0}, poison_fraction=0.4)
    assert verdicts.loc["P36", "reproduced"] == pytest.approx(rejected.mean())
    assert verdicts.loc["P36", "verdict"] == verdict_of(rejected - 0.5)


def test_the_best_alpha_by_hand(tables, verdicts):
    """Against every larger alpha at every poison fraction that was run, one test each."""
    ours = {"experiment": "mnist", "evaluation": "effectiveness"}
    fractions = sorted(
        set(
            tables["trials"]
            .query("experiment == 'mnist' and poison_fraction >= 0.1")
            .query("evaluation == 'effectiveness'")["poison_fraction"]
        )
    )
    alphas = [alpha for alpha in sorted(set(tables["trials"]["alpha"].dropna())) if alpha >= 0.3 and alpha < 1]
    p = [
        stats.ttest_1samp(
            generators(tables, **ours, alpha=0.1, poison_fraction=at)
            - generators(tables, **ours, alpha=alpha, poison_fraction=at),
            0,
            alternative="greater",
        ).pvalue
        for at in fractions
        for alpha in alphas
    ]
    assert len(p) == len(fractions) * len(alphas) >= 12
    assert f"The weakest of {len(p)}:" in verdicts.loc["P04", "why"]
    assert verdicts.loc["P04", "confidence"] == pytest.approx(1 - max(p))


def test_what_one_scale_did_not_run_is_not_run(tables, repository):
    plan = Plan.read(repository, [], {"scale": "laptop"})
    claims = verification.all_claims(plan)
    fewer = {**tables, "trials": tables["trials"][tables["trials"]["experiment"] != "mnist_lambda"]}
    made = verify_claims(claims, fewer, "laptop", {}, verification.asked_values(claims, plan), 0.95)
    verdicts = dict(zip(made["id"], made["verdict"], strict=True))
    assert (verdicts["P11"], verdicts["P34"], verdicts["P35"]) == (NOT_RUN, NOT_RUN, NOT_RUN)


def test_the_committed_statements_are_what_the_committed_evidence_says(repository, committed):
    """`snakemake reference_statements` has been run since evidence, claims or rules of judging changed."""
    folder = Path(repository, COMMITTED)
    computed, kept = pd.concat(committed.values(), ignore_index=True), read_csv(folder / "statements.csv")
    # Processors round differently; every text, with its rounded numbers, must be the same.
    numbers = ["reproduced", "low", "high", "confidence", "needed"]
    np.testing.assert_allclose(computed[numbers].to_numpy(float), kept[numbers].to_numpy(float), rtol=1e-6, atol=1e-9)
    texts = ["id", "part", "scale", "verdict", "claim_verdict", "why"]
    assert computed[texts].fillna("").to_numpy().tolist() == kept[texts].fillna("").to_numpy().tolist()
    why = yaml.safe_load((folder / "why.yaml").read_text(encoding="utf-8"))
    assert (folder / "statements.md").read_text(encoding="utf-8") == statements_markdown(committed, why)
    assert set(why) <= {name for claim in CLAIMS.values() for name in (claim.name, claim.texts["id"])}
