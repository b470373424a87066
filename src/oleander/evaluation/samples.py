"""Samples for figures: genuine points of both classes and poison of every generator.

Figures are drawn from the saved samples, without the generators or the dataset.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oleander.attacks import Generators
from oleander.data.tasks import Task, to_display
from oleander.io.artifacts import save_artifact
from oleander.io.errors import OleanderError
from oleander.training.seeds import derive_seed


def draw_samples(task: Task, generators: Generators, count: int) -> dict[str, torch.Tensor]:
    """Draw `count` points of each kind, or all genuine points if the dataset has fewer.

    Genuine points are a random choice of the training points, the same for every cohort of an experiment. Generators
    that diverged are left out.

    Args:
        task: the generators' training task.
        generators: each with an alpha, by which figures select them.
        count: 1 or more.

    Returns:
        Name -> points, float [n, *shape]; images are in [0, 1], other points are unscaled.

    Raises:
        OleanderError: generators without an alpha.
    """
    if any(math.isnan(replica.alpha) for replica in generators.replicas):
        raise OleanderError(
            "samples need generators with an alpha, by which figures select them; draw samples of another attack"
        )

    def scaled(points: torch.Tensor) -> torch.Tensor:
        return points if task.value_range is None else to_display(points, task.value_range)

    def choice(points: torch.Tensor, name: str) -> torch.Tensor:
        order = np.random.default_rng(derive_seed("samples", name)).permutation(len(points))[:count]
        return scaled(points[torch.from_numpy(order)])

    samples = {"source": choice(task.source_x, "source"), "target": choice(task.target_x, "target")}
    for at in range(len(generators.replicas)):
        if generators.converged[at]:
            samples[f"poison{at}"] = scaled(generators.draw(count, derive_seed("samples", "poison"), at)[0])
    return samples


def save_samples(
    path: Path | str, samples: dict[str, torch.Tensor], task: Task, generators: Generators, identity: dict[str, Any]
) -> None:
    """Write the result of `draw_samples` with the names that figures need."""
    header = {
        **identity,
        "source_class": task.source_class,
        "target_class": task.target_class,
        "stand_in_for": task.stand_in_for,
        "precision": generators.precision,
        "poison": {
            f"poison{at}": [replica.alpha, replica.seed]
            for at, replica in enumerate(generators.replicas)
            if f"poison{at}" in samples
        },
    }
    save_artifact(path, samples, header)
