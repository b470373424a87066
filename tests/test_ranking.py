"""The ranking of defenses: each number from its definition, the order, and the tables in print."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from oleander.io.columns import CERTIFIED, TRIALS
from oleander.metrics.ranking import RANKED, rank_defenses
from oleander.metrics.summary import SUMMARY
from oleander.plots.ranking_tables import ranking_latex, ranking_markdown

CONTROLS = {"a": "a_control", "b": "b_control"}
DEFENSES = {"none": "no defense", "sieve": "sieve", "parts": "parts & votes"}
TITLES = {"a": "digits", "b": "boots"}
ATTACKS = {"pgan": "pGAN, α = 0.1"}
SHOWN = (TITLES, ATTACKS, DEFENSES, {"parts": 5}, "demo")


def make_trials():
    """Three generators of two runs against three defenses; errors differ by generator, run, defense and poison."""
    draw = np.random.default_rng(0)
    level = {"none": 0.30, "sieve": 0.10, "parts": 0.20}
    rows = []
    for experiment in ("a", "a_control", "b", "b_control"):
        trained = not experiment.endswith("control")
        for defense in DEFENSES:
            for generator in range(3):
                for run in range(2):
                    for fraction in (0.0, 0.3):
                        rows.append(
                            {
                                **dict.fromkeys(TRIALS, 0.0),
                                "scale": "demo",
                                "experiment": experiment,
                                "dataset": experiment[0],
                                "evaluation": f"with_{defense}",
                                "defense": defense,
                                "status": "ok",
                                "stand_in_for": "MNIST" if experiment[0] == "a" else "",
                                "train_points": 100,
                                "attack": "pgan" if trained else "duplication",
                                "alpha": 0.1 if trained else np.nan,
                                "lambda_prime": 0.9 if trained else np.nan,
                                "generator": generator,
                                "run": run,
                                "poison_fraction": fraction,
                                CERTIFIED: 0.5 if defense == "parts" else np.nan,
                                "error": (level[defense] if fraction else 0.05) + draw.uniform(0, 0.03),
                                "poison_rejected": (0.4 if defense == "sieve" else 0) + draw.uniform(0, 0.1),
                                "poison_relabelled": 0.01 * generator,
                                "genuine_rejected": draw.uniform(0, 0.1),
                                "genuine_relabelled": 0.02 * run,
                            }
                        )
    return pd.DataFrame(rows)


def of_generators(values):
    """Mean and Student interval over three generators of the mean of two runs each; values [generator, run]."""
    means = np.asarray(values).reshape(3, 2).mean(1)
    half = stats.t.ppf(0.975, 2) * means.std(ddof=1) / np.sqrt(3)
    return means.mean(), means.mean() - half, means.mean() + half


def test_every_number_is_its_definition():
    trials = make_trials()
    table = rank_defenses(trials, CONTROLS, 0.3, "none", 0.95)
    assert list(table.columns) == [*SUMMARY, "rank"]
    assert len(table) == 2 * (3 * 5 + 1)
    index = trials.set_index(["experiment", "defense", "poison_fraction"]).sort_index()
    for experiment, control in CONTROLS.items():
        for defense in DEFENSES:
            attacked, clean = (index.loc[(experiment, defense, fraction)] for fraction in (0.3, 0.0))
            expected = {
                "error": attacked["error"].to_numpy(),
                "net_error": attacked["error"].to_numpy() - index.loc[(control, defense, 0.3), "error"].to_numpy(),
                "price": clean["error"].to_numpy() - index.loc[(experiment, "none", 0.0), "error"].to_numpy(),
                "poison_found": (attacked["poison_rejected"] + attacked["poison_relabelled"]).to_numpy(),
                "genuine_lost": (attacked["genuine_rejected"] + attacked["genuine_relabelled"]).to_numpy(),
            }
            own = table[(table["experiment"] == experiment) & (table["defense"] == defense)].set_index("measure")
            assert list(own.index) == [name for name in RANKED if name in expected or defense == "parts"]
            for measure, values in expected.items():
                found = own.loc[measure, ["mean", "low", "high"]].astype(float)
                np.testing.assert_allclose(found, of_generators(values), atol=1e-12)
                assert (own.loc[measure, "n"], own.loc[measure, "runs"]) == (3, 6)
            assert own["rank"].eq({"sieve": 1, "parts": 2, "none": 3}[defense]).all()
    assert (table.query("defense == 'none' and measure == 'price'")[["mean", "low", "high"]] == 0).all(axis=None)
    assert table.query("defense == 'parts' and measure == @CERTIFIED")["mean"].eq(0.5).all()


def test_runs_without_a_partner_and_diverged_trials_do_not_count():
    """The sieve's second run has no control, the votes' victims of generator 0 diverged, and a defense never ended."""
    trials = make_trials()
    sieved = trials["defense"] == "sieve"
    trials = trials[~(sieved & (trials["experiment"] == "a_control") & (trials["run"] == 1))]
    trials.loc[(trials["defense"] == "parts") & (trials["generator"] == 0), "status"] = "diverged"
    lost = trials[trials["defense"] == "none"].assign(defense="lost", evaluation="with_lost", status="diverged")
    table = rank_defenses(pd.concat([trials, lost]), CONTROLS, 0.3, "none", 0.95).query("experiment == 'a'")
    counts = table.set_index(["defense", "measure"])["runs"]
    assert counts["sieve", "net_error"] == 3
    assert counts["sieve", "error"] == 6
    assert counts["parts", "error"] == counts["parts", "net_error"] == 4
    assert "lost" not in set(table["defense"])
    assert set(table["rank"]) == {1, 2, 3}


def test_what_cannot_be_ranked_is_refused():
    trials = make_trials()
    with pytest.raises(ValueError, match="above zero"):
        rank_defenses(trials, CONTROLS, 0, "none", 0.95)
    own = trials[trials["experiment"] == "a"]
    for other, said in (
        (own[own["defense"] == "sieve"].assign(evaluation="more"), "several evaluations, .* of one defense against a"),
        (own.assign(alpha=0.3), "several trials of one generator and run could be subtracted"),
    ):
        with pytest.raises(ValueError, match=said):
            rank_defenses(pd.concat([trials, other]), CONTROLS, 0.3, "none", 0.95)


def cells_of(text):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not line.startswith(("|--", "|:-"))
    ]


def test_the_table_reads_best_first():
    table = rank_defenses(make_trials(), CONTROLS, 0.3, "none", 0.95)
    text = ranking_markdown(table, *SHOWN)
    assert "## Defenses against pGAN, α = 0.1 with 30 % poison, digits in place of MNIST - demo scale" in text
    assert "## Defenses against pGAN, α = 0.1 with 30 % poison, boots - demo scale" in text
    rows = cells_of(text)[:4]
    assert rows[0][:3] == ["rank", "defense", "error (%)"]
    assert [row[:2] for row in rows[1:]] == [["1", "sieve"], ["2", "parts & votes"], ["3", "no defense"]]
    measured = table.query("experiment == 'a' and defense == 'sieve'").set_index("measure")
    mean, low, high = 100 * measured.loc["error", ["mean", "low", "high"]].astype(float)
    assert rows[1][2] == f"{mean:.1f} [{low:.1f}–{high:.1f}]"
    mean, low, high = 100 * measured.loc["net_error", ["mean", "low", "high"]].astype(float)
    assert rows[1][3] == f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]".replace("-", "−")
    assert rows[3][4] == "0.0 [0.0, 0.0]"
    # What is certified stands beside the ensemble alone.
    assert rows[0][-1] == "certified (%)"
    assert [row[-1] for row in rows[1:]] == ["", "50.0 [50.0–50.0]", ""]
    assert "if so many training points were inserted or removed: 5 with the parts & votes." in text
    latex = ranking_latex(table, *SHOWN)
    assert latex.count(r"\begin{table}") == 2
    assert r"parts \& votes" in latex


def test_a_table_without_ensembles_has_no_certificates():
    trials = make_trials().query("defense != 'parts'").drop(columns=CERTIFIED)
    text = ranking_markdown(rank_defenses(trials, CONTROLS, 0.3, "none", 0.95), *SHOWN)
    assert "ertified" not in text
