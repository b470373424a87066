"""Cohorts of classifiers: each replica is exactly the one that plain torch trains alone, whatever its neighbours do."""

import numpy as np
import pytest
import torch
from plain_networks import as_modules, as_stacked, naive_training, only, plain_forward
from torch import nn

from oleander.io.errors import OleanderError
from oleander.models import Mlp, build_model
from oleander.training.classifiers import TrainingSets, batches_of, predict, predict_last_layer, train_classifiers
from oleander.training.precision import FLOAT32, FLOAT64
from oleander.training.scratch import Scratch
from oleander.training.seeds import generator_for
from oleander.training.stack import Stack, make_optimizer

CPU = torch.device("cpu")
FEATURES = 6
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}
ADAM = {"name": "adam", "learning_rate": 0.01}


def network(hidden=(9, 70), outputs=1, dropout=0.5):
    return Mlp((FEATURES, *hidden, outputs), 0.1, (dropout,) * len(hidden), "logits")


def training_sets(sizes, outputs=1, seed=0):
    """Replicas of `sizes` rows each, drawn from one pool of 60 points in float64."""
    draw = np.random.default_rng(seed)
    classes = max(2, outputs)
    return TrainingSets(
        pool=torch.from_numpy(draw.normal(size=(60, FEATURES))),
        rows=[torch.from_numpy(draw.permutation(60)[:size]) for size in sizes],
        labels=[torch.from_numpy(draw.integers(classes, size=size)) for size in sizes],
        seeds=[100 + replica for replica in range(len(sizes))],
    )


def train(model, sets, epochs=7, batch_size=8, optimizer=SGD, precision=FLOAT64, scratch=None, part="c"):
    settings = {"epochs": epochs, "batch_size": batch_size, "optimizer": optimizer}
    return train_classifiers(model, sets, settings, CPU, scratch or Scratch.none(), part, precision)


def assert_same(parameters, replica, others, other_replica=0, tolerance=1e-9):
    for name, tensor in parameters.items():
        assert torch.allclose(tensor[replica], others[name][other_replica], rtol=0, atol=tolerance), name


# 5 and 8 rows make one step an epoch, 24 three, 41 six: the cohort shrinks three times.
RAGGED = [24, 5, 41, 24, 8]


@pytest.mark.parametrize("optimizer", [SGD, ADAM, {**SGD, "momentum": 0.0}], ids=["momentum", "adam", "plain"])
@pytest.mark.parametrize(("outputs", "dropout"), [(1, 0.5), (3, 0.3), (1, 0.0)])
def test_a_replica_of_a_cohort_is_the_replica_alone(optimizer, outputs, dropout):
    model, sets = network(outputs=outputs, dropout=dropout), training_sets(RAGGED, outputs)
    cohort, converged = train(model, sets, optimizer=optimizer)
    assert converged.all()
    for replica in range(len(sets)):
        alone, _ = train(model, only(sets, replica), optimizer=optimizer)
        assert_same(cohort, replica, alone)


