"""Trials: counts, pairing of the draws, and numbers that do not depend on what else is in the cohort."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from oleander.attacks import ATTACKS, Crafted, Generated, Poisoners, Replica, is_trained, load_attacker
from oleander.data import Task, split_task
from oleander.defenses import Points, sanitize
from oleander.evaluation.trials import (
    _receive,
    check_trials,
    poisoned_count,
    run_trials,
)
from oleander.io.columns import CONFUSION as CONFUSION_COLUMNS
from oleander.io.columns import TRIALS as COLUMNS
from oleander.io.errors import OleanderError
from oleander.metrics.classification import error_rates
from oleander.models import build_model
from oleander.training.classifiers import TrainingSets, predict, train_classifiers
from oleander.training.devices import Placement
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

CPU = torch.device("cpu")
SHAPE = (1, 2, 2)
GENERATOR = {"architecture": "mlp", "negative_slope": 0.1, "dropout": 0.5, "hidden": [6], "output": "tanh"}
SETTINGS = {
    "poison_fractions": [0.0, 0.2, 0.4],
    "runs": 2,
    "trusted_per_class": 12,
    "train_points": [40],
    "defense": {"name": "outlier", "neighbours": 2, "sample": 6, "quantile": 0.9, "statistic": "kth"},
    "victim": {
        "architecture": "mlp",
        "negative_slope": 0.1,
        "dropout": 0.5,
        "hidden": [8],
        "output": "logits",
        "optimizer": {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9},
        "batch_size": 8,
        "epochs": 6,
    },
}
IDENTITY = {"scale": "demo", "experiment": "tiny", "evaluation": "e", "attack": "pgan", "defense": "mine"}
NONE = {"name": "none"}
REPLICAS = [
    Replica(0, alpha=0.0, lambda_prime=0.9),
    Replica(0, alpha=0.5, lambda_prime=0.9),
    Replica(1, alpha=0.5, lambda_prime=0.9),
]
MEASURED = ["error", "false_positive_rate", "false_negative_rate", "source_as_target"]


def make_task(per_class=50, test=(120, 40)):
    """Overlapping classes, and a test set of unequal shares."""
    draw = np.random.default_rng(0)

    def points(counts):
        y = torch.from_numpy(draw.permutation(np.repeat([0, 1], counts)))
        x = draw.normal(size=(len(y), *SHAPE)).astype(np.float32)
        return torch.from_numpy(x) + y.view(-1, 1, 1, 1).float(), y

    train_x, train_y = points((per_class, per_class))
    test_x, test_y = points(test)
    return Task("tiny", "a", "b", train_x, train_y, test_x, test_y, SHAPE, None, "the real one")


def make_poisoners(replicas=REPLICAS, converged=None, offset=0.0):
    """Untrained generators with widely scattered points; `offset` is added to all of them."""
    model = build_model({**GENERATOR, "output": "linear"}, 3, 4)
    drawn = [model.initial(torch.Generator().manual_seed(at)) for at in range(len(replicas))]
    parameters = {name: torch.stack([one[name] for one in drawn]) for name in drawn[0]}
    parameters["weight1"] *= 5
    parameters["bias1"] += offset
    return Poisoners(model, parameters, list(replicas), converged or [True] * len(replicas), 3, SHAPE)


def run_both(task=None, poisoners=None, cohort=8, attack=None, scratch=None, **changes):
    ready = attack or Generated(poisoners or make_poisoners())
    placement = Placement(CPU, cohort, 1.0)
    return run_trials(
        task or make_task(), ready, {**SETTINGS, **changes}, IDENTITY, placement, scratch or Scratch.none()
    )


def run(*arguments, **changes):
    return run_both(*arguments, **changes)[0]


def receive(task, poisoners, **changes):
    return _receive(task, Generated(poisoners), {**SETTINGS, **changes}, IDENTITY)


@pytest.fixture(scope="module")
def frame():
    return run()


def test_one_row_a_trial_with_the_promised_columns(frame):
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 3 * 2 * 3
    keys = ["alpha", "generator", "run", "poison_fraction"]
    assert len(frame[keys].drop_duplicates()) == len(frame)
    assert set(frame["poison_fraction"]) == {0.0, 0.2, 0.4}
    constant = {"precision": "float32", "dataset": "tiny", "stand_in_for": "the real one", "status": "ok", **IDENTITY}
    for name, value in constant.items():
        assert set(frame[name]) == {value}
    assert set(frame["lambda_prime"]) == {0.9}
    real = dataclasses.replace(make_task(), stand_in_for=None)
    assert set(run(real, runs=1, poison_fractions=[0.0])["stand_in_for"]) == {""}


def test_rates_are_fractions_that_add_up(frame):
    for name in [*MEASURED, "genuine_rejected"]:
        assert frame[name].between(0, 1).all()
    # 120 of 160 test points have label 0.
    weighted = (120 * frame["false_positive_rate"] + 40 * frame["false_negative_rate"]) / 160
    assert np.allclose(frame["error"], weighted, rtol=0, atol=1e-12)
    assert frame["poison_rejected"].isna().equals(frame["poison_fraction"] == 0)
    poison = (frame["poison_fraction"] * 40).round()
    kept = (40 - poison) * (1 - frame["genuine_rejected"]) + poison * (1 - frame["poison_rejected"].fillna(0))
    assert np.allclose(frame["kept_points"], kept)
    assert set(frame["train_points"]) == {40}


@pytest.mark.parametrize(
    ("fraction", "points", "count"),
    [(0.4, 1000, 400), (0.35, 1000, 350), (0.29, 100, 29), (0.05, 1000, 50), (0, 9, 0), (0.5, 3, 2), (0.15, 10, 2)],
)
def test_fractions_are_of_the_whole_training_set_rounded_half_up(fraction, points, count):
    assert poisoned_count(fraction, points) == count


def test_forty_percent_of_a_thousand_replace_400_of_500():
    task = make_task(per_class=510)
    changes = {"train_points": [1000], "trusted_per_class": 10, "runs": 1, "poison_fractions": [0.4]}
    _, trials = receive(task, make_poisoners(REPLICAS[:1]), **changes)
    (trial,) = trials
    assert trial.row["train_points"] == 1000
    assert int(trial.poison.sum()) == 400
    assert torch.equal(trial.poison, trial.rows >= len(task.train_y))
    assert set(trial.labels[trial.poison].tolist()) == {1}
    genuine = trial.rows[~trial.poison]
    assert len(set(genuine.tolist())) == 600
    assert torch.equal(trial.labels[~trial.poison], task.train_y[genuine])
    assert torch.bincount(task.train_y[genuine]).tolist() == [500, 100]
    # So far away that the detector rejects exactly the poison; what it rejects of its own class is genuine.
    far = run(task, make_poisoners(REPLICAS[:1], offset=1e4), **changes).iloc[0]
    assert far["poison_rejected"] == 1
    assert far["kept_points"] == round(600 * (1 - far["genuine_rejected"]))


def test_received_points_are_the_splits_and_the_poisoners():
    task, poisoners = make_task(), make_poisoners()
    pool, trials = receive(task, poisoners)
    assert torch.equal(pool[: len(task.train_x)], task.train_x.flatten(1))
    for trial in trials:
        at = REPLICAS.index(Replica(trial.row["generator"], alpha=trial.row["alpha"], lambda_prime=0.9))
        seed = derive_seed("trial", trial.row["generator"], trial.row["run"])
        split = split_task(task, 12, 40, derive_seed(seed, "split"))
        poison = trial.rows[trial.rows >= len(task.train_x)].sort().values
        genuine = trial.rows[trial.rows < len(task.train_x)]
        assert len(poison) == round(trial.row["poison_fraction"] * 40)
        assert set(genuine.tolist()) <= set(split.train_rows.tolist())
        assert not set(genuine.tolist()) & set(split.trusted_rows.tolist())
        drawn, _ = poisoners.draw(16, derive_seed(seed, "poison"), at)
        assert torch.equal(pool[poison], drawn[: len(poison)].flatten(1))


def test_a_larger_fraction_contains_the_smaller_ones_poison():
    task = make_task()
    _, trials = receive(task, make_poisoners())
    for none, some, most in zip(trials[::3], trials[1::3], trials[2::3], strict=True):
        sets = [{row for row in trial.rows.tolist() if row >= len(task.train_x)} for trial in (none, some, most)]
        assert sets[0] < sets[1] < sets[2]
        genuine = [{row for row in trial.rows.tolist() if row < len(task.train_x)} for trial in (none, some, most)]
        assert genuine[0] > genuine[1] > genuine[2]
        assert none.seed == some.seed == most.seed


def test_alphas_are_compared_on_the_same_draws(frame):
    """Without poison alpha plays no part; with it, alpha's generators stand against the same genuine points."""
    clean = frame[(frame["poison_fraction"] == 0) & (frame["generator"] == 0)]
    columns = ["run", "kept_points", "genuine_rejected", *MEASURED]
    at_0, at_half = (clean[clean["alpha"] == alpha][columns].reset_index(drop=True) for alpha in (0.0, 0.5))
    pd.testing.assert_frame_equal(at_0, at_half)
    poisoned = frame[(frame["poison_fraction"] == 0.4) & (frame["generator"] == 0)]
    one, other = (poisoned[poisoned["alpha"] == alpha].reset_index(drop=True) for alpha in (0.0, 0.5))
    assert not one["poison_rejected"].equals(other["poison_rejected"])
    assert one["genuine_rejected"].notna().all()


