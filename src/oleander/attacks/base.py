"""Interfaces of attacks: poison, replicas, and the protocols of untrained and trained attacks.

An attack is a module. An untrained attack has `craft` (`UntrainedAttack`); one that trains generators has `GRID`,
`check`, `fit`, `save` and `load` (`TrainedAttack`). `Crafted` and `Generated` wrap either as an `Attacker` for trials.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch

from oleander.data.tasks import Task
from oleander.io.errors import OleanderError
from oleander.training.devices import Placement
from oleander.training.precision import FLOAT32, Precision
from oleander.training.scratch import Scratch


@dataclass(frozen=True)
class Replica:
    """One repetition of an attack: its seed and hyperparameters.

    Attributes:
        seed: number of the repetition, 0 or more.
        alpha: trade-off between detectability (1) and effect (0), in [0, 1] (pGAN paper, Equation 3); NaN if the attack
            has none.
        lambda_prime: weight lambda of poison in the classifier's loss, divided by Pr(Yp), above 0 (pGAN paper, section
            4.2); NaN if the attack has none.
    """

    seed: int
    # Keyword-only: three positional numbers are easily swapped.
    alpha: float = field(default=math.nan, kw_only=True)
    lambda_prime: float = field(default=math.nan, kw_only=True)

    def described(self) -> dict[str, Any]:
        """The values that are not NaN, as a JSON mapping; `Replica(**described)` restores the replica."""
        return {name: value for name, value in asdict(self).items() if not math.isnan(value)}


@dataclass(frozen=True)
class Poison:
    """Poison points in injection order: the first n are the poison of a smaller attack.

    Attributes:
        x: float [count, *shape].
        y: int64 [count], task labels.
        replaced: int64 [count], rows of the task's train points that the poison points replace.
    """

    x: torch.Tensor
    y: torch.Tensor
    replaced: torch.Tensor


class UntrainedAttack(Protocol):
    """Module of an attack that needs no training.

    Attributes:
        SETTINGS_SCHEMA: JSON schema of its settings (`properties` and `required`), written as a literal. It may refer
            to the definitions in oleander.workflow.declared.SHARED, such as "#/$defs/count".
    """

    SETTINGS_SCHEMA: dict[str, Any]

    def craft(
        self,
        task: Task,
        train_rows: torch.Tensor,
        unused_rows: torch.Tensor,
        count: int,
        settings: dict[str, Any],
        seed: int,
    ) -> Poison:
        """Make the poison for one training set.

        Args:
            task, train_rows, unused_rows, count, seed: see `Attacker.craft`.
            settings: the attack's block of the configuration.

        Returns:
            `count` poison points, or fewer if there are not enough points to use or to replace.

        Raises:
            OleanderError: the attack cannot use these points.
        """
        ...


class Generators(Protocol):
    """Trained poison generators, one per replica.

    Attributes:
        replicas: the replica of each generator.
        converged: one per replica; False if training diverged, so the generator cannot be used.
        precision: name of the training precision.
    """

    replicas: list[Replica]
    converged: list[bool]
    precision: str

    def draw(self, count: int, seed: int, replica: int = 0, dropout: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw poison points of one replica.

        Args:
            count: number of points, 0 or more.
            seed: the same seed draws the same points; a larger draw starts with the points of a smaller one.
            replica: position in `replicas`.
            dropout: whether dropout is on, as in training; ignored by generators without dropout.

        Returns:
            Points, float [count, *shape], in the range of the task's points, on the generators' device; and labels,
            int64 [count], all 1 (the target class).

        Raises:
            OleanderError: that replica's training diverged.
        """
        ...


@dataclass(frozen=True)
class Checkpoint:
    """A callback during the training of generators.

    Attributes:
        iterations: interval between calls in iterations, 1 or more.
        save: called with the iteration and the current generators.
    """

    iterations: int
    save: Callable[[int, Generators], None]


