"""What every attack gives to a trial: poison points, and the genuine points whose place they take."""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import torch

from oleander.attacks.pgan import Poisoners, Replica
from oleander.data.tasks import Task
from oleander.io.errors import OleanderError


@dataclass(frozen=True)
class Poison:
    """Poison points in the order in which they are injected: the first n of them are the poison of a smaller attack.

    Attributes:
        x: float [count, *shape].
        y: int64 [count], labels of the task.
        replaced: int64 [count], rows of the task's train points; each poison point takes the place of one.
    """

    x: torch.Tensor
    y: torch.Tensor
    replaced: torch.Tensor


@dataclass(frozen=True)
class Repeat:
    """A repetition of an attack that trains nothing; the counterpart of pGAN's `Replica`."""

    seed: int
    alpha: float = math.nan
    lambda_prime: float = math.nan


class Attacker(Protocol):
    """An attack ready to poison, in one or more repetitions.

    Attributes:
        replicas: one a repetition; their `alpha` and `lambda_prime` are NaN where the attack has none.
        converged: False for repetitions that cannot be used, because their training diverged.
        precision: name of the precision of its training; None where nothing was trained.
    """

    replicas: list[Replica] | list[Repeat]
    converged: list[bool]
    precision: str | None

    def craft(self, task: Task, train_rows: torch.Tensor, count: int, seed: int, replica: int) -> Poison:
        """Poison for one training set.

        Args:
            task: may have more classes than the attack was trained on, the same two first.
            train_rows: int64 [n], rows of the task's train points that the victim would be trained on.
            count: how many poison points.
            seed: the same seed gives the same poison.
            replica: position in `replicas`.
        """
        ...


class Generated:
    """Attacker whose trained generators draw poison labelled as the target class, in place of points of that class.

    Args:
        poisoners: the trained generators.
        dropout: whether dropout is on when they draw.
    """

    def __init__(self, poisoners: Poisoners, dropout: bool = False) -> None:
        self.poisoners, self.dropout = poisoners, dropout
        self.replicas, self.converged = poisoners.replicas, poisoners.converged
        self.precision = poisoners.precision

    def craft(self, task: Task, train_rows: torch.Tensor, count: int, seed: int, replica: int) -> Poison:
        """See `Attacker.craft`."""
        x, y = self.poisoners.draw(count, seed, replica, self.dropout)
        return Poison(x, y, train_rows[task.train_y[train_rows] == 1][:count])


class Crafted:
    """Attacker made of an attack's `craft` function, which needs no training."""

    def __init__(self, attack: ModuleType, settings: dict[str, Any], seeds: list[int]) -> None:
        self.attack, self.settings = attack, settings
        self.replicas = [Repeat(seed) for seed in seeds]
        self.converged = [True] * len(seeds)
        self.precision = None

    def craft(self, task: Task, train_rows: torch.Tensor, count: int, seed: int, replica: int) -> Poison:
        """See `Attacker.craft`."""
        return self.attack.craft(task, train_rows, count, self.settings, seed)


def relabelled(task: Task, rows: torch.Tensor, labels: torch.Tensor) -> Poison:
    """Poison that is the task's train points `rows` themselves, under other labels."""
    return Poison(task.train_x[rows], labels, rows)


def check_finite(task: Task, attack: str) -> None:
    """Refuse train points that are not finite, in one sentence.

    Raises:
        OleanderError: NaN or infinity among the task's train points.
    """
    if not task.train_x.isfinite().all():
        raise OleanderError(f"attack '{attack}': points of {task.dataset} hold NaN or infinity; clean them first")
