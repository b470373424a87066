"""Saved samples: genuine points of both classes and poison of every generator, for figures to show.

Figures are drawn from these files, without the generators or the dataset.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oleander.attacks import Poisoners
from oleander.data.tasks import Task, to_display
from oleander.io.artifacts import (
    SEED,
    TEXT,
    TEXT_OR_NONE,
    check_header,
    check_tensors,
    expecting,
    load_artifact,
    save_artifact,
)
from oleander.training.seeds import derive_seed

HEADER: dict[str, Any] = {
    **dict.fromkeys(("experiment", "source_class", "target_class"), TEXT),
    "stand_in_for": TEXT_OR_NONE,
    "precision": TEXT,
    "poison": {
        "type": "object",
        "additionalProperties": {"type": "array", "prefixItems": [{"type": "number"}, SEED], "minItems": 2},
    },
}


@dataclass(frozen=True)
class Samples:
    """What a cohort's file holds.

    Attributes:
        experiment: whose generators these are.
        source_class, target_class: names of the two classes.
        stand_in_for: the paper's dataset in whose place the data stand; None if they are the real one.
        precision: that the generators were trained in.
        source, target: genuine points [n, *shape]; images in [0, 1].
        poison: (alpha, generator) -> points [n, *shape], scaled alike.
    """

    experiment: str
    source_class: str
    target_class: str
    stand_in_for: str | None
    precision: str
    source: torch.Tensor
    target: torch.Tensor
    poison: dict[tuple[float, int], torch.Tensor]

    def first_generator(self) -> dict[float, torch.Tensor]:
        """alpha -> poison of the first generator at that alpha, alphas ascending."""
        first: dict[float, torch.Tensor] = {}
        for alpha, generator in sorted(self.poison):
            first.setdefault(alpha, self.poison[alpha, generator])
        return first


def draw_samples(task: Task, poisoners: Poisoners, count: int) -> dict[str, torch.Tensor]:
    """`count` points of each kind (fewer genuine ones where the dataset has fewer), named for `save_samples`.

    Genuine points are a random choice of the train points, the same for every cohort of an experiment. Generators that
    diverged are left out.
    """

    def scaled(points: torch.Tensor) -> torch.Tensor:
        return points if task.value_range is None else to_display(points, task.value_range)

    def choice(points: torch.Tensor, name: str) -> torch.Tensor:
        order = np.random.default_rng(derive_seed("samples", name)).permutation(len(points))[:count]
        return scaled(points[torch.from_numpy(order)])

    samples = {"source": choice(task.source_x, "source"), "target": choice(task.target_x, "target")}
    for at in range(len(poisoners.replicas)):
        if poisoners.converged[at]:
            samples[f"poison{at}"] = scaled(poisoners.draw(count, derive_seed("samples", "poison"), at)[0])
    return samples


def save_samples(
    path: Path | str, samples: dict[str, torch.Tensor], task: Task, poisoners: Poisoners, identity: dict[str, Any]
) -> None:
    """Write what `draw_samples` gave, with the names that a figure needs."""
    header = {
        **identity,
        "source_class": task.source_class,
        "target_class": task.target_class,
        "stand_in_for": task.stand_in_for,
        "precision": poisoners.precision,
        "poison": {
            f"poison{at}": [replica.alpha, replica.seed]
            for at, replica in enumerate(poisoners.replicas)
            if f"poison{at}" in samples
        },
    }
    save_artifact(path, samples, header)


def load_samples(paths: list[str]) -> dict[str, Samples]:
    """Experiment -> the samples of all its cohorts among `paths`, in the order given.

    Raises:
        OleanderError: a file is missing, damaged or of another kind.
    """
    found: dict[str, Samples] = {}
    for path in paths:
        tensors, header = load_artifact(path)
        with expecting(path, "samples"):
            check_header(header, HEADER)
            experiment = header["experiment"]
            poison = {(alpha, seed): tensors[name] for name, (alpha, seed) in header["poison"].items()}
            names = {key: header[key] for key in ("source_class", "target_class", "stand_in_for", "precision")}
            genuine = {key: tensors[key] for key in ("source", "target")}
            shape = tuple(genuine["source"].shape[1:])
            check_tensors(tensors, {name: (len(tensor), *shape) for name, tensor in tensors.items()})
        if experiment in found:
            found[experiment].poison.update(poison)
        else:
            found[experiment] = Samples(experiment=experiment, **names, **genuine, poison=poison)
    return found
