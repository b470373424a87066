"""Source `torchvision`: MNIST and FashionMNIST in the folder layout of torchvision.datasets.

CIFAR-10 is not supported because its batches are pickles, which are never loaded here: read it as image files through
`image_folder`.
"""

import math
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from oleander.data.raw import IMAGE_RANGE, RawDataset
from oleander.data.sources.common import check_settings
from oleander.io.errors import AbsentError, OleanderError
from oleander.io.user_files import say_near

FILES = (
    "{name}/raw/train-images-idx3-ubyte",
    "{name}/raw/train-labels-idx1-ubyte",
    "{name}/raw/t10k-images-idx3-ubyte",
    "{name}/raw/t10k-labels-idx1-ubyte",
)
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"enum": ["MNIST", "FashionMNIST"]},
        "shrink": {
            "type": "integer",
            "minimum": 1,
            "description": "side of the squares of pixels that each become one, their mean; absent: nothing is shrunk",
        },
    },
    "required": ["name"],
}

# Split -> prefix of its idx files' names.
IDX_PREFIXES = {"train": "train", "test": "t10k"}
# An idx file starts with its type (8: unsigned byte) and number of axes; see LeCun, "The MNIST database".
IMAGE_MAGIC, LABEL_MAGIC = 0x00000803, 0x00000801
GZIP_MAGIC = b"\x1f\x8b"


def read(settings: dict[str, Any], data_root: Path | None, allow_download: bool) -> RawDataset:
    """Read the whole dataset as uint8 [N, C, H, W], in file order; download it first if allowed.

    MNIST's classes are named "0" to "9", FashionMNIST's as in torchvision. With `shrink`, means are rounded to the
    nearest integer.

    Raises:
        OleanderError: the dataset is missing and may not be downloaded, its files are damaged, or `shrink` does not
            divide the image sides.
    """
    check_settings(settings, SETTINGS_SCHEMA)
    name = settings["name"]
    files = _files(name, data_root)
    if data_root is not None and allow_download and not all(file.is_file() for file in files):
        _download(name, data_root)
    _check_present(name, files, data_root)
    raw = _read_idx_set(name, data_root)
    side = settings.get("shrink", 1)
    if any(length % side for length in raw.train_x.shape[-2:]):
        raise OleanderError(
            f"{name} has images of {list(raw.train_x.shape[-2:])} pixels, which shrink={side} does not divide; change "
            "shrink in the configuration"
        )
    return raw if side == 1 else replace(raw, train_x=_shrink(raw.train_x, side), test_x=_shrink(raw.test_x, side))


def check(settings: dict[str, Any], data_root: Path | None) -> str:
    """Check the files that `read` reads; returns a summary.

    Checks that headers and file lengths are consistent. torchvision publishes MD5s of the compressed files only: if
    such a file lies beside the uncompressed one, its MD5 is checked, and the uncompressed file is checked against the
    CRC-32 and length stored in it.

    Raises:
        AbsentError: the dataset is missing.
        OleanderError: one of its files is damaged.
    """
    check_settings(settings, SETTINGS_SCHEMA)
    name = settings["name"]
    files = _files(name, data_root)
    _check_present(name, files, data_root)
    counts = _check_headers(name, data_root)
    compared = sum(_check_against_compressed(name, file) for file in files)
    summary = (
        f"{counts['train']} + {counts['test']} images in {files[0].parent}, headers and lengths of {len(files)} files"
    )
    return f"{summary}, {f'checksums of {compared}' if compared else 'no .gz files to compare checksums with'}"


def _check_against_compressed(name: str, file: Path) -> bool:
    """Check `file` against the .gz beside it; False if there is none."""
    from torchvision import datasets
    from torchvision.datasets.utils import check_integrity

    compressed = file.with_name(file.name + ".gz")
    if not compressed.is_file():
        return False
    try:
        if not check_integrity(str(compressed), dict(getattr(datasets, name).resources)[compressed.name]):
            raise OleanderError(
                f"{compressed} does not have the MD5 that torchvision publishes; delete it, and {file.name} if it "
                "was unpacked from it, and download the dataset again"
            )
        content = file.read_bytes()
        # RFC 1952, section 2.3.1: a .gz ends with the content's CRC-32 and its length modulo 2**32.
        expected = struct.unpack("<II", compressed.read_bytes()[-8:])
    except OSError as error:
        raise OleanderError(
            f"{error.filename} cannot be read ({error.strerror}); make it readable or restore it"
        ) from error
    if (zlib.crc32(content), len(content) % 2**32) != expected:
        raise OleanderError(
            f"{file} differs from the content of {compressed.name}; run `gunzip --keep --force {compressed}`"
        )
    return True


