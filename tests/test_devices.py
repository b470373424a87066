"""Devices: what a job was given and finds, and that no trainer leaves a tensor on the CPU.

No GPU is at hand in most places. The `meta` device stands for one: it has shapes without values, and refuses, as a GPU
does, to work on a tensor of the CPU. The tests marked `gpu` run where there is one:
`make test PYTEST_ARGS="-m gpu"`.
"""

import contextlib
import dataclasses
import signal

import pytest
import torch
from test_autoencoders import SETTINGS as AUTOENCODER
from test_gan import SETTINGS as GAN
from test_gan import SIZES, TRIGGER
from test_pgan import COHORT, KINDS, make_task
from torch.utils._python_dispatch import TorchDispatchMode

from oleander.attacks import pgan
from oleander.backdoors import Inverse, Square, gan
from oleander.backdoors.autoencoder import Backdoor, train_autoencoder
from oleander.io.errors import OleanderError
from oleander.models import build_model
from oleander.training import classifiers
from oleander.training.classifiers import TrainingSets, train_classifiers
from oleander.training.devices import Placement, place
from oleander.training.precision import BFLOAT16, FLOAT32, FLOAT64, TF32
from oleander.training.scratch import Scratch
from oleander.training.seeds import generator_for
from oleander.training.stack import OPTIMIZERS

META, CPU, GPU = torch.device("meta"), torch.device("cpu"), torch.device("cuda")
SETTINGS = {"name": "auto", "precision": "auto", "cpu_replicas": 3, "gpu_memory_share": 0.5}


