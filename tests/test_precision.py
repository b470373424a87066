"""Precision: which products are in fewer bits, what stays in float32, and that reruns give the same bytes."""

import dataclasses
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from test_autoencoders import SETTINGS as AUTOENCODER
from test_autoencoders import stripes
from test_gan import backdoor, train
from test_pgan import COHORT, IMAGE, KINDS, make_task
from test_trials import GENERATOR
from torch.utils._python_dispatch import TorchDispatchMode

from oleander.attacks import Poisoners, Replica, precision_of
from oleander.attacks.pgan import fit, load, save
from oleander.backdoors.autoencoder import train_autoencoder
from oleander.io.errors import OleanderError
from oleander.io.tables import read_csvs, recorded_precision, write_csv
from oleander.models import build_model
from oleander.models.cnn import PRODUCTS_ABOVE, Cnn, Convolution
from oleander.precision_study import MEASURES, compare, equivalence
from oleander.training.devices import Placement, place
from oleander.training.precision import BFLOAT16, FLOAT32, TF32, choose_precision
from oleander.training.scratch import Scratch

CPU = torch.device("cpu")
LOW = torch.bfloat16

PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "convolution", "mkldnn_convolution", "convolution_backward")
MASTERS = ("_fused_sgd_", "_fused_adam_", "binary_cross_entropy_with_logits", "softplus")


class Operations(TorchDispatchMode):
    """Records the floating types that each operation takes."""

    def __init__(self):
        super().__init__()
        self.types = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        flat = [part for arg in args for part in (arg if isinstance(arg, list | tuple) else [arg])]
        found = {part.dtype for part in flat if isinstance(part, torch.Tensor) and part.dtype.is_floating_point}
        self.types.setdefault(name, set()).update(found)
        return function(*args, **(kwargs or {}))

    def of(self, names):
        return set().union(*(self.types.get(name, set()) for name in names))


def pgan(kind, precision=BFLOAT16, scratch=None):
    settings, shape = KINDS[kind]
    task = dataclasses.replace(make_task(shape=shape), train_x=make_task(shape=shape).train_x.float())
    poisoners, curves = fit(task, COHORT, settings, scratch or Scratch.none(), precision)
    return poisoners, curves.to_dict("records")


def autoencoder(precision=BFLOAT16, scratch=None):
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 1, 3, padding=1),
    )
    settings = {**AUTOENCODER, "batch_size": 8, "epochs": 4, "loss": "bce"}
    curves = train_autoencoder(
        module, stripes(24, 8, 0), None, settings, True, 0, CPU, scratch or Scratch.none(), precision
    )
    return module.state_dict(), curves


@pytest.mark.parametrize("kind", KINDS)
def test_products_alone_are_in_bfloat16(kind):
    with Operations() as seen:
        poisoners, curves = pgan(kind)
    assert seen.of(PRODUCTS) == {LOW}
    assert seen.of(MASTERS) == {torch.float32}
    assert {tensor.dtype for tensor in poisoners.parameters.values()} == {torch.float32}
    assert poisoners.precision == "bfloat16"
    assert poisoners.draw(3, 0)[0].dtype == torch.float32
    # Batch norm takes float32 statistics, scales and shifts beside bfloat16 activations.
    assert seen.of(["native_batch_norm"]) in (set(), {LOW, torch.float32})
    exact, exact_curves = pgan(kind, FLOAT32)
    assert exact.precision == "float32"
    for name in ("discriminator_loss", "classifier_loss", "classifier_on_poison"):
        # Later epochs of such small networks drift apart by rounding alone.
        low, full = (np.array([row[name] for row in rows if row["epoch"] == 1]) for rows in (curves, exact_curves))
        assert not np.array_equal(low, full)
        assert np.allclose(low, full, rtol=0, atol=0.05), name


def test_gans_and_autoencoders_compute_products_alone_in_bfloat16():
    with Operations() as seen:
        low = train(backdoor(), precision=BFLOAT16)
    assert LOW in seen.types["convolution"]
    assert seen.types["convolution_backward"] == {LOW}
    assert seen.of(MASTERS[:2]) == {torch.float32}
    assert {tensor.dtype for tensor in low.last.values()} == {torch.float32}
    full = train(backdoor(), precision=FLOAT32)
    assert [row["step"] for row in low.curves] == [row["step"] for row in full.curves]
    assert low.curves[0]["generator_loss"] != full.curves[0]["generator_loss"]
    assert low.curves[0]["generator_loss"] == pytest.approx(full.curves[0]["generator_loss"], abs=0.05)

    with Operations() as seen:
        state, curves = autoencoder()
    assert LOW in seen.types["convolution"]
    assert seen.of(["binary_cross_entropy_with_logits"]) == {torch.float32}
    exact, exact_curves = autoencoder(FLOAT32)
    assert {tensor.dtype for tensor in state.values() if tensor.is_floating_point()} == {torch.float32}
    assert not torch.equal(state["0.weight"], exact["0.weight"])
    assert curves[-1]["loss"] == pytest.approx(exact_curves[-1]["loss"], abs=0.01)


