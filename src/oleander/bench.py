"""Measure what the cohort engine costs a step, beside the usual ways to train the same networks (`make bench`).

The network is the victim of the pGAN paper (Table 5, block `victims.binary_mlp` of config.yaml) on random images.
Everything is measured in one run, in rounds that take each contestant once, so that a busy machine is seen in the
ranges and slows all of them alike. The Markdown table goes to stdout.
"""

import functools
import itertools
import math
import os
import platform
import statistics
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from oleander.attacks import Replica, pgan
from oleander.data.tasks import Task
from oleander.io.configuration import load_configuration
from oleander.models import Mlp, build_model
from oleander.training.classifiers import TrainingSets, train_classifiers
from oleander.training.devices import Placement, place
from oleander.training.scratch import Scratch

ROUNDS = 5
CLASSIFIER_EPOCHS = 12
"""Just under the 64 steps whose random numbers a cohort draws at once (five steps an epoch)."""
POISONER_EPOCHS = 4
"""Iterations (one an epoch). Random numbers are drawn for 8, which is less than a hundredth of the time."""
SQUARES = (2048, 3072, 4096)
SHAPE = (1, 28, 28)
SECONDS_PER_PRODUCT = 0.1
"""How long a matrix product is repeated between two looks at the clock."""

TARGETS = """\
Targets of this project: on 2 CPU cores at least 3.5 times faster than the DataLoader loop, 2 times faster than ART and
65 % of the matmul peak; on a GPU, with 90 victims, at least 40 times faster than the DataLoader loop."""


@dataclass(frozen=True)
class Contestant:
    """Something to be timed.

    Attributes:
        name: first column of the table.
        run: does `epochs` epochs of it.
        epochs: how many a round takes.
        units: steps times replicas (or iterations times replicas, or products) of one epoch.
        flops: floating-point operations of one unit.
        replicas: networks trained together; None for a bare matrix product.
    """

    name: str
    run: Callable[[int], None]
    epochs: int
    units: int
    flops: int
    replicas: int | None


def forward_flops(model: Mlp, rows: int) -> int:
    """Operations of one replica's forward pass: 2 * weights * rows, a multiply-add being two.

    Matrix products alone are counted, here and below: biases, activations, dropout, loss and optimizer count as time
    that does no work.
    """
    return 2 * rows * sum(math.prod(pair) for pair in itertools.pairwise(model.widths))


def training_flops(model: Mlp, rows: int) -> int:
    """Operations of one replica's training step: forward, and backward twice as much (gradients of the weights and of
    the inputs), less the gradient of the first layer's input, which nobody needs."""
    return 3 * forward_flops(model, rows) - 2 * rows * model.widths[0] * model.widths[1]


def pgan_flops(networks: pgan.Networks, settings: dict[str, Any]) -> int:
    """Operations of one replica's iteration of Algorithm 1.

    Discriminator and classifier train on twice the batch, genuine and generated; the points generated for their steps
    need no gradient. In a generator step both pass the gradient of their input back, but get none of their own.
    """
    batch = settings["batch_size"]
    i, j, k = (settings[f"{name}_steps"] for name in ("discriminator", "classifier", "generator"))
    judges = (networks.discriminator, networks.classifier)
    return (
        forward_flops(networks.generator, (i + j) * batch)
        + i * training_flops(networks.discriminator, 2 * batch)
        + j * training_flops(networks.classifier, 2 * batch)
        + k * (training_flops(networks.generator, batch) + sum(2 * forward_flops(judge, batch) for judge in judges))
    )


def sequential(model: Mlp) -> nn.Sequential:
    """The same network as a torch module."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(model.widths):
        layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(model.negative_slope), nn.Dropout(model.dropout)]
    return nn.Sequential(*layers[:-2])


def cohort_contestant(victim: dict[str, Any], task: Task, replicas: int) -> Contestant:
    """This project's victims. Making and seeding the networks is on the clock, as it is for no other contestant."""
    device = task.train_x.device
    x = task.train_x.flatten(1)
    model = build_model(victim, x.shape[1], 1)
    rows = torch.arange(len(x), device=device)
    sets = TrainingSets(x, [rows] * replicas, [task.train_y] * replicas, list(range(replicas)))

    def run(epochs: int) -> None:
        train_classifiers(model, sets, {**victim, "epochs": epochs}, device, Scratch.none(), "bench")

    return Contestant(
        "Oleander, victims",
        run,
        CLASSIFIER_EPOCHS,
        replicas * math.ceil(len(x) / victim["batch_size"]),
        training_flops(model, victim["batch_size"]),
        replicas,
    )


