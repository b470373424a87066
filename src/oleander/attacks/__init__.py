"""Attacks: what makes the poison.

One attack, one file, one line in `ATTACKS`. An attack that trains nothing is a module with a `craft` function and a
`SETTINGS_SCHEMA`; pGAN trains generators (`fit`) and draws poison from them. `attacker` gives either the same face.
"""

from types import ModuleType
from typing import Any

import torch

from oleander.attacks import duplication, label_flipping, pgan, random_flipping
from oleander.attacks.base import Attacker, Crafted, Generated, Poison, Repeat
from oleander.attacks.pgan import Poisoners, Replica
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
    "Crafted",
    "Generated",
    "Poison",
    "Poisoners",
    "Repeat",
    "Replica",
    "attacker",
    "train_poisoner",
]


def attacker(settings: dict[str, Any], seeds: list[int]) -> Attacker:
    """The attack that `settings["name"]` names, ready to poison once for each of `seeds`.

    Raises:
        OleanderError: an unknown attack, or one that has to be trained first.
    """
    attack = ATTACKS.get(settings["name"])
    if attack is None:
        raise OleanderError(
            f"unknown attack '{settings['name']}' in the configuration; choose one of {', '.join(sorted(ATTACKS))}"
        )
    if not hasattr(attack, "craft"):
        raise OleanderError(f"attack '{settings['name']}' has to be trained first; give its trained generators")
    return Crafted(attack, settings, seeds)


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
    pgan.check_replicas(task, [Replica(alpha, lambda_prime, seed)])
    replicas, settings = [Replica(alpha, lambda_prime, seed)], {**settings, "epochs": epochs}
    return pgan.fit(task, replicas, settings, Scratch.none(), precision)[0]
