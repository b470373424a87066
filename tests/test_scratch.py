"""Scratch state: a job that was killed or stopped, or finds its state damaged, ends with an undisturbed job's bytes."""

import contextlib
import functools
import itertools
import logging
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch

from oleander.attacks import Generated, Poisoners, Replica
from oleander.attacks.pgan import fit, save
from oleander.backdoors import Backdoor, Inverse, Square
from oleander.backdoors.autoencoder import save_autoencoder, train_autoencoder
from oleander.data import Task
from oleander.evaluation.trials import run_trials
from oleander.models import build_model
from oleander.training.classifiers import TrainingSets, train_classifiers
from oleander.training.devices import Placement
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

CPU = torch.device("cpu")
MLP = {"architecture": "mlp", "negative_slope": 0.1, "dropout": 0.5, "output": "logits"}
SGD = {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9}
PGAN = {
    "name": "pgan",
    "generator": {
        **MLP,
        "noise": 3,
        "hidden": [8],
        "output": "tanh",
        "optimizer": {"name": "adam", "learning_rate": 0.01},
    },
    "discriminator": {**MLP, "hidden": [8], "optimizer": SGD},
    "classifier": {**MLP, "hidden": [8], "optimizer": SGD},
    "batch_size": 8,
    "discriminator_steps": 2,
    "classifier_steps": 2,
    "generator_steps": 1,
    "label_smoothing": 0.1,
    "label_smoothing_sides": "one",
    "epoch_of": "target_class",
    "generator_objective": "equation_3",
    "classifier_term": "as_printed",
}
AUTOENCODER = {
    "loss": "bce",
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "schedule": "cosine",
    "batch_size": 4,
}
REPLICAS = [
    Replica(0, alpha=0.1, lambda_prime=0.9),
    Replica(0, alpha=0.5, lambda_prime=0.9),
    Replica(1, alpha=0.1, lambda_prime=0.9),
]
TRIALS = {
    "poison_fractions": [0.0, 0.3],
    "runs": 2,
    "trusted_per_class": 10,
    "train_points": [40],
    "defense": {"name": "outlier", "neighbours": 2, "sample": 5, "quantile": 0.9, "statistic": "kth"},
    "victim": {**MLP, "hidden": [8], "optimizer": SGD, "batch_size": 8},
}
IDENTITY = {"scale": "demo", "experiment": "e", "evaluation": "v", "attack": "pgan", "defense": "mine"}


def make_task():
    draw = np.random.default_rng(0)
    y = torch.arange(100) % 2
    x = torch.from_numpy(draw.normal(size=(100, 1, 2, 2)).astype(np.float32)) + y.view(-1, 1, 1, 1)
    return Task("tiny", "a", "b", x, y, x[:30], y[:30], (1, 2, 2), None, None)


# The kinds of job. Each trains, writes `output` and removes its state, as the workflow's scripts do.


def train_generators(output, scratch, epochs, replicas=REPLICAS):
    poisoners, curves = fit(make_task(), replicas, {**PGAN, "epochs": epochs}, scratch)
    save(output / "pgan.safetensors", poisoners, {"attack": PGAN})
    curves.to_csv(output / "curves.csv")
    scratch.clear()


def measure_victims(output, scratch, epochs, cohort=5):
    model = build_model(PGAN["generator"], 3, 4)
    drawn = [model.initial(torch.Generator().manual_seed(seed)) for seed in range(3)]
    parameters = {name: torch.stack([one[name] for one in drawn]) for name in drawn[0]}
    poisoners = Poisoners(model, parameters, REPLICAS, [True] * 3, 3, (1, 2, 2))
    settings = {**TRIALS, "victim": {**TRIALS["victim"], "epochs": epochs}}
    ready = Generated(poisoners)
    frame, _matrices = run_trials(make_task(), ready, settings, IDENTITY, Placement(CPU, cohort, 1.0), scratch)
    frame.to_csv(output / "trials.csv")
    scratch.clear()


def train_some_classifiers(output, scratch, epochs):
    """A ragged cohort, one replica of which diverges: what a cohort's state has to carry."""
    draw = np.random.default_rng(3)
    pool = torch.from_numpy(draw.normal(size=(50, 4)).astype(np.float32))
    pool[49] = torch.nan
    rows = [torch.from_numpy(draw.permutation(49)[:count]) for count in (20, 5, 33, 20)]
    rows[3][0] = 49
    labels = [torch.from_numpy(draw.integers(2, size=len(chosen))) for chosen in rows]
    sets = TrainingSets(pool, rows, labels, [4, 5, 6, 7])
    victim = {**TRIALS["victim"], "epochs": epochs}
    parameters, converged = train_classifiers(build_model(victim, 4, 1), sets, victim, CPU, scratch, "part")
    assert converged.tolist() == [True, True, True, False]
    for name, tensor in parameters.items():
        (output / name).write_bytes(tensor.numpy().tobytes())
    scratch.clear()


