"""Source `image_folder`: a folder or .zip of image files, one folder per class.

There are two layouts, optionally inside enclosing folders: `{train,test}/<class>/<file>`, and `<class>/<file>`, which
is split by `test_fraction` and `seed`. Files are untrusted: an image is decoded only after its name, file size and
pixel count have been checked. Ignored are hidden files (.DS_Store), what systems leave in folders (__MACOSX,
Thumbs.db), and files above the classes that are no images by their names (README.txt, labels.csv), which the log names.
"""

import contextlib
import errno
import io
import logging
import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oleander.data.images import MAXIMUM_FILE_BYTES, SUFFIXES, read_image
from oleander.data.raw import IMAGE_RANGE, RawDataset
from oleander.data.sources.common import check_settings, split_by_class
from oleander.io.errors import AbsentError, OleanderError
from oleander.io.files import open_regular, read_bounded
from oleander.io.user_files import is_litter, say_near, source_paths

logger = logging.getLogger(__name__)

FILES = ("{path}",)
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "minLength": 1, "description": "folder or .zip, absolute or in data_root"},
        "image_shape": {
            "type": "array",
            "prefixItems": [
                {"enum": [1, 3]},
                {"type": "integer", "minimum": 1, "maximum": 1024},
                {"type": "integer", "minimum": 1, "maximum": 1024},
            ],
            "minItems": 3,
            "maxItems": 3,
            "description": "channels (1 grey, 3 RGB), height, width, which every image must have",
        },
        "minimum_per_class": {
            "type": "integer",
            "minimum": 1,
            "description": "minimum number of training images per class",
        },
        "classes": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "uniqueItems": True,
            "description": "read these classes only; absent: all",
        },
        "test_fraction": {"$ref": "#/$defs/share", "description": "share of each class that becomes the test set"},
        "seed": {"$ref": "#/$defs/seed"},
    },
    "required": ["path", "image_shape", "minimum_per_class"],
    "dependentRequired": {"test_fraction": ["seed"], "seed": ["test_fraction"]},
}

SPLITS = ("train", "test")
LAYOUT = "{train,test}/<class>/<file> or <class>/<file>"
# Limits against malicious archives: total bytes of files or of pixels, bytes of an archive's file list (about 100 per
# file), and folder nesting.
MAXIMUM_TOTAL_BYTES = 32 * 2**30
MAXIMUM_LIST_BYTES = 16 * 2**20
MAXIMUM_DEPTH = 20


@dataclass(frozen=True)
class _File:
    """One file of the tree: its path, its declared size in bytes, and a function that reads it."""

    parts: tuple[str, ...]
    size: int
    read: Callable[[], bytes]

    @property
    def name(self) -> str:
        return "/".join(self.parts)


@dataclass(frozen=True)
class _Tree:
    """All files, sorted, and all folders, including empty ones: an empty folder is a class without images."""

    files: list[_File]
    folders: list[tuple[str, ...]]


def read(settings: dict[str, Any], data_root: Path | None, allow_download: bool) -> RawDataset:
    """Read the images as uint8 [N, C, H, W], sorted by class, then by file name.

    Images are converted to grey (C = 1) or RGB (C = 3). `allow_download` is ignored: nothing is downloaded.

    Raises:
        OleanderError: the folder is missing, the archive is unsafe or damaged, the layout is unknown, a class is
            missing or too small, or an image is damaged or has another shape.
    """
    check_settings(settings, SETTINGS_SCHEMA)
    path = _locate(settings["path"], data_root)
    shape = tuple(settings["image_shape"])
    fraction = settings.get("test_fraction")
    with _open_tree(path) as tree:
        classes, chosen = _choose(tree, settings, path)
        decoded = {split: _decode(by_class, shape, path) for split, by_class in chosen.items()}
    if fraction is None:
        return RawDataset(*decoded["train"], *decoded["test"], classes, IMAGE_RANGE)
    images, labels = decoded["train"]
    train, test = split_by_class(labels, classes, fraction, settings["seed"])
    _check_minimum(np.bincount(labels[train]), classes, settings["minimum_per_class"], path)
    return RawDataset(images[train], labels[train], images[test], labels[test], classes, IMAGE_RANGE)


