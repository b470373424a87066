"""What attacks give and keep: poison, replicas, and the protocols of untrained and trained attacks.

An attack is a module. One that trains nothing has `craft` (`UntrainedAttack`); one that trains generators has `GRID`,
`check`, `fit`, `save` and `load` (`TrainedAttack`). `Crafted` and `Generated` give a trial the same `Attacker` of both.
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
    """What tells one repetition of an attack from the others.

    Attributes:
        seed: number of the repetition, 0 or more.
        alpha: weight of detectability against effect, in [0, 1] (pGAN paper, Equation 3); NaN where the attack has
            none.
        lambda_prime: fraction lambda of poison in the classifier's loss, as a share of Pr(Yp), above 0 (pGAN paper,
            section 4.2); NaN where the attack has none.
    """

    seed: int
    # By name alone: three numbers in a row are easily given in the wrong order.
    alpha: float = field(default=math.nan, kw_only=True)
    lambda_prime: float = field(default=math.nan, kw_only=True)

    def described(self) -> dict[str, Any]:
        """The values that are no NaN, which JSON does not have: `Replica(**described)` is the replica again."""
        return {name: value for name, value in asdict(self).items() if not math.isnan(value)}


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


class UntrainedAttack(Protocol):
    """The module of an attack that trains nothing.

    Attributes:
        SETTINGS_SCHEMA: JSON schema of its settings, `properties` and `required`, written out as a literal; it may
            refer to the definitions of oleander.workflow.declared.SHARED, such as "#/$defs/count".
    """

    SETTINGS_SCHEMA: dict[str, Any]

    def craft(self, task: Task, train_rows: torch.Tensor, count: int, settings: dict[str, Any], seed: int) -> Poison:
        """Poison for one training set; see `Attacker.craft`.

        Args:
            task, train_rows, count, seed: as there.
            settings: the attack's block of the configuration.

        Returns:
            `count` poison points, or fewer where there are not as many to replace.

        Raises:
            OleanderError: points that the attack cannot work with.
        """
        ...


class Generators(Protocol):
    """Trained generators of poison, one a replica.

    Attributes:
        replicas: what each was trained for.
        converged: one a replica; False where it cannot be used, because its training diverged.
        precision: name of the precision that they were trained in.
    """

    replicas: list[Replica]
    converged: list[bool]
    precision: str

    def draw(self, count: int, seed: int, replica: int = 0, dropout: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw poison points of one replica.

        Args:
            count: how many points, 0 or more.
            seed: the same seed draws the same points; more points begin with the same ones.
            replica: position in `replicas`.
            dropout: whether dropout is on, as it is in training; without meaning for generators that have none.

        Returns:
            Points, float [count, *shape], in the range of the task's points and on the generators' device, and labels,
            int64 [count], all 1: the target class.

        Raises:
            OleanderError: that replica's training diverged.
        """
        ...


@dataclass(frozen=True)
class Checkpoint:
    """What is done with generators at some iterations of their training.

    Attributes:
        iterations: every so many, 1 or more.
        save: called with the iteration and the generators as they are then.
    """

    iterations: int
    save: Callable[[int, Generators], None]


