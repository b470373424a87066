"""The benchmark counts its operations right and measures every contestant; how fast they are is not tested."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from oleander import bench
from oleander.io.configuration import load_configuration
from oleander.models import build_model, is_running
from oleander.training.devices import Placement


@pytest.fixture
def small(repository):
    """The paper's configuration with small hidden layers and batches."""
    config = load_configuration(repository / "config.yaml", repository / "workflow/schemas/config.schema.yaml", "paper")
    images, cifar, victims = config["attacks"]["pgan_images"], config["attacks"]["pgan_cifar"], config["victims"]
    images["batch_size"] = 6
    images["generator"]["hidden"] = [7, 9]
    for network in (images["discriminator"], images["classifier"], victims["binary_mlp"]):
        network["hidden"] = [8, 4]
    cifar["batch_size"] = 3
    for network in (cifar["generator"], cifar["discriminator"], cifar["classifier"], victims["binary_cnn"]):
        for channels, layer in enumerate(network["hidden"], start=2):
            layer["channels"] = channels
    for name in ("binary_mlp", "binary_cnn"):
        victims[name]["batch_size"] = 10
    config["evaluations"]["effectiveness"]["train_points"] = [20]
    return config


CPU = torch.device("cpu")
CONTESTANTS = {
    "cohort": lambda config: bench.cohort_contestant(
        "", config["victims"]["binary_mlp"], bench.random_task(20, CPU), 3
    ),
    "loop": lambda config: bench.loop_contestant("", config["victims"]["binary_mlp"], bench.random_task(20, CPU)),
    "poisoners": lambda config: bench.poisoner_contestant(
        "", config["attacks"]["pgan_images"], bench.random_task(20, CPU), 0.9, 2
    ),
    "convolutional cohort": lambda config: bench.cohort_contestant(
        "", config["victims"]["binary_cnn"], bench.random_task(20, CPU, (3, 32, 32)), 3
    ),
    "convolutional loop": lambda config: bench.loop_contestant(
        "", config["victims"]["binary_cnn"], bench.random_task(20, CPU, (3, 32, 32))
    ),
    "convolutional poisoners": lambda config: bench.poisoner_contestant(
        "", config["attacks"]["pgan_cifar"], bench.random_task(20, CPU, (3, 32, 32)), 0.9, 2
    ),
    "product": lambda config: bench.product_contestant(2, 3, 4, 5, CPU),
}


@pytest.mark.parametrize("name", CONTESTANTS)
def test_operations_are_those_that_torch_counts(small, name):
    contestant = CONTESTANTS[name](small)
    with FlopCounterMode(display=False) as counter:
        contestant.run(2)
    assert contestant.flops * contestant.units * 2 == counter.get_total_flops()


def test_tiny_run_fills_the_table(small, monkeypatch):
    monkeypatch.setattr(bench, "SECONDS_PER_PRODUCT", 1e-4)
    report = bench.benchmark(small, Placement(CPU, cpu_replicas=2, memory_share=0.6), rounds=1, squares=(16,))
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in report.splitlines() if line.startswith("|")
    ]
    assert [row[:2] for row in rows[:7]] == [
        ["Oleander, victims", "2"],
        ["DataLoader loop", "1"],
        ["ART", "1"],
        ["Oleander, convolutional victims", "2"],
        ["DataLoader loop, convolutional", "1"],
        ["Oleander, pGAN generators", str(small["cohort"]["generators_per_job"])],
        ["Oleander, convolutional pGAN generators", str(small["cohort"]["generators_per_job"])],
    ]
    assert rows[7][0].startswith("matmul peak: ")
    assert all(len(row) == len(header) and math.isfinite(float(row[2])) and float(row[2]) > 0 for row in rows)
    assert rows[1][5] == "1.00"
    assert rows[2][6] == "1.00"
    assert rows[4][5:7] == ["1.00", ""]
    assert rows[6][5:7] == ["", ""]
    assert rows[7][7] == "100 %"


def test_the_loop_trains_the_same_convolutional_network(small):
    model = build_model(small["victims"]["binary_cnn"], (3, 32, 32), 1)
    network = bench.sequential(model)
    one = model.initial(torch.Generator().manual_seed(0))
    trained = [tensor for name, tensor in one.items() if not is_running(name)]
    for theirs, ours in zip(network.parameters(), trained, strict=True):
        theirs.data.copy_(ours.T if theirs.dim() == 2 else ours.view(theirs.shape))
    x = torch.randn(6, 3 * 32 * 32, generator=torch.Generator().manual_seed(0))
    stacked = {name: tensor.unsqueeze(0) for name, tensor in one.items()}
    expected = model.forward(stacked, x.unsqueeze(0))[0]
    assert torch.allclose(network.eval()(x), expected, atol=1e-5)


def test_gans_are_measured(small):
    small["gans"]["cifar10"] |= {"batch_size": 2, "discriminator_steps": 1}
    small["gans"]["cifar10"]["network"] |= {"width": 2, "latent": 3}
    report = bench.benchmark_gans(small, Placement(CPU, cpu_replicas=2, memory_share=0.6), rounds=1)
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in report.splitlines() if line.startswith("|")
    ]
    assert [row[0] for row in rows] == [
        "Oleander, clean GAN",
        "Oleander, backdoored GAN",
        "plain float32 loop, clean GAN",
    ]
    assert all(len(row) == len(header) and float(row[1]) > 0 and float(row[3]) > 0 for row in rows)
    assert rows[2][4] == rows[0][5] == "1.00"
