"""A distribution of images (BAAAN paper, section 4.3.3): some classes of the GAN's dataset, or another dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from oleander.data.prepared import Dataset
from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        # Absent: the GAN's own.
        "dataset": {"type": "string"},
        "classes": {"type": ["array", "null"], "items": {"type": "string"}, "minItems": 1},
    },
    "required": ["classes"],
}


@dataclass(frozen=True, eq=False)
class Distribution:
    """Images to draw from.

    Attributes:
        images: of the training set, uint8 [M, channels, height, width].
        classes: names of their classes.
    """

    images: Tensor
    classes: tuple[str, ...]

    @classmethod
    def from_settings(cls, settings: dict[str, Any], dataset: Dataset) -> "Distribution":
        """The images of the classes `classes`; of all where that is null.

        Raises:
            OleanderError: the dataset has no images, or not those classes.
        """
        classes = settings["classes"] or dataset.classes
        images = dataset.train_x[rows_of(classes, dataset, dataset.train_y)]
        return cls(images, tuple(classes))


def rows_of(classes: Sequence[str], dataset: Dataset, labels: Tensor) -> Tensor:
    """Which of a dataset's images, training or test, are of some classes: bool like `labels`.

    Raises:
        OleanderError: the dataset has no images, or not those classes.
    """
    missing = [name for name in classes if name not in dataset.classes]
    if missing or dataset.train_x.ndim != 4:
        raise OleanderError(
            f"target distribution: dataset {dataset.name} has no images of {', '.join(missing or classes)}, only "
            f"of {', '.join(dataset.classes)}; change the target in the configuration"
        )
    return torch.isin(labels, torch.tensor([dataset.classes.index(name) for name in classes]))
