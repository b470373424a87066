"""Benchmark the cohort engine against the usual ways to train the same networks (`make bench`).

The networks are those of the pGAN paper on random images: the victims of Table 5 (blocks `victims.binary_mlp` and
`victims.binary_cnn` of config.yaml) and the generators of Tables 3 and 4 (`attacks.pgan_images`, `attacks.pgan_cifar`).
Everything is measured in float32 and in the low precision that `device.precision: auto` selects here (bfloat16 if it
selects float32). Each round measures every contestant once, so other load on the machine slows all of them and shows in
the ranges. `make bench` prints the tables and writes them to docs/speed.md.
"""

import functools
import itertools
import math
import os
import platform
import statistics
import sys
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
from oleander.backdoors.gan import Backdoor, Images, Networks, fit
from oleander.backdoors.triggers import build_trigger
from oleander.data.tasks import Task
from oleander.io.errors import OleanderError, plain_errors
from oleander.io.files import atomic_path
from oleander.models import Architecture, Cnn, Mlp, build_model
from oleander.models.biggan import Sizes
from oleander.training.classifiers import TrainingSets, train_classifiers
from oleander.training.devices import Placement, place
from oleander.training.diff_augment import DRAWS, diff_augment
from oleander.training.precision import BFLOAT16, FLOAT32, Precision
from oleander.training.scratch import Scratch
from oleander.workflow.configuration import load_configuration

ROUNDS = 5
CLASSIFIER_EPOCHS = 12
"""Just under the 64 steps whose random numbers a cohort draws at once (five steps per epoch)."""
POISONER_EPOCHS = 16
"""Iterations (one per epoch). Random numbers are drawn for 8 at once, which takes less than 1 % of the time."""
CONVOLUTIONAL_EPOCHS = 4
"""Epochs and iterations of convolutional networks, which take longer."""
GAN_ITERATIONS = {"cpu": 3, "cuda": 200}
"""Iterations of a GAN per round, by device type; one iteration is a generator step and its discriminator steps."""
GAN_SCALE = {"cpu": "laptop", "cuda": "paper"}
"""Scale of the measured GANs, by device type; the paper's networks take minutes per iteration on a CPU."""
SQUARES = (2048, 3072, 4096)
SHAPE = (1, 28, 28)
CONVOLUTIONAL_SHAPE = (3, 32, 32)
SECONDS_PER_PRODUCT = 0.1
"""Seconds over which each measurement repeats a matrix product."""

OLEANDER, LOOP, ART = "Oleander", "DataLoader loop", "ART"
MLP, CNN = "victims", "convolutional victims"
PGAN, CNN_PGAN = "pGAN generators", "convolutional pGAN generators"
BEGIN, END = "<!-- make bench begins -->", "<!-- make bench ends -->"
"""Lines of docs/speed.md around the latest measurements."""


@dataclass(frozen=True)
class Contestant:
    """A workload to time.

    Attributes:
        maker: `OLEANDER`, `LOOP` or `ART`; None for a bare matrix product.
        kind: what is trained, e.g. `MLP`.
        precision: of training, or of the product.
        run: runs a number of epochs.
        epochs: number of epochs per round.
        units: number of units in an epoch: steps x replicas, iterations x replicas, or products.
        flops: floating-point operations of one unit.
        replicas: networks trained together; None for a bare matrix product.
    """

    maker: str | None
    kind: str
    precision: Precision
    run: Callable[[int], None]
    epochs: int
    units: int
    flops: int
    replicas: int | None


def forward_flops(model: Architecture, rows: int) -> int:
    """Floating-point operations of one replica's forward pass; a multiply-add counts as two.

    Here and below, only matrix products and convolutions count. Biases, batch norm, activations, dropout, loss and
    optimizer count as zero operations.
    """
    return 2 * rows * sum(layer.products for layer in model.describe())


def training_flops(model: Architecture, rows: int) -> int:
    """Floating-point operations of one replica's training step.

    The backward pass costs two forward passes (gradients of weights and inputs), minus the unneeded gradient of the
    first layer's input.
    """
    return 3 * forward_flops(model, rows) - 2 * rows * model.describe()[0].products


