"""Means of trials: what shares one, and what is left out."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from oleander.metrics.summary import GROUPS, SUMMARY, summarize


def make_trials() -> pd.DataFrame:
    """Three generators with two runs each, at two alphas and for an attack that has none, with and without poison."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "scale": "demo",
            "experiment": "mnist",
            "evaluation": "effectiveness",
            "dataset": "mnist",
            "stand_in_for": "MNIST",
            "attack": attack,
            "alpha": alpha,
            "lambda_prime": lambda_prime,
            "generator": generator,
            "run": run,
            "poison_fraction": fraction,
            "defense": "outlier",
            "train_points": 100,
            "poison_rejected": random.uniform(0, 1) if fraction else math.nan,
            "error": random.uniform(0, 1),
            "status": "ok",
        }
        for attack, alpha, lambda_prime in (
            ("pgan", 0.1, 0.9),
            ("pgan", 0.3, 0.9),
            ("label_flipping", math.nan, math.nan),
        )
        for fraction in (0.0, 0.2)
        for generator in range(3)
        for run in range(2)
    )


def expect(cell: pd.DataFrame) -> list[float]:
    """Mean error and its interval, by scipy."""
    means = [cell["error"][cell["generator"] == generator].mean() for generator in range(3)]
    return [np.mean(means), *stats.t.interval(0.95, 2, loc=np.mean(means), scale=stats.sem(means))]


def test_a_summary_has_a_row_a_group_and_measure():
    trials = make_trials()
    summary = summarize(trials, ["error", "poison_rejected"], 0.95)
    assert list(summary.columns) == SUMMARY
    assert len(summary) == 3 * 2 * 2
    assert list(summary["measure"][:2]) == ["error", "poison_rejected"]
    row = summary.query("alpha == 0.3 and poison_fraction == 0.2 and measure == 'error'")
    expected = expect(trials.query("alpha == 0.3 and poison_fraction == 0.2"))
    np.testing.assert_allclose(row[["mean", "low", "high"]].to_numpy()[0], expected)
    assert (row["n"].item(), row["runs"].item()) == (3, 6)
    unmeasured = summary.query("poison_fraction == 0 and measure == 'poison_rejected'")
    assert unmeasured["mean"].isna().all()
    assert (unmeasured[["n", "runs"]] == 0).all(axis=None)


def test_an_attack_without_alpha_keeps_its_groups():
    trials = make_trials()
    summary = summarize(trials, ["error"], 0.95).query("attack == 'label_flipping'")
    assert list(summary["poison_fraction"]) == [0.0, 0.2]
    assert summary[["alpha", "lambda_prime"]].isna().all(axis=None)
    for row in summary.itertuples():
        cell = trials.query("attack == 'label_flipping' and poison_fraction == @row.poison_fraction")
        np.testing.assert_allclose([row.mean, row.low, row.high], expect(cell))


@pytest.mark.parametrize("column", GROUPS)
def test_trials_that_differ_in_any_setting_share_no_mean(column):
    trials = make_trials().query("alpha == 0.1 and poison_fraction == 0.2")
    other = trials.assign(**{column: 7.0 if isinstance(trials[column].iloc[0], float) else "other"}, error=0.5)
    summary = summarize(pd.concat([trials, other]), ["error"], 0.95)
    assert len(summary) == 2
    assert set(summary["runs"]) == {6}
    assert 0.5 in set(summary["mean"])


def test_diverged_trials_are_left_out():
    trials = make_trials()
    diverged = trials.assign(status="diverged", error=math.nan)
    pd.testing.assert_frame_equal(
        summarize(pd.concat([trials, diverged]), ["error"], 0.95), summarize(trials, ["error"], 0.95)
    )
    nothing = summarize(diverged, ["error"], 0.95)
    assert nothing.empty
    assert list(nothing.columns) == SUMMARY


def test_a_csv_brings_the_same_summary(tmp_path):
    trials = make_trials().assign(stand_in_for="")
    trials.to_csv(tmp_path / "trials.csv", index=False)
    read = pd.read_csv(tmp_path / "trials.csv")
    assert read["stand_in_for"].isna().all()
    summary = summarize(read, ["error"], 0.95)
    pd.testing.assert_frame_equal(summary, summarize(trials, ["error"], 0.95))
    assert set(summary["stand_in_for"]) == {""}


def test_trials_of_several_scales_are_refused():
    trials = make_trials()
    trials.loc[trials["run"] == 0, "scale"] = "paper"
    with pytest.raises(ValueError, match="several scales"):
        summarize(trials, ["error"], 0.95)
