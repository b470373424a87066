"""Tasks: a dataset narrowed to an experiment's two classes, and its trusted and train points."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from oleander.data.prepared import Dataset
from oleander.io.errors import OleanderError


@dataclass(frozen=True, eq=False)
class Task:
    """Two classes of a dataset; label 1 is the target class, the one that poison is labelled as.

    Attributes:
        dataset: name of the dataset.
        source_class, target_class: names of the classes labelled 0 and 1.
        train_x, test_x: float32 [N, *shape], images in [-1, 1], points as they are.
        train_y, test_y: int64 [N], 0 or 1.
        shape: of one point, without N.
        value_range: of the dataset before scaling; None for unbounded points.
        stand_in_for: the paper's dataset in whose place this one stands; None if it is the real one.
    """

    dataset: str
    source_class: str
    target_class: str
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    shape: tuple[int, ...]
    value_range: tuple[float, float] | None
    stand_in_for: str | None

    @property
    def prior(self) -> float:
        """Pr(Yp), the share of the target class in the train points (pGAN, section 3.3)."""
        return int(self.train_y.sum()) / len(self.train_y)

    @property
    def target_x(self) -> Tensor:
        """Train points of the target class, float32 [N1, *shape]."""
        return self.train_x[self.train_y == 1]

    @property
    def source_x(self) -> Tensor:
        """Train points of the source class, float32 [N0, *shape]."""
        return self.train_x[self.train_y == 0]

    def to(self, device: str | torch.device) -> "Task":
        """The same task with its tensors on `device`."""
        tensors = {name: getattr(self, name).to(device) for name in ("train_x", "train_y", "test_x", "test_y")}
        return replace(self, **tensors)


@dataclass(frozen=True, eq=False)
class Split:
    """Disjoint rows of a task's train points, int64, on its device; class 0 before class 1, shuffled within."""

    trusted_rows: Tensor
    train_rows: Tensor


def make_task(dataset: Dataset, source_class: str, target_class: str) -> Task:
    """Narrow `dataset` to two classes, in the dataset's order, and scale images from value_range to [-1, 1].

    Raises:
        OleanderError: the two classes are the same, or the dataset lacks one of them.
    """
    if source_class == target_class:
        raise OleanderError(
            f"a task on {dataset.name} needs two different classes, but source and target are both {source_class!r}"
        )
    for name in (source_class, target_class):
        if name not in dataset.classes:
            raise OleanderError(f"dataset {dataset.name} has no class {name!r}; it has {', '.join(dataset.classes)}")
    source, target = dataset.classes.index(source_class), dataset.classes.index(target_class)

    def narrow(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        chosen = (y == source) | (y == target)
        return _scale(x[chosen], dataset.value_range), (y[chosen] == target).long()

    train_x, train_y = narrow(dataset.train_x, dataset.train_y)
    test_x, test_y = narrow(dataset.test_x, dataset.test_y)
    return Task(
        dataset=dataset.name,
        source_class=source_class,
        target_class=target_class,
        train_x=train_x,
        train_y=train_y,
        test_x=test_x,
        test_y=test_y,
        shape=tuple(train_x.shape[1:]),
        value_range=dataset.value_range,
        stand_in_for=dataset.stand_in_for,
    )


def _scale(x: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    x = x.to(torch.float32)
    if value_range is None:
        return x
    low, high = value_range
    return (x - low) / (high - low) * 2 - 1


def to_display(x: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    """Scale images from a task's [-1, 1] to the [0, 1] that plots take, clipping what lies beyond.

    Raises:
        ValueError: `value_range` is None, so that `x` are unscaled points, not images.
    """
    if value_range is None:
        raise ValueError("points without a value range have no display scale")
    return ((x + 1) / 2).clamp(0, 1)


def split_task(task: Task, trusted_per_class: int, train_per_class: int, seed: int) -> Split:
    """Draw disjoint trusted and train points of each class without replacement (pGAN, section 4.2).

    Each class has its own generator, so that one class's draw does not depend on the other's size.

    Raises:
        OleanderError: a class has fewer train points than are asked for.
    """
    trusted, train = [], []
    needed = trusted_per_class + train_per_class
    for label, name in enumerate((task.source_class, task.target_class)):
        rows = (task.train_y == label).nonzero().squeeze(1)
        if len(rows) < needed:
            raise OleanderError(
                f"class {name!r} of {task.dataset} has {len(rows)} train points, but {needed} are needed "
                f"({trusted_per_class} trusted and {train_per_class} train points)"
            )
        order = np.random.default_rng([seed, label]).choice(len(rows), needed, replace=False)
        drawn = rows[torch.from_numpy(order).to(rows.device)]
        trusted.append(drawn[:trusted_per_class])
        train.append(drawn[trusted_per_class:])
    return Split(trusted_rows=torch.cat(trusted), train_rows=torch.cat(train))