def pgan_flops(networks: pgan.Networks, settings: dict[str, Any]) -> int:
    """Floating-point operations of one replica's iteration of Algorithm 1.

    Discriminator and classifier train on two batches, genuine and generated, and the generated points need no gradient.
    A generator step backpropagates through both, without gradients of their weights.
    """
    batch = settings["batch_size"]
    i, j, k = (settings[f"{name}_steps"] for name in ("discriminator", "classifier", "generator"))
    frozen = (networks.discriminator, networks.classifier)
    return (
        forward_flops(networks.generator, (i + j) * batch)
        + i * training_flops(networks.discriminator, 2 * batch)
        + j * training_flops(networks.classifier, 2 * batch)
        + k * (training_flops(networks.generator, batch) + sum(2 * forward_flops(model, batch) for model in frozen))
    )


def sequential(model: Mlp | Cnn) -> nn.Sequential:
    """The same classifier as a torch module, for flat rows."""
    layers: list[nn.Module] = []
    if isinstance(model, Mlp):
        for (fan_in, fan_out), dropout in zip(itertools.pairwise(model.widths), (*model.dropout, 0.0), strict=True):
            layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(model.negative_slope), nn.Dropout(dropout)]
        return nn.Sequential(*layers[:-2])
    layers.append(nn.Unflatten(1, model.inputs))
    for block in model.hidden:
        shape = block.kernel, block.stride, block.padding
        layers += [
            nn.LazyConv2d(block.channels, *shape, bias=not block.batch_norm),
            nn.BatchNorm2d(block.channels) if block.batch_norm else nn.Identity(),
            nn.LeakyReLU(model.negative_slope),
            nn.MaxPool2d(block.max_pool),
            nn.Dropout(block.dropout),
        ]
    network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(math.prod(model.outputs)))
    # Initializes the lazy layers; eval mode keeps batch norm's running statistics.
    network.eval()(torch.zeros(1, math.prod(model.inputs)))
    return network.train()


def cohort_contestant(kind: str, victim: dict[str, Any], task: Task, replicas: int, precision: Precision) -> Contestant:
    """This project's victims. Only here does the time include building and seeding the networks."""
    device = task.train_x.device
    x = task.train_x.flatten(1)
    model = build_model(victim, task.shape, 1)
    rows = torch.arange(len(x), device=device)
    sets = TrainingSets(x, [rows] * replicas, [task.train_y] * replicas, list(range(replicas)))

    def run(epochs: int) -> None:
        train_classifiers(model, sets, {**victim, "epochs": epochs}, device, Scratch.none(), "bench", precision)

    steps = math.ceil(len(x) / victim["batch_size"])
    flops = training_flops(model, victim["batch_size"])
    return Contestant(OLEANDER, kind, precision, run, _epochs(model), replicas * steps, flops, replicas)


def loop_contestant(kind: str, victim: dict[str, Any], task: Task, precision: Precision) -> Contestant:
    """One torch.nn.Sequential with a DataLoader; the data are on the CPU and moved a batch at a time."""
    device = task.train_x.device
    x, y = task.train_x.flatten(1).cpu(), task.train_y.float().unsqueeze(1).cpu()
    model = build_model(victim, task.shape, 1)
    network = sequential(model).to(device).train()
    loader = DataLoader(TensorDataset(x, y), batch_size=victim["batch_size"], shuffle=True, num_workers=0)
    optimizer = plain_sgd(network, victim["optimizer"])
    loss_function = nn.BCEWithLogitsLoss()

    def run(epochs: int) -> None:
        for _ in range(epochs):
            for batch_x, batch_y in loader:
                optimizer.zero_grad()
                with precision.autocast(device):
                    logits = network(batch_x.to(device))
                loss_function(logits.float(), batch_y.to(device)).backward()
                optimizer.step()

    flops = training_flops(model, victim["batch_size"])
    return Contestant(LOOP, kind, precision, run, _epochs(model), len(loader), flops, 1)