def loop_contestant(victim: dict[str, Any], task: Task) -> Contestant:
    """One torch.nn.Sequential and a DataLoader, the data on the CPU and moved a batch at a time."""
    device = task.train_x.device
    x, y = task.train_x.flatten(1).cpu(), task.train_y.float().unsqueeze(1).cpu()
    model = build_model(victim, x.shape[1], 1)
    network = sequential(model).to(device).train()
    loader = DataLoader(TensorDataset(x, y), batch_size=victim["batch_size"], shuffle=True, num_workers=0)
    optimizer = plain_sgd(network, victim["optimizer"])
    loss_function = nn.BCEWithLogitsLoss()

    def run(epochs: int) -> None:
        for _ in range(epochs):
            for batch_x, batch_y in loader:
                optimizer.zero_grad()
                loss_function(network(batch_x.to(device)), batch_y.to(device)).backward()
                optimizer.step()

    flops = training_flops(model, victim["batch_size"])
    return Contestant("DataLoader loop", run, CLASSIFIER_EPOCHS, len(loader), flops, 1)


def art_contestant(victim: dict[str, Any], task: Task) -> Contestant:
    """PyTorchClassifier.fit of the Adversarial Robustness Toolbox, with BCEWithLogitsLoss on the one output."""
    # Takes seconds to import, and nothing else here needs it.
    from art.estimators.classification import PyTorchClassifier

    device = task.train_x.device
    x, y = task.train_x.flatten(1).cpu().numpy(), task.train_y.cpu().numpy()
    model = build_model(victim, x.shape[1], 1)
    network = sequential(model)
    classifier = PyTorchClassifier(
        model=network,
        loss=nn.BCEWithLogitsLoss(),
        input_shape=x.shape[1:],
        nb_classes=2,
        optimizer=plain_sgd(network.to(device), victim["optimizer"]),
        device_type="gpu" if device.type == "cuda" else "cpu",
    )

    def run(epochs: int) -> None:
        classifier.fit(x, y, batch_size=victim["batch_size"], nb_epochs=epochs, verbose=False)

    steps = math.ceil(len(x) / victim["batch_size"])
    return Contestant("ART", run, CLASSIFIER_EPOCHS, steps, training_flops(model, victim["batch_size"]), 1)


def plain_sgd(network: nn.Module, settings: dict[str, Any]) -> torch.optim.SGD:
    """SGD as torch makes it by default."""
    return torch.optim.SGD(network.parameters(), lr=settings["learning_rate"], momentum=settings["momentum"])


def poisoner_contestant(attack: dict[str, Any], task: Task, lambda_prime: float, replicas: int) -> Contestant:
    """This project's pGAN generators; a unit is an iteration of Algorithm 1 of one of them."""
    cohort = [Replica(alpha=0.3, lambda_prime=lambda_prime, seed=seed) for seed in range(replicas)]
    networks = pgan.Networks.build(attack, math.prod(task.shape))

    def run(epochs: int) -> None:
        pgan.fit(task, cohort, {**attack, "epochs": epochs}, Scratch.none())

    iterations = math.ceil(int(task.train_y.sum()) / attack["batch_size"])
    flops = pgan_flops(networks, attack)
    return Contestant("Oleander, pGAN generators", run, POISONER_EPOCHS, iterations * replicas, flops, replicas)


def product_contestants(
    model: Mlp, rows: int, replicas: int, squares: tuple[int, ...], device: torch.device
) -> list[Contestant]:
    """Bare matrix products: squares, and the batched ones that make up the network's training step."""
    shapes = [(1, size, size, size) for size in squares]
    for fan_in, fan_out in itertools.pairwise(model.widths[:-1]):
        # Forward, gradient of the weights, gradient of the input.
        shapes += [
            (replicas, rows, fan_in, fan_out),
            (replicas, fan_in, rows, fan_out),
            (replicas, rows, fan_out, fan_in),
        ]
    return [product_contestant(*shape, device) for shape in shapes]


def product_contestant(batch: int, n: int, k: int, m: int, device: torch.device) -> Contestant:
    """`batch` float32 products [n, k] @ [k, m] in one call."""
    left, right = torch.randn(batch, n, k, device=device), torch.randn(batch, k, m, device=device)
    out = torch.empty(batch, n, m, device=device)
    if batch == 1:
        left, right, out = left[0], right[0], out[0]

    def run(epochs: int) -> None:
        for _ in range(epochs):
            torch.matmul(left, right, out=out)

    run(2)
    repeats = max(1, math.ceil(SECONDS_PER_PRODUCT / seconds(run, 2, device) * 2))
    name = f"{n} x {k} x {m}" if batch == 1 else f"{batch} of {n} x {k} x {m}"
    return Contestant(name, run, repeats, 1, 2 * batch * n * k * m, None)


def seconds(run: Callable[[int], None], epochs: int, device: torch.device) -> float:
    """How long `epochs` epochs take, until the device is done with them."""
    synchronize = functools.partial(torch.cuda.synchronize, device) if device.type == "cuda" else lambda: None
    synchronize()
    start = time.perf_counter()
    run(epochs)
    synchronize()
    return time.perf_counter() - start


