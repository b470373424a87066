"""The benchmark counts its operations right and measures every contestant; how fast they are is not tested."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from oleander import bench
from oleander.io.errors import OleanderError
from oleander.models import build_model, is_running
from oleander.training.devices import Placement
from oleander.training.precision import BFLOAT16, FLOAT32
from oleander.workflow.configuration import load_configuration


@pytest.fixture
def small(repository):
    """The paper's configuration with small hidden layers and batches."""
    config = load_configuration(repository, "paper").plain()
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
        "", config["victims"]["binary_mlp"], bench.random_task(20, CPU), 3, FLOAT32
    ),
    "loop": lambda config: bench.loop_contestant(
        "", config["victims"]["binary_mlp"], bench.random_task(20, CPU), FLOAT32
    ),
    "poisoners": lambda config: bench.poisoner_contestant(
        "", config["attacks"]["pgan_images"], bench.random_task(20, CPU), 0.9, 2, FLOAT32
    ),
    "convolutional cohort": lambda config: bench.cohort_contestant(
        "", config["victims"]["binary_cnn"], bench.random_task(20, CPU, (3, 32, 32)), 3, FLOAT32
    ),
    "convolutional loop": lambda config: bench.loop_contestant(
        "", config["victims"]["binary_cnn"], bench.random_task(20, CPU, (3, 32, 32)), FLOAT32
    ),
    "convolutional poisoners": lambda config: bench.poisoner_contestant(
        "", config["attacks"]["pgan_cifar"], bench.random_task(20, CPU, (3, 32, 32)), 0.9, 2, FLOAT32
    ),
    "product": lambda config: bench.product_contestant(2, 3, 4, 5, CPU, FLOAT32),
}


@pytest.mark.parametrize("name", CONTESTANTS)
def test_operations_are_those_that_torch_counts(small, name):
    contestant = CONTESTANTS[name](small)
    with FlopCounterMode(display=False) as counter:
        contestant.run(2)
    assert contestant.flops * contestant.units * 2 == counter.get_total_flops()


def rows_of(report):
    lines = [line for line in report.splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(row) == len(header) for row in rows)
    return header, rows


def test_tiny_run_fills_the_table(small, monkeypatch):
    monkeypatch.setattr(bench, "SECONDS_PER_PRODUCT", 1e-4)
    placement = Placement(CPU, cpu_replicas=2, memory_share=0.6)
    report, ratios = bench.benchmark(small, placement, rounds=1, squares=(16,), low=BFLOAT16)
    header, rows = rows_of(report)
    generators = str(small["cohort"]["generators_per_job"])
    names = [
        ["Oleander, victims", "2"],
        ["DataLoader loop, victims", "1"],
        ["ART, victims", "1"],
        ["Oleander, convolutional victims", "2"],
        ["DataLoader loop, convolutional victims", "1"],
        ["Oleander, pGAN generators", generators],
        ["Oleander, convolutional pGAN generators", generators],
    ]
    trained = [(precision, *name) for precision in ("float32", "bfloat16") for name in names]
    assert [(row[1], row[0], row[2]) for row in rows[:14]] == trained
    assert [row[0].startswith("matmul peak: ") for row in rows[14:]] == [True, True]
    assert all(math.isfinite(float(row[3])) and float(row[3]) > 0 for row in rows)
    milliseconds = {(row[0], row[1]): float(row[3]) for row in rows}
    loop, own = (milliseconds[maker, "float32"] for maker in ("DataLoader loop, victims", "Oleander, victims"))
    column = header.index("times faster than the loop in float32")
    assert float(rows[0][column]) == pytest.approx(loop / own, rel=0.02)
    low = milliseconds["Oleander, victims", "bfloat16"]
    assert float(rows[7][column]) == pytest.approx(loop / low, rel=0.02)
    assert ratios["victims against the DataLoader loop"] == pytest.approx(loop / low, rel=0.02)
    assert rows[1][column] == rows[8][column + 1] == "1.00"
    assert rows[-1][-1] == "100 %"


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
    placement = Placement(CPU, cpu_replicas=2, memory_share=0.6)
    report, ratios = bench.benchmark_gans(small, placement, rounds=1, low=BFLOAT16)
    _, rows = rows_of(report)
    names = ["Oleander, clean GAN", "Oleander, backdoored GAN", "plain loop, clean GAN"]
    assert [row[:2] for row in rows] == [[name, p] for p in ("float32", "bfloat16") for name in names]
    assert all(float(row[2]) > 0 and float(row[4]) > 0 for row in rows)
    assert rows[2][5] == rows[5][6] == rows[0][7] == "1.00"
    assert ratios["backdoored GAN iteration against a clean one"] == pytest.approx(float(rows[4][7]), abs=0.01)


def test_targets_stand_beside_what_was_measured(tmp_path):
    _, rows = rows_of(bench.targets_table({name: 2.5 for name in bench.TARGETS}, BFLOAT16))
    assert [row[0] for row in rows] == list(bench.TARGETS)
    assert {row[1] for row in rows} == {"2.50"}
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{bench.BEGIN}\nold\n{bench.END}\nafter\n")
    for text in ("new", "newer"):
        bench.put_into(page, text)
    assert page.read_text() == f"before\n{bench.BEGIN}\n\nnewer\n\n{bench.END}\nafter\n"
    page.write_text("no lines")
    with pytest.raises(OleanderError, match=r"speed\.md lacks the lines .*restore it"):
        bench.put_into(page, "new")