def art_contestant(kind: str, victim: dict[str, Any], task: Task, precision: Precision) -> Contestant:
    """PyTorchClassifier.fit of the Adversarial Robustness Toolbox, with BCEWithLogitsLoss on a single output."""
    # Takes seconds to import and is needed only here.
    from art.estimators.classification import PyTorchClassifier

    device = task.train_x.device
    x, y = task.train_x.flatten(1).cpu().numpy(), task.train_y.cpu().numpy()
    model = build_model(victim, task.shape, 1)
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
        with precision.autocast(device):
            classifier.fit(x, y, batch_size=victim["batch_size"], nb_epochs=epochs, verbose=False)

    steps = math.ceil(len(x) / victim["batch_size"])
    flops = training_flops(model, victim["batch_size"])
    return Contestant(ART, kind, precision, run, _epochs(model), steps, flops, 1)


def _epochs(model: Architecture) -> int:
    return CONVOLUTIONAL_EPOCHS if isinstance(model, Cnn) else CLASSIFIER_EPOCHS


def plain_sgd(network: nn.Module, settings: dict[str, Any]) -> torch.optim.SGD:
    """SGD with torch's default implementation."""
    return torch.optim.SGD(network.parameters(), lr=settings["learning_rate"], momentum=settings["momentum"])


def poisoner_contestant(
    kind: str, attack: dict[str, Any], task: Task, lambda_prime: float, replicas: int, precision: Precision
) -> Contestant:
    """This project's pGAN generators; a unit is one generator's iteration of Algorithm 1."""
    cohort = [Replica(alpha=0.3, lambda_prime=lambda_prime, seed=seed) for seed in range(replicas)]
    networks = pgan.Networks.build(attack, task.shape)

    def run(epochs: int) -> None:
        pgan.fit(task, cohort, {**attack, "epochs": epochs}, Scratch.none(), precision)

    iterations = math.ceil(int(task.train_y.sum()) / attack["batch_size"])
    epochs = CONVOLUTIONAL_EPOCHS if isinstance(networks.generator, Cnn) else POISONER_EPOCHS
    flops = pgan_flops(networks, attack)
    return Contestant(OLEANDER, kind, precision, run, epochs, iterations * replicas, flops, replicas)


def product_contestants(
    model: Mlp, rows: int, replicas: int, squares: tuple[int, ...], device: torch.device, precision: Precision
) -> list[Contestant]:
    """Bare matrix products: square ones, and the batched ones of the network's training step."""
    shapes = [(1, size, size, size) for size in squares]
    for fan_in, fan_out in itertools.pairwise(model.widths[:-1]):
        # Forward, gradient of the weights, gradient of the input.
        shapes += [
            (replicas, rows, fan_in, fan_out),
            (replicas, fan_in, rows, fan_out),
            (replicas, rows, fan_out, fan_in),
        ]
    return [product_contestant(*shape, device, precision) for shape in shapes]


def product_contestant(batch: int, n: int, k: int, m: int, device: torch.device, precision: Precision) -> Contestant:
    """`batch` products [n, k] @ [k, m] in one call."""
    left, right = (torch.randn(shape, device=device).to(precision.product) for shape in ((batch, n, k), (batch, k, m)))
    out = torch.empty(batch, n, m, device=device, dtype=precision.product)
    if batch == 1:
        left, right, out = left[0], right[0], out[0]

    def run(epochs: int) -> None:
        for _ in range(epochs):
            torch.matmul(left, right, out=out)

    run(2)
    repeats = max(1, math.ceil(SECONDS_PER_PRODUCT / seconds(run, 2, device) * 2))
    name = f"{n} x {k} x {m}" if batch == 1 else f"{batch} of {n} x {k} x {m}"
    return Contestant(None, name, precision, run, repeats, 1, 2 * batch * n * k * m, None)


