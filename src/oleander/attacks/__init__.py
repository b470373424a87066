"""Attacks: they make the poison.

Each attack is a module, registered in `ATTACKS`. `oleander.attacks.base` defines its interface: `UntrainedAttack`, or
`TrainedAttack` for attacks that train generators, recognized by their `GRID`. `load_attacker` wraps both in the same
`Attacker` interface.
"""

import difflib
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from oleander.attacks import duplication, label_flipping, pgan, random_flipping
from oleander.attacks.base import (
    Attacker,
    Checkpoint,
    Crafted,
    Generated,
    Generators,
    Poison,
    Replica,
    TrainedAttack,
    precision_of,
)
from oleander.attacks.pgan import Poisoners
from oleander.data.tasks import task_of
from oleander.io.errors import OleanderError
from oleander.training.precision import FLOAT32, Precision
from oleander.training.scratch import Scratch

ATTACKS: dict[str, ModuleType] = {
    "pgan": pgan,
    "label_flipping": label_flipping,
    "random_flipping": random_flipping,
    "duplication": duplication,
}

__all__ = [
    "ATTACKS",
    "Attacker",
    "Checkpoint",
    "Crafted",
    "Generated",
    "Generators",
    "Poison",
    "Poisoners",
    "Replica",
    "is_trained",
    "load_attacker",
    "precision_of",
    "train_poisoner",
    "trained_attack",
]


def _attack(name: str) -> Any:
    """The module of an attack.

    Raises:
        OleanderError: an unknown attack.
    """
    if name in ATTACKS:
        return ATTACKS[name]
    near = difflib.get_close_matches(name, ATTACKS, n=1, cutoff=0)
    raise OleanderError(
        f"unknown attack '{name}' in the configuration; did you mean '{near[0]}'? choose one of "
        f"{', '.join(sorted(ATTACKS))}"
    )


def is_trained(name: str) -> bool:
    """Whether the attack `name` trains generators.

    Raises:
        OleanderError: an unknown attack.
    """
    return hasattr(_attack(name), "GRID")


def trained_attack(name: str) -> TrainedAttack:
    """The module of an attack that trains generators: `check`, `fit`, `save` and `load`.

    Raises:
        OleanderError: an unknown attack, or one that trains nothing.
    """
    if not is_trained(name):
        trained = ", ".join(other for other in sorted(ATTACKS) if is_trained(other))
        raise OleanderError(f"attack '{name}' trains no generators, but this step needs some; choose one of {trained}")
    return _attack(name)


def load_attacker(
    settings: dict[str, Any],
    generators_file: Path | str | None,
    replicas: list[Replica],
    device: torch.device | str = "cpu",
    dropout: bool = False,
) -> Attacker:
    """Load the attack `settings["name"]`, ready to poison, trained or untrained.

    Args:
        settings: the attack's block of the configuration.
        generators_file: the file written by a trained attack's `save`; None or empty for an untrained attack.
        replicas: the repetitions, at least one; for a trained attack, the replicas in the file.
        device: device for drawing from trained generators.
        dropout: whether dropout is on when drawing from trained generators.

    Raises:
        OleanderError: the attack is unknown, or the file of a trained attack is missing, damaged, of another kind, or
            for other replicas.
    """
    name = settings["name"]
    if not is_trained(name):
        return Crafted(_attack(name), settings, replicas)
    if not generators_file:
        raise OleanderError(f"attack '{name}' must be trained first; give the file of its trained generators")
    generators = trained_attack(name).load(generators_file, device)
    if [one.described() for one in generators.replicas] != [one.described() for one in replicas]:
        raise OleanderError(
            f"{generators_file} holds generators of other replicas than the {len(replicas)} requested; delete it and "
            "train them again"
        )
    return Generated(generators, dropout)


def train_poisoner(
    source_x: torch.Tensor,
    target_x: torch.Tensor,
    settings: dict[str, Any],
    epochs: int,
    alpha: float,
    lambda_prime: float,
    seed: int,
    precision: Precision = FLOAT32,
) -> Poisoners:
    """Train one pGAN poisoner directly on tensors, without a dataset, files or the workflow.

    Args:
        source_x: float [n, *shape] in [-1, 1] (for a tanh generator): the class to be misclassified.
        target_x: float [m, *shape]: the class that the poison is labelled as.
        settings: a pGAN block such as those under `attacks` in config.yaml.
        epochs: passes over the target class.
        alpha: trade-off in [0, 1]: 1 minimizes detectability only, 0 maximizes the effect only.
        lambda_prime: weight of poison in the classifier's loss, relative to the target class's prior Pr(Yp).
        seed: the same seed trains the same poisoner.
        precision: training precision.

    Returns:
        A poisoner: `draw(count, seed)` returns poison points [count, *shape] and their labels (1, the target class).

    Raises:
        OleanderError: as `pgan.check`.
    """
    x = torch.cat([source_x, target_x])
    y = torch.cat([torch.zeros(len(source_x)), torch.ones(len(target_x))]).long().to(x.device)
    task = task_of(x, y, "points given to train_poisoner")
    replicas, settings = [Replica(seed, alpha=alpha, lambda_prime=lambda_prime)], {**settings, "epochs": epochs}
    pgan.check(task, replicas, settings)
    return pgan.fit(task, replicas, settings, Scratch.none(), precision)[0]