@pytest.mark.parametrize("kind", [*KINDS, "autoencoder"])
def test_reruns_and_runs_stopped_at_every_moment_give_the_same_bytes(tmp_path, kind):
    def run(scratch=None):
        if kind == "autoencoder":
            return autoencoder(scratch=scratch)
        poisoners, curves = pgan(kind, scratch=scratch)
        return poisoners.parameters, curves

    expected, expected_curves = run()
    again, _ = run()
    stops = 0
    while True:
        with Scratch(tmp_path, "key", minutes=1000).interruptible() as scratch:
            signal.raise_signal(signal.SIGTERM)
            try:
                found, curves = run(scratch)
                break
            except SystemExit:
                stops += 1
    assert stops > 1
    assert curves == expected_curves
    for name, tensor in expected.items():
        assert torch.equal(tensor, again[name]), name
        assert torch.equal(tensor, found[name]), name


def test_auto_is_bfloat16_only_where_it_was_measured_to_be_faster(monkeypatch, caplog):
    settings = {"name": "cpu", "precision": "auto", "cpu_replicas": 1, "gpu_memory_share": 1.0}
    for flags, expected in (({"avx2", "amx_bf16"}, BFLOAT16), ({"avx2", "avx512f"}, FLOAT32), (set(), FLOAT32)):
        monkeypatch.setattr("oleander.training.precision.cpu_flags", lambda flags=flags: flags)
        with caplog.at_level("INFO", "oleander"):
            assert place(settings).precision == expected
        assert f"precision {expected.name} (chosen by auto)" in caplog.text
    assert choose_precision("auto", torch.device("cuda")) == TF32
    assert choose_precision("bfloat16", CPU) == BFLOAT16
    with pytest.raises(OleanderError, match="tf32, which only GPUs support; choose float32, bfloat16 or auto"):
        choose_precision("tf32", CPU)
    with pytest.raises(OleanderError, match=r"unknown device\.precision 'half'.*auto, float32, tf32, bfloat16"):
        choose_precision("half", CPU)


def test_an_attack_may_keep_float32():
    placement = Placement(CPU, 1, 1.0, BFLOAT16)
    assert precision_of({"precision": "float32"}, placement) == FLOAT32
    assert precision_of({}, placement) == BFLOAT16


def test_tf32_lasts_as_long_as_training():
    torch.set_float32_matmul_precision("highest")
    with TF32.products():
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_precision_of_generators_is_in_their_file(tmp_path):
    poisoners, _ = pgan("fully connected")
    settings = {"attack": KINDS["fully connected"][0]}
    save(tmp_path / "new.safetensors", poisoners, {**settings, "precision": "bfloat16"})
    save(tmp_path / "old.safetensors", poisoners, settings)
    assert load(tmp_path / "new.safetensors", "cpu").precision == "bfloat16"
    assert load(tmp_path / "old.safetensors", "cpu").precision == "float32"


def test_results_of_two_precisions_are_not_read_together(tmp_path):
    for name in ("float32", "bfloat16"):
        write_csv(tmp_path / f"{name}.csv", pd.DataFrame({"precision": [name], "error": [0.1]}))
    one, other = (str(tmp_path / f"{name}.csv") for name in ("float32", "bfloat16"))
    assert len(read_csvs([one, one])) == 2
    for name in ("float32", "bfloat16"):
        table = pd.DataFrame({"precision": [name], "experiment": [name]})
        write_csv(tmp_path / f"experiment_{name}.csv", table)
    # Two experiments may stand side by side, but not in one panel.
    both = read_csvs([str(tmp_path / f"experiment_{name}.csv") for name in ("float32", "bfloat16")])
    with pytest.raises(OleanderError, match="bfloat16 and float32 cannot share a panel"):
        recorded_precision(both)
    assert recorded_precision(both[both["experiment"] == "bfloat16"]) == "bfloat16"
    assert recorded_precision(both.drop(columns="precision")) == "float32"
    with pytest.raises(OleanderError, match=r"several precisions.*float32\.csv: float32.*bfloat16\.csv: bfloat16"):
        read_csvs([one, other])


