"""Convolutional networks in cohorts: each replica is what torch's own layers make of it, batch norm included."""

import math
import signal

import numpy as np
import pytest
import torch
from plain_networks import as_modules, as_stacked, masks_of, naive_training, only, plain_forward
from torch import nn

from oleander.io.errors import OleanderError
from oleander.models import build_model, cnn, is_running
from oleander.models.batch_norm import batch_norm
from oleander.training.classifiers import (
    BLOCK,
    TrainingSets,
    bytes_per_replica,
    predict,
    predict_last_layer,
    steps_per_block,
    train_classifiers,
)
from oleander.training.precision import FLOAT32, FLOAT64
from oleander.training.scratch import Scratch
from oleander.training.seeds import generator_for, random_bits
from oleander.training.stack import Stack

CPU = torch.device("cpu")
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}
ADAM = {"name": "adam", "learning_rate": 0.01}
MAKERS = {
    "sgd": (SGD, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "adam": (ADAM, lambda p: torch.optim.Adam(p, lr=0.01)),
}


def convolution(channels, kernel, stride, padding, **more):
    return {"channels": channels, "kernel": kernel, "stride": stride, "padding": padding, **more}


def last(kernel, stride, padding):
    return {"kernel": kernel, "stride": stride, "padding": padding}


def block(architecture, hidden, last, negative_slope, output):
    return {
        "architecture": architecture,
        "hidden": hidden,
        "last": last,
        "negative_slope": negative_slope,
        "output": output,
    }


def normed(channels, kernel, stride, padding, **more):
    return convolution(channels, kernel, stride, padding, batch_norm=True, **more)


# The paper's own, with their parameters by hand: weights, then a bias or scale and shift.
GENERATOR = block(
    "transposed_cnn",
    [normed(1024, 2, 1, 0), normed(256, 4, 2, 1), normed(128, 4, 2, 1), normed(64, 4, 2, 1)],
    last(4, 2, 1),
    0.0,
    "tanh",
)
DISCRIMINATOR = block(
    "cnn",
    [convolution(64, 4, 2, 1), normed(128, 4, 2, 1), normed(256, 4, 2, 1), normed(512, 4, 2, 1)],
    last(2, 1, 0),
    0.2,
    "logits",
)
VICTIM = block(
    "cnn",
    [
        normed(32, 3, 1, 0, max_pool=2, dropout=0.3),
        normed(64, 3, 1, 0, max_pool=2, dropout=0.4),
        normed(128, 3, 1, 0, max_pool=2, dropout=0.5),
    ],
    "fully_connected",
    0.0,
    "logits",
)
IMAGE = (3, 32, 32)
PAPER = {
    "generator": (
        build_model(GENERATOR, 100, IMAGE),
        [411_648, 4_194_816, 524_544, 131_200, 3_075],
        [(1024, 2, 2), (256, 4, 4), (128, 8, 8), (64, 16, 16), (3, 32, 32)],
    ),
    "discriminator": (
        build_model(DISCRIMINATOR, IMAGE, 1),
        [3_136, 131_328, 524_800, 2_098_176, 2_049],
        [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2), (1, 1, 1)],
    ),
    "victim": (
        build_model(VICTIM, IMAGE, 1),
        [928, 18_560, 73_984, 513],
        [(32, 15, 15), (64, 6, 6), (128, 2, 2), (1,)],
    ),
}

