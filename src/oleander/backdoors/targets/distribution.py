"""A distribution of images as target (BAAAN paper, section 4.3.3): classes of the GAN's dataset, or another dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from oleander.data.prepared import Dataset
from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        # Default: the GAN's dataset.
        "dataset": {"type": "string"},
        "classes": {"type": ["array", "null"], "items": {"type": "string"}, "minItems": 1},
    },
    "required": ["classes"],
}


@dataclass(frozen=True, eq=False)
class Distribution:
    """A target that is a set of training images.

    Attributes:
        images: uint8 [M, channels, height, width].
        classes: names of their classes.
        labels: int64 [M], the place in `classes` of each image's class.
    """

    images: Tensor
    classes: tuple[str, ...]
    labels: Tensor

    @classmethod
    def from_settings(cls, settings: dict[str, Any], dataset: Dataset) -> "Distribution":
        """Take the images of the classes `classes`, or all images if that is null.

        Raises:
            OleanderError: the dataset has no images or lacks these classes.
        """
        classes = settings["classes"] or dataset.classes
        rows = rows_of(classes, dataset, dataset.train_y)
        numbers = torch.tensor([dataset.classes.index(name) for name in classes])
        labels = (dataset.train_y[rows][:, None] == numbers).long().argmax(1)
        return cls(dataset.train_x[rows], tuple(classes), labels)


def rows_of(classes: Sequence[str], dataset: Dataset, labels: Tensor) -> Tensor:
    """A mask of the training or test images of some classes: bool, of the shape of `labels`.

    Raises:
        OleanderError: the dataset has no images or lacks these classes.
    """
    missing = [name for name in classes if name not in dataset.classes]
    if missing or dataset.train_x.ndim != 4:
        raise OleanderError(
            f"target distribution: dataset {dataset.name} has no images of {', '.join(missing or classes)}, only "
            f"of {', '.join(dataset.classes)}; change the target in the configuration"
        )
    return torch.isin(labels, torch.tensor([dataset.classes.index(name) for name in classes]))
