"""Attacks: what makes the poison.

One attack, one file, one line in `ATTACKS`. `oleander.attacks.base` says what the file holds: an attack that trains
nothing is an `UntrainedAttack`, one that trains generators a `TrainedAttack`, told by its `GRID`. `load_attacker` gives
trials the same face of both.
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
from oleander.data.tasks import Task
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
        f"unknown attack '{name}' in the configuration; the nearest known name is '{near[0]}', all of them are "
        f"{', '.join(sorted(ATTACKS))}: choose one of these"
    )


def is_trained(name: str) -> bool:
    """Whether the attack of this name trains generators.

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
        raise OleanderError(
            f"attack '{name}' trains no generators, which are asked for; choose one that does: {trained}"
        )
    return _attack(name)


def load_attacker(
    settings: dict[str, Any],
    generators_file: Path | str | None,
    replicas: list[Replica],
    device: torch.device | str = "cpu",
    dropout: bool = False,
) -> Attacker:
    """The attack that `settings["name"]` names, ready to poison, whether it was trained or trains nothing.

    Args:
        settings: the attack's block of the configuration.
        generators_file: what a trained attack's `save` wrote; None or empty where nothing is trained.
        replicas: the repetitions, one or more; of a trained attack those that the file holds.
        device: where trained generators draw.
        dropout: whether dropout is on when trained generators draw.

    Raises:
        OleanderError: an unknown attack, no file of a trained one, a file that is damaged or of another kind, or one
            that holds other replicas.
    """
    name = settings["name"]
    if not is_trained(name):
        return Crafted(_attack(name), settings, replicas)
    if not generators_file:
        raise OleanderError(f"attack '{name}' has to be trained first; give the file of its trained generators")
    generators = trained_attack(name).load(generators_file, device)
    if [one.described() for one in generators.replicas] != [one.described() for one in replicas]:
        raise OleanderError(
            f"{generators_file} holds {len(generators.replicas)} generators of other replicas than the "
            f"{len(replicas)} asked for; delete it and train them again"
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
    """Train one pGAN poisoner on any points, without a dataset, a file or a workflow.

    Args:
        source_x: float [n, *shape] in [-1, 1] (for a tanh generator): the class whose points shall be misread.
        target_x: float [m, *shape]: the class that the poison is labelled as.
        settings: a pGAN block such as those under `attacks` in config.yaml.
        epochs: passes over the target class.
        alpha: weight of detectability against effect, in [0, 1].
        lambda_prime: fraction of poison in the classifier's loss, as a share of the target class's prior.
        seed: the same seed trains the same poisoner.
        precision: of training.

    Returns:
        A poisoner: `draw(count, seed)` gives poison points [count, *shape] and their labels (1, the target class).

    Raises:
        OleanderError: as `pgan.check`.
    """
    x = torch.cat([source_x, target_x])
    y = torch.cat([torch.zeros(len(source_x)), torch.ones(len(target_x))]).long().to(x.device)
    task = Task(
        dataset="points given to train_poisoner",
        source_class="source",
        target_class="target",
        train_x=x,
        train_y=y,
        test_x=x[:0],
        test_y=y[:0],
        shape=tuple(x.shape[1:]),
        value_range=None,
        stand_in_for=None,
    )
    replicas, settings = [Replica(seed, alpha=alpha, lambda_prime=lambda_prime)], {**settings, "epochs": epochs}
    pgan.check(task, replicas, settings)
    return pgan.fit(task, replicas, settings, Scratch.none(), precision)[0]
