"""The partition ensemble: its parts, its vote, and what the vote proves."""

import dataclasses
from itertools import product

import numpy as np
import pytest
import torch
from test_defense_contract import points
from test_trials import CPU, IDENTITY, NONE, SETTINGS, make_poisoners, make_task, receive, run, run_both

from oleander.attacks import Generated
from oleander.defenses import Points, sanitize
from oleander.defenses.content import groups_by_content
from oleander.evaluation import trials as module
from oleander.evaluation.trials import _training_sets, run_trials
from oleander.io.columns import CERTIFIED
from oleander.io.columns import TRIALS as COLUMNS
from oleander.io.errors import OleanderError
from oleander.io.tables import read_csvs, write_csv
from oleander.metrics.classification import error_rates
from oleander.metrics.votes import certified_changes, count_votes, plurality
from oleander.models import build_model
from oleander.training.classifiers import TrainingSets, predict, train_classifiers
from oleander.training.devices import Placement
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

PARTITION = {"name": "partition", "parts": 5, "changes": 1}


def test_groups_depend_on_a_points_values_alone():
    x = points((300, 300), 1).x
    found = groups_by_content(x, 4, seed=3)
    order = torch.from_numpy(np.random.default_rng(0).permutation(600))
    assert torch.equal(groups_by_content(x[order], 4, seed=3), found[order])
    assert torch.equal(groups_by_content(torch.cat([x[:7], x[:7]]), 4, seed=3), found[:7].repeat(2))
    # As even as chance: a chi-squared statistic of 3 degrees of freedom, beyond 16.3 once in a thousand seeds.
    counts = torch.bincount(found, minlength=4)
    assert float(((counts - 150.0) ** 2 / 150).sum()) < 16.3
    # Another seed gives groups that tell nothing of these.
    agree = (groups_by_content(x, 4, seed=4) == found).double().mean().item()
    assert agree == pytest.approx(0.25, abs=0.07)


def test_a_parts_points_do_not_depend_on_labels_or_order():
    received = points((40, 30), 1)
    done = sanitize(received, received, PARTITION, 7)
    flipped = sanitize(Points(received.x, 1 - received.y), received, PARTITION, 7)
    assert done.kept.all()
    assert torch.equal(done.labels, received.y)
    assert torch.equal(done.ensemble.parts, flipped.ensemble.parts)
    assert (done.ensemble.count, done.ensemble.changes) == (5, 1)


def elections(members, classes):
    """All numbers of votes of `members` for `classes`."""
    every = np.array(list(product(range(members + 1), repeat=classes)))
    return every[every.sum(1) == members]


@pytest.mark.parametrize(("members", "classes"), [(1, 2), (6, 2), (7, 2), (6, 3), (5, 4)])
def test_the_certificate_is_the_largest_that_holds(members, classes):
    """Against every other election: the nearest with another winner is one vote further than what is certified."""
    every = elections(members, classes)
    winners = every.argmax(1)
    votes = torch.from_numpy(every)
    assert plurality(votes).tolist() == winners.tolist()
    # Votes that must move from one election to another: those that the second has more.
    moved = np.maximum(every[None] - every[:, None], 0).sum(2)
    others = np.where(winners[None] != winners[:, None], moved, members + 1).min(1)
    assert certified_changes(votes).tolist() == [least - 1 if least <= members else members for least in others]


def test_votes_are_counted_per_point():
    predicted = torch.tensor([[[0, 1], [0, 2], [1, 2]]])
    votes = count_votes(predicted, 3)
    assert votes.tolist() == [[[2, 1, 0], [0, 1, 2]]]
    assert plurality(votes).tolist() == [[0, 2]]
    assert plurality(torch.tensor([[1, 1, 0], [0, 2, 2]])).tolist() == [0, 1]


def members_of(pool, trial):
    """Each member's training points, as bytes in their order, their labels, and its seed."""
    received = Points(pool[trial.rows].view(-1, 1, 2, 2), trial.labels)
    sets = _training_sets(pool, [trial], [sanitize(received, received, PARTITION, 3)])
    return [
        (pool[rows].numpy().tobytes(), labels.tolist(), seed)
        for rows, labels, seed in zip(sets.rows, sets.labels, sets.seeds, strict=True)
    ]


@pytest.mark.parametrize("change", ["inserted", "removed", "relabelled", "shuffled"])
def test_a_changed_point_changes_one_members_training_at_most(change):
    """What the certificate rests on: all others train on the same points, in the same order, from the same seed."""
    task = make_task()
    pool, trials = receive(task, make_poisoners(), poison_fractions=[0.2], runs=1)
    trial = trials[0]
    rows, labels = trial.rows, trial.labels
    if change == "inserted":
        more = torch.tensor([row for row in range(100) if row not in rows.tolist()][:1])
        rows, labels = torch.cat([more, rows]), torch.cat([torch.tensor([0]), labels])
    elif change == "removed":
        rows, labels = rows[1:], labels[1:]
    elif change == "relabelled":
        labels = torch.cat([1 - labels[:1], labels[1:]])
    else:
        order = torch.from_numpy(np.random.default_rng(1).permutation(len(rows)))
        rows, labels = rows[order], labels[order]
    changed = dataclasses.replace(trial, rows=rows, labels=labels)
    before, after = (members_of(pool, one) for one in (trial, changed))
    assert len(before) == PARTITION["parts"]
    assert sum(len(one[1]) for one in before) == 40
    assert len({one[2] for one in before}) == PARTITION["parts"]
    different = sum(one != other for one, other in zip(before, after, strict=True))
    assert different == (0 if change == "shuffled" else 1)