def check(settings: dict[str, Any], data_root: Path | None) -> str:
    """Check names, layout, counts and sizes without decoding; returns a summary.

    Raises:
        AbsentError: the folder or archive does not exist.
        OleanderError: as for `read`, except errors found by decoding images.
    """
    check_settings(settings, SETTINGS_SCHEMA)
    path = _locate(settings["path"], data_root)
    with _open_tree(path) as tree:
        classes, chosen = _choose(tree, settings, path)
    counts = [str(sum(map(len, by_class.values()))) for by_class in chosen.values()]
    return f"{' + '.join(counts)} images of {len(classes)} classes in {path}, names and sizes only"


def _choose(tree: _Tree, settings: dict[str, Any], path: Path) -> tuple[list[str], dict[str, dict[str, list[_File]]]]:
    """The classes, and their files by split and class."""
    groups = _group(tree, path)
    split_by_us = "test_fraction" in settings
    if ("test" in groups) == split_by_us:
        raise OleanderError(
            f"{path} has its own train and test folders; remove test_fraction and seed"
            if split_by_us
            else f"{path} has no train and test folders; set test_fraction and seed to split it"
        )
    classes = _choose_classes(groups, settings.get("classes"), path)
    _check_counts(groups, classes, settings["minimum_per_class"], path)
    chosen = {split: {name: by_class[name] for name in classes} for split, by_class in groups.items()}
    _check_sizes(chosen, tuple(settings["image_shape"]), path)
    return classes, chosen


def _locate(configured: str, data_root: Path | None) -> Path:
    paths = source_paths(FILES, {"path": configured}, data_root)
    if paths is None:
        raise AbsentError(
            f"{configured} is relative, but neither data_root nor OLEANDER_DATA is set; "
            "run `snakemake --config data_root=/path/to/data`"
        )
    (path,) = paths
    if not path.exists():
        remedy = (
            "put the folder or .zip there, or run `snakemake --config data_root=/path/to/data` with the folder that "
            "contains it"
        )
        raise AbsentError(f"{path} does not exist; {say_near(path, data_root) or remedy}")
    return path


@contextlib.contextmanager
def _open_tree(path: Path) -> Iterator[_Tree]:
    if path.is_dir():
        yield _walk_folder(path)
        return
    try:
        stream = _Archive(open_regular(path))
    except OSError as error:
        raise OleanderError(
            f"{path} cannot be opened ({error.strerror}); make it readable or choose another file"
        ) from error
    with stream:
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise OleanderError(
                f"{path} is neither a folder nor a readable .zip ({error}); restore it or give an unpacked folder"
            ) from error
        yield _walk_archive(archive, path)