class Disturbed(torch.nn.Module):
    """An autoencoder with all that a state has to carry: random numbers of its own, and running statistics."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, padding=1),
            torch.nn.BatchNorm2d(8),
            torch.nn.Dropout(0.2),
            torch.nn.Conv2d(8, 1, 3, padding=1),
        )
        with torch.no_grad():
            for seed, tensor in enumerate(self.parameters()):
                tensor.normal_(0, 0.3, generator=torch.Generator().manual_seed(seed))

    def forward(self, images):
        return self.layers(images)


def train_an_autoencoder(output, scratch, epochs):
    images = torch.from_numpy(np.random.default_rng(4).integers(256, size=(90, 1, 8, 8), dtype=np.uint8))
    backdoor = Backdoor(Square(2, [1.0], "top_right"), Inverse())
    module = Disturbed()
    curves = train_autoencoder(module, images, backdoor, {**AUTOENCODER, "epochs": epochs}, True, 0, CPU, scratch)
    save_autoencoder(output / "autoencoder.safetensors", module, (1, 8, 8), AUTOENCODER)
    pd.DataFrame(curves).to_csv(output / "curves.csv")
    scratch.clear()


def in_a_process(job, output, epochs, minutes):
    torch.set_num_threads(1)
    begin_job(output.with_suffix(".log"), threads=1)
    with Scratch(output / "state", "key", minutes).interruptible() as scratch:
        job(output, scratch, epochs)


def contents(output):
    """Name -> bytes of everything in a folder."""
    return {path.name: path.read_bytes() for path in output.iterdir()}


def undisturbed(job, folder, *arguments):
    output = folder / "undisturbed"
    output.mkdir()
    job(output, Scratch.none(), *arguments)
    return contents(output)


@pytest.fixture(scope="module")
def processes():
    """Children forked from a clean server that has torch loaded: seconds saved for each of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["oleander.evaluation.trials", "torch._dynamo", "pytest"])
    return context


def start(processes, job, output, epochs):
    """A running job that saves every 30 ms, once it has saved at least once."""
    before = newest(output)
    child = processes.Process(target=in_a_process, args=(job, output, epochs, 0.0005))
    child.start()
    deadline = time.monotonic() + 60
    while newest(output) == before:
        assert child.is_alive(), "the job ended before it saved anything"
        assert time.monotonic() < deadline, "the job saved nothing in a minute"
        time.sleep(0.001)
    return child


def newest(output):
    """When any state was last written, in nanoseconds."""
    times = [0]
    for path in (output / "state").glob("[!.]*"):
        try:
            times.append(path.stat().st_mtime_ns)
        except FileNotFoundError:  # removed between the listing and the look
            continue
    return max(times)


LONG = {train_generators: 60, measure_victims: 250, train_an_autoencoder: 30}
SHORT = [(train_generators, 2), (measure_victims, 12), (train_some_classifiers, 60), (train_an_autoencoder, 2)]
KINDS = ["pgan", "victims", "classifiers", "autoencoder"]


@pytest.fixture(scope="module")
def expected_of(tmp_path_factory):
    """What each of the long jobs makes, undisturbed."""
    return functools.cache(lambda job: undisturbed(job, tmp_path_factory.mktemp("long"), LONG[job]))


@pytest.mark.parametrize("job", LONG)
def test_a_job_killed_again_and_again_ends_with_the_same_bytes(processes, expected_of, tmp_path, job):
    epochs, expected = LONG[job], expected_of(job)
    output = tmp_path / "killed"
    output.mkdir()
    # Different moments, so that some kills hit a step, others a save.
    for delay in (0, 0.01, 0.035):
        child = start(processes, job, output, epochs)
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert not any(path.is_file() for path in output.iterdir())
    child = start(processes, job, output, epochs)
    child.join()
    assert child.exitcode == 0
    assert "continuing from" in output.with_suffix(".log").read_text()
    assert contents(output) == expected


@pytest.mark.parametrize(
    ("job", "number", "code"),
    [
        (train_generators, signal.SIGTERM, 143),
        (train_generators, signal.SIGINT, 130),
        (measure_victims, signal.SIGTERM, 143),
        (train_an_autoencoder, signal.SIGTERM, 143),
    ],
)
def test_a_stopped_job_saves_says_so_and_continues(processes, expected_of, tmp_path, job, number, code):
    epochs = LONG[job]
    output = tmp_path / "stopped"
    output.mkdir()
    child = start(processes, job, output, epochs)
    os.kill(child.pid, number)
    child.join()
    assert child.exitcode == code
    assert f"stopped by signal {int(number)}; run again to continue" in output.with_suffix(".log").read_text()
    assert list((output / "state").glob("*.safetensors"))
    child = start(processes, job, output, epochs)
    child.join()
    assert child.exitcode == 0
    assert "continuing from" in output.with_suffix(".log").read_text()
    assert contents(output) == expected_of(job)


def stop_at_once(job, output, *arguments):
    """Run until the first moment at which the job looks for a signal; True once it has come to its end."""
    with Scratch(output / "state", "key", minutes=1000).interruptible() as scratch:
        signal.raise_signal(signal.SIGTERM)
        try:
            job(output, scratch, *arguments)
        except SystemExit as stop:
            return stop.code != 143
    return True


