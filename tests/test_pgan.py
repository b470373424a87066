"""pGAN: a cohort is its replicas alone, and each of them is Algorithm 1 as plain torch modules compute it."""

import dataclasses
import math
import signal

import numpy as np
import pytest
import torch
from plain_networks import as_modules, as_stacked, masks_of, plain_forward
from torch import nn

from oleander.attacks import Checkpoint, Replica, train_poisoner
from oleander.attacks.pgan import BLOCK, Networks, check, fit, load, save
from oleander.data import Task
from oleander.io.artifacts import load_artifact, save_artifact
from oleander.io.columns import PGAN_CURVES as CURVES
from oleander.io.errors import OleanderError
from oleander.training.precision import FLOAT64
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed, generator_for, random_bits

SHAPE = (1, 2, 3)
SETTINGS = {
    "name": "pgan",
    "generator": {
        "architecture": "mlp",
        "noise": 3,
        "hidden": [7, 70],
        "negative_slope": 0.1,
        "dropout": 0.5,
        "output": "tanh",
        "optimizer": {"name": "adam", "learning_rate": 0.01},
    },
    "discriminator": {
        "architecture": "mlp",
        "hidden": [9, 5],
        "negative_slope": 0.1,
        "dropout": 0.3,
        "output": "logits",
        "optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    },
    "classifier": {
        "architecture": "mlp",
        "hidden": [8],
        "negative_slope": 0.2,
        "dropout": 0.5,
        "output": "logits",
        "optimizer": {"name": "sgd", "learning_rate": 0.04, "momentum": 0.9},
    },
    "batch_size": 4,
    "discriminator_steps": 3,
    "classifier_steps": 2,
    "generator_steps": 2,
    "label_smoothing": 0.1,
    "label_smoothing_sides": "one",
    "epoch_of": "target_class",
    "generator_objective": "equation_3",
    "classifier_term": "as_printed",
    # Two iterations an epoch (7 points of the target class, batches of 4): ten pass the end of a block.
    "epochs": 5,
}

# Table 4's kinds of layers, small, for images of 2 x 8 x 8; the classifier has dropout too, as Table 5's.
IMAGE = (2, 8, 8)
LAYER = {"kernel": 4, "stride": 2, "padding": 1}
CONVOLUTIONAL = {
    **SETTINGS,
    "generator": {
        "architecture": "transposed_cnn",
        "noise": 3,
        "hidden": [
            {"channels": 6, "kernel": 2, "stride": 1, "padding": 0, "batch_norm": True},
            {"channels": 4, **LAYER, "batch_norm": True},
        ],
        "last": LAYER,
        "negative_slope": 0.0,
        "output": "tanh",
        "optimizer": {"name": "adam", "learning_rate": 0.01},
    },
    "discriminator": {
        "architecture": "cnn",
        "hidden": [{"channels": 3, **LAYER}, {"channels": 5, **LAYER, "batch_norm": True}],
        "last": {"kernel": 2, "stride": 1, "padding": 0},
        "negative_slope": 0.2,
        "output": "logits",
        "optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.5},
    },
    "classifier": {
        "architecture": "cnn",
        "hidden": [{"channels": 3, **LAYER, "batch_norm": True, "max_pool": 2, "dropout": 0.3}],
        "last": "fully_connected",
        "negative_slope": 0.0,
        "output": "logits",
        "optimizer": {"name": "sgd", "learning_rate": 0.04, "momentum": 0.5},
    },
}
KINDS = {"fully connected": (SETTINGS, SHAPE), "convolutional": (CONVOLUTIONAL, IMAGE)}


def changed(**changes):
    """`SETTINGS` with some values replaced; `generator={...}` and the like are merged into the network's block."""
    merged = {
        name: {**SETTINGS[name], **value} if isinstance(value, dict) else value for name, value in changes.items()
    }
    return {**SETTINGS, **merged}


def make_task(source=13, target=7, shape=SHAPE):
    """Two classes of unequal size, so that Pr(Yp) is not a half."""
    draw = np.random.default_rng(5)
    order = draw.permutation(source + target)
    x = draw.uniform(-1, 1, size=(source + target, *shape))
    x[source:] += 0.5
    return Task(
        dataset="tiny",
        source_class="a",
        target_class="b",
        train_x=torch.from_numpy(x[order]),
        train_y=torch.from_numpy((order >= source).astype(np.int64)),
        test_x=torch.zeros(0, *shape),
        test_y=torch.zeros(0, dtype=torch.int64),
        shape=shape,
        value_range=None,
        stand_in_for=None,
    )


def train(replicas, settings=SETTINGS, task=None):
    poisoners, curves = fit(task or make_task(), replicas, settings, Scratch.none(), FLOAT64)
    return poisoners, curves.to_dict("records")


def generator_of(replica, settings=SETTINGS, task=None):
    """The trained generator's parameters, one flat vector."""
    poisoners, _ = train([replica], settings, task)
    assert poisoners.converged == [True]
    return torch.cat([tensor.flatten() for tensor in poisoners.parameters.values()])


class PlainPgan:
    """Algorithm 1 for one replica, step by step, with torch's modules, losses and optimizers."""

    def __init__(self, task, replica, settings):
        self.task, self.settings, self.alpha = task, settings, replica.alpha
        self.poison_weight = replica.lambda_prime * float((task.train_y == 1).double().mean())
        self.seed = derive_seed("pgan", replica.seed)
        self.models = Networks.build(settings, task.shape)
        self.layers, self.optimizers = {}, {}
        kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
        for name in ("generator", "discriminator", "classifier"):
            one = getattr(self.models, name).initial(generator_for("cpu", self.seed, name))
            self.layers[name] = as_modules(getattr(self.models, name), one)
            options = dict(settings[name]["optimizer"])
            kind, rate = kinds[options.pop("name")], options.pop("learning_rate")
            self.optimizers[name] = kind(self.layers[name].parameters(), lr=rate, **options)
        self.losses = {name: [] for name in CURVES}

    def draws(self, block):
        """The same random numbers as the library's, in the same order."""
        i, j, k = (self.settings[f"{name}_steps"] for name in ("discriminator", "classifier", "generator"))
        m, noise = self.settings["batch_size"], self.settings["generator"]["noise"]
        rows = np.random.default_rng(derive_seed(self.seed, "rows", block))
        target = torch.from_numpy(rows.integers(int(self.task.train_y.sum()), size=(BLOCK, i * m)))
        everything = torch.from_numpy(rows.integers(len(self.task.train_y), size=(BLOCK, j * m)))
        latent = torch.empty(BLOCK, (i + j + k) * m, noise)
        latent = latent.normal_(generator=generator_for("cpu", self.seed, "noise", block)).double()
        bits = {
            name: random_bits(
                (BLOCK, rows_, getattr(self.models, name).dropout_integers),
                generator_for("cpu", self.seed, f"{name}_words", block),
            )
            for name, rows_ in (
                ("generator", (i + j + k) * m),
                ("discriminator", (2 * i + k) * m),
                ("classifier", (2 * j + k) * m),
            )
        }
        return target, everything, latent, bits

    def run(self, name, x, bits):
        """Outputs of one network; each call takes the next `len(x)` of its dropout bits."""
        start = self.used[name]
        self.used[name] += len(x)
        model = getattr(self.models, name)
        return plain_forward(model, self.layers[name], x, masks_of(model, bits[name][start : self.used[name]]))

    def update(self, name, loss):
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        loss.backward()
        self.optimizers[name].step()

    def train(self, iterations):
        i, j, k = (self.settings[f"{name}_steps"] for name in ("discriminator", "classifier", "generator"))
        m, amount = self.settings["batch_size"], self.settings["label_smoothing"]
        smooth, low = 1 - amount, amount if self.settings["label_smoothing_sides"] == "two" else 0
        likelihood = nn.BCELoss()
        x, y = self.task.train_x.flatten(1).double(), self.task.train_y.double()
        genuine_x = x[self.task.train_y == 1]
        ones, zeros = torch.ones(m).double(), torch.zeros(m).double()
        for iteration in range(iterations):
            draws = self.draws(iteration // BLOCK)
            target, everything, latent = (draw[iteration % BLOCK] for draw in draws[:3])
            bits = {name: own[iteration % BLOCK] for name, own in draws[3].items()}
            self.used = dict.fromkeys(bits, 0)
            latents = iter(latent.split(m))
            mean = {name: [] for name in CURVES}

            for rows in target.split(m)[:i]:
                poison = self.run("generator", next(latents), bits).detach()
                on_genuine = self.run("discriminator", genuine_x[rows], bits).sigmoid()[:, 0]
                on_poison = self.run("discriminator", poison, bits).sigmoid()[:, 0]
                loss = likelihood(on_genuine, smooth * ones) + likelihood(on_poison, low + zeros)
                self.update("discriminator", loss)
                mean["discriminator_loss"].append(loss.item())

            for rows in everything.split(m)[:j]:
                poison = self.run("generator", next(latents), bits).detach()
                on_poison = self.run("classifier", poison, bits).sigmoid()[:, 0]
                on_genuine = self.run("classifier", x[rows], bits).sigmoid()[:, 0]
                loss = self.poison_weight * likelihood(on_poison, ones)
                loss = loss + (1 - self.poison_weight) * likelihood(on_genuine, low + (smooth - low) * y[rows])
                self.update("classifier", loss)
                mean["classifier_loss"].append(loss.item())

            for _ in range(k):
                poison = self.run("generator", next(latents), bits)
                detected = self.run("discriminator", poison, bits).sigmoid()[:, 0]
                classified = self.run("classifier", poison, bits).sigmoid()[:, 0]
                weight = self.poison_weight if self.settings["generator_objective"] == "equation_3" else 1
                loss = self.alpha * likelihood(detected, ones)
                if self.settings["classifier_term"] == "as_printed":
                    loss = loss - (1 - self.alpha) * weight * likelihood(classified, ones)
                else:
                    loss = loss + (1 - self.alpha) * weight * likelihood(classified, zeros)
                self.update("generator", loss)
                mean["generator_loss"].append(loss.item())
            mean["discriminator_on_poison"] = [detected.mean().item()]
            mean["classifier_on_poison"] = [classified.mean().item()]
            for name, values in mean.items():
                self.losses[name].append(np.mean(values))


COHORT = [
    Replica(0, alpha=0.0, lambda_prime=0.9),
    Replica(1, alpha=0.3, lambda_prime=0.9),
    Replica(2, alpha=1.0, lambda_prime=0.5),
    Replica(1, alpha=0.3, lambda_prime=0.5),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("objective", "term", "sides"),
    [
        ("equation_3", "as_printed", "one"),
        ("algorithm_1", "as_printed", "two"),
        ("algorithm_1", "non_saturating", "one"),
    ],
)
def test_every_replica_is_algorithm_1_in_plain_torch(objective, term, sides, kind):
    """With batch norm, every batch of genuine or generated points goes through a network by itself."""
    settings, shape = KINDS[kind]
    choices = {"generator_objective": objective, "classifier_term": term, "label_smoothing_sides": sides}
    settings = {**settings, **choices}
    task = make_task(shape=shape)
    poisoners, curves = train(COHORT, settings, task)
    for at, replica in enumerate(COHORT):
        plain = PlainPgan(task, replica, settings)
        plain.train(iterations=10)
        expected = as_stacked(plain.layers["generator"])
        assert poisoners.parameters.keys() == expected.keys()
        for name, tensor in poisoners.parameters.items():
            assert torch.allclose(tensor[at], expected[name][0], rtol=0, atol=1e-9), name
        own = [row for row in curves if row["generator"] == replica.seed and row["alpha"] == replica.alpha]
        own = [row for row in own if row["lambda_prime"] == replica.lambda_prime]
        assert [row["epoch"] for row in own] == [1, 2, 3, 4, 5]
        for name in CURVES:
            assert [row[name] for row in own] == pytest.approx(np.reshape(plain.losses[name], (5, 2)).mean(1), abs=1e-9)


def test_an_epoch_of_all_classes_has_the_same_iterations_in_fewer_epochs():
    """Of 20 points 7 are of the target class: in batches of 4, two iterations an epoch or five."""
    few, of_target = train(COHORT[:1], changed(epoch_of="target_class", epochs=5))
    many, of_all = train(COHORT[:1], changed(epoch_of="all_classes", epochs=2))
    assert [row["epoch"] for row in of_all] == [1, 2]
    for name, tensor in few.parameters.items():
        assert torch.equal(tensor, many.parameters[name])
    for name in CURVES:
        means = [np.mean([row[name] for row in rows]) for rows in (of_target, of_all)]
        assert means[0] == pytest.approx(means[1], abs=1e-9)


def test_dropout_by_layer_is_algorithm_1_in_plain_torch():
    layered = {"hidden": [8, 6], "dropout": [0.5, 0.0]}
    settings = changed(generator=layered, discriminator={**layered, "dropout": [0.0, 0.5]}, classifier=layered)
    task, replica = make_task(), COHORT[1]
    poisoners, _ = train([replica], settings, task)
    plain = PlainPgan(task, replica, settings)
    plain.train(iterations=10)
    for name, tensor in as_stacked(plain.layers["generator"]).items():
        assert torch.allclose(poisoners.parameters[name][0], tensor[0], rtol=0, atol=1e-9), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_of_a_cohort_is_the_replica_alone(kind):
    settings, shape = KINDS[kind]
    task = make_task(shape=shape)
    cohort, curves = train(COHORT, settings, task)
    for at, replica in enumerate(COHORT):
        alone, own_curves = train([replica], settings, task)
        for name, tensor in cohort.parameters.items():
            assert torch.allclose(tensor[at], alone.parameters[name][0], rtol=0, atol=1e-9), name
        for row, own in zip(curves[5 * at : 5 * at + 5], own_curves, strict=True):
            assert row == pytest.approx(own, rel=0, abs=1e-9)


def test_synthetic_settings_without_dropout_and_with_logistic_regression():
    settings = changed(
        generator={"dropout": 0.0, "output": "linear"},
        discriminator={"dropout": 0.0},
        classifier={"dropout": 0.0, "hidden": []},
        discriminator_steps=1,
        classifier_steps=1,
        generator_steps=1,
    )
    task, replica = make_task(), Replica(4, alpha=0.2, lambda_prime=1.6)
    poisoners, _ = train([replica], settings, task)
    plain = PlainPgan(task, replica, settings)
    plain.train(iterations=10)
    expected = as_stacked(plain.layers["generator"])
    for name, tensor in poisoners.parameters.items():
        assert torch.allclose(tensor, expected[name], rtol=0, atol=1e-9), name


@pytest.mark.parametrize(
    "wrong", [Replica(1, alpha=float("nan"), lambda_prime=0.9), Replica(1, alpha=0.3, lambda_prime=float("inf"))]
)
@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_replica_changes_no_other(wrong, where, kind):
    sound, (settings, shape) = COHORT[:3], KINDS[kind]
    task = make_task(shape=shape)
    expected, expected_curves = train(sound, settings, task)
    found, curves = train([*sound[:where], wrong, *sound[where + 1 :]], settings, task)
    assert found.converged == [at != where for at in range(3)]
    for name, tensor in found.parameters.items():
        assert tensor[where].isnan().all()
        for at in set(range(3)) - {where}:
            assert torch.allclose(tensor[at], expected.parameters[name][at], rtol=0, atol=1e-12), name
    for at in range(3):
        for row, own in zip(curves[5 * at : 5 * at + 5], expected_curves[5 * at : 5 * at + 5], strict=True):
            if at != where:
                assert row == pytest.approx(own, rel=0, abs=1e-12)
    # The last epoch comes after the break: no zero may pose as a loss there.
    assert all(np.isnan(curves[5 * where + 4][name]) for name in CURVES)
    with pytest.raises(OleanderError, match="diverged"):
        found.draw(1, seed=0, replica=where)


def test_divergence_in_the_very_last_step_is_noticed():
    optimizer = {"name": "sgd", "learning_rate": 1e308, "momentum": 0.0}
    settings = changed(generator={"optimizer": optimizer}, epochs=1, batch_size=7, generator_steps=1)
    poisoners, curves = train([Replica(0, alpha=1e3, lambda_prime=0.9)], settings)
    assert all(np.isfinite(curves[0][name]) for name in CURVES)
    assert poisoners.converged == [False]


def test_a_cohort_of_broken_replicas_ends():
    poisoners, curves = train([Replica(seed, alpha=float("nan"), lambda_prime=0.9) for seed in range(2)])
    assert poisoners.converged == [False, False]
    assert len(curves) == 10


def test_alpha_one_is_blind_to_the_classifier():
    """Equation 3's second term vanishes: neither lambda nor how the classifier learns matters to the generator."""
    base = generator_of(Replica(0, alpha=1.0, lambda_prime=0.9))
    assert torch.equal(base, generator_of(Replica(0, alpha=1.0, lambda_prime=0.3)))
    assert torch.equal(base, generator_of(Replica(0, alpha=1.0, lambda_prime=0.9), changed(classifier={"hidden": [3]})))
    below = generator_of(Replica(0, alpha=0.9, lambda_prime=0.9))
    assert not torch.allclose(below, generator_of(Replica(0, alpha=0.9, lambda_prime=0.3)), atol=1e-6)
    assert not torch.allclose(base, below, atol=1e-6)


def test_alpha_zero_is_blind_to_the_discriminator():
    slow = changed(discriminator={"optimizer": {"name": "sgd", "learning_rate": 1e-4, "momentum": 0.0}})
    base = generator_of(Replica(0, alpha=0.0, lambda_prime=0.9))
    assert torch.equal(base, generator_of(Replica(0, alpha=0.0, lambda_prime=0.9), slow))
    above = generator_of(Replica(0, alpha=0.1, lambda_prime=0.9))
    assert not torch.allclose(above, generator_of(Replica(0, alpha=0.1, lambda_prime=0.9), slow), atol=1e-6)


def test_objectives_differ_as_another_alpha_does():
    """Equation 3 with (alpha, lambda) is Algorithm 1 with a / (a + (1 - a) lambda), up to the length of the step."""
    alpha, lambda_prime, rate = 0.1, 0.9, 0.05
    weight = lambda_prime * make_task().prior
    other = alpha / (alpha + (1 - alpha) * weight)

    def with_rate(rate, objective):
        optimizer = {"name": "sgd", "learning_rate": rate, "momentum": 0.0}
        return changed(generator={"optimizer": optimizer}, generator_objective=objective)

    printed = generator_of(
        Replica(0, alpha=other, lambda_prime=lambda_prime), with_rate(rate * alpha / other, "algorithm_1")
    )
    equation = generator_of(Replica(0, alpha=alpha, lambda_prime=lambda_prime), with_rate(rate, "equation_3"))
    same_alpha = generator_of(Replica(0, alpha=alpha, lambda_prime=lambda_prime), with_rate(rate, "algorithm_1"))
    assert torch.allclose(equation, printed, rtol=0, atol=1e-9)
    assert not torch.allclose(equation, same_alpha, atol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 1.0], ids=["classifier", "discriminator"])
def test_label_smoothing_reaches_both_opponents(alpha):
    base = generator_of(Replica(0, alpha=alpha, lambda_prime=0.9))
    assert not torch.allclose(
        base, generator_of(Replica(0, alpha=alpha, lambda_prime=0.9), changed(label_smoothing=0.0)), atol=1e-6
    )


def test_replicas_that_differ_only_in_alpha_start_alike():
    poisoners, _ = train(
        [
            Replica(3, alpha=0.0, lambda_prime=0.9),
            Replica(3, alpha=1.0, lambda_prime=0.9),
            Replica(4, alpha=0.0, lambda_prime=0.9),
        ],
        changed(epochs=0),
    )
    weights = poisoners.parameters["weight0"]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_training_leaves_the_task_alone():
    task = make_task()
    before = task.train_x.clone(), task.train_y.clone()
    train(COHORT[:1], task=task)
    assert torch.equal(before[0], task.train_x)
    assert torch.equal(before[1], task.train_y)


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_drawn_in_evaluation_and_repeat(kind):
    settings, shape = KINDS[kind]
    poisoners, _ = train(COHORT, settings, make_task(shape=shape))
    before = {name: tensor.clone() for name, tensor in poisoners.parameters.items()}
    points, labels = poisoners.draw(6, seed=11, replica=1)
    assert points.shape == (6, *shape)
    assert points.abs().max() <= 1
    assert labels.dtype == torch.int64
    assert labels.tolist() == [1] * 6
    assert torch.equal(points, poisoners.draw(6, seed=11, replica=1)[0])
    assert torch.allclose(points[:2], poisoners.draw(2, seed=11, replica=1)[0], atol=1e-12)
    assert not torch.allclose(points, poisoners.draw(6, seed=12, replica=1)[0], atol=1e-3)
    assert not torch.allclose(points, poisoners.draw(6, seed=11, replica=2)[0], atol=1e-3)
    assert poisoners.draw(0, seed=11)[0].shape == (0, *shape)

    latent = np.random.default_rng(derive_seed(11, "latent")).standard_normal((6, 3), dtype=np.float32)
    layers = as_modules(poisoners.model, {name: tensor[1] for name, tensor in poisoners.parameters.items()})
    layers.eval()
    expected = plain_forward(poisoners.model, layers, torch.from_numpy(latent).double(), None)
    assert torch.allclose(points.flatten(1), expected, rtol=0, atol=1e-12)
    assert all(torch.equal(tensor, before[name]) for name, tensor in poisoners.parameters.items())


@pytest.mark.parametrize("kind", KINDS)
def test_poisoners_survive_the_disk(tmp_path, kind):
    settings, shape = KINDS[kind]
    poisoners, _ = train([*COHORT, Replica(1, alpha=float("nan"), lambda_prime=0.9)], settings, make_task(shape=shape))
    poisoners.replicas[-1] = Replica(1, alpha=0.5, lambda_prime=0.9)
    save(tmp_path / "g.safetensors", poisoners, {"attack": settings})
    read = load(tmp_path / "g.safetensors", "cpu")
    assert read.replicas == poisoners.replicas
    assert read.converged == [True] * 4 + [False]
    assert (read.noise, read.shape, read.model) == (3, shape, poisoners.model)
    for replica in range(4):
        assert torch.equal(read.draw(5, 1, replica)[0], poisoners.draw(5, 1, replica)[0])
    with pytest.raises(OleanderError, match="diverged"):
        read.draw(5, 1, 4)


def test_stopping_at_every_possible_moment_changes_no_byte(tmp_path):
    """Batch norm's statistics are part of the state; tests/test_scratch.py has the rest."""
    task = make_task(shape=IMAGE)
    expected, expected_curves = fit(task, COHORT, CONVOLUTIONAL, Scratch.none())
    stops = 0
    while True:
        with Scratch(tmp_path, "key", minutes=1000).interruptible() as scratch:
            signal.raise_signal(signal.SIGTERM)
            try:
                found, curves = fit(task, COHORT, CONVOLUTIONAL, scratch)
                break
            except SystemExit:
                stops += 1
    assert stops > 3
    assert found.converged == [True] * 4
    assert curves.equals(expected_curves)
    assert all(torch.equal(found.parameters[name], tensor) for name, tensor in expected.parameters.items())


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_artifact(path, {"x": torch.zeros(1)}, {"settings": {}})
    with pytest.raises(OleanderError, match="holds no pGAN generators"):
        load(path, "cpu")
    assert load_artifact(path)[1] == {"settings": {}}


def test_unusable_settings_and_data_are_one_sentence():
    with pytest.raises(OleanderError, match="generator_objective 'equation_9'"):
        train(COHORT, changed(generator_objective="equation_9"))
    with pytest.raises(OleanderError, match=r"classifier_term 'loud'.*as_printed, non_saturating"):
        train(COHORT, changed(classifier_term="loud"))
    with pytest.raises(OleanderError, match=r"dropout; give one a layer"):
        train(COHORT, changed(classifier={"dropout": [0.5, 0.0, 0.5]}))
    task = make_task()
    with pytest.raises(OleanderError, match="no training points of the target class 'b'; add some or choose"):
        train(COHORT, task=dataclasses.replace(task, train_y=torch.zeros_like(task.train_y)))


def test_checks_before_training_find_the_same_and_need_no_epochs():
    settings = {key: value for key, value in CONVOLUTIONAL.items() if key != "epochs"}
    check(make_task(shape=IMAGE), COHORT[:1], settings)
    with pytest.raises(OleanderError, match="generator_objective 'equation_9'"):
        check(make_task(), [], changed(generator_objective="equation_9"))
    with pytest.raises(OleanderError, match="the convolutions in the configuration make"):
        check(make_task(shape=(2, 10, 10)), [], settings)
    with pytest.raises(OleanderError, match=r"alpha=1.5.*alpha must lie in \[0, 1\]"):
        check(make_task(), [*COHORT[:1], Replica(0, alpha=1.5, lambda_prime=0.9)], SETTINGS)


def test_checkpoints_are_the_generators_of_that_iteration(tmp_path):
    saved = {}
    task = make_task()

    def keep(iteration, made):
        saved[iteration] = made.draw(5, 0, 1)[0].clone()

    fit(task, COHORT, SETTINGS, Scratch.none(), FLOAT64, Checkpoint(4, keep))
    assert list(saved) == [4, 8]
    shorter, _ = train(COHORT, changed(epochs=4), task)
    assert torch.equal(saved[8], shorter.draw(5, 0, 1)[0])


def test_a_poisoner_of_ones_own_points_is_that_of_the_same_task():
    task = make_task()
    task = dataclasses.replace(task, train_x=task.train_x.float())
    # Both classes one after the other, as train_poisoner is given them.
    order = task.train_y.argsort(stable=True)
    sorted_task = dataclasses.replace(task, train_x=task.train_x[order], train_y=task.train_y[order])
    poisoners, _ = fit(sorted_task, [Replica(1, alpha=0.3, lambda_prime=0.9)], SETTINGS, Scratch.none())
    own = train_poisoner(
        task.source_x, task.target_x, SETTINGS, SETTINGS["epochs"], alpha=0.3, lambda_prime=0.9, seed=1
    )
    assert torch.equal(own.draw(5, seed=0)[0], poisoners.draw(5, seed=0)[0])
    assert own.draw(5, seed=0)[0].dtype == torch.float32
    assert own.draw(5, seed=0)[1].tolist() == [1] * 5


@pytest.mark.parametrize(("alpha", "lambda_prime"), [(-0.1, 0.9), (1.1, 0.9), (0.5, 0.0), (0.5, 1.01), (math.nan, 0.9)])
def test_replicas_without_meaning_are_refused(alpha, lambda_prime):
    points = torch.zeros(4, 3)
    with pytest.raises(OleanderError, match=r"alpha must lie in \[0, 1\]"):
        # All points are of the target class: lambda is lambda'.
        train_poisoner(points[:0], points, SETTINGS, 1, alpha, lambda_prime, seed=0)