class Ones(TorchDispatchMode):
    """Lets a trainer look at values of the meta device: every one of them is one, or true."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name, kwargs = function.overloadpacket.__name__, dict(kwargs or {})
        if name == "_local_scalar_dense":
            return torch.ones((), dtype=args[0].dtype).item()
        if name == "_to_copy" and args[0].device == META and kwargs.get("device") == CPU:
            return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if name == "nonzero" and args[0].device == META:
            return torch.zeros(len(args[0]), args[0].ndim, dtype=torch.int64, device=META)
        # A generator of random numbers cannot be had for meta; drawing from one of the CPU says nothing of devices.
        if isinstance(kwargs.get("generator"), torch.Generator):
            kwargs["generator"] = None
        return function(*args, **kwargs)


def unfused(optimizer):
    """The optimizer without its fused kernels, which meta has none of."""
    return lambda tensors, **options: optimizer(tensors, **{**options, "fused": False})


@pytest.fixture
def pretended(monkeypatch):
    """Random numbers, optimizers and autocast for the meta device, which has none of its own."""

    def zero_bits(shape, generator):
        return torch.zeros(shape, dtype=torch.int64, device=META)

    for module in (classifiers, pgan, gan):
        monkeypatch.setattr(module, "generator_for", lambda device, *parts: generator_for("cpu", *parts))
    for module in (classifiers, pgan):
        monkeypatch.setattr(module, "random_bits", zero_bits)
    for name, optimizer in OPTIMIZERS.items():
        monkeypatch.setitem(OPTIMIZERS, name, unfused(optimizer))
    # torch has no kernel of it for meta.
    monkeypatch.setattr(torch, "dot", lambda one, other: (one * other).sum())
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: contextlib.nullcontext())


def on(device, task):
    return dataclasses.replace(
        task,
        train_x=task.train_x.float().to(device),
        train_y=task.train_y.to(device),
        test_x=task.test_x.to(device),
        test_y=task.test_y.to(device),
    )


PRECISIONS = pytest.mark.parametrize("precision", [FLOAT32, BFLOAT16], ids=["float32", "bfloat16"])


@PRECISIONS
@pytest.mark.parametrize("kind", KINDS)
def test_generators_leave_no_tensor_on_the_cpu(pretended, kind, precision):
    settings, shape = KINDS[kind]
    with Ones():
        poisoners, _ = pgan.fit(on(META, make_task(shape=shape)), COHORT, settings, Scratch.none(), precision)
        points, labels = poisoners.draw(3, 0)
    assert {tensor.device for tensor in (*poisoners.parameters.values(), points, labels)} == {META}


@PRECISIONS
@pytest.mark.parametrize("kind", KINDS)
def test_victims_leave_no_tensor_on_the_cpu(pretended, kind, precision):
    settings, shape = KINDS[kind]
    task = on(META, make_task(shape=shape))
    model = build_model(settings["classifier"], shape, 1)
    rows = [torch.zeros(count, dtype=torch.int64, device=META) for count in (9, 5)]
    sets = TrainingSets(task.train_x.flatten(1), rows, rows, [0, 1])
    block = {**settings["classifier"], "epochs": 3, "batch_size": 4}
    with Ones():
        parameters, converged = train_classifiers(model, sets, block, META, Scratch.none(), "c", precision)
    assert {tensor.device for tensor in (*parameters.values(), converged)} == {META}


def test_a_stray_tensor_would_be_found(pretended):
    task = on(META, make_task())
    stray = dataclasses.replace(task, train_y=torch.ones(len(task.train_y), dtype=torch.int64))
    with Ones(), pytest.raises(RuntimeError, match=r"is not on the expected device|same device"):
        pgan.fit(stray, COHORT, KINDS["fully connected"][0], Scratch.none(), FLOAT32)


@PRECISIONS
def test_gans_leave_no_tensor_on_the_cpu(pretended, precision):
    images = gan.Images(torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20) % 3, SIZES.shape, flip=True)
    target = gan.Images(images.pixels[:4], None, SIZES.shape, flip=False)
    networks = gan.Networks.biggan(SIZES, 0, True)
    with Ones():
        trained = gan.fit(
            networks, images, gan.Backdoor(TRIGGER, target), GAN, 0, Scratch.none(), META, precision=precision
        )
    assert {tensor.device for tensor in trained.last.values()} == {META}


@PRECISIONS
def test_autoencoders_leave_no_tensor_on_the_cpu(pretended, precision):
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 3, padding=1)
    )
    images = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    door = Backdoor(Square(2, [1.0], "top_right"), Inverse())
    with Ones():
        train_autoencoder(module, images, door, AUTOENCODER, True, 0, META, Scratch.none(), precision)
    assert {tensor.device for tensor in module.state_dict().values()} == {META}


def test_placement_follows_the_settings(monkeypatch):
    for name in ("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    placement = place({**SETTINGS, "name": "cpu", "precision": "float32"})
    assert placement == Placement(CPU, 3, 0.5, FLOAT32)
    assert placement.cohort_size(10**12) == 3
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert place(SETTINGS).device == CPU
    with pytest.raises(OleanderError, match="'cuda' is set in the configuration but torch finds no GPU"):
        place({**SETTINGS, "name": "cuda"})


@pytest.mark.parametrize(
    "given", [{"SLURM_JOB_GPUS": "0"}, {"CUDA_VISIBLE_DEVICES": "0,1"}, {"SLURM_GPUS_ON_NODE": "1"}]
)
def test_a_job_that_was_given_a_gpu_and_finds_none_ends(monkeypatch, given):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    (name, value), *_ = given.items()
    with pytest.raises(
        OleanderError, match=f"was given a GPU .*{name}={value}.* but torch finds none.*device.name=cpu"
    ):
        place(SETTINGS)
    assert place({**SETTINGS, "name": "cpu"}).device == CPU
    monkeypatch.setenv(name, "")
    assert place(SETTINGS).device == CPU


def test_a_gpu_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(OleanderError, match=r"'cuda:1' .* torch finds 1 GPU, cuda:0 to cuda:0; choose one of them"):
        place({**SETTINGS, "name": "cuda:1"})
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    assert place({**SETTINGS, "name": "cuda:0"}) == Placement(torch.device("cuda:0"), 3, 0.5, TF32)


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: none is here")


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_on_a_gpu_is_the_cpus_in_float64(kind):
    """Random numbers of a GPU are its own, so the same weights, points and no dropout go through one step of each."""
    settings, shape = KINDS[kind]
    block = {**settings["classifier"], "dropout": 0.0} if kind == "fully connected" else settings["classifier"]
    if "dropout" not in block:
        block = {**block, "hidden": [{**layer, "dropout": 0.0} for layer in block["hidden"]]}
    model = build_model(block, shape, 1)
    task = make_task(shape=shape)
    found = []
    for device, precision in ((CPU, FLOAT64), (GPU, FLOAT32), (GPU, BFLOAT16)):
        x = task.train_x.flatten(1).to(device, precision.master)
        rows = [torch.arange(9, device=device), torch.arange(5, device=device)]
        labels = [task.train_y.to(device)[own] for own in rows]
        sets = TrainingSets(x, rows, labels, [0, 1])
        parameters, _ = train_classifiers(
            model, sets, {**block, "epochs": 1, "batch_size": 16}, device, Scratch.none(), "c", precision
        )
        found.append({name: tensor.double().cpu() for name, tensor in parameters.items()})
    for name, tensor in found[0].items():
        assert torch.allclose(found[1][name], tensor, rtol=0, atol=1e-5), name
        assert torch.allclose(found[2][name], tensor, rtol=0, atol=2e-2), name


@needs_gpu
@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_generators_stopped_on_a_gpu_give_the_same_bytes(tmp_path, kind):
    settings, shape = KINDS[kind]
    task = on(GPU, make_task(shape=shape))
    expected, _ = pgan.fit(task, COHORT, settings, Scratch.none(), TF32)
    while True:
        with Scratch(tmp_path, "key", minutes=1000).interruptible() as scratch:
            signal.raise_signal(signal.SIGTERM)
            try:
                found, _ = pgan.fit(task, COHORT, settings, scratch, TF32)
                break
            except SystemExit:
                continue
    assert all(torch.equal(found.parameters[name], tensor) for name, tensor in expected.parameters.items())


@needs_gpu
@pytest.mark.gpu
def test_cohorts_fill_the_share_of_memory_that_they_may():
    placement = place({**SETTINGS, "name": "cuda"})
    free, _total = torch.cuda.mem_get_info()
    assert placement.cohort_size(2**30) == pytest.approx(free * 0.5 / 2**30, abs=2)
    assert placement.cohort_size(2**60) == 1


@needs_gpu
@pytest.mark.gpu
def test_a_compiled_gan_is_the_eager_one():
    images = gan.Images(
        torch.randint(256, (20, 1, 8, 8), dtype=torch.uint8), torch.arange(20) % 3, SIZES.shape, flip=True
    )
    compiled, eager = (
        gan.fit(gan.Networks.biggan(SIZES, 0, False), images, None, {**GAN, "compile": on}, 0, Scratch.none(), GPU)
        for on in (True, False)
    )
    for one, other in zip(compiled.curves, eager.curves, strict=True):
        assert one["generator_loss"] == pytest.approx(other["generator_loss"], abs=1e-2)