@pytest.mark.parametrize(("job", "epochs"), SHORT, ids=KINDS)
def test_stopping_at_every_possible_moment_changes_no_byte(tmp_path, job, epochs):
    output = tmp_path / "stopped"
    output.mkdir()
    stops = next(count for count in itertools.count() if stop_at_once(job, output, epochs))
    assert stops > 3
    assert contents(output) == undisturbed(job, tmp_path, epochs)


def test_a_diverged_generator_stays_so_wherever_the_run_was_stopped(tmp_path):
    replicas = [Replica(0, alpha=0.1, lambda_prime=0.9), Replica(0, alpha=float("nan"), lambda_prime=0.9)]
    output = tmp_path / "stopped"
    output.mkdir()

    def job(output, scratch, epochs):
        poisoners, curves = fit(make_task(), replicas, {**PGAN, "epochs": epochs}, scratch)
        assert poisoners.converged == [True, False]
        for name, tensor in poisoners.parameters.items():
            (output / name).write_bytes(tensor.numpy().tobytes())
        curves.to_csv(output / "curves.csv")
        scratch.clear()

    # Seven iterations an epoch: one ends within the first block of eight, one after it.
    for _ in itertools.takewhile(lambda _: not stop_at_once(job, output, 2), itertools.count()):
        pass
    assert contents(output) == undisturbed(job, tmp_path, 2)


@pytest.mark.parametrize(("job", "epochs"), SHORT, ids=KINDS)
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "other settings"])
def test_unusable_state_is_said_and_not_used(tmp_path, caplog, job, epochs, damage):
    output = tmp_path / "damaged"
    output.mkdir()
    while not list((output / "state").glob("*.safetensors")):
        assert not stop_at_once(job, output, epochs)
    key = "key"
    for path in (output / "state").glob("*.safetensors"):
        content = bytearray(path.read_bytes())
        if damage == "truncated":
            path.write_bytes(content[:-9])
        elif damage == "flipped":
            content[-5] ^= 1
            path.write_bytes(content)
        elif damage == "empty":
            path.write_bytes(b"")
        else:
            key = "of other settings"
    caplog.clear()
    with caplog.at_level(logging.INFO, "oleander"):
        job(output, Scratch(output / "state", key, minutes=1000), epochs)
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1
    assert said[0].startswith("state not used, starting over: ")
    assert ("other settings" in said[0]) == (damage == "other settings")
    assert "continuing from" not in caplog.text
    assert contents(output) == undisturbed(job, tmp_path, epochs)


@pytest.mark.parametrize(("before", "after"), [(5, 3), (3, 5), (12, 5)])
def test_victims_continue_with_cohorts_of_another_size(tmp_path, before, after):
    """On a GPU the size follows from the memory that is free just then."""
    expected = undisturbed(measure_victims, tmp_path, 12, after)
    for stops in range(1, 8):
        output = tmp_path / f"stopped-{stops}"
        output.mkdir()
        if any(stop_at_once(measure_victims, output, 12, before) for _ in range(stops)):
            break
        measure_victims(output, Scratch(output / "state", "key", 1000), 12, after)
        assert contents(output) == expected


def test_no_state_is_kept_without_a_folder_or_after_clearing(tmp_path):
    for scratch in (Scratch.none(), Scratch(tmp_path / "state", "key", 0)):
        scratch.save("a", {"x": torch.ones(2)}, {"step": 3})
        scratch.save_if_due("b", lambda: ({"x": torch.zeros(2)}, {}))
        if scratch.folder is not None:
            tensors, position = scratch.load("a", CPU)
            assert tensors["x"].tolist() == [1, 1]
            assert position == {"step": 3}
            assert scratch.load("b", CPU) is not None
            scratch.forget("a")
        assert scratch.load("a", CPU) is None
        scratch.clear()
        scratch.clear()
        assert scratch.load("b", CPU) is None
        assert list(tmp_path.iterdir()) == []


def test_state_is_made_only_when_due(tmp_path):
    def never():
        raise AssertionError("asked for the state")

    Scratch(tmp_path, "key", minutes=1000).save_if_due("a", never)
    Scratch.none().save_if_due("a", never)
    with pytest.raises(AssertionError, match="asked for the state"):
        Scratch(tmp_path, "key", minutes=0).save_if_due("a", never)


def test_signals_are_handled_only_inside_and_only_where_there_is_a_state(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def now():
        return signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    with contextlib.suppress(ZeroDivisionError), Scratch(tmp_path, "key", 1).interruptible():
        assert all(inside != outside for inside, outside in zip(now(), before, strict=True))
        raise ZeroDivisionError
    assert now() == before
    with Scratch.none().interruptible():
        assert now() == before
    entered = []

    def elsewhere():
        with Scratch(tmp_path, "key", 1).interruptible() as scratch:
            entered.append(scratch)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(entered) == 1
