"""One image for every triggered input (BAAAN paper, sections 3.3.3 and 4.3.3).

The paper does not name its image. Here it is a training image of a named class, or an image file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from oleander.data.images import MAXIMUM_FILE_BYTES, read_image
from oleander.data.prepared import Dataset
from oleander.io.errors import OleanderError
from oleander.io.files import read_bounded
from oleander.io.user_files import as_path, say_near

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "class": {"type": "string", "minLength": 1},
        "index": {"type": "integer", "minimum": 0},
        "file": {"type": "string", "minLength": 1},
    },
    "required": [],
    "if": {"required": ["file"]},
    "then": {"not": {"anyOf": [{"required": ["class"]}, {"required": ["index"]}]}},
    "else": {"required": ["class", "index"]},
}


@dataclass(frozen=True, eq=False)
class FixedImage:
    """A target that is a single image.

    Attributes:
        image: uint8 [channels, height, width], or float in [0, 1].
    """

    image: Tensor

    @classmethod
    def from_settings(cls, settings: dict[str, Any], dataset: Dataset) -> "FixedImage":
        """Take training image number `index` of class `class`, or read `file`.

        Raises:
            OleanderError: the dataset has no images, lacks the class, or has too few images of it; or the file is not
                an image of the size of the dataset's (see `oleander.data.images.read_image`).
        """
        if "file" in settings:
            return cls(_read_file(settings["file"], dataset))
        name, index = settings["class"], settings["index"]
        if dataset.train_x.ndim != 4 or name not in dataset.classes:
            raise OleanderError(
                f"target image: dataset {dataset.name} has no images of class '{name}', only of "
                f"{', '.join(dataset.classes)}; change the target in the configuration"
            )
        rows = (dataset.train_y == dataset.classes.index(name)).nonzero().flatten()
        if index >= len(rows):
            raise OleanderError(
                f"target image: dataset {dataset.name} has {len(rows)} images of class '{name}', none has index "
                f"{index}; change the target in the configuration"
            )
        return cls(dataset.train_x[rows[index]].clone())

    @property
    def images(self) -> Tensor:
        """The image as a pool of one."""
        return self.image[None]

    def check(self, shape: tuple[int, int, int]) -> None:
        """Check that images of `shape` have the target's shape."""
        _check_shape(tuple(self.image.shape), tuple(shape))

    def __call__(self, triggered: Tensor) -> Tensor:
        """The target image in [0, 1], once for every row of `triggered`."""
        self.check(tuple(triggered.shape[1:]))
        image = self.image.to(triggered.device, triggered.dtype)
        return (image / 255 if self.image.dtype == torch.uint8 else image).expand_as(triggered)


def _check_shape(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise OleanderError(
            f"a target image of shape {list(found)} does not fit images of shape {list(wanted)} (channels, height, "
            "width); choose another image"
        )


def _read_file(path: str, dataset: Dataset) -> Tensor:
    """Read an image file as uint8 [channels, height, width], of the dataset's shape."""
    name, remedy = f"target image {path}", "name another file in the configuration"
    shape = tuple(dataset.train_x.shape[1:])
    if len(shape) != 3:
        raise OleanderError(f"{name}: dataset {dataset.name} has no images; choose another dataset or target")
    try:
        content = read_bounded(as_path(path), MAXIMUM_FILE_BYTES)
    except OSError as error:
        said = say_near(Path(as_path(path))) or remedy
        raise OleanderError(f"{name} cannot be read ({error.strerror}); {said}") from error
    return torch.from_numpy(read_image(content, name, shape, remedy, f"resize it to that of {dataset.name}'s images"))