# The same kinds, small: an image of unequal sides, an odd one to pool, dropout with 64 and with 4 units an integer.
SMALL = (3, 9, 8)
SMALL_VICTIM = block(
    "cnn",
    [normed(4, 3, 1, 0, max_pool=2, dropout=0.3), normed(5, 2, 1, 0, max_pool=2, dropout=0.5)],
    "fully_connected",
    0.0,
    "logits",
)
MODELS = {
    "generator": build_model(
        block("transposed_cnn", [normed(6, 2, 1, 0), normed(4, 4, 2, 1)], last(4, 2, 1), 0.0, "tanh"), 5, (3, 8, 8)
    ),
    "discriminator": build_model(
        block("cnn", [convolution(4, 4, 2, 1), normed(6, 4, 2, 1)], last(2, 1, 0), 0.2, "logits"), (3, 8, 8), 1
    ),
    "victim": build_model(SMALL_VICTIM, SMALL, 1),
    "ten classes": build_model(SMALL_VICTIM, SMALL, 10),
    "one layer": build_model(block("cnn", [], "fully_connected", 0.0, "logits"), SMALL, 1),
}
FEATURES = math.prod(SMALL)


@pytest.fixture(params=["one by one", "grouped"])
def _both_ways(request, monkeypatch):
    """Replicas one after the other, as a CPU takes them, and all in one call, as other devices do."""
    if request.param == "grouped":
        monkeypatch.delitem(cnn.REPLICAS_AT_ONCE, "cpu")


def initial(model, seeds):
    """Stacked initial parameters in float64, running statistics and batch norm's scales moved off their start."""
    alone = [model.initial(generator_for("cpu", seed)) for seed in seeds]
    parameters = {name: torch.stack([one[name] for one in alone]).double() for name in alone[0]}
    generator = generator_for("cpu", *seeds)
    for name, tensor in parameters.items():
        if is_running(name) or name.startswith(("scale", "shift")):
            tensor += torch.rand(tensor.shape, dtype=tensor.dtype, generator=generator)
    return parameters


def one_of(parameters, replica):
    return {name: tensor[replica] for name, tensor in parameters.items()}


def rows_for(model, replicas, rows, seed=0):
    generator = generator_for("cpu", "x", seed)
    return torch.randn(replicas, rows, math.prod(model.inputs), dtype=torch.float64, generator=generator)


def assert_same(parameters, replica, others, other_replica=0, tolerance=1e-9):
    assert parameters.keys() == others.keys()
    for name, tensor in parameters.items():
        assert torch.allclose(tensor[replica], others[name][other_replica], rtol=0, atol=tolerance), name


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.usefixtures("_both_ways")
def test_outputs_are_torchs_in_training_and_in_evaluation(kind):
    model, seeds = MODELS[kind], [1, 2, 3]
    parameters, x = initial(model, seeds), rows_for(MODELS[kind], 3, 7)
    bits = random_bits((3, 7, model.dropout_integers), generator_for("cpu", 5))
    plain = [as_modules(model, one_of(parameters, replica)) for replica in range(3)]

    # Evaluation first: it leaves the statistics alone, and training moves them.
    before = {name: tensor.clone() for name, tensor in parameters.items()}
    evaluated = model.forward(parameters, x)
    hidden, logits = model.last_layer(parameters, x)
    assert_same(parameters, 0, before, 0, tolerance=0)
    assert torch.equal(evaluated, logits)
    trained = model.forward(parameters, x, bits, training=True)
    for replica, layers in enumerate(plain):
        layers.eval()
        assert torch.allclose(evaluated[replica], layers(x[replica], None), rtol=0, atol=1e-9)
        assert torch.allclose(hidden[replica], layers.hidden(x[replica], None).flatten(1), rtol=0, atol=1e-9)
        layers.train()
        expected = layers(x[replica], masks_of(model, bits[replica]))
        assert torch.allclose(trained[replica], expected, rtol=0, atol=1e-9)
        assert_same(parameters, replica, as_stacked(layers))
    if model.batch_norm:
        assert not torch.allclose(parameters["running_mean1"], before["running_mean1"], atol=1e-3)
        assert not torch.allclose(trained, evaluated, atol=1e-3)


