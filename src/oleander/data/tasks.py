"""Tasks: a dataset relabelled for an attack, source and target class first, and its trusted/train split."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from oleander.data.prepared import Dataset
from oleander.io.errors import OleanderError


@dataclass(frozen=True, eq=False)
class Task:
    """A dataset's classes as an attack uses them: label 0 is the source class, label 1 the target class.

    Poison is labelled as the target class.

    Attributes:
        dataset: name of the dataset.
        source_class, target_class: names of the classes labelled 0 and 1.
        train_x, test_x: float32 [N, *shape]; images in [-1, 1], points unscaled.
        train_y, test_y: int64 [N], positions in `classes`.
        shape: shape of one point.
        value_range: the dataset's range before scaling; None for unbounded points.
        stand_in_for: the paper's dataset that this one replaces; None if it is the real one.
        other_classes: names of the classes labelled 2, 3, ...; empty in a binary task.
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
    other_classes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes, in label order."""
        return (self.source_class, self.target_class, *self.other_classes)

    @property
    def outputs(self) -> int:
        """Number of classifier outputs: one per class, or a single logit of label 1 for two classes."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def prior(self) -> float:
        """Pr(Yp), the fraction of train points in the target class (pGAN, section 3.3)."""
        return int((self.train_y == 1).sum()) / len(self.train_y)

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
    """Disjoint rows of a task's train points: int64, on its device, ordered by class, shuffled within a class."""

    trusted_rows: Tensor
    train_rows: Tensor
    unused_rows: Tensor


def make_task(dataset: Dataset, source_class: str, target_class: str, all_classes: bool = False) -> Task:
    """Relabel `dataset` for an attack, keeping its order, and scale images from `value_range` to [-1, 1].

    Args:
        dataset: a prepared dataset.
        source_class, target_class: names of the classes that become labels 0 and 1.
        all_classes: keep the dataset's other classes too, as labels 2, 3, ... in its order.

    Raises:
        OleanderError: the two classes are the same, or the dataset lacks one of them.
    """
    if source_class == target_class:
        raise OleanderError(
            f"a task on {dataset.name} needs two different classes, but source and target are both "
            f"{source_class!r}; change one"
        )
    for name in (source_class, target_class):
        if name not in dataset.classes:
            raise OleanderError(
                f"dataset {dataset.name} has no class {name!r}; choose one of {', '.join(dataset.classes)}"
            )
    others = [name for name in dataset.classes if all_classes and name not in (source_class, target_class)]
    labels = torch.full((len(dataset.classes),), -1)
    for label, name in enumerate((source_class, target_class, *others)):
        labels[dataset.classes.index(name)] = label

    def narrow(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        relabelled = labels[y]
        chosen = relabelled >= 0
        return scaled(x[chosen], dataset.value_range), relabelled[chosen]

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
        other_classes=tuple(others),
    )


def task_of(x: Tensor, y: Tensor, name: str) -> Task:
    """A task on points that belong to no dataset; it has no test points.

    Args:
        x: float32 [n, *shape], scaled as a task's points are.
        y: int64 [n], 0 for the source class and 1 for the target class.
        name: of the points, in messages.
    """
    return Task(
        dataset=name,
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


def scaled(x: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    """Points as float32, scaled from `value_range` to a task's [-1, 1]; unscaled if that is None."""
    x = x.to(torch.float32)
    if value_range is None:
        return x
    low, high = value_range
    return (x - low) / (high - low) * 2 - 1


def unscaled(x: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    """The inverse of `scaled`; values outside [-1, 1] are clipped where there is a range."""
    if value_range is None:
        return x
    low, high = value_range
    # Rounding may lead out of the range.
    return (to_display(x, value_range) * (high - low) + low).clamp(low, high)


def to_display(x: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    """Scale images from a task's [-1, 1] to [0, 1] for plots, clipping values outside.

    Raises:
        ValueError: `value_range` is None: `x` holds unscaled points, not images.
    """
    if value_range is None:
        raise ValueError("points without a value range have no display scale")
    return ((x + 1) / 2).clamp(0, 1)


def class_sizes(available: list[int], total: int) -> list[int]:
    """Number of points to take from each class: equal shares; a class smaller than its share gives all it has.

    Args:
        available: number of points in each class.
        total: number of points to take, at most the sum of `available`.

    Returns:
        One number per class, summing to `total`; a remainder goes to the lower labels, one point each.
    """
    sizes = [0] * len(available)
    # Smallest class first: the others make up for what it lacks.
    order = sorted(range(len(available)), key=lambda label: (available[label], -label))
    left = total
    for done, label in enumerate(order):
        sizes[label] = min(available[label], left // (len(order) - done))
        left -= sizes[label]
    return sizes


def split_task(task: Task, trusted_per_class: int, train_points: int, seed: int) -> Split:
    """Draw disjoint trusted and train points without replacement (pGAN, section 4.2); the rest is unused.

    Train points are shared equally between classes (`class_sizes`). Each class has its own random generator, so its
    draw does not depend on the other classes' sizes. A larger draw contains a smaller one with the same seed.

    Args:
        task: the task to draw from.
        trusted_per_class: number of trusted points per class.
        train_points: number of train points, all classes together.
        seed: the same seed draws the same rows.

    Raises:
        OleanderError: the task has too few train points.
    """
    rows = [(task.train_y == label).nonzero().squeeze(1) for label in range(len(task.classes))]
    for name, own in zip(task.classes, rows, strict=True):
        if len(own) < trusted_per_class:
            raise OleanderError(
                f"class {name!r} of {task.dataset} has {len(own)} train points, but {trusted_per_class} trusted "
                "points are needed; ask for fewer in the evaluation"
            )
    available = [len(own) - trusted_per_class for own in rows]
    if sum(available) < train_points:
        raise OleanderError(
            f"{task.dataset} has {sum(available)} train points of {', '.join(task.classes)} besides "
            f"{trusted_per_class} trusted points per class, but {train_points} are needed; ask for fewer in the "
            "evaluation"
        )
    trusted, train, unused = [], [], []
    for label, (own, size) in enumerate(zip(rows, class_sizes(available, train_points), strict=True)):
        order = np.random.default_rng([seed, label]).permutation(len(own))
        drawn = own[torch.from_numpy(order).to(own.device)]
        trusted.append(drawn[:trusted_per_class])
        train.append(drawn[trusted_per_class : trusted_per_class + size])
        unused.append(drawn[trusted_per_class + size :])
    return Split(*(torch.cat(rows) for rows in (trusted, train, unused)))