class TrainedAttack(Protocol):
    """The module of an attack that trains generators.

    Attributes:
        SETTINGS_SCHEMA: as an `UntrainedAttack` has it. Settings have `epochs` besides, which each experiment gives,
            and may have `precision: float32`, where the attack is to be trained in no other.
        GRID: names of the lists that an experiment gives, written out as a literal: some of "alphas" and
            "lambda_primes", or none. Each of their combinations with each seed is a `Replica`. That it is there says
            that the attack trains.
    """

    SETTINGS_SCHEMA: dict[str, Any]
    GRID: tuple[str, ...]

    def check(self, task: Task, replicas: list[Replica], settings: dict[str, Any]) -> None:
        """Refuse what cannot be trained, in seconds, before hours of training.

        Args:
            task: whose points are to be trained on.
            replicas: to be trained; none where only task and settings are in question.
            settings: the attack's block of the configuration; `epochs` may be missing.

        Raises:
            OleanderError: networks that do not fit the task's points, or replicas or settings without meaning.
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
        """Train one generator for each replica; no replica's result depends on the others but by rounding.

        Args:
            task: the points of both classes, on the device to train on; never mutated.
            replicas: what to train, at least one; a seed's randomness is its own.
            settings: the attack's block of the configuration, with `epochs`.
            scratch: where to continue from and to save to.
            precision: of weights and products.
            checkpoint: what to do with the generators on the way.

        Returns:
            The generators, and the training curves: one row a replica and epoch, columns `alpha`, `lambda_prime`,
            `generator` (the seed), `epoch` (from 1), and the attack's own measures.

        Raises:
            OleanderError: as `check`.
        """
        ...

    def save(self, path: Path | str, generators: Generators, settings: dict[str, Any]) -> None:
        """Write what `fit` gave to a safetensors file (`oleander.io.artifacts.save_artifact`).

        Args:
            path: of the file.
            generators: what `fit` gave; those that diverged keep their place.
            settings: what they were made with (`attack` is the attack's block), for the file's header.

        Raises:
            OleanderError: the file cannot be written.
        """
        ...

    def load(self, path: Path | str, device: torch.device | str) -> Generators:
        """Read what `save` wrote: generators that draw, on `device`, what those saved would.

        Raises:
            OleanderError: the file is missing, damaged or of another kind.
        """
        ...


class Attacker(Protocol):
    """An attack ready to poison, in one or more repetitions.

    Attributes:
        replicas: one a repetition.
        converged: False for repetitions that cannot be used, because their training diverged.
        precision: name of the precision of its training; None where nothing was trained.
    """

    replicas: list[Replica]
    converged: list[bool]
    precision: str | None

    def craft(self, task: Task, train_rows: torch.Tensor, count: int, seed: int, replica: int) -> Poison:
        """Poison for one training set.

        Args:
            task: may have more classes than the attack was trained on, the same two first; never mutated.
            train_rows: int64 [n], rows of the task's train points that the victim would be trained on.
            count: how many poison points.
            seed: the same seed gives the same poison.
            replica: position in `replicas`.
        """
        ...


class Generated:
    """Attacker whose trained generators draw poison labelled as the target class, in place of points of that class.

    Args:
        generators: the trained generators.
        dropout: whether dropout is on when they draw.
    """

    def __init__(self, generators: Generators, dropout: bool = False) -> None:
        self.generators, self.dropout = generators, dropout
        self.replicas, self.converged = generators.replicas, generators.converged
        self.precision: str | None = generators.precision

    def craft(self, task: Task, train_rows: torch.Tensor, count: int, seed: int, replica: int) -> Poison:
        """See `Attacker.craft`."""
        x, y = self.generators.draw(count, seed, replica, self.dropout)
        return Poison(x, y, train_rows[task.train_y[train_rows] == 1][:count])


class Crafted:
    """Attacker made of an attack's `craft` function, which needs no training.

    Args:
        attack: its module.
        settings: its block of the configuration.
        replicas: the repetitions, which differ by their seeds alone.
    """

    def __init__(self, attack: UntrainedAttack, settings: dict[str, Any], replicas: list[Replica]) -> None:
        self.attack, self.settings, self.replicas = attack, settings, replicas
        self.converged = [True] * len(replicas)
        self.precision: str | None = None

    def craft(self, task: Task, train_rows: torch.Tensor, count: int, seed: int, replica: int) -> Poison:
        """See `Attacker.craft`."""
        return self.attack.craft(task, train_rows, count, self.settings, seed)


def precision_of(settings: dict[str, Any], placement: Placement) -> Precision:
    """The precision of an attack's training: the placement's, unless its block keeps float32."""
    return FLOAT32 if settings.get("precision") == FLOAT32.name else placement.precision


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
