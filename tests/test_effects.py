"""Effects of poison: differences of partners by hand and by scipy, and which trials have no partner."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from oleander.io.columns import TRIALS
from oleander.metrics.effects import EFFECTS, summarize_effects
from oleander.metrics.summary import SUMMARY

CONTROLS = {"mnist": "filler"}


def make(experiment: str, errors: dict[tuple[int, int, float], float], alpha: float = 0.1, **changed) -> pd.DataFrame:
    """Trials with an error by generator, run and fraction; false positives are twice, false negatives half of it."""
    rows = [
        {
            **dict.fromkeys(TRIALS, 0),
            "scale": "demo",
            "precision": "float32",
            "experiment": experiment,
            "evaluation": "effectiveness",
            "dataset": "digits",
            "stand_in_for": "MNIST",
            "attack": experiment,
            "alpha": alpha,
            "lambda_prime": 0.9,
            "generator": generator,
            "run": run,
            "poison_fraction": fraction,
            "defense": "outlier",
            "error": error,
            "false_positive_rate": 2 * error,
            "false_negative_rate": error / 2,
            "status": "ok",
            **changed,
        }
        for (generator, run, fraction), error in errors.items()
    ]
    return pd.DataFrame(rows, columns=list(TRIALS))


def make_trials() -> pd.DataFrame:
    """Two generators with two runs each. Raw effects are 0.05, 0.07, 0.1 and 0.14; the control's are 0.01 to 0.04."""
    clean = {(0, 0, 0.0): 0.01, (0, 1, 0.0): 0.02, (1, 0, 0.0): 0.03, (1, 1, 0.0): 0.04}
    poisoned = {(0, 0, 0.4): 0.06, (0, 1, 0.4): 0.09, (1, 0, 0.4): 0.13, (1, 1, 0.4): 0.18}
    filled = {(0, 0, 0.4): 0.02, (0, 1, 0.4): 0.04, (1, 0, 0.4): 0.06, (1, 1, 0.4): 0.08}
    untrained = {"alpha": math.nan, "lambda_prime": math.nan}
    return pd.concat([make("mnist", clean | poisoned), make("filler", clean | filled, **untrained)], ignore_index=True)


def effect(summary: pd.DataFrame, measure: str, experiment: str = "mnist") -> pd.Series:
    (found,) = [row for _index, row in summary.query("measure == @measure and experiment == @experiment").iterrows()]
    return found


def test_effects_by_hand():
    summary = summarize_effects(make_trials(), CONTROLS, 0.95)
    assert list(summary.columns) == SUMMARY
    raw, net, control = (
        effect(summary, "raw_error"),
        effect(summary, "net_error"),
        effect(summary, "raw_error", "filler"),
    )
    # Generators' means of the raw effect: 0.06, 0.12; of the control's: 0.015, 0.035; of the net one: 0.045, 0.085.
    assert raw["mean"] == pytest.approx(0.09)
    assert control["mean"] == pytest.approx(0.025)
    assert net["mean"] == pytest.approx(0.065)
    # Student's quantile of one degree of freedom is tan(0.475 pi); the standard error of two values is half their gap.
    half = math.tan(0.475 * math.pi) * 0.02
    assert (net["low"], net["high"]) == pytest.approx((0.065 - half, 0.065 + half))
    assert (net["n"], net["runs"]) == (2, 4)
    for measure, factor in (("false_positive_rate", 2), ("false_negative_rate", 0.5)):
        for name in ("mean", "low", "high"):
            assert effect(summary, f"net_{measure}")[name] == pytest.approx(factor * net[name])
    assert set(summary["poison_fraction"]) == {0.4}
    assert not any(summary.query("experiment == 'filler'")["measure"].str.startswith("net"))