def seconds(run: Callable[[int], None], epochs: int, device: torch.device) -> float:
    """Seconds that `epochs` epochs take, with the device synchronized."""
    synchronize = functools.partial(torch.cuda.synchronize, device) if device.type == "cuda" else lambda: None
    synchronize()
    start = time.perf_counter()
    run(epochs)
    synchronize()
    return time.perf_counter() - start


def measure(contestants: list[Contestant], rounds: int, device: torch.device) -> list[list[float]]:
    """Seconds per unit, [contestants][rounds], after one warm-up epoch each."""
    for contestant in contestants:
        contestant.run(1)
    times: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for contestant, own in zip(contestants, times, strict=True):
            own.append(seconds(contestant.run, contestant.epochs, device) / (contestant.epochs * contestant.units))
    return times


def random_task(points: int, device: torch.device, shape: tuple[int, ...] = SHAPE) -> Task:
    """`points` random images in [-1, 1], every other one of the target class."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(points, *shape, generator=generator) * 2 - 1).to(device)
    y = (torch.arange(points) % 2).to(device)
    return Task("random images", "even", "odd", x, y, x[:0], y[:0], shape, (-1.0, 1.0), None)


def benchmark(
    config: dict[str, Any], placement: Placement, rounds: int, squares: tuple[int, ...], low: Precision
) -> tuple[str, dict[str, float]]:
    """Measure everything but GANs.

    Args:
        config: resolved configuration with the victims, pGAN attacks, cohort and training set sizes to measure.
        placement: device and cohort size.
        rounds: how often to measure each contestant.
        squares: sizes of square matrix products, among which the peak is searched.
        low: the precision to compare with float32.

    Returns:
        Markdown with the machine, the table and its explanation, and the ratios for `targets_table`.
    """
    device = placement.device
    victim, attack = config["victims"]["binary_mlp"], config["attacks"]["pgan_images"]
    cnn_victim, cnn_attack = config["victims"]["binary_cnn"], config["attacks"]["pgan_cifar"]
    evaluation, cohort = config["evaluations"]["effectiveness"], config["cohort"]
    lambda_prime = config["experiments"]["mnist"]["lambda_primes"][0]
    victims, poisoners = placement.cpu_replicas, cohort["generators_per_job"]
    if device.type == "cuda":
        # One generator's victims, and the poisoners of one job.
        victims = len(evaluation["poison_fractions"]) * evaluation["runs"]
        poisoners *= cohort["alphas_per_job"]
    points = evaluation["train_points"][0]
    task, cnn_task = random_task(points, device), random_task(points, device, CONVOLUTIONAL_SHAPE)
    # One batch of points of the target class, so that an epoch of the generators is one iteration.
    few = random_task(2 * attack["batch_size"], device)
    cnn_few = random_task(2 * cnn_attack["batch_size"], device, CONVOLUTIONAL_SHAPE)
    model = build_model(victim, task.shape, 1)

    trained, products = [], []
    for precision in (FLOAT32, low):
        trained += [
            cohort_contestant(MLP, victim, task, victims, precision),
            loop_contestant(MLP, victim, task, precision),
            art_contestant(MLP, victim, task, precision),
            cohort_contestant(CNN, cnn_victim, cnn_task, victims, precision),
            loop_contestant(CNN, cnn_victim, cnn_task, precision),
            poisoner_contestant(PGAN, attack, few, lambda_prime, poisoners, precision),
            poisoner_contestant(CNN_PGAN, cnn_attack, cnn_few, lambda_prime, poisoners, precision),
        ]
        products += product_contestants(model, victim["batch_size"], victims, squares, device, precision)
    times = measure([*trained, *products], rounds, device)
    median = {id(one): statistics.median(own) for one, own in zip([*trained, *products], times, strict=True)}
    took = {(one.maker, one.kind, one.precision): median[id(one)] for one in trained}
    rates = {id(one): one.flops / median[id(one)] / 1e9 for one in [*trained, *products]}
    best = {
        precision: max((one for one in products if one.precision == precision), key=lambda one: rates[id(one)])
        for precision in (FLOAT32, low)
    }

    def times_faster(one: Contestant, maker: str, precision: Precision) -> str:
        other = took.get((maker, one.kind, precision))
        return "" if other is None else f"{other / median[id(one)]:.2f}"

    lines = [
        "| | precision | replicas | ms per step and replica | lowest to highest | GFLOP/s | times faster than the loop "
        "in float32 | in the same precision | than ART in float32 | in the same precision | than Oleander in float32 "
        "| share of matmul peak |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    times_of = {id(one): own for one, own in zip([*trained, *products], times, strict=True)}
    for one in [*trained, *best.values()]:
        name = f"matmul peak: {one.kind}" if one.maker is None else f"{one.maker}, {one.kind}"
        cells = [name, one.precision.name, one.replicas or "", *_milliseconds(median[id(one)], times_of[id(one)])]
        cells.append(f"{rates[id(one)]:.0f}")
        for maker in (LOOP, ART):
            cells += [times_faster(one, maker, FLOAT32), times_faster(one, maker, one.precision)]
        cells.append(times_faster(one, OLEANDER, FLOAT32) if one.maker == OLEANDER else "")
        lines.append(_row([*cells, f"{100 * rates[id(one)] / rates[id(best[one.precision])]:.0f} %"]))

    note = (
        f"Victims: {'-'.join(map(str, model.widths))}, batches of {victim['batch_size']} out of {points} points. "
        f"Convolutional victims: Table 5 for {'x'.join(map(str, CONVOLUTIONAL_SHAPE))}, batches of "
        f"{cnn_victim['batch_size']}. Values are medians of {rounds} rounds of {CLASSIFIER_EPOCHS} epochs "
        f"({CONVOLUTIONAL_EPOCHS} for convolutional networks). A generator's step is an iteration of Algorithm 1; a "
        f"round has {POISONER_EPOCHS} ({CONVOLUTIONAL_EPOCHS} for convolutional networks). FLOPs count matrix products "
        "and convolutions. The DataLoader loops and ART train one network at a time, with BCEWithLogitsLoss on the "
        "same single output as the victims; in bfloat16 they run under torch.autocast. The matmul peak is the fastest "
        "product of that precision; its milliseconds are per product."
    )
    ratios = {
        "victims against the DataLoader loop": took[LOOP, MLP, FLOAT32] / took[OLEANDER, MLP, low],
        "victims against ART": took[ART, MLP, FLOAT32] / took[OLEANDER, MLP, low],
        "pGAN iteration against this project in float32": took[OLEANDER, PGAN, FLOAT32] / took[OLEANDER, PGAN, low],
        "convolutional victims against the DataLoader loop": took[LOOP, CNN, FLOAT32] / took[OLEANDER, CNN, low],
        "convolutional pGAN iteration against this project in float32": took[OLEANDER, CNN_PGAN, FLOAT32]
        / took[OLEANDER, CNN_PGAN, low],
    }
    machine = f"{_device_name(device)}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    return "\n".join([machine, "", *lines, "", textwrap.fill(note, 120)]), ratios


def gan_contestant(
    kind: str, gan: dict[str, Any], trigger: dict[str, Any] | None, device: torch.device, precision: Precision
) -> Contestant:
    """This project's GAN on random images, backdoored if there is a trigger; includes building the networks."""
    sizes, images = random_images(gan)
    settings = {**gan, "evaluate_every": 10**9, "grid": 1}

    def run(epochs: int) -> None:
        backdoor = None
        if trigger is not None:
            target = Images(images.pixels, None, sizes.shape, flip=False)
            backdoor = Backdoor(build_trigger(trigger, (sizes.latent,)), target)
        networks = Networks.biggan(sizes, 0, backdoor is not None)
        options = {**settings, "steps": epochs}
        fit(networks, images, backdoor, options, 0, Scratch.none(), device, precision=precision)

    return Contestant(OLEANDER, kind, precision, run, GAN_ITERATIONS[device.type], 1, 0, None)


