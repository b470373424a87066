"""The contracts that attacks keep, trained or not, and what the registered ones do, worked out by hand.

The trained attack that docs/attacks.md shows, `centred`, is registered here as a user would: one file, one line.
"""

import dataclasses
import itertools
import re
import types

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from test_pgan import SETTINGS as PGAN
from test_trials import IDENTITY, NONE
from test_trials import SETTINGS as TRIALS

from oleander.attacks import (
    ATTACKS,
    Checkpoint,
    Generated,
    Replica,
    is_trained,
    load_attacker,
    train_poisoner,
    trained_attack,
)
from oleander.data import Task
from oleander.evaluation.samples import draw_samples, save_samples
from oleander.evaluation.trials import run_trials
from oleander.io.artifacts import save_artifact
from oleander.io.errors import OleanderError
from oleander.training.devices import Placement
from oleander.training.scratch import Scratch

SHAPE = (1, 2, 2)
NONE_LEFT = torch.zeros(0, dtype=torch.int64)

CRAFTING = sorted(name for name in ATTACKS if not is_trained(name))

every_attack = pytest.mark.parametrize("name", CRAFTING)


@pytest.fixture(scope="module")
def settings(repository):
    """Attack -> the first block of config.yaml that names it: a new attack is tested as it is configured."""
    blocks = yaml.safe_load((repository / "config.yaml").read_text())["attacks"].values()
    found = {}
    for block in blocks:
        found.setdefault(block["name"], block)
    return found


def make_task(counts=(30, 25), seed=0):
    draw = np.random.default_rng(seed)
    y = torch.from_numpy(draw.permutation(np.repeat(np.arange(len(counts)), counts)))
    x = torch.from_numpy(draw.normal(size=(len(y), *SHAPE)).astype(np.float32)) + y.view(-1, 1, 1, 1)
    others = tuple("cdefgh"[: len(counts) - 2])
    return Task("tiny", "a", "b", x, y, x[:4], y[:4], SHAPE, None, None, others)


def craft(settings, name, task, rows=None, count=10, seed=1):
    """Poison for the training set `rows`; without any, half of each class, while the other half is unused."""
    rows = torch.arange(0, len(task.train_y), 2) if rows is None else rows
    everything = torch.arange(len(task.train_y))
    unused = everything[~torch.isin(everything, rows)]
    return load_attacker(settings[name], None, [Replica(0)]).craft(task, rows, unused, count, seed, 0)


@every_attack
@pytest.mark.parametrize("counts", [(30, 25), (30, 25, 12)])
def test_poison_has_the_promised_shapes_and_labels(settings, name, counts):
    task = make_task(counts)
    x, y = task.train_x.clone(), task.train_y.clone()
    rows = torch.arange(3, len(y), 2)
    poison = craft(settings, name, task, rows)
    assert poison.x.shape == (10, *SHAPE)
    assert poison.x.dtype == torch.float32
    assert poison.y.dtype == poison.replaced.dtype == torch.int64
    assert poison.y.shape == poison.replaced.shape == (10,)
    assert set(poison.y.tolist()) <= set(range(len(counts)))
    assert len(set(poison.replaced.tolist())) == 10
    assert set(poison.replaced.tolist()) <= set(rows.tolist())
    assert (task.train_y[poison.replaced] <= 1).all(), "only source and target class are attacked"
    assert torch.equal(task.train_x, x), "the task was changed"
    assert torch.equal(task.train_y, y), "the task was changed"


@every_attack
def test_the_same_seed_gives_the_same_poison_and_more_begins_with_less(settings, name):
    task = make_task()
    for seed in range(3):
        most = craft(settings, name, task, count=20, seed=seed)
        again, some = craft(settings, name, task, count=20, seed=seed), craft(settings, name, task, count=7, seed=seed)
        for field in ("x", "y", "replaced"):
            assert torch.equal(getattr(most, field), getattr(again, field))
            assert torch.equal(getattr(most, field)[:7], getattr(some, field))


@every_attack
@pytest.mark.parametrize("counts", [(12, 0), (0, 12)])
def test_an_empty_class_gives_no_more_poison_than_there_are_points(settings, name, counts):
    poison = craft(settings, name, make_task(counts), count=10)
    assert len(poison.x) == len(poison.y) == len(poison.replaced) <= 12


@every_attack
def test_duplicate_points_are_points_like_others(settings, name):
    task = make_task((24, 24))
    task.train_x[:] = 1.0
    poison = craft(settings, name, task, count=6)
    assert len(set(poison.replaced.tolist())) == 6
    assert (poison.x == 1.0).all()


@every_attack
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_points_that_are_not_finite_are_refused_in_one_sentence(settings, name, value):
    task = make_task()
    task.train_x[4, 0, 0, 1] = value
    with pytest.raises(OleanderError, match=rf"'{name}'.*tiny hold NaN or infinity"):
        craft(settings, name, task)