def test_a_trial_of_an_ensemble_done_by_hand():
    """Each member trained alone, and the votes counted one by one."""
    task = make_task()
    frame, matrices = run_both(defense=PARTITION, poison_fractions=[0.2], runs=1)
    assert tuple(frame.columns) == (*COLUMNS, CERTIFIED)
    assert frame["kept_points"].eq(40).all()
    assert frame["poison_rejected"].eq(0).all()
    pool, trials = receive(task, make_poisoners(), poison_fractions=[0.2], runs=1)
    model = build_model(SETTINGS["victim"], 4, 1)
    for at, trial in enumerate(trials):
        received = Points(pool[trial.rows].view(-1, 1, 2, 2), trial.labels)
        parts = sanitize(received, received, PARTITION, derive_seed(trial.seed, "defense")).ensemble.parts
        answers = []
        for member in range(5):
            own = sorted(trial.rows[parts == member].tolist())
            labels = dict(zip(trial.rows.tolist(), trial.labels.tolist(), strict=True))
            sets = TrainingSets(
                pool,
                [torch.tensor(own, dtype=torch.int64)],
                [torch.tensor([labels[row] for row in own], dtype=torch.int64)],
                [derive_seed(trial.seed, "victim", member)],
            )
            parameters, _ = train_classifiers(model, sets, SETTINGS["victim"], CPU, Scratch.none(), "alone")
            answers.append(predict(model, parameters, task.test_x.flatten(1))[0])
        ones = torch.stack(answers).sum(0).numpy()
        predicted = (ones > 2).astype(int)
        truth = task.test_y.numpy()
        # With five members and two classes no vote is tied, and one change leaves a majority of four to one.
        sure = np.where(predicted == 1, ones >= 4, ones <= 1)
        assert frame["error"][at] == pytest.approx((predicted != truth).mean())
        assert frame[CERTIFIED][at] == pytest.approx(((predicted == truth) & sure).mean())
        own = matrices[matrices["alpha"].eq(trial.row["alpha"]) & matrices["generator"].eq(trial.row["generator"])]
        cell = own[(own["true_class"] == "a") & (own["predicted_class"] == "b")]["share"].iloc[0]
        rates = error_rates(torch.from_numpy(predicted).unsqueeze(0), task.test_y)
        assert cell == pytest.approx(rates["source_as_target"].item())


def test_nothing_is_certified_against_more_changes_than_there_are_votes_and_all_that_is_right_against_none():
    some = {"poison_fractions": [0.2], "runs": 1}
    none = run(defense={**PARTITION, "changes": 0}, **some)
    assert np.allclose(none[CERTIFIED], 1 - none["error"])
    assert run(defense={**PARTITION, "changes": 3}, **some)[CERTIFIED].eq(0).all()


@pytest.mark.parametrize("cohort", [1, 3, 64])
def test_an_ensemble_does_not_depend_on_the_cohort(cohort):
    """More members than points leave some without any."""
    some = {"defense": {**PARTITION, "parts": 30}, "poison_fractions": [0.0, 0.2], "runs": 1}
    together = run(cohort=8, **some)
    assert together["status"].eq("ok").all()
    assert together[CERTIFIED].gt(0).any()
    assert len(together.drop_duplicates(["error", CERTIFIED])) > 1
    assert together.equals(run(cohort=cohort, **some))


def test_other_defenses_have_no_certificate():
    assert tuple(run(defense={"name": "none"}, runs=1).columns) == COLUMNS
    unseen = run(defense=PARTITION, runs=1, victim=None)
    assert tuple(unseen.columns) == COLUMNS
    assert unseen["kept_points"].eq(40).all()


def test_trials_with_and_without_certificates_are_read_together(tmp_path):
    tables = [run(defense=defense, runs=1) for defense in (NONE, PARTITION)]
    paths = [str(tmp_path / f"{at}.csv") for at in range(2)]
    for path, table in zip(paths, tables, strict=True):
        write_csv(path, table)
    for order in (paths, paths[::-1]):
        both = read_csvs(order, COLUMNS)
        assert set(both.columns) == {*COLUMNS, CERTIFIED}
        assert both[CERTIFIED].notna().sum() == len(tables[1])
    write_csv(paths[0], tables[0].assign(other=1))
    with pytest.raises(OleanderError, match="has other columns than"):
        read_csvs(paths, COLUMNS)


def test_a_member_that_diverges_spoils_its_trial():
    wild = {**SETTINGS["victim"], "optimizer": {"name": "sgd", "learning_rate": 1e30, "momentum": 0.0}}
    found = run(defense=PARTITION, runs=1, victim=wild)
    assert set(found["status"]) == {"diverged"}
    assert found[["error", CERTIFIED]].isna().all(axis=None)


def test_a_stopped_job_trains_no_member_twice(tmp_path, monkeypatch):
    settings = {**SETTINGS, "defense": PARTITION, "poison_fractions": [0.2], "runs": 1}
    trained, stop = [], [2]

    def train(model, sets, *rest):
        if len(trained) == stop[0]:
            raise KeyboardInterrupt
        trained.append(len(sets))
        return train_classifiers(model, sets, *rest)

    def go(folder):
        placement = Placement(CPU, 2, 1.0)
        return run_trials(
            make_task(), Generated(make_poisoners()), settings, IDENTITY, placement, Scratch(folder, "k", 5)
        )

    whole, _ = go(tmp_path / "whole")
    monkeypatch.setattr(module, "train_classifiers", train)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "stopped")
    stop[0] = 99
    again, _ = go(tmp_path / "stopped")
    # Two trials of five members and one more, two members at a time.
    assert trained == [2] * 5 + [2, 2, 1]
    assert again.equals(whole)
    assert {path.name.split("-")[0] for path in (tmp_path / "stopped").iterdir()} == {"measured"}