def test_runs_and_generators_draw_afresh():
    _, trials = receive(make_task(), make_poisoners(), poison_fractions=[0.0])
    assert len({(trial.row["generator"], trial.row["run"]): trial.seed for trial in trials}.values()) == 4
    assert len({trial.seed for trial in trials}) == 4
    assert len({tuple(sorted(trial.rows.tolist())) for trial in trials}) == 4


@pytest.mark.parametrize("cohort", [1, 2, 5])
def test_numbers_do_not_depend_on_the_cohort(frame, cohort):
    pd.testing.assert_frame_equal(run(cohort=cohort), frame, check_exact=False, rtol=0, atol=1e-9)


def test_a_poisoners_trials_do_not_depend_on_the_other_poisoners_or_fractions(frame):
    alone = run(poisoners=make_poisoners(), poison_fractions=[0.4], runs=1)
    same = frame[(frame["poison_fraction"] == 0.4) & (frame["run"] == 0)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same, check_exact=False, rtol=0, atol=1e-9)
    last = make_poisoners()
    last = Poisoners(last.model, {k: v[2:] for k, v in last.parameters.items()}, REPLICAS[2:], [True], 3, SHAPE)
    own = frame[frame["generator"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(run(poisoners=last), own, check_exact=False, rtol=0, atol=1e-9)


def test_a_trial_done_by_hand(frame):
    """One trial from the library's parts, without the cohort, the pool and the bookkeeping."""
    task, poisoners, replica, run_, fraction = make_task(), make_poisoners(), 2, 1, 0.2
    seed = derive_seed("trial", REPLICAS[replica].seed, run_)
    split = split_task(task, 12, 40, derive_seed(seed, "split"))
    poison, labels = poisoners.draw(8, derive_seed(seed, "poison"), replica)
    target = [row for row in split.train_rows.tolist() if task.train_y[row] == 1]
    source = [row for row in split.train_rows.tolist() if task.train_y[row] == 0]
    genuine = source + target[8:]
    order = np.random.default_rng(derive_seed(seed, "order")).permutation(40)
    received = Points(
        torch.cat([poison, task.train_x[genuine]])[order],
        torch.cat([labels, task.train_y[genuine]])[order],
    )
    is_poison = torch.from_numpy(order < 8)
    trusted = Points(task.train_x[split.trusted_rows], task.train_y[split.trusted_rows])
    done = sanitize(received, trusted, SETTINGS["defense"], derive_seed(seed, "defense"))
    kept = done.kept.nonzero().flatten()
    sets = TrainingSets(received.x.flatten(1), [kept], [done.labels[kept]], [derive_seed(seed, "victim")])
    model = build_model(SETTINGS["victim"], 4, 1)
    parameters, _ = train_classifiers(model, sets, SETTINGS["victim"], CPU, Scratch.none(), "alone")
    rates = error_rates(predict(model, parameters, task.test_x.flatten(1)), task.test_y)
    row = frame[(frame["generator"] == 1) & (frame["run"] == run_) & (frame["poison_fraction"] == fraction)].iloc[0]
    for name in MEASURED:
        assert row[name] == pytest.approx(rates[name].item(), abs=1e-12)
    assert row["kept_points"] == len(kept)
    assert row["poison_rejected"] == pytest.approx((~done.kept[is_poison]).double().mean().item())
    assert row["genuine_rejected"] == pytest.approx((~done.kept[~is_poison]).double().mean().item())


def test_a_diverged_poisoner_is_left_out_and_said(frame, caplog):
    found = run(poisoners=make_poisoners(converged=[True, False, True]))
    expected = frame[~((frame["alpha"] == 0.5) & (frame["generator"] == 0))].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=0, atol=1e-9)
    assert "diverged in training; its trials are left out" in caplog.text
    nothing = run(poisoners=make_poisoners(converged=[False] * 3))
    assert tuple(nothing.columns) == COLUMNS
    assert len(nothing) == 0


def test_a_diverged_victim_keeps_its_row_without_measurements(caplog):
    victim = {**SETTINGS["victim"], "optimizer": {"name": "sgd", "learning_rate": 1e30, "momentum": 0.0}}
    found = run(victim=victim, runs=1)
    assert set(found["status"]) == {"diverged"}
    assert found[MEASURED].isna().all(axis=None)
    assert found["kept_points"].notna().all()
    assert "9 of 9 victims diverged" in caplog.text


@pytest.mark.learns
def test_poison_in_the_target_class_makes_source_points_be_taken_for_it(seed, margin):
    """Poison that lies in the source class raises the share of source points taken for the target, and no other."""
    task = make_task()
    train_x = task.train_x + 12 * task.train_y.view(-1, 1, 1, 1)
    test_x = task.test_x + 12 * task.test_y.view(-1, 1, 1, 1)
    far = dataclasses.replace(task, train_x=train_x, test_x=test_x)
    victim = {**SETTINGS["victim"], "epochs": 60}
    poisoners = make_poisoners([Replica(seed, alpha=0.0, lambda_prime=0.9)])
    found = run(far, poisoners, defense=NONE, victim=victim, poison_fractions=[0.0, 0.4], runs=6)
    by_fraction = found.groupby("poison_fraction")[MEASURED].mean()
    assert by_fraction.loc[0.0, "error"] < 0.02 / margin
    # 16 poison points among 20 genuine ones cannot take three tenths of the class.
    assert by_fraction.loc[0.4, "false_positive_rate"] > 0.1
    assert by_fraction.loc[0.4, "false_negative_rate"] < 0.02 / margin


@pytest.mark.parametrize(("fraction", "points"), [(0.52, 40), (0.6, 20), (1.0, 40)])
def test_more_poison_than_there_are_points_to_replace_is_refused(fraction, points):
    settings = {"train_points": [points], "poison_fractions": [0.0, fraction, 0.1], "trusted_per_class": 12}
    with pytest.raises(OleanderError, match=rf"poison fraction {fraction:g} of {points} .* class 'b'.*up to 0.5"):
        check_trials(make_task(), settings)
    with pytest.raises(OleanderError, match="poison fraction"):
        run(**settings)


def test_half_the_training_set_may_be_poison():
    check_trials(make_task(), {"train_points": [40], "poison_fractions": [0.5, 0.0], "trusted_per_class": 12})
    found = run(poison_fractions=[0.5], runs=1, defense=NONE)
    assert set(found["kept_points"]) == {40}
    assert found["genuine_rejected"].eq(0).all()


def test_more_points_than_the_task_has_are_refused():
    with pytest.raises(OleanderError, match=r"tiny has 76 train points of a, b.* but 90 are needed"):
        run(train_points=[90])


def test_sizes_of_training_sets_stand_side_by_side(frame):
    both = run(train_points=[40, 60], runs=1)
    assert set(both["train_points"]) == {40, 60}
    own = both[both["train_points"] == 40].reset_index(drop=True)
    same = frame[frame["run"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, same, check_exact=False, rtol=0, atol=1e-9)


def test_only_the_alphas_asked_for_are_tested(frame):
    chosen = run(alphas=[0.5])
    expected = frame[frame["alpha"] == 0.5].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen, expected, check_exact=False, rtol=0, atol=1e-9)


def test_a_defense_can_be_looked_at_without_victims(frame):
    found, matrices = run_both(victim=None)
    seen = ["kept_points", "genuine_rejected", "poison_rejected"]
    pd.testing.assert_frame_equal(found[seen], frame[seen])
    assert found[MEASURED].isna().all(axis=None)
    assert set(found["status"]) == {"ok"}
    assert tuple(matrices.columns) == CONFUSION_COLUMNS
    assert matrices.empty


def test_confusion_matrices_agree_with_the_rates():
    found, matrices = run_both(runs=1)
    assert tuple(matrices.columns) == CONFUSION_COLUMNS
    keys = ["alpha", "generator", "run", "poison_fraction"]
    assert np.allclose(matrices.groupby([*keys, "true_class"])["share"].sum(), 1)
    for rate, pair in (("false_positive_rate", ("a", "b")), ("false_negative_rate", ("b", "a"))):
        cells = matrices[(matrices["true_class"] == pair[0]) & (matrices["predicted_class"] == pair[1])]
        merged = found.merge(cells, on=keys)
        assert len(merged) == len(found)
        assert np.allclose(merged[rate], merged["share"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in ATTACKS if not is_trained(name)])
def test_untrained_attacks_run_through(name):
    flipping = {"flipped": "target", "drawn_from": "training_set", "replaced": "themselves"}
    settings = flipping if name == "label_flipping" else {}
    found = run(attack=load_attacker({"name": name, **settings}, None, [Replica(0), Replica(3)]), defense=NONE)
    assert len(found) == 2 * 2 * 3
    assert set(found["generator"]) == {0, 3}
    assert found["alpha"].isna().all()
    assert found["error"].between(0, 1).all()
    assert set(found["train_points"]) == {40}


def test_an_attack_with_too_little_poison_is_said():
    with pytest.raises(OleanderError, match="has 16 poison points for 40 points of tiny, but 20 are asked for"):
        run(attack=load_attacker({"name": "duplication"}, None, [Replica(0)]), poison_fractions=[0.5])


def test_attacks_are_compared_on_the_same_splits(frame):
    flips = run(attack=Crafted(ATTACKS["random_flipping"], {}, [Replica(0)]))
    columns = ["run", "kept_points", "genuine_rejected", *MEASURED]
    clean = frame[(frame["poison_fraction"] == 0) & (frame["generator"] == 0) & (frame["alpha"] == 0)]
    own = flips[flips["poison_fraction"] == 0]
    pd.testing.assert_frame_equal(clean[columns].reset_index(drop=True), own[columns].reset_index(drop=True))


@pytest.mark.learns
def test_ten_classes_train_one_victim_of_as_many_outputs(seed, margin):
    draw = np.random.default_rng(1)
    y = torch.arange(4).repeat_interleave(40)
    x = torch.from_numpy(draw.normal(size=(160, *SHAPE)).astype(np.float32)) + 8 * torch.nn.functional.one_hot(
        y, 4
    ).view(160, 1, 2, 2)
    task = Task("many", "a", "b", x[::2], y[::2], x[1::2], y[1::2], SHAPE, None, None, ("c", "d"))
    victim = {**SETTINGS["victim"], "epochs": 60}
    found, matrices = run_both(
        task,
        make_poisoners([Replica(seed, alpha=0.0, lambda_prime=0.9)]),
        victim=victim,
        trusted_per_class=7,
        train_points=[44],
        poison_fractions=[0.0, 0.2],
        defense=NONE,
    )
    clean = found[found["poison_fraction"] == 0]
    assert (clean["error"] < 0.2 / margin).all()
    assert set(matrices["true_class"]) == set(matrices["predicted_class"]) == {"a", "b", "c", "d"}
    cells = matrices[(matrices["true_class"] == "a") & (matrices["predicted_class"] == "b")]
    assert np.allclose(cells["share"].to_numpy(), found["source_as_target"].to_numpy())
    mistaken = matrices[matrices["true_class"] != matrices["predicted_class"]]
    assert np.allclose(mistaken.groupby(["run", "poison_fraction"])["share"].sum() / 4, found["error"].to_numpy())


SEVER = {"name": "sever", "epsilon": 0.2, "filterings": 2}


def test_sever_fits_the_victims_of_a_cohort_together():
    """As many points as epsilon says are dropped, and what is measured does not depend on the cohort."""
    together = run(defense=SEVER, cohort=8)
    # Half of epsilon of each class in each of two filterings: 2 of 20, twice, in both classes.
    assert set(together["kept_points"]) == {40 - 8}
    pd.testing.assert_frame_equal(run(defense=SEVER, cohort=1), together, check_exact=False, rtol=0, atol=1e-9)


def test_sever_needs_a_victim():
    with pytest.raises(OleanderError, match="sever"):
        run(defense=SEVER, victim=None)