def test_dropout_when_drawing_is_training_dropout_and_repeats():
    model = build_model({**GENERATOR, "hidden": [64]}, 3, 4)
    one = model.initial(torch.Generator().manual_seed(0))
    poisoners = Poisoners(
        model,
        {name: tensor[None] for name, tensor in one.items()},
        [Replica(0, alpha=0.1, lambda_prime=0.9)],
        [True],
        3,
        (1, 2, 2),
    )
    off, on = poisoners.draw(4000, 1)[0], poisoners.draw(4000, 1, dropout=True)[0]
    assert torch.equal(on, poisoners.draw(4000, 1, dropout=True)[0])
    assert torch.equal(on[:7], poisoners.draw(7, 1, dropout=True)[0])
    # Half of the hidden units are dropped and the others doubled: more variance around about the same mean.
    assert (on.var(0) > 1.2 * off.var(0)).all()
    assert torch.allclose(on.mean(0), off.mean(0), atol=0.05)


@pytest.mark.parametrize("channels", [3, 1000], ids=["few_channels", "more_channels_than_places"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (2, 1, 0), (3, 1, 1), (3, 2, 0)])
def test_convolutions_as_products_are_torchs(monkeypatch, channels, transposed, kernel, stride, padding):
    side = 9
    out = (side - 1) * stride - 2 * padding + kernel if transposed else (side + 2 * padding - kernel) // stride + 1
    channels_in, channels_out = (channels, 2) if transposed else (2, channels)
    block = Convolution(channels_out, kernel, stride, padding)
    model = Cnn((channels_in, side, side), (channels_out, out, out), (), block, 0.0, "linear", transposed)
    generator = torch.Generator().manual_seed(0)
    found = []
    for above in (0, 10**9):
        monkeypatch.setitem(PRODUCTS_ABOVE, "cpu", above)
        one = model.initial(torch.Generator().manual_seed(1))
        parameters = {name: tensor[None].double().requires_grad_() for name, tensor in one.items()}
        generator.manual_seed(0)
        x = torch.randn(1, 5, channels_in * side * side, dtype=torch.float64, generator=generator).requires_grad_()
        made = model.forward(parameters, x, training=True)
        found.append((made, *torch.autograd.grad(made.square().sum(), [x, *parameters.values()])))
    for by_product, by_convolution in zip(*found, strict=True):
        assert torch.allclose(by_product, by_convolution, rtol=0, atol=1e-9)


def test_equivalence_is_two_one_sided_tests_on_pairs():
    draw = np.random.default_rng(0)
    reference = draw.normal(size=40)
    same = equivalence(reference, reference + draw.normal(scale=0.1, size=40))
    assert same["verdict"] == "equivalent"
    assert same["low"] < same["difference"] < same["high"] < same["margin"]
    shifted = reference + 0.6 + draw.normal(scale=0.1, size=40)
    assert equivalence(reference, shifted)["verdict"] == "different"
    few = equivalence(reference[:3], reference[:3] + draw.normal(scale=1, size=3))
    assert few["verdict"] == "undecided"
    assert few["needed"] > 3
    known = equivalence(np.array([0.0, 2.0, 4.0]), np.array([0.1, 2.0, 4.2]))
    # Differences 0.1, 0, 0.2: mean 0.1, standard error 0.1 / sqrt 3; t(0.95, 2) = 2.919986.
    assert known["high"] == pytest.approx(0.1 + 2.919986 * 0.1 / np.sqrt(3), abs=1e-6)
    assert known["margin"] == pytest.approx(1.0)


def test_a_comparison_pairs_equal_seeds():
    names = {"generators": "error", "victims": "poison_rejected"}
    rows = [
        {"of": of, "measure": measure, "seed": f"generator {seed}", "precision": precision, "value": seed + shift}
        for of, measures in MEASURES.items()
        for measure in measures
        for seed in range(5)
        for precision, shift in (("float32", 0.0), ("bfloat16", 0.25))
    ]
    table = compare(pd.DataFrame(rows).sample(frac=1, random_state=0)).set_index(["of", "measure"])
    for key in names.items():
        assert table.loc[key, "difference"] == pytest.approx(0.25)
        assert table.loc[key, "pairs"] == 5
    assert IMAGE  # the convolutional kind's images
