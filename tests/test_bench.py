"""The benchmark counts its operations right and measures every contestant; how fast they are is not tested."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from oleander import bench
from oleander.io.configuration import load_configuration
from oleander.training.devices import Placement


@pytest.fixture
def small(repository):
    """The paper's configuration with small hidden layers and batches."""
    config = load_configuration(repository / "config.yaml", repository / "workflow/schemas/config.schema.yaml", "paper")
    attack = config["attacks"]["pgan_images"]
    attack["batch_size"] = 6
    attack["generator"]["hidden"] = [7, 9]
    for network in (attack["discriminator"], attack["classifier"], config["victims"]["binary_mlp"]):
        network["hidden"] = [8, 4]
    config["victims"]["binary_mlp"]["batch_size"] = 10
    config["evaluations"]["effectiveness"]["train_per_class"] = 10
    return config


CPU = torch.device("cpu")
CONTESTANTS = {
    "cohort": lambda config, task: bench.cohort_contestant(config["victims"]["binary_mlp"], task, 3),
    "loop": lambda config, task: bench.loop_contestant(config["victims"]["binary_mlp"], task),
    "poisoners": lambda config, task: bench.poisoner_contestant(config["attacks"]["pgan_images"], task, 0.9, 2),
    "product": lambda config, task: bench.product_contestant(2, 3, 4, 5, CPU),
}


@pytest.mark.parametrize("name", CONTESTANTS)
def test_operations_are_those_that_torch_counts(small, name):
    contestant = CONTESTANTS[name](small, bench.random_task(20, CPU))
    with FlopCounterMode(display=False) as counter:
        contestant.run(2)
    assert contestant.flops * contestant.units * 2 == counter.get_total_flops()


def test_tiny_run_fills_the_table(small, monkeypatch):
    monkeypatch.setattr(bench, "SECONDS_PER_PRODUCT", 1e-4)
    report = bench.benchmark(small, Placement(CPU, cpu_replicas=2, memory_share=0.6), rounds=1, squares=(16,))
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in report.splitlines() if line.startswith("|")
    ]
    assert [row[:2] for row in rows[:4]] == [
        ["Oleander, victims", "2"],
        ["DataLoader loop", "1"],
        ["ART", "1"],
        ["Oleander, pGAN generators", str(small["cohort"]["generators_per_job"])],
    ]
    assert rows[4][0].startswith("matmul peak: ")
    assert all(len(row) == len(header) and math.isfinite(float(row[2])) and float(row[2]) > 0 for row in rows)
    assert rows[1][5] == "1.00"
    assert rows[2][6] == "1.00"
    assert rows[4][7] == "100 %"
