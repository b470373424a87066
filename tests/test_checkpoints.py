"""Poison over training: measures against brute force, references, and trials on checkpoints."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
from test_pgan import SETTINGS as PGAN
from test_trials import IDENTITY, REPLICAS, SETTINGS, make_poisoners, make_task

from oleander.attacks import Checkpoint, Generated, Replica, load_attacker, trained_attack
from oleander.attacks.pgan import iterations_per_epoch
from oleander.data import split_task
from oleander.defenses import Points, sanitize
from oleander.evaluation.checkpoints import (
    checkpoint_file,
    checkpoint_files,
    curves_at,
    measure_checkpoints,
    try_checkpoints,
)
from oleander.evaluation.trials import run_trials
from oleander.io.columns import CHECKPOINT_MEASURES, CHECKPOINT_TRIALS, CHECKPOINTS, TRIALS
from oleander.io.errors import OleanderError
from oleander.metrics.neighbours import nearest_distances, nearest_other, told_apart
from oleander.metrics.progress import SUMMARY, summarize_progress
from oleander.training.devices import Placement
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

ITERATIONS = {100: 0.0, 200: 3.0}
"""Iteration -> by how much its poison is shifted."""
CURVES = pd.DataFrame(
    [
        {
            "alpha": replica.alpha,
            "lambda_prime": replica.lambda_prime,
            "generator": replica.seed,
            "epoch": epoch,
            "discriminator_on_poison": epoch / 10 + replica.seed,
            "classifier_on_poison": epoch / 100 + replica.alpha,
        }
        for replica in REPLICAS
        for epoch in range(1, 9)
    ]
)
COUNT = 16
"""Poison points: 0.4 of 40."""


def load(path, dropout):
    """In place of a file: the generators of an iteration."""
    return Generated(make_poisoners(offset=ITERATIONS[int(path.stem)]), dropout)


def files(tmp_path, iterations=ITERATIONS):
    for iteration in iterations:
        checkpoint_file(tmp_path, iteration).touch()
    return checkpoint_files(tmp_path)


def measure(tmp_path, task=None, load=load, **changes):
    players = curves_at(CURVES, 25)
    return measure_checkpoints(task or make_task(), files(tmp_path), load, {**SETTINGS, **changes}, IDENTITY, players)


def apart(x, y) -> np.ndarray:
    """All Euclidean distances, one pair at a time."""
    x, y = (np.asarray(points.flatten(1), dtype=np.float64) for points in (x, y))
    return np.array([[math.dist(one, other) for other in y] for one in x])


def test_distances_to_neighbours_are_worked_out_by_hand():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0], [0.0, 0.0]])
    assert nearest_other(points).tolist() == [0, 1, 1, 0]
    assert nearest_distances(points[:2], torch.tensor([[0.0, 1.0], [3.0, 0.0]])).tolist() == [1, 4]
    itself = nearest_distances(points[1:3], points, exclude=torch.tensor([1, 2]))
    assert itself.tolist() == [1, 1]


def test_samples_that_lie_apart_are_told_apart_and_copies_are_not():
    near = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert told_apart(near, near + 100) == 1
    # Beside each point lies one of the other sample, and its own are farther away.
    assert told_apart(near, near + 0.1) == 0
    # The third and the first two of the other sample are mixed, the fourth is left out.
    assert told_apart(torch.tensor([[0.0], [1.0], [10.5], [10.6]]), torch.tensor([[10.0], [11.0], [12.0]])) == 3 / 6
    same = torch.randn(2, 400, 3, generator=torch.Generator().manual_seed(0))
    assert told_apart(*same) == pytest.approx(0.5, abs=0.06)


def test_points_that_lie_close_together_are_not_said_to_be_one():
    points = torch.tensor([[64.0, 64.0], [64.0, 64.0 + 2**-17]])
    assert nearest_other(points).tolist() == [2**-17] * 2


@pytest.mark.parametrize("dropout", [False, True])
def test_measures_of_poison_are_those_of_brute_force(tmp_path, dropout):
    task, found = make_task(), measure(tmp_path)
    assert tuple(found.columns) == CHECKPOINTS
    for iteration, offset in ITERATIONS.items():
        poisoners = make_poisoners(offset=offset)
        for at, replica in enumerate(REPLICAS):
            for run in range(2):
                seed = derive_seed("trial", replica.seed, run)
                poison, _ = poisoners.draw(COUNT, derive_seed(seed, "poison"), at, dropout)
                (row,) = found[
                    (found["iteration"] == iteration)
                    & (found["dropout"] == dropout)
                    & (found["alpha"] == replica.alpha)
                    & (found["generator"] == replica.seed)
                    & (found["run"] == run)
                ].to_dict("records")
                between = apart(poison, poison)
                np.fill_diagonal(between, np.inf)
                assert row["nearest_distance"] == pytest.approx(between.min(1).mean(), rel=1e-5)
                to_source, to_target = (apart(poison, one).min(1) for one in (task.source_x, task.target_x))
                assert row["nearest_is_source"] == (to_source < to_target).mean()
                split = split_task(task, 12, 40, derive_seed(seed, "split"))
                trusted = split.trusted_rows
                unused = [at for at in split.unused_rows.tolist() if task.train_y[at] == 1][:COUNT]
                both = torch.cat([poison[: len(unused)], task.train_x[unused]])
                kind = np.arange(len(both)) < len(unused)
                between = apart(both, both)
                np.fill_diagonal(between, np.inf)
                assert len(unused) > 1
                assert row["told_apart"] == (kind[between.argmin(1)] == kind).mean()
                kept = sanitize(
                    Points(poison, torch.ones(COUNT, dtype=torch.int64)),
                    Points(task.train_x[trusted], task.train_y[trusted]),
                    SETTINGS["defense"],
                    derive_seed(seed, "defense"),
                ).kept
                assert row["rejected"] == (~kept).double().mean().item()
                assert row["count"] == COUNT


def test_genuine_points_are_the_reference_once_a_run(tmp_path):
    task, found = make_task(), measure(tmp_path)
    genuine = found[found["points"] == "genuine"]
    assert len(genuine) == len(REPLICAS) * 2
    assert genuine[["iteration", "dropout", "discriminator_on_poison", "classifier_on_poison"]].isna().all(axis=None)
    # What a generator's seed draws does not depend on its alpha.
    measures = ["nearest_distance", "nearest_is_source", "told_apart", "rejected"]
    assert len(genuine.drop_duplicates(["generator", "run", *measures])) == 2 * 2
    for row in genuine.to_dict("records"):
        seed = derive_seed("trial", row["generator"], row["run"])
        split = split_task(task, 12, 40, derive_seed(seed, "split"))
        rows = [at for at in split.train_rows.tolist() if task.train_y[at] == 1][:COUNT]
        between = apart(task.train_x[rows], task.train_x)
        between[range(COUNT), rows] = np.inf
        nearest = task.train_y[between.argmin(1)]
        assert row["nearest_is_source"] == (nearest == 0).double().mean().item()
        among = between[:, rows]
        assert row["nearest_distance"] == pytest.approx(among.min(1).mean(), rel=1e-5)
        assert not set(rows) & set(split.trusted_rows.tolist())


def test_a_collapsed_generator_has_no_distance_and_one_on_the_source_class_is_nearest_to_it(tmp_path):
    class Collapsed(Generated):
        def craft(self, task, train_rows, unused_rows, count, seed, replica):
            made = super().craft(task, train_rows, unused_rows, count, seed, replica)
            return dataclasses.replace(made, x=task.source_x[:1].expand(count, -1, -1, -1))

    found = measure(tmp_path, load=lambda path, dropout: Collapsed(make_poisoners(), dropout))
    poison = found[found["points"] == "poison"]
    assert set(poison["nearest_distance"]) == {0.0}
    assert set(poison["nearest_is_source"]) == {1.0}
    assert set(found.loc[found["points"] == "genuine", "nearest_distance"] > 0) == {True}


def test_what_the_players_say_is_that_of_the_checkpoints_epoch(tmp_path):
    """25 iterations an epoch: iteration 100 is the last of epoch 4, and 101 the first of epoch 5."""
    found = measure(tmp_path).set_index(["iteration", "alpha", "generator"]).sort_index()
    assert found.loc[(100, 0.5, 1), "discriminator_on_poison"].tolist() == pytest.approx([1.4] * 4)
    assert found.loc[(200, 0.5, 0), "classifier_on_poison"].tolist() == pytest.approx([0.58] * 4)
    players = curves_at(CURVES, 25)[0.0, 0.9, 0]
    assert [players(at)["discriminator_on_poison"] for at in (1, 25, 26, 101)] == [0.1, 0.1, 0.2, 0.5]


def test_a_generator_that_diverged_is_left_out_and_said(tmp_path, caplog):
    def broken(path, dropout):
        return Generated(make_poisoners(converged=[True, False, True]), dropout)

    found = measure(tmp_path, load=broken)
    assert len(found[found["points"] == "poison"]) == 2 * 2 * 2 * 2
    assert "had diverged after 100 iterations" in caplog.text


def test_what_cannot_be_measured_is_one_sentence(tmp_path):
    with pytest.raises(OleanderError, match=r"draws 0 poison points, .* use larger poison fractions"):
        measure(tmp_path, poison_fractions=[0.0])
    with pytest.raises(OleanderError, match=r"holds no checkpoints such as 001000\.safetensors; give the experiment"):
        checkpoint_files(tmp_path / "nowhere")
    (tmp_path / ".partial-000300-x.safetensors").touch()
    assert list(checkpoint_files(tmp_path)) == [100, 200]


def test_trials_over_training_are_those_of_each_checkpoint(tmp_path):
    placement = Placement(torch.device("cpu"), 8, 1.0)
    settings = {**SETTINGS, "poison_fractions": [0.0, 0.4], "runs": 1, "dropout_when_drawing": True}
    scratch = [Scratch(tmp_path / "state" / str(at), "key", 5) for at in range(2)]
    states = dict(zip(ITERATIONS, scratch, strict=True))
    found = try_checkpoints(make_task(), files(tmp_path), load, settings, IDENTITY, placement, states.__getitem__)
    assert tuple(found.columns) == CHECKPOINT_TRIALS
    clean = found[found["poison_fraction"] == 0]
    assert clean["iteration"].isna().all()
    assert len(clean) == len(REPLICAS)
    for iteration, offset in ITERATIONS.items():
        attacker = Generated(make_poisoners(offset=offset), dropout=True)
        alone, _ = run_trials(make_task(), attacker, settings, IDENTITY, placement, Scratch.none())
        expected = alone[alone["poison_fraction"] == 0.4].reset_index(drop=True)
        own = found.loc[found["iteration"] == iteration, list(TRIALS)].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, expected, rtol=0, atol=0.02)


def test_a_summary_averages_runs_then_generators(tmp_path):
    measures = measure(tmp_path)
    summary = summarize_progress(measures, None, 0.95)
    assert tuple(summary.columns) == SUMMARY
    assert set(summary["measure"]) == set(CHECKPOINT_MEASURES)
    own = measures[
        (measures["iteration"] == 200) & (measures["alpha"] == 0.5) & ~measures["dropout"].fillna(True).astype(bool)
    ]
    (row,) = summary[
        (summary["iteration"] == 200)
        & (summary["alpha"] == 0.5)
        & (summary["measure"] == "rejected")
        & ~summary["dropout"].fillna(True)
    ].to_dict("records")
    means = own.groupby("generator")["rejected"].mean()
    assert row["mean"] == pytest.approx(means.mean())
    assert (row["n"], row["runs"]) == (2, 4)
    (players,) = summary[
        (summary["iteration"] == 100) & (summary["alpha"] == 0.0) & (summary["measure"] == "classifier_on_poison")
    ].to_dict("records")
    assert players["mean"] == pytest.approx(0.04)
    assert players["runs"] == 1
    genuine = summary[summary["points"] == "genuine"]
    assert sorted(genuine["measure"]) == ["nearest_distance", "nearest_is_source", "rejected", "told_apart"]
    assert genuine["alpha"].isna().all()


def test_a_training_keeps_generators_that_are_those_of_a_shorter_one(tmp_path):
    """A checkpoint after half of the training is what a training of half the epochs ends with."""
    attack, task = trained_attack("pgan"), make_task()
    replicas = [Replica(0, alpha=0.1, lambda_prime=0.9), Replica(1, alpha=0.3, lambda_prime=0.9)]
    settings = {**PGAN, "name": "pgan", "batch_size": 8, "epochs": 4}
    every = 2 * iterations_per_epoch(task, settings)
    assert every == 2 * math.ceil(50 / 8)

    def keep(iteration, made):
        attack.save(checkpoint_file(tmp_path, iteration), made, {"attack": settings})

    attack.fit(task, replicas, settings, Scratch.none(), checkpoint=Checkpoint(every, keep))
    assert list(checkpoint_files(tmp_path)) == [every, 2 * every]
    shorter, _ = attack.fit(task, replicas, {**settings, "epochs": 2}, Scratch.none())
    half = load_attacker(settings, checkpoint_file(tmp_path, every), replicas)
    for at in range(2):
        poison = half.craft(task, torch.arange(100), torch.arange(0), 5, 3, at)
        assert torch.equal(poison.x, shorter.draw(5, 3, at)[0])


def test_a_checkpoint_between_two_looks_at_divergence_says_what_is_not_finite():
    attack, task = trained_attack("pgan"), make_task()
    task.train_x[task.train_y == 1] *= 1e30
    settings = {**PGAN, "name": "pgan", "batch_size": 8, "epochs": 4}
    replicas = [Replica(0, alpha=0.9, lambda_prime=0.9)]
    seen = []
    attack.fit(task, replicas, settings, Scratch.none(), checkpoint=Checkpoint(1, lambda _, made: seen.append(made)))
    fine = [made for made in seen if made.converged[0]]
    assert len(fine) < len(seen)
    for made in fine:
        assert made.draw(3, 0)[0].isfinite().all()