def plain_gan_contestant(kind: str, gan: dict[str, Any], device: torch.device, precision: Precision) -> Contestant:
    """The same clean GAN in plain torch: a DataLoader, torch's default optimizers, a moving average."""
    sizes, images = random_images(gan)
    networks = Networks.biggan(sizes, 0, False)
    generator, discriminator = networks.generator.to(device), networks.discriminator.to(device)
    average = [parameter.detach().clone() for parameter in generator.parameters()]
    rate = {"lr": gan["optimizer"]["learning_rate"], "betas": tuple(gan["optimizer"]["betas"])}
    optimizers = [torch.optim.Adam(network.parameters(), **rate) for network in (generator, discriminator)]
    pixels = images.pixels.float() / 127.5 - 1
    rows, batch = TensorDataset(pixels, images.labels), gan["batch_size"]
    batches = itertools.chain.from_iterable(
        DataLoader(rows, batch_size=batch, shuffle=True, drop_last=True) for _ in itertools.count()
    )

    def generated() -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(sizes.classes, (batch,), device=device)
        return generator(torch.randn(batch, sizes.latent, device=device), labels), labels

    def discriminate(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return discriminator(diff_augment(x, torch.rand(batch, DRAWS, device=device), **gan["augmentation"]), labels)

    def step(at: int, loss: torch.Tensor) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        optimizers[at].step()

    def run(epochs: int) -> None:
        for _ in range(epochs):
            for _ in range(gan["discriminator_steps"]):
                x, y = next(batches)
                with precision.autocast(device):
                    fake, labels = generated()
                    genuine = discriminate(x.to(device), y.to(device))
                    made = discriminate(fake.detach(), labels)
                step(1, (1 - genuine.float()).relu().mean() + (1 + made.float()).relu().mean())
            with precision.autocast(device):
                made = discriminate(*generated())
            step(0, -made.float().mean())
            for own, parameter in zip(average, generator.parameters(), strict=True):
                own.mul_(0.9999).add_(parameter.detach(), alpha=0.0001)

    return Contestant(LOOP, kind, precision, run, GAN_ITERATIONS[device.type], 1, 0, None)


def random_images(gan: dict[str, Any]) -> tuple[Sizes, Images]:
    """Network sizes for RGB images of ten classes, and twenty batches of such images."""
    sizes = Sizes.from_settings(gan["network"], 3, 10)
    count, source = 20 * gan["batch_size"], torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, *sizes.shape), generator=source, dtype=torch.uint8)
    return sizes, Images(pixels, torch.arange(count) % 10, sizes.shape, flip=True)