@pytest.mark.parametrize(
    ("settings", "make"),
    [
        (SGD, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        (ADAM, lambda p: torch.optim.Adam(p, lr=0.01)),
    ],
    ids=["sgd", "adam"],
)
@pytest.mark.parametrize(
    ("hidden", "outputs", "dropout"), [((9, 70), 1, 0.5), ((9, 70), 3, 0.3), ((7,), 1, 0.0), ((), 1, 0.0)]
)
def test_a_replica_is_what_plain_torch_trains(settings, make, hidden, outputs, dropout):
    model, sets = network(hidden, outputs, dropout), training_sets(RAGGED, outputs)
    # 13 epochs of six steps: the longest replica passes a block's end.
    cohort, _ = train(model, sets, epochs=13, optimizer=settings)
    for replica in range(len(sets)):
        data = (sets.pool, sets.rows[replica], sets.labels[replica], sets.seeds[replica])
        layers = naive_training(model, *data, epochs=13, batch_size=8, make=make)
        assert_same(cohort, replica, as_stacked(layers))


def test_an_unstacked_forward_pass_agrees_and_dropout_is_off_when_predicting():
    model, sets = network(), training_sets([30, 30])
    parameters, _ = train(model, sets, epochs=2)
    # 1,100 points are predicted in three parts.
    points = torch.randn(1100, FEATURES, dtype=torch.float64, generator=generator_for("cpu", 4))
    found = predict(model, parameters, points)
    assert found.shape == (2, 1100)
    for replica in range(2):
        layers = as_modules(model, {name: tensor[replica] for name, tensor in parameters.items()})
        logits = plain_forward(model, layers, points, None)
        assert torch.equal(found[replica], (logits[:, 0].sigmoid() > 0.5).long())


@pytest.mark.parametrize("hidden", [(9, 70), ()], ids=["hidden layers", "none"])
def test_what_the_last_layer_takes_and_makes(hidden):
    """Replicas have points of their own, in any order and number, and are computed in three parts."""
    model, sets = network(hidden, outputs=10), training_sets([40, 0, 7, 23], outputs=10)
    parameters = {
        name: torch.stack([model.initial(generator_for("cpu", seed))[name] for seed in sets.seeds]).double()
        for name in model.initial(generator_for("cpu", 0))
    }
    found = predict_last_layer(model, parameters, sets.pool, sets.rows, rows_at_once=15)
    assert len(found) == 4
    for replica, ((units, logits), rows) in enumerate(zip(found, sets.rows, strict=True)):
        layers = as_modules(model, {name: tensor[replica] for name, tensor in parameters.items()})
        x = sets.pool[rows]
        expected = x
        for layer in layers[:-1]:
            expected = nn.functional.leaky_relu(layer(expected), 0.1)
        assert units.shape == (len(rows), (FEATURES, *hidden)[-1])
        assert logits.shape == (len(rows), 10)
        assert torch.allclose(units, expected, rtol=0, atol=1e-12)
        assert torch.allclose(logits, plain_forward(model, layers, x, None), rtol=0, atol=1e-12)
        assert torch.equal(predict(model, parameters, x)[replica], logits.argmax(1))


def test_no_points_at_all_have_a_last_layer():
    model, sets = network(), training_sets([0, 0])
    parameters, _ = train(model, sets)
    shapes = [
        (units.shape, logits.shape) for units, logits in predict_last_layer(model, parameters, sets.pool, sets.rows)
    ]
    assert shapes == [((0, 70), (0, 1))] * 2


def test_layers_describe_themselves():
    model = network((9, 70), outputs=10)
    assert [layer.kind for layer in model.describe()] == [
        "fully connected, 6 -> 9, leaky ReLU 0.1, dropout 0.5",
        "fully connected, 9 -> 70, leaky ReLU 0.1, dropout 0.5",
        "fully connected, 70 -> 10, logits",
    ]
    assert [layer.output_shape for layer in model.describe()] == [(9,), (70,), (10,)]
    sizes = [tensor.numel() for tensor in model.initial(generator_for("cpu", 0)).values()]
    assert sum(layer.parameters for layer in model.describe()) == sum(sizes)


@pytest.mark.parametrize("output", ["linear", "tanh"])
def test_generators_apply_their_own_output(output):
    settings = {"architecture": "mlp", "hidden": [5], "negative_slope": 0.2, "dropout": 0.5, "output": output}
    model = build_model(settings, inputs=3, outputs=4)
    one = model.initial(generator_for("cpu", 0))
    layers = as_modules(model, one)
    x = torch.randn(8, 3, dtype=torch.float64)
    plain = layers[1](nn.functional.leaky_relu(layers[0](x), 0.2))
    stacked = {name: tensor.double().unsqueeze(0) for name, tensor in one.items()}
    found = model.forward(stacked, x.unsqueeze(0), None)[0]
    assert torch.allclose(found, plain.tanh() if output == "tanh" else plain, atol=1e-12)


def test_initial_weights_are_those_of_torchs_linear():
    model = Mlp((400, 300, 1), 0.1, (0.0,), "logits")
    one = model.initial(generator_for("cpu", 5))
    assert {name: tuple(tensor.shape) for name, tensor in one.items()} == {
        "weight0": (400, 300),
        "bias0": (1, 300),
        "weight1": (300, 1),
        "bias1": (1, 1),
    }
    torch.manual_seed(0)
    theirs = nn.Linear(400, 300)
    assert theirs.weight.abs().max().item() == pytest.approx(1 / 20, rel=1e-3)
    assert one["weight0"].abs().max().item() == pytest.approx(1 / 20, rel=1e-3)
    assert one["weight0"].std().item() == pytest.approx(theirs.weight.std().item(), rel=0.01)
    assert one["bias0"].abs().max().item() <= 1 / 20


@pytest.mark.parametrize(("rows", "batch_size"), [(10, 4), (8, 4), (3, 4), (1, 1)])
def test_every_epoch_takes_every_row_once_in_a_new_order(rows, batch_size):
    steps = -(-rows // batch_size)
    order, weights = batches_of(3, rows, batch_size, 0, 4 * steps)
    epochs = []
    for epoch in range(4):
        here = slice(epoch * steps, (epoch + 1) * steps)
        taken = order[here][weights[here] > 0]
        assert sorted(taken) == list(range(rows))
        epochs.append(tuple(taken))
    assert np.allclose(weights.sum(1), 1)
    for step_weights in weights:
        assert len(set(step_weights[step_weights > 0])) == 1
    if rows > 4:
        assert len(set(epochs)) == 4
    # A part of the steps is that part of all of them.
    some, some_weights = batches_of(3, rows, batch_size, 1, 3)
    assert np.array_equal(some, order[1:4])
    assert np.array_equal(some_weights, weights[1:4])


def test_what_a_replica_does_depends_on_its_seed_alone():
    model, sets = network(), training_sets([20, 20, 20])
    same = TrainingSets(sets.pool, [sets.rows[0]] * 3, [sets.labels[0]] * 3, [7, 8, 7])
    parameters, _ = train(model, same)
    assert_same(parameters, 0, parameters, 2, tolerance=1e-12)
    assert not torch.allclose(parameters["weight0"][0], parameters["weight0"][1], atol=1e-3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e200])
@pytest.mark.parametrize("where", [0, 1, 3])
def test_a_broken_replica_changes_no_other(value, where):
    model = network()
    sets = training_sets([30, 30, 17, 30])
    # Point 59 is in this replica's rows alone, twice and under both labels: no fit can please an absurd value.
    rows = [chosen[chosen != 59] for chosen in sets.rows]
    labels = [own[: len(chosen)].clone() for own, chosen in zip(sets.labels, rows, strict=True)]
    rows[where][:2], labels[where][:2] = 59, torch.tensor([0, 1])
    sound = TrainingSets(sets.pool, rows, labels, sets.seeds)
    pool = sets.pool.clone()
    pool[59, 2] = value
    broken = TrainingSets(pool, rows, labels, sets.seeds)

    expected, fine = train(model, sound, epochs=30)
    found, converged = train(model, broken, epochs=30)
    assert fine.all()
    assert converged.tolist() == [replica != where for replica in range(4)]
    for name, tensor in found.items():
        assert tensor[where].isnan().all()
        for replica in set(range(4)) - {where}:
            assert torch.allclose(tensor[replica], expected[name][replica], rtol=0, atol=1e-12), name


def test_divergence_in_the_very_last_step_is_noticed():
    # One step: its loss is finite, what it makes of the parameters is not.
    optimizer = {"name": "sgd", "learning_rate": 1e308, "momentum": 0.0}
    sets = training_sets([8])
    sets = TrainingSets(sets.pool * 1e6, sets.rows, sets.labels, sets.seeds)
    parameters, converged = train(network(), sets, epochs=1, optimizer=optimizer)
    assert not converged.any()
    assert all(tensor.isnan().all() for tensor in parameters.values())


def test_replicas_without_rows_or_epochs_keep_their_initial_weights():
    model = network()
    sets = training_sets([10, 0])
    parameters, converged = train(model, sets)
    initial = model.initial(generator_for("cpu", sets.seeds[1], "weights"))
    assert converged.all()
    for name, tensor in initial.items():
        assert torch.equal(parameters[name][1], tensor.double())
    only_empty, converged = train(model, only(sets, 1))
    assert converged.all()
    assert_same(parameters, 1, only_empty)
    untrained, _ = train(model, sets, epochs=0)
    assert_same(untrained, 1, only_empty)


def test_training_leaves_its_inputs_alone():
    sets = training_sets([20, 9])
    before = [sets.pool.clone(), *(t.clone() for t in sets.rows), *(t.clone() for t in sets.labels)]
    train(network(), sets)
    assert all(torch.equal(a, b) for a, b in zip(before, [sets.pool, *sets.rows, *sets.labels], strict=True))


@pytest.mark.learns
def test_points_that_can_be_told_apart_are(seed, margin):
    draw = np.random.default_rng(seed)
    labels = torch.arange(60) % 2
    pool = torch.from_numpy(draw.normal(size=(60, FEATURES)).astype(np.float32)) + 6 * labels.unsqueeze(1)
    sets = TrainingSets(pool, [torch.arange(60)], [labels], [seed])
    # 25 times this rate ends, for one seed in four, in a network that calls all points one class.
    gentle = {**SGD, "learning_rate": 0.002}
    parameters, _ = train(network(), sets, epochs=60, optimizer=gentle, precision=FLOAT32)
    assert parameters["weight0"].dtype == torch.float32
    assert (predict(network(), parameters, pool)[0] != labels).float().mean() < 0.03 / margin


@pytest.mark.parametrize("optimizer", [SGD, ADAM, {**SGD, "momentum": 0.0}])
def test_a_stack_survives_its_state(optimizer):
    model = network(hidden=(4,), dropout=0.0)
    x = torch.randn(3, 5, FEATURES, generator=generator_for("cpu", 8))

    def fresh():
        return Stack.initial(model, [1, 2, 3], "weights", optimizer, CPU, FLOAT32)

    def steps(stack, x):
        for _ in range(3):
            stack.step(stack(x, None).square().mean((1, 2)))
        return stack

    original = steps(fresh(), x)
    restored = Stack.from_state(model, {name: t.clone() for name, t in original.state("a.b").items()}, "a.b", optimizer)
    chosen = original.select([2, 0])
    steps(original, x)
    steps(restored, x)
    steps(chosen, x[[2, 0]])
    for name, tensor in original.parameters.items():
        assert torch.equal(tensor, restored.parameters[name])
        assert torch.allclose(tensor[[2, 0]], chosen.parameters[name], rtol=0, atol=1e-6)


def test_unknown_names_are_one_sentence():
    with pytest.raises(OleanderError, match=r"unknown optimizer 'rmsprop'.*adam.*sgd"):
        make_optimizer({"name": "rmsprop", "learning_rate": 0.1}, [torch.zeros(1, requires_grad=True)])
    with pytest.raises(OleanderError, match=r"unknown architecture 'rnn'.*mlp"):
        build_model({"architecture": "rnn"}, 1, 1)