def test_unknown_attacks_and_untrained_ones_are_said():
    unknown = r"unknown attack 'label_fliping'.* did you mean 'label_flipping'.*duplication, .*random_flipping"
    for ask in (is_trained, trained_attack, lambda name: load_attacker({"name": name}, None, [Replica(0)])):
        with pytest.raises(OleanderError, match=unknown):
            ask("label_fliping")
    for nothing in (None, "", []):
        with pytest.raises(OleanderError, match="'pgan' must be trained first"):
            load_attacker({"name": "pgan"}, nothing, [Replica(0)])
    with pytest.raises(OleanderError, match=r"'duplication' trains no generators.*choose one of centred, pgan"):
        trained_attack("duplication")


@given(
    seed=st.integers(0, 1000),
    flipped=st.sampled_from(["source", "target"]),
    drawn_from=st.sampled_from(["training_set", "unused"]),
    replaced=st.sampled_from(["themselves", "source", "target"]),
    count=st.integers(1, 20),
)
def test_label_flipping_takes_the_nearest_to_the_other_classes_mean(seed, flipped, drawn_from, replaced, count):
    assume((drawn_from, replaced) != ("unused", "themselves"))
    task = make_task((20, 16), seed)
    order = np.random.default_rng(seed).permutation(36)
    rows, unused = order[:18], order[18:32]
    settings = {"name": "label_flipping", "flipped": flipped, "drawn_from": drawn_from, "replaced": replaced}
    poison = load_attacker(settings, None, [Replica(0)]).craft(
        task, torch.from_numpy(rows), torch.from_numpy(unused), count, seed, 0
    )
    x, y = task.train_x.flatten(1).numpy().astype(np.float64), task.train_y.numpy()
    own = 1 if flipped == "target" else 0
    mean = np.mean([x[row] for row in rows if y[row] != own], axis=0)
    candidates = [row for row in (rows if drawn_from == "training_set" else unused) if y[row] == own]
    nearest = sorted(candidates, key=lambda row: np.sqrt(((x[row] - mean) ** 2).sum()))[:count]
    places = nearest
    if replaced != "themselves":
        places = [row for row in rows if y[row] == ("source", "target").index(replaced)]
    made = min(len(nearest), len(places))
    assert poison.replaced.tolist() == [int(row) for row in places[:made]]
    assert poison.y.tolist() == [1 - own] * made
    assert torch.equal(poison.x, task.train_x[nearest[:made]])


def test_random_flipping_is_uniform_over_both_classes():
    task = make_task((30, 10, 8))
    hits = torch.zeros(48)
    for seed in range(400):
        poison = load_attacker({"name": "random_flipping"}, None, [Replica(0)]).craft(
            task, torch.arange(48), NONE_LEFT, 10, seed, 0
        )
        hits[poison.replaced] += 1
        assert torch.equal(poison.y, 1 - task.train_y[poison.replaced])
    of_two = task.train_y <= 1
    assert not hits[~of_two].any()
    # Each of the 40 is flipped with probability 1/4; five standard deviations are 0.108.
    assert ((hits[of_two] / 400 - 0.25).abs() < 0.108).all()


@given(seed=st.integers(0, 1000), count=st.integers(1, 15))
def test_duplication_adds_nothing_that_is_not_there(seed, count):
    task = make_task((20, 16), seed)
    rows = np.random.default_rng(seed).permutation(36)
    poison = load_attacker({"name": "duplication"}, None, [Replica(0)]).craft(
        task, torch.from_numpy(rows), NONE_LEFT, count, seed, 0
    )
    targets = [row for row in rows.tolist() if task.train_y[row] == 1]
    # Of 16 target points, 16 // 5 = 3 stay.
    count = min(count, 13)
    assert poison.replaced.tolist() == targets[:count]
    assert poison.y.tolist() == [1] * count
    for x in poison.x:
        assert any(torch.equal(x, task.train_x[row]) for row in targets[13:])


def test_generated_poison_takes_the_place_of_target_points(repository):
    config = yaml.safe_load((repository / "config.yaml").read_text())
    settings = {**config["attacks"]["pgan_synthetic"], "batch_size": 8}
    draw = np.random.default_rng(0)
    source, target = (torch.from_numpy(draw.normal(size=(20, 2)).astype(np.float32)) for _ in range(2))
    poisoners = train_poisoner(source, target, settings, epochs=1, alpha=0.5, lambda_prime=0.9, seed=3)
    y = torch.arange(3).repeat_interleave(10)
    x = torch.zeros(30, 2)
    task = Task("tiny", "a", "b", x, y, x, y, (2,), None, None, ("c",))
    ready = Generated(poisoners)
    assert ready.replicas == [Replica(3, alpha=0.5, lambda_prime=0.9)]
    rows = torch.arange(30).flip(0)
    poison = ready.craft(task, rows, NONE_LEFT, 4, 7, 0)
    assert poison.replaced.tolist() == [19, 18, 17, 16]
    assert poison.y.tolist() == [1] * 4
    assert torch.equal(poison.x, poisoners.draw(4, 7, 0)[0])