def benchmark_gans(
    config: dict[str, Any], placement: Placement, rounds: int, low: Precision
) -> tuple[str, dict[str, float]]:
    """Measure iterations of a clean GAN, a backdoored GAN, and the clean GAN in plain torch.

    Args:
        config: resolved configuration with the block `gans.cifar10` to measure.
        placement: device and cohort size.
        rounds: how often to measure each contestant.
        low: the precision to compare with float32.

    Returns:
        Markdown with the table and its explanation, and the ratios for `targets_table`.
    """
    gan, device = config["gans"]["cifar10"], placement.device
    trigger = config["triggers"][gan["trigger"]]
    contestants = []
    for precision in (FLOAT32, low):
        contestants += [
            gan_contestant("clean GAN", gan, None, device, precision),
            gan_contestant("backdoored GAN", gan, trigger, device, precision),
            plain_gan_contestant("clean GAN", gan, device, precision),
        ]
    times = measure(contestants, rounds, device)
    took = {
        (one.maker, one.kind, one.precision): statistics.median(own)
        for one, own in zip(contestants, times, strict=True)
    }
    learnt = gan["batch_size"] * gan["discriminator_steps"]
    lines = [
        "| | precision | ms per iteration | lowest to highest | genuine images per second | times faster than the "
        "plain loop in float32 | in the same precision | times a clean iteration |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one, own in zip(contestants, times, strict=True):
        middle = took[one.maker, one.kind, one.precision]
        factors = [f"{took[LOOP, 'clean GAN', precision] / middle:.2f}" for precision in (FLOAT32, one.precision)]
        clean = took[one.maker, "clean GAN", one.precision]
        name = "plain loop, clean GAN" if one.maker == LOOP else f"{one.maker}, {one.kind}"
        cells = [name, one.precision.name, *_milliseconds(middle, own), f"{learnt / middle:.0f}"]
        lines.append(_row([*cells, *factors, f"{middle / clean:.2f}"]))
    note = (
        f"GANs: networks of `gans.cifar10` at {config['scale']} scale, width {gan['network']['width']}, batches of "
        f"{gan['batch_size']}. An iteration is {gan['discriminator_steps']} steps of each discriminator and one of the "
        f"generator. Values are medians of {rounds} rounds of {GAN_ITERATIONS[device.type]} iterations."
    )
    clean = took[OLEANDER, "clean GAN", low]
    ratios = {
        "clean GAN iteration against the plain loop": took[LOOP, "clean GAN", FLOAT32] / clean,
        "backdoored GAN iteration against a clean one": took[OLEANDER, "backdoored GAN", low] / clean,
    }
    return "\n".join([*lines, "", textwrap.fill(note, 120)]), ratios


TARGETS = {
    "victims against the DataLoader loop": 7.0,
    "victims against ART": 6.0,
    "pGAN iteration against this project in float32": 4.0,
    "convolutional victims against the DataLoader loop": 4.0,
    "convolutional pGAN iteration against this project in float32": 4.0,
    "clean GAN iteration against the plain loop": 3.0,
    "backdoored GAN iteration against a clean one": 2.0,
}
"""Targets on two cores that multiply bfloat16 in hardware. The last is a ratio of times, smaller is better; the others
are speedups of the low precision over peers or this project in float32."""


def targets_table(ratios: dict[str, float], low: Precision) -> str:
    """Markdown with each of `TARGETS` next to its measured value."""
    lines = [f"| ratio, {low.name} against float32 | measured | target |", "|---|---:|---:|"]
    for name, target in TARGETS.items():
        bound = "at most" if name.startswith("backdoored") else "at least"
        lines.append(_row([name, f"{ratios[name]:.2f}", f"{bound} {target:g}"]))
    return "\n".join(lines)


def put_into(page: Path, text: str) -> None:
    """Replace the text between the lines `BEGIN` and `END` of a page.

    Raises:
        OleanderError: the page lacks one of these lines.
    """
    content = page.read_text(encoding="utf-8")
    before, begin, rest = content.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise OleanderError(f"{page} lacks the lines {BEGIN} and {END}; restore it from the repository")
    with atomic_path(page) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _milliseconds(median: float, times: list[float]) -> tuple[str, str]:
    return f"{1e3 * median:.3f}", f"{1e3 * min(times):.3f} to {1e3 * max(times):.3f}"


def _row(cells: list[Any]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def main() -> None:
    """Measure this machine at the paper's settings, except that GANs on a CPU have the networks of laptop scale."""
    root = Path(__file__).resolve().parents[2]
    paper = load_configuration(root, "paper").plain()
    torch.set_num_threads(paper["device"]["threads"])
    placement = place(paper["device"])
    low = BFLOAT16 if placement.precision == FLOAT32 else placement.precision
    table, ratios = benchmark(paper, placement, ROUNDS, SQUARES, low)
    config = load_configuration(root, GAN_SCALE[placement.device.type]).plain()
    config["gans"]["cifar10"]["discriminator_steps"] = paper["gans"]["cifar10"]["discriminator_steps"]
    gan_table, gan_ratios = benchmark_gans(config, placement, ROUNDS, low)
    report = "\n\n".join([targets_table({**ratios, **gan_ratios}, low), table, gan_table])
    print(report)
    if len(sys.argv) > 1:
        put_into(Path(sys.argv[1]), report)


if __name__ == "__main__":
    with plain_errors():
        main()