def _shrink(images: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 [N, C, H / side, W / side]: the mean of each square of `side` pixels."""
    return F.avg_pool2d(images.float(), side).round().to(torch.uint8)


def _files(name: str, data_root: Path | None) -> list[Path]:
    """The dataset's files; relative paths if there is no data folder."""
    root = Path() if data_root is None else data_root
    return [file for split in IDX_PREFIXES for file in _pair(name, root, split)]


def _check_present(name: str, files: list[Path], data_root: Path | None) -> None:
    missing = [file for file in files if not file.is_file()]
    if data_root is not None and not missing:
        return
    compressed = [file for file in missing if file.with_name(file.name + ".gz").is_file()]
    if compressed and len(compressed) == len(missing):
        for file in compressed:
            _check_compressed(file)
        raise AbsentError(f"{name} exists only in compressed form; run `gunzip --keep {compressed[0].parent}/*.gz`")
    if said := say_near(missing[0], data_root) if missing else "":
        raise AbsentError(f"{name} is absent: {said}, and the other files likewise")
    places = ", ".join(str(file) for file in missing or files)
    if data_root is None:
        looked = f"looked for {places}, but neither data_root nor OLEANDER_DATA is set"
    else:
        looked = f"looked for {places}"
    raise AbsentError(
        f"{name} is absent: {looked}; run `snakemake --config data_root=/path/to/data` with a folder "
        f"that contains {files[0].parent.relative_to(data_root or Path())}/{files[0].name} and the "
        "other files, or `snakemake --config allow_download=True data_root=/path/to/data` to fetch it"
    )


def _check_compressed(file: Path) -> None:
    """Raise an error if the .gz of an absent file is none, such as a web page under its name."""
    compressed = file.with_name(file.name + ".gz")
    try:
        with compressed.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise OleanderError(f"{compressed} cannot be read ({error.strerror}); make it readable") from error
    if start in (struct.pack(">I", IMAGE_MAGIC), struct.pack(">I", LABEL_MAGIC)):
        raise OleanderError(f"{compressed} is unpacked already, in spite of its name; rename it to {file.name}")
    if start[:2] != GZIP_MAGIC:
        raise OleanderError(
            f"{compressed} is no gzip file: it starts with {start!r}, maybe as a web page does; download it again"
        )


def _download(name: str, data_root: Path) -> None:
    # Imported here and below because it takes seconds, and readers of prepared datasets do not need it.
    from torchvision import datasets

    try:
        getattr(datasets, name)(root=str(data_root), download=True)
    except (RuntimeError, OSError) as error:
        raise OleanderError(
            f"{name} cannot be downloaded to {data_root} ({error}); check the connection and that the folder "
            "is writable, or run `snakemake --config data_root=/path/to/data` with a folder that contains it"
        ) from error


def _read_idx_set(name: str, data_root: Path) -> RawDataset:
    from torchvision import datasets
    from torchvision.datasets.mnist import read_image_file, read_label_file

    _check_headers(name, data_root)
    split = {}
    for key in IDX_PREFIXES:
        images, labels = _pair(name, data_root, key)
        # torchvision's own class would load an old processed/*.pt file first.
        split[key] = read_image_file(str(images))[:, None], read_label_file(str(labels))
    classes = [str(digit) for digit in range(10)] if name == "MNIST" else list(getattr(datasets, name).classes)
    return RawDataset(*split["train"], *split["test"], classes, IMAGE_RANGE)


def _pair(name: str, data_root: Path, split: str) -> tuple[Path, Path]:
    """Image file and label file of a split."""
    start = data_root / name / "raw" / IDX_PREFIXES[split]
    return Path(f"{start}-images-idx3-ubyte"), Path(f"{start}-labels-idx1-ubyte")


def _check_headers(name: str, data_root: Path) -> dict[str, int]:
    """Check all four headers; returns the number of images per split."""
    counts = {}
    for split in IDX_PREFIXES:
        images, labels = _pair(name, data_root, split)
        counts[split], label_count = _check_idx(images, IMAGE_MAGIC), _check_idx(labels, LABEL_MAGIC)
        if counts[split] != label_count:
            raise OleanderError(
                f"{images} has {counts[split]} images, but {labels} has {label_count} labels; restore both files"
            )
    return counts


def _check_idx(path: Path, magic: int) -> int:
    """Check an idx file's header and length; returns the number of items. torchvision only asserts."""
    axes = magic & 0xFF
    size = 4 + 4 * axes
    try:
        with path.open("rb") as stream:
            header = stream.read(size)
        length = path.stat().st_size
    except OSError as error:
        raise OleanderError(f"{path} cannot be read ({error.strerror}); make it readable or restore it") from error
    if len(header) < size or struct.unpack(">I", header[:4])[0] != magic:
        raise OleanderError(
            f"{path} is not an idx file: it starts with {header[:4].hex() or 'nothing'} instead of "
            f"{magic:08x}; restore it"
        )
    shape = struct.unpack(f">{axes}I", header[4:])
    if 0 in shape or length != size + math.prod(shape):
        raise OleanderError(
            f"{path} is {length} bytes long, but its header says {size + math.prod(shape)} "
            f"({' x '.join(map(str, shape))}); it is truncated or damaged: restore it"
        )
    return shape[0]