# Attacks that train


TRAINED = {"pgan": {**PGAN, "epochs": 2}, "centred": {"name": "centred", "spread": 0.5, "epochs": 3}}
"""Attack -> settings of a training in an instant."""
FIELDS = {"alphas": "alpha", "lambda_primes": "lambda_prime"}
"""Name of a list that an experiment gives -> the value of it that a replica has."""

every_trained = pytest.mark.parametrize("name", TRAINED)


@pytest.fixture(scope="module")
def centred(repository):
    """The module that the page shows."""
    (text,) = re.findall(
        r"^```python\n(.*?)^```", (repository / "docs/attacks.md").read_text("utf-8"), re.M | re.DOTALL
    )
    module = types.ModuleType("centred")
    exec(compile(text, "docs/attacks.md", "exec"), module.__dict__)
    return module


@pytest.fixture(autouse=True)
def registered(monkeypatch, centred):
    """The one line in the registry."""
    monkeypatch.setitem(ATTACKS, "centred", centred)


def cohort(name):
    """Two seeds at two values of everything in the attack's grid."""
    grid = trained_attack(name).GRID
    values = itertools.product([0.3, 0.9], repeat=len(grid))
    return [
        Replica(seed, **{FIELDS[key]: value for key, value in zip(grid, own, strict=True)})
        for own in values
        for seed in range(2)
    ]


def train(name, replicas=None, task=None, **more):
    replicas = cohort(name) if replicas is None else replicas
    return trained_attack(name).fit(task or make_task(), replicas, TRAINED[name], Scratch.none(), **more)


def test_every_registered_attack_that_trains_is_tested():
    assert {name for name in ATTACKS if is_trained(name)} == set(TRAINED)


@every_trained
def test_a_grid_and_settings_are_literals_of_the_known_kind(name):
    attack = ATTACKS[name]
    assert set(attack.GRID) <= set(FIELDS)
    assert set(attack.SETTINGS_SCHEMA) == {"properties", "required"}
    assert set(attack.SETTINGS_SCHEMA["required"]) <= set(attack.SETTINGS_SCHEMA["properties"])
    assert not hasattr(attack, "craft")


@every_trained
@pytest.mark.parametrize("dropout", [False, True])
def test_generators_draw_what_is_promised(name, dropout):
    task = make_task()
    x, y = task.train_x.clone(), task.train_y.clone()
    generators, _ = train(name, task=task)
    assert torch.equal(task.train_x, x), "the task was changed"
    assert torch.equal(task.train_y, y), "the task was changed"
    assert generators.replicas == cohort(name)
    assert generators.converged == [True] * len(generators.replicas)
    assert generators.precision == "float32"
    for replica in range(len(generators.replicas)):
        points, labels = generators.draw(6, 11, replica, dropout)
        assert points.shape == (6, *SHAPE)
        assert points.dtype == torch.float32
        assert points.isfinite().all()
        assert labels.dtype == torch.int64
        assert labels.tolist() == [1] * 6
        assert torch.equal(points, generators.draw(6, 11, replica, dropout)[0])
        assert torch.allclose(points[:2], generators.draw(2, 11, replica, dropout)[0], rtol=0, atol=1e-6)
        assert not torch.equal(points, generators.draw(6, 12, replica, dropout)[0])
        assert generators.draw(0, 11, replica, dropout)[0].shape == (0, *SHAPE)


@every_trained
def test_a_replica_alone_is_the_one_of_the_cohort(name):
    generators, curves = train(name)
    for at, replica in enumerate(cohort(name)):
        alone, own = train(name, [replica])
        assert torch.allclose(alone.draw(5, 0)[0], generators.draw(5, 0, at)[0], rtol=0, atol=1e-5)
        same = curves[curves["generator"] == replica.seed]
        for key in FIELDS.values():
            value = getattr(replica, key)
            same = same[same[key].isna() if np.isnan(value) else same[key] == value]
        same = same.reset_index(drop=True)
        pd.testing.assert_frame_equal(own, same, check_exact=False, rtol=0, atol=1e-5)