@pytest.mark.parametrize("optimizer", MAKERS)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.usefixtures("_both_ways")
def test_three_steps_are_torchs(kind, optimizer):
    model, (settings, make) = MODELS[kind], MAKERS[optimizer]
    stack = Stack(model, initial(model, [1, 2, 3]), settings)
    plain = [as_modules(model, one_of(stack.parameters, replica)) for replica in range(3)]
    optimizers = [make(layers.parameters()) for layers in plain]
    for step in range(3):
        x = rows_for(model, 3, 6, seed=step)
        bits = random_bits((3, 6, model.dropout_integers), generator_for("cpu", step))
        stack.step(stack(x, bits).sin().mean((1, 2)))
        for replica, layers in enumerate(plain):
            optimizers[replica].zero_grad()
            layers(x[replica], masks_of(model, bits[replica])).sin().mean().backward()
            optimizers[replica].step()
    for replica, layers in enumerate(plain):
        assert_same(stack.parameters, replica, as_stacked(layers))


@pytest.mark.parametrize("network", PAPER)
def test_layers_of_the_papers_tables(network):
    model, parameters, shapes = PAPER[network]
    layers = model.describe()
    assert [layer.parameters for layer in layers] == parameters
    assert [layer.output_shape for layer in layers] == shapes
    one = model.initial(generator_for("cpu", 0))
    assert sum(tensor.numel() for name, tensor in one.items() if not is_running(name)) == sum(parameters)
    assert sum(tensor.numel() for tensor in as_modules(model, one).parameters()) == sum(parameters)


def test_layers_describe_themselves():
    generator, discriminator, victim = (PAPER[name][0].describe() for name in PAPER)
    assert generator[0].kind == "transposed conv 2x2, 100 -> 1024, stride 1, padding 0, no bias, batch norm, ReLU"
    assert generator[4].kind == "transposed conv 4x4, 64 -> 3, stride 2, padding 1, tanh"
    assert discriminator[0].kind == "conv 4x4, 3 -> 64, stride 2, padding 1, leaky ReLU 0.2"
    assert victim[0].kind == (
        "conv 3x3, 3 -> 32, stride 1, padding 0, no bias, batch norm, max pool 2x2, ReLU, dropout 0.3"
    )
    assert victim[3].kind == "fully connected, 512 -> 1, logits"
    assert [layer.name for layer in victim] == ["layer 1", "layer 2", "layer 3", "layer 4"]


@pytest.mark.parametrize(("transposed", "theirs"), [(False, nn.Conv2d), (True, nn.ConvTranspose2d)])
def test_initial_weights_are_distributed_as_torchs(transposed, theirs):
    settings = block(
        "transposed_cnn" if transposed else "cnn", [convolution(60, 4, 2, 1)], last(4, 1, 0), 0.0, "linear"
    )
    model = build_model(settings, 20, (1, 5, 5)) if transposed else build_model(settings, (20, 8, 8), 1)
    one = model.initial(generator_for("cpu", 0))
    torch.manual_seed(0)
    layer = theirs(20, 60, 4)
    assert one["weight0"].shape == layer.weight.shape
    assert one["weight0"].abs().max().item() == pytest.approx(layer.weight.abs().max().item(), rel=2e-3)
    assert one["weight0"].std().item() == pytest.approx(layer.weight.std().item(), rel=0.02)
    assert one["bias0"].abs().max().item() == pytest.approx(layer.bias.abs().max().item(), rel=0.1)


def training_sets(sizes, outputs=1, dtype=torch.float64):
    draw = np.random.default_rng(0)
    return TrainingSets(
        pool=torch.from_numpy(draw.normal(size=(60, FEATURES))).to(dtype),
        rows=[torch.from_numpy(draw.permutation(60)[:size]) for size in sizes],
        labels=[torch.from_numpy(draw.integers(max(2, outputs), size=size)) for size in sizes],
        seeds=[100 + replica for replica in range(len(sizes))],
    )


def train(model, sets, optimizer=SGD, epochs=4, scratch=None, precision=FLOAT64):
    settings = {"epochs": epochs, "batch_size": 8, "optimizer": optimizer}
    return train_classifiers(model, sets, settings, CPU, scratch or Scratch.none(), "c", precision)