class TrainedAttack(Protocol):
    """Module of an attack that trains generators.

    Attributes:
        SETTINGS_SCHEMA: as in `UntrainedAttack`. Settings also have `epochs`, set by each experiment, and may have
            `precision: float32` if the attack must be trained in float32.
        GRID: the hyperparameter lists of an experiment, written as a literal: any of "alphas" and "lambda_primes", or
            none. Each combination of their values with a seed is a `Replica`. Its presence marks a trained attack.
    """

    SETTINGS_SCHEMA: dict[str, Any]
    GRID: tuple[str, ...]

    def check(self, task: Task, replicas: list[Replica], settings: dict[str, Any]) -> None:
        """Find errors in seconds, before hours of training.

        Args:
            task: the task to train on.
            replicas: the replicas to train; empty to check only task and settings.
            settings: the attack's block of the configuration; `epochs` may be missing.

        Raises:
            OleanderError: the networks do not fit the task's points, or replicas or settings are invalid.
        """
        ...

    def fit(
        self,
        task: Task,
        replicas: list[Replica],
        settings: dict[str, Any],
        scratch: Scratch,
        precision: Precision = FLOAT32,
        checkpoint: Checkpoint | None = None,
    ) -> tuple[Generators, pd.DataFrame]:
        """Train one generator per replica; cohort composition affects results only through rounding.

        Args:
            task: the points of both classes, on the training device; never mutated.
            replicas: the replicas to train, at least one; randomness depends only on a replica's seed.
            settings: the attack's block of the configuration, with `epochs`.
            scratch: state to resume from and save to.
            precision: precision of weights and products.
            checkpoint: callback during training.

        Returns:
            The generators, and the training curves: one row per replica and epoch, columns `alpha`, `lambda_prime`,
            `generator` (the seed), `epoch` (from 1), and the attack's own measures.

        Raises:
            OleanderError: as `check`.
        """
        ...

    def save(self, path: Path | str, generators: Generators, settings: dict[str, Any]) -> None:
        """Write trained generators to a safetensors file (`oleander.io.artifacts.save_artifact`).

        Args:
            path: the file to write.
            generators: the result of `fit`; diverged generators keep their position.
            settings: the settings they were trained with (`attack` is the attack's block), for the file's header.

        Raises:
            OleanderError: the file cannot be written.
        """
        ...

    def load(self, path: Path | str, device: torch.device | str) -> Generators:
        """Read generators written by `save`; on `device`, they draw the same points as the saved ones.

        Raises:
            OleanderError: the file is missing, damaged or of another kind.
        """
        ...


class Attacker(Protocol):
    """An attack ready to poison, in one or more repetitions.

    Attributes:
        replicas: one per repetition.
        converged: one per repetition; False if training diverged, so it cannot be used.
        precision: name of the training precision; None for untrained attacks.
    """

    replicas: list[Replica]
    converged: list[bool]
    precision: str | None

    def craft(
        self, task: Task, train_rows: torch.Tensor, unused_rows: torch.Tensor, count: int, seed: int, replica: int
    ) -> Poison:
        """Make the poison for one training set.

        Args:
            task: may have more classes than the attack was trained on, the same two first; never mutated.
            train_rows: int64 [n], rows of the task's train points that form the clean training set.
            unused_rows: int64 [m], rows that are in neither the training set nor the defender's trusted points.
            count: number of poison points.
            seed: the same seed gives the same poison.
            replica: position in `replicas`.
        """
        ...


class Generated:
    """Attacker that draws poison from trained generators; it replaces points of the target class.

    Args:
        generators: the trained generators.
        dropout: whether dropout is on when drawing.
    """

    def __init__(self, generators: Generators, dropout: bool = False) -> None:
        self.generators, self.dropout = generators, dropout
        self.replicas, self.converged = generators.replicas, generators.converged
        self.precision: str | None = generators.precision

    def craft(
        self, task: Task, train_rows: torch.Tensor, unused_rows: torch.Tensor, count: int, seed: int, replica: int
    ) -> Poison:
        """See `Attacker.craft`."""
        x, y = self.generators.draw(count, seed, replica, self.dropout)
        return Poison(x, y, train_rows[task.train_y[train_rows] == 1][:count])


class Crafted:
    """Attacker that wraps the `craft` function of an untrained attack.

    Args:
        attack: the attack's module.
        settings: the attack's block of the configuration.
        replicas: the repetitions, which differ only in their seeds.
    """

    def __init__(self, attack: UntrainedAttack, settings: dict[str, Any], replicas: list[Replica]) -> None:
        self.attack, self.settings, self.replicas = attack, settings, replicas
        self.converged = [True] * len(replicas)
        self.precision: str | None = None

    def craft(
        self, task: Task, train_rows: torch.Tensor, unused_rows: torch.Tensor, count: int, seed: int, replica: int
    ) -> Poison:
        """See `Attacker.craft`."""
        return self.attack.craft(task, train_rows, unused_rows, count, self.settings, seed)


def precision_of(settings: dict[str, Any], placement: Placement) -> Precision:
    """The training precision of an attack: the placement's, unless its block sets float32."""
    return FLOAT32 if settings.get("precision") == FLOAT32.name else placement.precision


def check_finite(task: Task, attack: str) -> None:
    """Raise an error if a train point is not finite.

    Raises:
        OleanderError: the task's train points contain NaN or infinity.
    """
    if not task.train_x.isfinite().all():
        raise OleanderError(f"attack '{attack}': points of {task.dataset} hold NaN or infinity; clean them first")