def test_an_interval_is_scipys_paired_t_test():
    random = np.random.default_rng(0)
    keys = [(generator, run, fraction) for generator in range(5) for run in range(3) for fraction in (0.0, 0.2, 0.4)]
    errors, others = ({key: random.uniform(0, 1) for key in keys} for _ in range(2))
    # The order of rows says nothing.
    both = [make("mnist", errors), make("filler", others, alpha=math.nan)]
    trials = pd.concat(both).sample(frac=1, random_state=1)
    for row in summarize_effects(trials, CONTROLS, 0.9).query("measure == 'net_error'").itertuples():
        means = [
            [np.mean([side[generator, run, row.poison_fraction] for run in range(3)]) for generator in range(5)]
            for side in (errors, others)
        ]
        theirs = stats.ttest_rel(*means).confidence_interval(0.9)
        assert (row.low, row.high) == pytest.approx(tuple(theirs), rel=1e-9)
        assert (row.n, row.runs) == (5, 15)


def test_alphas_are_compared_with_their_own_clean_victim_and_one_control():
    trials = make_trials()
    # 0.01 is added to all victims of the other alpha: its raw effects are the same, its net ones 0.01 larger.
    other = trials[trials["experiment"] == "mnist"].assign(alpha=0.3)
    other["error"] += 0.01
    summary = summarize_effects(pd.concat([trials, other]), CONTROLS, 0.95).query("experiment == 'mnist'")
    means = summary.pivot(index="measure", columns="alpha", values="mean")
    assert means.loc["raw_error", 0.3] == pytest.approx(means.loc["raw_error", 0.1])
    assert means.loc["net_error", 0.3] == pytest.approx(means.loc["net_error", 0.1] + 0.01)


def test_only_partners_count():
    trials = make_trials()
    diverged = trials["experiment"].eq("filler") & trials["generator"].eq(0) & trials["run"].eq(1)
    for gone in (trials[~diverged], trials.assign(status=np.where(diverged, "diverged", "ok"))):
        net = effect(summarize_effects(gone, CONTROLS, 0.95), "net_error")
        # What is left of generator 0 is run 0: 0.06 - 0.02.
        assert net["mean"] == pytest.approx((0.04 + 0.085) / 2)
        assert (net["n"], net["runs"]) == (2, 3)
    own = trials["experiment"].eq("mnist") & trials["generator"].eq(1) & trials["poison_fraction"].eq(0.4)
    net = effect(summarize_effects(trials.assign(status=np.where(own, "diverged", "ok")), CONTROLS, 0.95), "net_error")
    assert net["mean"] == pytest.approx(0.045)
    assert (net["n"], net["runs"]) == (2, 2), "of one generator, its runs are the independent values"


def test_a_poison_fraction_without_a_control_has_no_net_effect():
    trials = make_trials()
    more = make("mnist", {(0, 0, 0.2): 0.05, (1, 0, 0.2): 0.05})
    summary = summarize_effects(pd.concat([trials, more]), CONTROLS, 0.95)
    found = summary.groupby("measure")["poison_fraction"].agg(set)
    assert found["raw_error"] == {0.2, 0.4}
    assert found["net_error"] == {0.4}
    assert (summary["runs"] > 0).all()
    assert summary["mean"].notna().all()


def test_without_controls_there_are_raw_effects_alone():
    assert set(summarize_effects(make_trials(), {}, 0.95)["measure"]) == {f"raw_{measure}" for measure in EFFECTS}
    nothing = summarize_effects(make_trials().query("poison_fraction == 0"), CONTROLS, 0.95)
    assert list(nothing.columns) == SUMMARY
    assert nothing.empty


@pytest.mark.parametrize("column", ["evaluation", "dataset", "defense", "train_points"])
def test_trials_of_other_tests_are_no_partners(column):
    trials = make_trials()
    value = 7 if column == "train_points" else "other"
    trials.loc[trials["experiment"] == "filler", column] = value
    assert not summarize_effects(trials, CONTROLS, 0.95)["measure"].str.startswith("net").any()


def test_several_partners_are_refused():
    trials = make_trials()
    with pytest.raises(ValueError, match="several trials of one generator and run"):
        summarize_effects(pd.concat([trials, trials.query("experiment == 'filler'").assign(alpha=0.5)]), CONTROLS, 0.95)
