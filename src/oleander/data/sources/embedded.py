"""Source `embedded`: images that ship with scikit-learn, so that everything runs offline.

`digits` are 1,797 handwritten digits, 8x8; `photographs` are patches of two photographs (china, flower).
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from oleander.data.raw import IMAGE_RANGE, RawDataset
from oleander.data.sources.common import check_settings, split_by_class
from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"enum": ["digits", "photographs"]},
        "test_fraction": {"$ref": "#/$defs/share", "description": "share of each class that becomes the test set"},
        "seed": {"$ref": "#/$defs/seed"},
        "patch_size": {
            "type": "integer",
            "minimum": 1,
            "description": "photographs: side of a patch, pixels",
        },
        "patches_per_class": {"type": "integer", "minimum": 2, "description": "photographs: train and test"},
        "classes": {
            "type": "array",
            "items": {"enum": ["china", "flower"]},
            "minItems": 1,
            "uniqueItems": True,
            "description": "photographs: these alone; absent: both. The patches are the same either way",
        },
    },
    "required": ["name", "test_fraction", "seed"],
    "if": {"properties": {"name": {"const": "digits"}}},
    "then": {"properties": {"patch_size": {"not": {}}, "patches_per_class": {"not": {}}, "classes": {"not": {}}}},
    "else": {"required": ["patch_size", "patches_per_class"]},
}


def read(settings: dict[str, Any], data_root: Path | None, allow_download: bool) -> RawDataset:
    """Read `digits` as uint8 [N, 1, 8, 8] or `photographs` as uint8 [N, 3, patch_size, patch_size].

    `data_root` and `allow_download` are ignored: the images ship with scikit-learn.

    Raises:
        OleanderError: invalid settings, or too many or too large patches for a photograph.
    """
    check_settings(settings, SETTINGS_SCHEMA)
    if settings["name"] == "digits":
        return _digits(settings["test_fraction"], settings["seed"])
    return _photographs(
        settings["patch_size"],
        settings["patches_per_class"],
        settings["test_fraction"],
        settings["seed"],
        settings.get("classes"),
    )


def _digits(test_fraction: float, seed: int) -> RawDataset:
    # Imported here because it takes seconds, and readers of prepared datasets do not need it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # Scale levels 0..16 to 0..255, rounded to the nearest.
    images = torch.from_numpy(((bunch.images.astype(np.int64) * 255 + 8) // 16).astype(np.uint8))[:, None]
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    classes = [str(digit) for digit in range(10)]
    train, test = split_by_class(labels, classes, test_fraction, seed)
    return RawDataset(images[train], labels[train], images[test], labels[test], classes, IMAGE_RANGE)


def _photographs(size: int, per_class: int, test_fraction: float, seed: int, wanted: list[str] | None) -> RawDataset:
    from sklearn.datasets import load_sample_images

    bunch = load_sample_images()
    names = [Path(name).stem for name in bunch.filenames]
    classes = [name for name in names if wanted is None or name in wanted]
    test_count = max(1, round(test_fraction * per_class))
    if test_count >= per_class:
        raise OleanderError(
            f"patches_per_class {per_class} with test_fraction {test_fraction} leaves no patch for training; "
            "raise patches_per_class or lower test_fraction"
        )
    patches: dict[str, list[torch.Tensor]] = {"train": [], "test": []}
    for number, (name, photograph) in enumerate(zip(names, bunch.images, strict=True)):
        if name not in classes:
            continue
        # Test patches come from the right-hand part, so they share no pixel with train patches.
        boundary = photograph.shape[1] - round(test_fraction * photograph.shape[1])
        regions = {
            "train": (photograph[:, :boundary], per_class - test_count),
            "test": (photograph[:, boundary:], test_count),
        }
        for part, (split, (region, count)) in enumerate(regions.items()):
            rng = np.random.default_rng([seed, number, part])
            patches[split].append(_cut(region, size, count, rng, f"the {split} part of photograph {name!r}"))
    train_x, test_x = torch.cat(patches["train"]), torch.cat(patches["test"])
    train_y = torch.arange(len(classes)).repeat_interleave(per_class - test_count)
    test_y = torch.arange(len(classes)).repeat_interleave(test_count)
    return RawDataset(train_x, train_y, test_x, test_y, classes, IMAGE_RANGE)


def _cut(region: np.ndarray, size: int, count: int, rng: np.random.Generator, where: str) -> torch.Tensor:
    """Cut `count` distinct random patches [count, 3, size, size] from `region` [height, width, 3]."""
    height, width = region.shape[:2]
    rows, columns = height - size + 1, width - size + 1
    places = max(rows, 0) * max(columns, 0)
    if places < count:
        raise OleanderError(
            f"{where} ({height} x {width} pixels) has {places} positions for a {size} x {size} patch, "
            f"but {count} are needed; lower patch_size or patches_per_class"
        )
    corners = np.stack(np.unravel_index(rng.choice(places, count, replace=False), (rows, columns)), axis=1)
    cut = np.stack([region[top : top + size, left : left + size] for top, left in corners])
    return torch.from_numpy(np.ascontiguousarray(cut.transpose(0, 3, 1, 2)))