def measure(contestants: list[Contestant], rounds: int, device: torch.device) -> list[list[float]]:
    """Seconds a unit, [contestants][rounds], after an epoch each to warm up."""
    for contestant in contestants:
        contestant.run(1)
    times: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for contestant, own in zip(contestants, times, strict=True):
            own.append(seconds(contestant.run, contestant.epochs, device) / (contestant.epochs * contestant.units))
    return times


def random_task(points: int, device: torch.device) -> Task:
    """`points` random images of MNIST's shape in [-1, 1], every other one of the target class."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(points, *SHAPE, generator=generator) * 2 - 1).to(device)
    y = (torch.arange(points) % 2).to(device)
    return Task("random images", "even", "odd", x, y, x[:0], y[:0], SHAPE, (-1.0, 1.0), None)


def benchmark(config: dict[str, Any], placement: Placement, rounds: int, squares: tuple[int, ...]) -> str:
    """Measure everything.

    Args:
        config: resolved configuration; its victim, pGAN attack, cohort and training set sizes are measured.
        placement: where.
        rounds: how many times each contestant is measured.
        squares: sizes of the square matrix products that the peak is looked for in.

    Returns:
        Markdown: the machine, the table, what its columns mean.
    """
    device = placement.device
    victim, attack = config["victims"]["binary_mlp"], config["attacks"]["pgan_images"]
    evaluation, cohort = config["evaluations"]["effectiveness"], config["cohort"]
    victims, poisoners = placement.cpu_replicas, cohort["generators_per_job"]
    if device.type == "cuda":
        # One generator's victims, and the poisoners of one job.
        victims = len(evaluation["poison_fractions"]) * evaluation["runs"]
        poisoners *= cohort["alphas_per_job"]
    task = random_task(2 * evaluation["train_per_class"], device)
    # As many points of the target class as one batch takes: an epoch of the generators is one iteration.
    few = random_task(2 * attack["batch_size"], device)
    model = build_model(victim, math.prod(task.shape), 1)

    trained = [
        cohort_contestant(victim, task, victims),
        loop_contestant(victim, task),
        art_contestant(victim, task),
        poisoner_contestant(attack, few, config["experiments"]["mnist"]["lambda_prime"], poisoners),
    ]
    products = product_contestants(model, victim["batch_size"], victims, squares, device)
    contestants = [*trained, *products]
    times = measure(contestants, rounds, device)
    median = [statistics.median(own) for own in times]
    rate = [contestant.flops / own / 1e9 for contestant, own in zip(contestants, median, strict=True)]
    best = max(range(len(trained), len(contestants)), key=rate.__getitem__)

    lines = [
        "| | replicas | ms per step and replica | lowest to highest | GFLOP/s | times faster than DataLoader loop "
        "| times faster than ART | share of matmul peak |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for at, contestant in enumerate(trained):
        # An iteration of the generators is no step of a victim: nothing to compare.
        factors = [f"{median[other] / median[at]:.2f}" if at < 3 else "" for other in (1, 2)]
        cells = [contestant.name, contestant.replicas, *_milliseconds(median[at], times[at]), f"{rate[at]:.0f}"]
        lines.append(_row([*cells, *factors, f"{100 * rate[at] / rate[best]:.0f} %"]))
    cells = [
        f"matmul peak: {contestants[best].name}",
        "",
        *_milliseconds(median[best], times[best]),
        f"{rate[best]:.0f}",
    ]
    lines.append(_row([*cells, "", "", "100 %"]))

    note = (
        f"Victims: {'-'.join(map(str, model.widths))}, batches of {victim['batch_size']} out of {len(task.train_x)} "
        f"points. Medians of {rounds} rounds of {CLASSIFIER_EPOCHS} epochs; of {POISONER_EPOCHS} iterations of "
        "Algorithm 1 for the generators, a step of theirs being an iteration. FLOPs are those of the matrix products. "
        "The DataLoader loop and ART train one network at a time, with BCEWithLogitsLoss on the same single output as "
        f"the victims. The matmul peak is the fastest of {len(products)} float32 products, its milliseconds those of "
        "one product."
    )
    return "\n".join(
        [
            f"{_device_name(device)}, torch {torch.__version__}, {torch.get_num_threads()} threads, float32"
            f"{' (TF32 products)' if device.type == 'cuda' else ''}",
            "",
            *lines,
            "",
            textwrap.fill(note, 120),
            "",
            TARGETS,
        ]
    )


def _milliseconds(median: float, times: list[float]) -> tuple[str, str]:
    return f"{1e3 * median:.3f}", f"{1e3 * min(times):.3f} to {1e3 * max(times):.3f}"


def _row(cells: list[Any]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def main() -> None:
    """Measure this machine at the paper's settings."""
    root = Path(__file__).resolve().parents[2]
    config = load_configuration(root / "config.yaml", root / "workflow/schemas/config.schema.yaml", "paper")
    torch.set_num_threads(config["device"]["threads"])
    placement = place(config["device"])
    print(benchmark(config, placement, ROUNDS, SQUARES))


if __name__ == "__main__":
    main()
