"""Prepared datasets: one safetensors file that every experiment reads, with a JSON manifest beside it."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from oleander.data.raw import RawDataset, check_content
from oleander.io.artifacts import (
    HEADER_BYTES,
    TEXT,
    TEXT_OR_NONE,
    check_header,
    expecting,
    load_artifact,
    save_artifact,
)
from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path, read_bounded, sha256_of

KIND = "dataset"
TENSORS = ("train_x", "train_y", "test_x", "test_y")
HEADER: dict[str, Any] = {
    "kind": {"const": KIND},
    "name": TEXT,
    "classes": {"type": "array", "items": TEXT},
    "value_range": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    "source": TEXT,
    "stand_in_for": TEXT_OR_NONE,
}
MANIFEST_BYTES = HEADER_BYTES


@dataclass(frozen=True, eq=False)
class Dataset:
    """A prepared dataset.

    Attributes:
        name: its name in the configuration.
        train_x, test_x: images, uint8 [N, channels, height, width], memory-mapped and read on use; or points, float32
            [N, features].
        train_y, test_y: int64 [N], indices into `classes`.
        classes: the class names, in label order.
        value_range: smallest and largest possible value, (0, 255) for images; None for unbounded points.
        source: name of the source in the registry.
        stand_in_for: the paper's dataset that this one replaces; None if it is the real one.
        sha256: SHA-256 of the file it was read from, 64 hexadecimal digits.
    """

    name: str
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: list[str]
    value_range: tuple[float, float] | None
    source: str
    stand_in_for: str | None
    sha256: str


def save_dataset(
    dataset_path: str | os.PathLike[str],
    manifest_path: str | os.PathLike[str],
    raw: RawDataset,
    name: str,
    source: str,
    source_settings: dict[str, Any],
    stand_in_for: str | None,
    source_files: str | None = None,
) -> None:
    """Check `raw`, then write the dataset and its manifest: both files or neither.

    `source_files` is the fingerprint of the user's files that were read, None if there are none.

    Raises:
        OleanderError: `raw` is invalid, its images cannot be read, or a file cannot be written.
    """
    check_content(raw, f"dataset {name}")
    settings = {
        "kind": KIND,
        "name": name,
        "classes": raw.classes,
        "value_range": None if raw.value_range is None else list(raw.value_range),
        "source": source,
        "source_settings": source_settings,
        "stand_in_for": stand_in_for,
    }
    with contextlib.ExitStack() as undo:
        with atomic_path(manifest_path) as temporary_manifest:
            save_artifact(dataset_path, {key: getattr(raw, key) for key in TENSORS}, settings)
            undo.callback(Path(dataset_path).unlink, missing_ok=True)
            manifest = settings | {
                "shape": list(raw.train_x.shape[1:]),
                "dtype": str(raw.train_x.dtype).removeprefix("torch."),
                "counts": {
                    "train": _counts(raw.train_y, raw.classes),
                    "test": _counts(raw.test_y, raw.classes),
                },
                "source_files": source_files,
                "sha256": sha256_of(dataset_path),
            }
            text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
            temporary_manifest.write_text(text + "\n", encoding="utf-8")
        undo.pop_all()


def load_dataset(path: str | os.PathLike[str]) -> Dataset:
    """Read the prepared dataset at `path` (the .safetensors file) and check all of its content.

    If the manifest (same name, ending in .json) exists, its SHA-256 must match the file's.

    Raises:
        OleanderError: the file is missing, corrupt, not a dataset, invalid, or does not match its manifest.
    """
    tensors, settings = load_artifact(path, mapped=True)
    with expecting(path, "prepared dataset"):
        check_header(settings, HEADER)
        if set(tensors) != set(TENSORS):
            raise ValueError(f"its tensors are not {', '.join(TENSORS)}")
        value_range = settings["value_range"]
        raw = RawDataset(
            **tensors,
            classes=settings["classes"],
            value_range=None if value_range is None else (float(value_range[0]), float(value_range[1])),
        )
        labels = {key: settings[key] for key in ("name", "source", "stand_in_for")}
    check_content(raw, str(path))
    sha256 = sha256_of(path)
    _check_manifest(Path(path).with_suffix(".json"), path, sha256)
    return Dataset(**vars(raw), **labels, sha256=sha256)


def check_prepared(path: str | os.PathLike[str]) -> None:
    """Check the prepared dataset at `path` against the SHA-256 in its manifest, which must exist.

    Raises:
        OleanderError: a file is missing or cannot be read, or the SHA-256 differs.
    """
    manifest = Path(path).with_suffix(".json")
    if not manifest.is_file():
        raise OleanderError(
            f"{path} has no manifest {manifest.name} beside it; delete it and run prepare_dataset again"
        )
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise OleanderError(f"{path} cannot be read ({error.strerror}); delete it and run again") from error
    _check_manifest(manifest, path, sha256)


def _check_manifest(manifest: Path, path: str | os.PathLike[str], sha256: str) -> None:
    try:
        recorded = json.loads(read_bounded(manifest, MANIFEST_BYTES))["sha256"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OleanderError(
            f"manifest {manifest} cannot be read ({error!r}); delete it and {path} and run prepare_dataset again"
        ) from error
    if recorded != sha256:
        raise OleanderError(
            f"{path} has SHA-256 {sha256}, but its manifest {manifest} says {recorded}; "
            "delete both and run prepare_dataset again"
        )


def _counts(labels: Tensor, classes: list[str]) -> dict[str, int]:
    """Number of points of each class, by class name, in label order."""
    return dict(zip(classes, torch.bincount(labels, minlength=len(classes)).tolist(), strict=True))