# 9 and 41 rows leave a last batch of a single one.
RAGGED = [24, 5, 41, 24, 9]


@pytest.mark.parametrize("optimizer", MAKERS)
@pytest.mark.parametrize("kind", ["victim", "ten classes"])
@pytest.mark.usefixtures("_both_ways")
def test_a_replica_of_a_cohort_is_the_replica_alone_and_what_torch_trains(kind, optimizer):
    model, (settings, make) = MODELS[kind], MAKERS[optimizer]
    sets = training_sets(RAGGED, math.prod(model.outputs))
    cohort, converged = train(model, sets, settings)
    assert converged.all()
    points = rows_for(model, 1, 30)[0]
    predicted = predict(model, cohort, points, rows_at_once=20)
    last_layers = predict_last_layer(model, cohort, sets.pool, sets.rows, rows_at_once=20)
    for replica in range(len(sets)):
        alone, _ = train(model, only(sets, replica), settings)
        assert_same(cohort, replica, alone)
        data = (sets.pool, sets.rows[replica], sets.labels[replica], sets.seeds[replica])
        layers = naive_training(model, *data, epochs=4, batch_size=8, make=make)
        assert_same(cohort, replica, as_stacked(layers))

        layers.eval()
        logits = plain_forward(model, layers, points, None)
        expected = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
        assert torch.equal(predicted[replica], expected)
        own = sets.pool[sets.rows[replica]]
        units, logits = last_layers[replica]
        assert torch.allclose(units, layers.hidden(own, None).flatten(1), rtol=0, atol=1e-8)
        assert torch.allclose(logits, plain_forward(model, layers, own, None), rtol=0, atol=1e-8)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e200])
@pytest.mark.parametrize("where", [0, 2])
@pytest.mark.usefixtures("_both_ways")
def test_a_broken_replica_changes_no_other(value, where):
    model, sets = MODELS["victim"], training_sets([30, 17, 30])
    # Point 59 is in this replica's rows alone, under both labels.
    rows = [chosen[chosen != 59] for chosen in sets.rows]
    labels = [own[: len(chosen)].clone() for own, chosen in zip(sets.labels, rows, strict=True)]
    rows[where][:2], labels[where][:2] = 59, torch.tensor([0, 1])
    sound = TrainingSets(sets.pool, rows, labels, sets.seeds)
    pool = sets.pool.clone()
    pool[59, 2] = value
    expected, _ = train(model, sound)
    found, converged = train(model, TrainingSets(pool, rows, labels, sets.seeds))
    assert converged[[at for at in range(3) if at != where]].all()
    if not math.isfinite(value):
        assert not converged[where]
        assert all(tensor[where].isnan().all() for tensor in found.values())
    for replica in set(range(3)) - {where}:
        assert_same(found, replica, expected, replica, tolerance=1e-12)


@pytest.mark.usefixtures("_both_ways")
def test_rows_that_fill_a_batch_up_change_nothing():
    model = MODELS["victim"]
    x = rows_for(model, 2, 6)
    present = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    other = x.clone()
    other[1, 4:] = 1e3
    made = []
    for inputs in (x, other):
        parameters = initial(model, [1, 2])
        outputs = model.forward(parameters, inputs, training=True, present=present)
        made.append({**parameters, "first": outputs[:1], "second": outputs[1:, :4]})
    for name, tensor in made[0].items():
        assert torch.equal(tensor, made[1][name]), name
    alone = {name: tensor[1:] for name, tensor in initial(model, [1, 2]).items()}
    expected = model.forward(alone, x[1:, :4], training=True)
    assert torch.allclose(made[0]["second"], expected, rtol=0, atol=1e-9)
    assert_same({name: made[0][name] for name in alone}, 1, alone)