@every_trained
def test_curves_have_one_row_a_replica_and_epoch(name):
    _, curves = train(name)
    keys = ["alpha", "lambda_prime", "generator", "epoch"]
    assert set(keys) < set(curves.columns)
    found = curves[keys].drop_duplicates()
    assert len(found) == len(curves) == len(cohort(name)) * TRAINED[name]["epochs"]
    assert set(curves["epoch"]) == set(range(1, TRAINED[name]["epochs"] + 1))
    for key in FIELDS.values():
        assert curves[key].isna().all() == all(np.isnan(getattr(one, key)) for one in cohort(name))


@every_trained
def test_generators_are_read_as_they_were_saved(tmp_path, name):
    generators, _ = train(name)
    generators.converged[1] = False
    attack, path = trained_attack(name), tmp_path / "generators.safetensors"
    attack.save(path, generators, {"attack": TRAINED[name], "precision": "float32"})
    read = attack.load(path, "cpu")
    assert read.replicas == generators.replicas
    assert read.converged == generators.converged
    assert read.precision == "float32"
    for dropout in (False, True):
        assert torch.equal(read.draw(5, 1, 2, dropout)[0], generators.draw(5, 1, 2, dropout)[0])
    with pytest.raises(OleanderError, match="diverged"):
        read.draw(5, 1, 1)
    attack.save(tmp_path / "again.safetensors", read, {"attack": TRAINED[name], "precision": "float32"})
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    for other, settings in ((tmp_path / "absent.safetensors", None), (tmp_path / "other.safetensors", {"x": 1})):
        if settings is not None:
            save_artifact(other, {"x": torch.zeros(1)}, settings)
        with pytest.raises(OleanderError, match=other.name):
            attack.load(other, "cpu")


@every_trained
def test_checkpoints_come_as_often_as_asked(name):
    seen = {}

    def keep(iteration, made):
        seen[iteration] = made.draw(3, 0)[0].shape

    train(name, checkpoint=Checkpoint(2, keep))
    assert seen
    assert all(iteration % 2 == 0 and shape == (3, *SHAPE) for iteration, shape in seen.items())


@every_trained
def test_what_cannot_be_trained_is_refused_before(name):
    attack, task = trained_attack(name), make_task()
    settings = {key: value for key, value in TRAINED[name].items() if key != "epochs"}
    attack.check(task, [], settings)
    attack.check(task, cohort(name), settings)
    if "alphas" in attack.GRID:
        for alpha in (-0.1, 1.1, float("nan")):
            with pytest.raises(OleanderError, match="alpha must lie in"):
                attack.check(task, [dataclasses.replace(cohort(name)[0], alpha=alpha)], settings)
    with pytest.raises(OleanderError, match="tiny"):
        attack.check(dataclasses.replace(task, train_y=torch.zeros_like(task.train_y)), [], settings)


@every_trained
def test_from_training_to_trials_through_a_file(tmp_path, name):
    """What a workflow does: train and save in one job, load and poison in another."""
    task, path = make_task((60, 50)), tmp_path / "generators.safetensors"
    generators, _ = train(name, task=task)
    trained_attack(name).save(path, generators, {"attack": TRAINED[name], "precision": "float32"})
    attacker = load_attacker(TRAINED[name], path, cohort(name), dropout=True)
    poison = attacker.craft(task, torch.arange(110), NONE_LEFT, 5, 3, 1)
    assert torch.equal(poison.x, generators.draw(5, 3, 1, dropout=True)[0])
    assert (task.train_y[poison.replaced] == 1).all()

    settings, identity = {**TRIALS, "defense": NONE, "runs": 1, "poison_fractions": [0.0, 0.2]}, {**IDENTITY}
    placement = Placement(torch.device("cpu"), 8, 1.0)
    trials, confusion = run_trials(task, attacker, settings, {**identity, "attack": name}, placement, Scratch.none())
    assert len(trials) == 2 * len(cohort(name))
    assert set(trials["status"]) == {"ok"}
    assert set(trials["attack"]) == {name}
    assert set(trials["precision"]) == {"float32"}
    assert trials["lambda_prime"].isna().all() == ("lambda_primes" not in trained_attack(name).GRID)
    assert not confusion.empty
    samples = draw_samples(task, generators, 4)
    save_samples(tmp_path / "samples.safetensors", samples, task, generators, identity)
    assert {"source", "target", "poison0"} < set(samples)

    for others in (cohort(name)[:1], [*cohort(name)[1:], cohort(name)[0]]):
        with pytest.raises(OleanderError, match=r"generators.safetensors holds .* of other replicas.*train them again"):
            load_attacker(TRAINED[name], path, others)


def test_a_replica_is_a_seed_and_names():
    assert Replica(3) == Replica(seed=3) == Replica(**Replica(3).described())
    assert Replica(alpha=0.1, lambda_prime=0.9, seed=0).described() == {"seed": 0, "alpha": 0.1, "lambda_prime": 0.9}
    with pytest.raises(TypeError):
        Replica(0.1, 0.9, 0)
