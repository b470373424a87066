"""The contract that every attack without training keeps, and what the registered ones do, worked out by hand."""

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from oleander.attacks import ATTACKS, Generated, Replica, attacker, train_poisoner
from oleander.data import Task
from oleander.io.errors import OleanderError

SHAPE = (1, 2, 2)
CRAFTING = sorted(name for name, module in ATTACKS.items() if hasattr(module, "craft"))

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
    rows = torch.arange(len(task.train_y)) if rows is None else rows
    return attacker(settings[name], [0]).craft(task, rows, count, seed, 0)


@every_attack
@pytest.mark.parametrize("counts", [(30, 25), (30, 25, 12)])
def test_poison_has_the_promised_shapes_and_labels(settings, name, counts):
    task = make_task(counts)
    x, y = task.train_x.clone(), task.train_y.clone()
    rows = torch.arange(len(y))[3:]
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
    task = make_task((8, 8))
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
    with pytest.raises(
        OleanderError, match=r"unknown attack 'luck'.*duplication, label_flipping, pgan, random_flipping"
    ):
        attacker({"name": "luck"}, [0])
    with pytest.raises(OleanderError, match="'pgan' has to be trained first"):
        attacker({"name": "pgan"}, [0])


@given(seed=st.integers(0, 1000), flipped=st.sampled_from(["source", "target"]), count=st.integers(1, 15))
def test_label_flipping_takes_the_nearest_to_the_other_classes_mean(seed, flipped, count):
    task = make_task((20, 16), seed)
    rows = np.random.default_rng(seed).permutation(36)[:32]
    poison = attacker({"name": "label_flipping", "flipped": flipped}, [0]).craft(
        task, torch.from_numpy(rows), count, seed, 0
    )
    x, y = task.train_x.flatten(1).numpy().astype(np.float64), task.train_y.numpy()
    own = 1 if flipped == "target" else 0
    mean = np.mean([x[row] for row in rows if y[row] != own], axis=0)
    candidates = [row for row in rows if y[row] == own]
    nearest = sorted(candidates, key=lambda row: np.sqrt(((x[row] - mean) ** 2).sum()))[:count]
    assert poison.replaced.tolist() == nearest
    assert set(poison.y.tolist()) <= {1 - own}
    assert torch.equal(poison.x, task.train_x[poison.replaced])


def test_random_flipping_is_uniform_over_both_classes():
    task = make_task((30, 10, 8))
    hits = torch.zeros(48)
    for seed in range(400):
        poison = attacker({"name": "random_flipping"}, [0]).craft(task, torch.arange(48), 10, seed, 0)
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
    poison = attacker({"name": "duplication"}, [0]).craft(task, torch.from_numpy(rows), count, seed, 0)
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
    assert ready.replicas == [Replica(0.5, 0.9, 3)]
    rows = torch.arange(30).flip(0)
    poison = ready.craft(task, rows, 4, 7, 0)
    assert poison.replaced.tolist() == [19, 18, 17, 16]
    assert poison.y.tolist() == [1] * 4
    assert torch.equal(poison.x, poisoners.draw(4, 7, 0)[0])