class _Archive(io.BufferedReader):
    """A file for zipfile with a size limit on its file list, which zipfile reads all at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAXIMUM_LIST_BYTES:
            raise OSError(errno.EFBIG, f"its file list has {size:,} bytes, more than {MAXIMUM_LIST_BYTES:,}")
        return super().read(size)


def _walk_folder(root: Path) -> _Tree:
    def refuse(error: OSError) -> None:
        raise OleanderError(f"{error.filename} cannot be listed ({error.strerror}); make it readable") from error

    home = Path(os.path.realpath(root))
    files, folders = [], []
    for folder, folder_names, file_names in os.walk(root, onerror=refuse):
        for name in (*folder_names, *file_names):
            path = Path(folder, name)
            parts = path.relative_to(root).parts
            if is_litter(parts):
                continue
            _check_depth(parts, path)
            # realpath because Path.resolve raises on a cycle of links in some Python versions.
            goal = Path(os.path.realpath(path))
            if path.is_symlink() and (name in folder_names or not goal.is_relative_to(home)):
                raise OleanderError(f"{path} is a link to {goal}; replace it by the files themselves")
            if name in folder_names:
                folders.append(parts)
            elif path.is_file():
                files.append(_File(parts, path.stat().st_size, partial(_read_file, path)))
            else:
                raise OleanderError(f"{path} is not a regular file; remove it")
    return _Tree(sorted(files, key=lambda file: file.parts), sorted(folders))


def _walk_archive(archive: zipfile.ZipFile, path: Path) -> _Tree:
    files, folders = {}, []
    for entry in archive.infolist():
        # The stored name: ZipInfo.filename stops at the first NUL.
        name = entry.orig_filename
        # Some programs write ./cat/0.png or cat//0.png, which mean cat/0.png.
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            raise OleanderError(f"{path}: entry {name!r} points outside the archive; do not use this file")
        if "\\" in name or "\0" in name:
            raise OleanderError(
                f"{path}: entry {name!r} has a backslash or a NUL in its name, where a .zip separates folders by /; "
                "pack it again"
            )
        if not parts:
            continue
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise OleanderError(f"{path}: entry {name!r} is a link; pack the files themselves")
        if is_litter(parts):
            continue
        _check_depth(parts, path)
        if entry.is_dir():
            folders.append(parts)
            continue
        if entry.flag_bits & 0x1:
            raise OleanderError(f"{path}: entry {name!r} is encrypted; unpack it and give the folder")
        if parts in files:
            raise OleanderError(f"{path}: entry {name!r} appears twice; pack the archive again")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise OleanderError(f"{path}: entry {name!r} is neither stored nor deflated; pack it again")
        files[parts] = _File(parts, entry.file_size, partial(_read_entry, archive, entry, path))
    return _Tree([files[parts] for parts in sorted(files)], sorted(folders))


def _check_depth(parts: tuple[str, ...], path: Path) -> None:
    if len(parts) > MAXIMUM_DEPTH:
        raise OleanderError(
            f"{path}: {'/'.join(parts[:3])}/... is nested {len(parts) - 1} folders deep; expected {LAYOUT}"
        )


def _read_file(path: Path) -> bytes:
    try:
        return read_bounded(path, MAXIMUM_FILE_BYTES)
    except OSError as error:
        raise OleanderError(f"{path} cannot be read ({error.strerror}); restore or remove it") from error


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> bytes:
    try:
        with archive.open(entry) as stream:
            # Bounded: read() would inflate all of an entry that declares too small a size.
            return stream.read(entry.file_size + 1)
    # ValueError, OverflowError: a name that is not UTF-8, or an offset outside the file.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, OverflowError) as error:
        raise OleanderError(
            f"{path}: entry {entry.filename!r} cannot be unpacked ({error}); restore the archive"
        ) from error


def _group(tree: _Tree, path: Path) -> dict[str, dict[str, list[_File]]]:
    """The files by split and class. Without train and test folders, all files are in split "train"."""
    if not tree.files:
        raise OleanderError(f"{path} holds no files; expected {LAYOUT}")
    wrapper, has_splits = _layout(tree.files)
    depth, expected = len(wrapper), 3 if has_splits else 2
    groups: dict[str, dict[str, list[_File]]] = {}
    beside = []
    for file in tree.files:
        place = file.parts[depth:]
        if len(file.parts) < depth + expected and not file.name.lower().endswith(SUFFIXES):
            beside.append(file.name)
            continue
        outside = file.parts[:depth] != wrapper or (has_splits and place[0] not in SPLITS)
        if outside or len(place) != expected:
            within = f" in {'/'.join(wrapper)}, where most files are" if wrapper else ""
            raise OleanderError(
                f"{path}: file {file.name} is out of place; expected {LAYOUT}{within}; move or remove it"
            )
        groups.setdefault(place[0] if has_splits else "train", {}).setdefault(place[-2], []).append(file)
    if beside:
        logger.info("%s: not read, as no images beside the classes: %s", path, ", ".join(beside[:10]))
    for folder in tree.folders:
        place = folder[depth:]
        if folder[:depth] == wrapper and len(place) == expected - 1 and (not has_splits or place[0] in SPLITS):
            groups.setdefault(place[0] if has_splits else "train", {}).setdefault(place[-1], [])
    missing = [split for split in SPLITS if split not in groups] if has_splits else []
    if missing:
        raise OleanderError(f"{path} has no {missing[0]} folder; expected {LAYOUT}")
    return {split: groups[split] for split in SPLITS if split in groups}


def _layout(files: list[_File]) -> tuple[tuple[str, ...], bool]:
    """The folders that enclose the layout, and whether it has splits: as most images have it, by their names."""
    images = [file for file in files if file.name.lower().endswith(SUFFIXES)] or files
    usual = max(sorted(Counter(len(file.parts) for file in images).items()), key=lambda one: one[1])[0]
    rests = [file.parts for file in images if len(file.parts) == usual]
    wrapper: tuple[str, ...] = ()
    # Two parts are a class and a file.
    while len(rests[0]) > 2 and len({rest[0] for rest in rests}) == 1 and rests[0][0] not in SPLITS:
        wrapper = (*wrapper, rests[0][0])
        rests = [rest[1:] for rest in rests]
    return wrapper, len(rests[0]) > 2


def _choose_classes(groups: dict[str, dict[str, list[_File]]], wanted: list[str] | None, path: Path) -> list[str]:
    available = sorted(set().union(*groups.values()))
    unknown = sorted(set(wanted or []) - set(available))
    if unknown:
        raise OleanderError(f"{path} has no class {unknown[0]!r}; choose one of {', '.join(available)}")
    return sorted(wanted) if wanted else available


def _check_counts(groups: dict[str, dict[str, list[_File]]], classes: list[str], minimum: int, path: Path) -> None:
    """Raise an error for a class with too few or no images, before anything is decoded."""
    for split, by_class in groups.items():
        counts = np.array([len(by_class.get(name, [])) for name in classes])
        if split == "train":
            _check_minimum(counts, classes, minimum, path)
        elif not counts.all():
            empty = classes[int(counts.argmin())]
            raise OleanderError(f"{path}: class {empty!r} has no images in {split}; add some or leave the class out")


def _check_minimum(counts: np.ndarray, classes: list[str], minimum: int, path: Path) -> None:
    for name, count in zip(classes, counts, strict=True):
        if count < minimum:
            raise OleanderError(
                f"{path}: class {name!r} has {count} training images, but {minimum} are needed; "
                "add images or lower minimum_per_class"
            )


def _check_sizes(groups: dict[str, dict[str, list[_File]]], shape: tuple[int, ...], path: Path) -> None:
    files = [file for by_class in groups.values() for group in by_class.values() for file in group]
    for file in files:
        if file.size > MAXIMUM_FILE_BYTES:
            raise OleanderError(
                f"{path}: file {file.name} is {file.size} bytes large, more than the "
                f"{MAXIMUM_FILE_BYTES} allowed; remove it"
            )
    total = max(sum(file.size for file in files), len(files) * int(np.prod(shape)))
    if total > MAXIMUM_TOTAL_BYTES:
        raise OleanderError(
            f"{path}: {len(files)} files have {total} bytes, more than the {MAXIMUM_TOTAL_BYTES} allowed; "
            "read fewer classes"
        )


def _decode(by_class: dict[str, list[_File]], shape: tuple[int, ...], path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Images uint8 [N, C, H, W] and labels int64 [N], ordered by class."""
    files = [file for group in by_class.values() for file in group]
    images = np.empty((len(files), *shape), dtype=np.uint8)
    for row, file in enumerate(files):
        images[row] = _decode_one(file, shape, path)
    sizes = torch.tensor([len(group) for group in by_class.values()])
    return torch.from_numpy(images), torch.arange(len(sizes)).repeat_interleave(sizes)


def _decode_one(file: _File, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Decode one image to uint8 [C, H, W], after checking its size and mode."""
    remedy, resize = "restore or remove it", "resize it or change image_shape"
    return read_image(file.read(), f"{path}: image {file.name}", shape, remedy, resize)