def test_a_single_value_becomes_the_shift():
    """torch.nn.BatchNorm2d raises here; a last batch of one row must not stop a cohort."""
    scale, shift, mean, var = (torch.tensor([[1.0, 2.0]]) * factor for factor in (1, 3, 0, 1))
    made = batch_norm(torch.tensor([[[[5.0]], [[7.0]]]]), scale, shift, mean, var, training=True, present=None)
    assert made.flatten().tolist() == shift.flatten().tolist()
    assert mean.flatten().tolist() == pytest.approx([0.5, 0.7])
    assert var.flatten().tolist() == pytest.approx([0.9, 1.8])


@pytest.mark.parametrize("optimizer", MAKERS)
def test_a_stack_survives_its_state(optimizer):
    model, settings = MODELS["discriminator"], MAKERS[optimizer][0]
    x = rows_for(model, 3, 5)

    def steps(stack, x):
        for _ in range(3):
            stack.step(stack(x, None).square().mean((1, 2)))
        return stack

    original = steps(Stack.initial(model, [1, 2, 3], "weights", settings, CPU, FLOAT64), x)
    assert not any(is_running(name) for name in original.trained)
    restored = Stack.from_state(model, {name: t.clone() for name, t in original.state("a.b").items()}, "a.b", settings)
    chosen = original.select([2, 0])
    before = original.parameters["running_var1"].clone()
    steps(original, x)
    steps(restored, x)
    steps(chosen, x[[2, 0]])
    assert not torch.allclose(before, original.parameters["running_var1"], atol=1e-6)
    for name, tensor in original.parameters.items():
        assert torch.equal(tensor, restored.parameters[name])
        assert torch.allclose(tensor[[2, 0]], chosen.parameters[name], rtol=0, atol=1e-9)


def test_stopping_at_every_possible_moment_changes_no_byte(tmp_path):
    model, sets = MODELS["victim"], training_sets([24, 9, 17], dtype=torch.float32)
    expected, _ = train(model, sets, epochs=60, precision=FLOAT32)
    stops = 0
    while True:
        with Scratch(tmp_path, "key", minutes=1000).interruptible() as scratch:
            signal.raise_signal(signal.SIGTERM)
            try:
                found, converged = train(model, sets, epochs=60, scratch=scratch, precision=FLOAT32)
                break
            except SystemExit:
                stops += 1
    assert stops > 3
    assert converged.all()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_random_bits_of_large_masks_are_drawn_for_fewer_steps():
    victim = PAPER["victim"][0]
    # Words for 7,200 and 2,304 units at 4 a word, 512 units at 64 a word.
    assert victim.dropout_integers == 1800 + 576 + 8
    assert steps_per_block(victim) == 13
    assert steps_per_block(MODELS["victim"]) == BLOCK
    # 13 steps of 100 rows take 20 MB, a step's activations more.
    assert 20e6 < bytes_per_replica(victim, 100, math.prod(IMAGE)) < 400e6


@pytest.mark.parametrize(
    ("settings", "inputs", "outputs", "sentence"),
    [
        (DISCRIMINATOR, (3, 28, 28), 1, r"3x28x28 -> 64x14x14 .* 512x1x1 -> 1x0x0, but must end in 1x1x1"),
        (DISCRIMINATOR, (3, 64, 64), 1, r"1x3x3, but must end in 1x1x1"),
        (GENERATOR, 100, (3, 28, 28), r"3x32x32, but must end in 3x28x28"),
        (VICTIM, (3, 8, 8), 1, r"64x0x0 .*no side below 1"),
        (VICTIM, 784, 1, r"architecture 'cnn' in the configuration needs images .* not points of shape 784"),
        (GENERATOR, 100, (2,), r"architecture 'transposed_cnn' .* not points of shape 2"),
    ],
)
def test_networks_that_do_not_fit_the_data_are_one_sentence(settings, inputs, outputs, sentence):
    with pytest.raises(OleanderError, match=sentence):
        build_model(settings, inputs, outputs)
