"""The dataset that every source returns, and the checks that define a valid one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from oleander.io.artifacts import Rows
from oleander.io.errors import OleanderError

IMAGE_RANGE = (0.0, 255.0)


@dataclass(frozen=True, eq=False)
class RawDataset:
    """A dataset as read by a source.

    Attributes:
        train_x, test_x: images, uint8 [N, channels, height, width], as `Rows` if they may not fit in memory; or points,
            float32 [N, features].
        train_y, test_y: int64 [N], indices into `classes`.
        classes: the class names, in label order.
        value_range: smallest and largest possible value, (0, 255) for images; None for unbounded points.
    """

    train_x: Tensor | Rows
    train_y: Tensor
    test_x: Tensor | Rows
    test_y: Tensor
    classes: list[str]
    value_range: tuple[float, float] | None


def check_content(raw: RawDataset, where: str) -> None:
    """Raise an error for a dataset that an experiment cannot run on.

    Raises:
        OleanderError: types, shapes, labels, class names or the value range are inconsistent; the message starts
            with `where`.
    """
    classes = raw.classes
    if not classes or len(set(classes)) != len(classes):
        raise OleanderError(f"{where}: class names must be non-empty and unique, not {classes}; name each class once")
    for name in classes:
        # The names are written as UTF-8 JSON, which cannot hold undecodable folder names.
        if not isinstance(name, str) or not name or not name.isprintable():
            raise OleanderError(f"{where}: class name {name!r} is not printable text; rename the class")
    if raw.train_x.shape[1:] != raw.test_x.shape[1:] or raw.train_x.dtype != raw.test_x.dtype:
        raise OleanderError(
            f"{where}: train points are {raw.train_x.dtype} {list(raw.train_x.shape[1:])}, "
            f"test points {raw.test_x.dtype} {list(raw.test_x.shape[1:])}; both must be the same: convert one of them"
        )
    for split, x, y in (("train", raw.train_x, raw.train_y), ("test", raw.test_x, raw.test_y)):
        _check_split(x, y, raw, f"{where}, {split} set")


def _check_split(x: Tensor | Rows, y: Tensor, raw: RawDataset, where: str) -> None:
    is_image = x.dtype == torch.uint8 and x.ndim == 4
    is_point = isinstance(x, Tensor) and x.dtype == torch.float32 and x.ndim == 2
    if not (is_image or is_point) or 0 in x.shape[1:]:
        raise OleanderError(
            f"{where}: expected uint8 [N, C, H, W] or float32 [N, features], found {x.dtype} {list(x.shape)}; "
            "convert it"
        )
    if y.dtype != torch.int64 or y.ndim != 1 or len(y) != len(x):
        raise OleanderError(
            f"{where}: {len(x)} points need {len(x)} int64 labels, found {y.dtype} {list(y.shape)}; give each point one"
        )
    if len(y) and ((y < 0) | (y >= len(raw.classes))).any():
        raise OleanderError(
            f"{where}: labels run from {int(y.min())} to {int(y.max())}, but there are {len(raw.classes)} classes; "
            "correct the labels or add the classes"
        )
    counts = torch.bincount(y, minlength=len(raw.classes))
    if (counts == 0).any():
        empty = raw.classes[int(counts.argmin())]
        raise OleanderError(f"{where}: class {empty!r} has no points; add some or leave the class out")
    if is_image and raw.value_range != IMAGE_RANGE:
        raise OleanderError(
            f"{where}: value_range of images must be (0, 255), not {raw.value_range}; set it to (0, 255)"
        )
    if is_point and not torch.isfinite(x).all():
        raise OleanderError(f"{where}: some points are NaN or infinite; correct or remove them")
    if is_point and raw.value_range is not None:
        low, high = raw.value_range
        if not low < high or float(x.min()) < low or float(x.max()) > high:
            raise OleanderError(f"{where}: points lie outside value_range {raw.value_range}; widen it")
