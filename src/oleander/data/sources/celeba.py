"""Source `celeba`: the aligned faces of CelebA (Liu et al. 2015) in the folder layout of torchvision.datasets: all or
some of them, at their own size or scaled.

A class is one of the 40 attributes or a combination of them; one image may be drawn for several classes. Train images
come from partition 0, test images from partition 2. Images are decoded while they are written, so they need not fit in
memory.
"""

import codecs
import logging
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from oleander.data.images import MAXIMUM_FILE_BYTES, open_image
from oleander.data.raw import IMAGE_RANGE, RawDataset
from oleander.data.sources.common import check_settings
from oleander.io.artifacts import Rows
from oleander.io.errors import AbsentError, OleanderError
from oleander.io.files import read_bounded
from oleander.io.user_files import near, say_near, source_paths

logger = logging.getLogger(__name__)

IMAGE_FOLDER, ATTRIBUTE_FILE, PARTITION_FILE = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
# CelebA's own: the name of torchvision's folder, which alone can be downloaded, and height and width of its images.
ORIGINAL_FOLDER, ORIGINAL_SIZE = "celeba", [218, 178]
# CelebA's terms forbid to publish any portion of it.
PUBLISH_IMAGES = False
# Split -> its partition, and the setting with its number of images per class.
SPLITS = {"train": (0, "per_class"), "test": (2, "test_per_class")}
KAGGLES = "a CSV, as Kaggle's copy of CelebA has it, and not the authors' list"
# The attribute list is 25 MB.
LIST_BYTES = 100_000_000
# Images decoded per piece, in parallel threads; about 13 MB at 128 x 128.
PIECE = 256

FILES = ("{folder}/list_attr_celeba.txt", "{folder}/list_eval_partition.txt")
# fmt: off
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "folder": {"type": "string", "minLength": 1, "description": "with images and lists; absolute or in data_root"},
        "aligned_size": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 1024},
            "minItems": 2,
            "maxItems": 2,
            "description": "height, width, which every image must have; CelebA's own are 218, 178",
        },
        "classes": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"enum": [
                    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald",
                    "Bangs", "Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair",
                    "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin",
                    "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones",
                    "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard",
                    "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks",
                    "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings",
                    "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
                ]},
                "additionalProperties": {"type": "boolean"},
            },
            "description": "class name -> the attributes that its images have (true) or lack (false); absent: each "
            "attribute is a class of that name",
        },
        "per_class": {"$ref": "#/$defs/count", "description": "train images of each class"},
        "test_per_class": {"$ref": "#/$defs/count", "description": "test images of each class"},
        "leave_out_rare": {
            "type": "boolean",
            "description": "whether classes of fewer images are left out; absent or false: they are an error",
        },
        "crop": {"$ref": "#/$defs/count", "description": "side of the square in the middle that is kept, pixels"},
        "image_size": {
            "$ref": "#/$defs/count", "maximum": 1024, "description": "side to which the square is scaled, pixels"
        },
        "seed": {"$ref": "#/$defs/seed"},
    },
    "required": ["folder", "aligned_size", "per_class", "test_per_class", "crop", "image_size", "seed"],
}
# fmt: on
ATTRIBUTES: tuple[str, ...] = tuple(
    SETTINGS_SCHEMA["properties"]["classes"]["additionalProperties"]["propertyNames"]["enum"]
)


def read(settings: dict[str, Any], data_root: Path | None, allow_download: bool) -> RawDataset:
    """Draw images, uint8 [N, 3, image_size, image_size], ordered by class; each class has its own generators.

    Within a class, images are distinct and in the attribute file's order. They are returned as `Rows`: each is decoded
    when it is written, then cropped and scaled with an antialiased bilinear filter.

    Raises:
        OleanderError: CelebA is missing, one of its lists is damaged, a class has too few images, or the crop is larger
            than the images; while the rows are written: an image is damaged or has another size.
    """
    _check_settings(settings)
    classes, files = _choose(settings, _locate(settings, data_root, allow_download))
    parts = []
    for paths in files.values():
        labels = torch.arange(len(classes)).repeat_interleave(len(paths) // len(classes))
        parts += [_images(paths, settings["aligned_size"], settings["crop"], settings["image_size"]), labels]
    return RawDataset(*parts, classes, IMAGE_RANGE)


def check(settings: dict[str, Any], data_root: Path | None) -> str:
    """Check both lists, and that the images exist, without decoding them.

    Returns:
        A summary of what was checked.

    Raises:
        AbsentError: CelebA is missing.
        OleanderError: one of its lists is damaged, a class has too few images, images are missing, or the crop is
            larger than the images.
    """
    _check_settings(settings)
    folder = _locate(settings, data_root, allow_download=False)
    classes, files = _choose(settings, folder)
    counts = " + ".join(str(len(paths)) for paths in files.values())
    return f"{counts} images of {len(classes)} classes in {folder}, lists and names only"


def _check_settings(settings: dict[str, Any]) -> None:
    check_settings(settings, SETTINGS_SCHEMA)
    height, width = settings["aligned_size"]
    if settings["crop"] > min(height, width):
        raise OleanderError(
            f"setting crop: {settings['crop']} is larger than a side of the images, {height} x {width} by "
            "aligned_size; lower it in the configuration"
        )


def _choose(settings: dict[str, Any], folder: Path) -> tuple[list[str], dict[str, list[Path]]]:
    """The class names, and each split's image paths, ordered by class, equally many per class; all paths exist."""
    names, flags = _read_attributes(folder / ATTRIBUTE_FILE)
    partition = _read_partition(folder / PARTITION_FILE, names)
    classes = settings.get("classes") or {name: {name: True} for name in ATTRIBUTES}
    if settings.get("leave_out_rare"):
        classes = _frequent(classes, flags, partition, settings, folder)
    rows = {split: _draw(split, classes, flags, partition, settings, folder) for split in SPLITS}
    files = {split: [names[row] for row in drawn.flatten()] for split, drawn in rows.items()}
    _check_present(folder / IMAGE_FOLDER, [*files["train"], *files["test"]])
    return list(classes), {split: [folder / IMAGE_FOLDER / name for name in chosen] for split, chosen in files.items()}


def _locate(settings: dict[str, Any], data_root: Path | None, allow_download: bool) -> Path:
    """The folder with the images and both lists."""
    lists = source_paths(FILES, settings, data_root)
    if lists is None:
        raise AbsentError(
            "CelebA is absent: neither data_root nor OLEANDER_DATA is set; run `snakemake --config "
            f"data_root=/path/to/data` with the folder that contains {settings['folder']}/{IMAGE_FOLDER}"
        )
    folder = lists[0].parent
    places = [folder / IMAGE_FOLDER, *lists]
    if allow_download and settings["folder"] == ORIGINAL_FOLDER and not all(place.exists() for place in places):
        _download(data_root)
    missing = [place for place in places if not place.exists()]
    if missing:
        looked = f"looked for {', '.join(str(place) for place in missing)}"
        raise AbsentError(
            f"CelebA is absent: {_say_found(missing[0]) or looked}; "
            f"{_what_to_put_where(folder, settings['aligned_size'])}"
        )
    return folder


def _what_to_put_where(folder: Path, size: list[int]) -> str:
    source = "mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    if size != ORIGINAL_SIZE:
        return (
            f"put {ATTRIBUTE_FILE} and {PARTITION_FILE} of these images into {folder}, and the images, scaled to "
            f"{size[0]} x {size[1]} pixels (height x width), into {folder / IMAGE_FOLDER}; the originals are those of "
            f"{source}"
        )
    return (
        f"get img_align_celeba.zip, {ATTRIBUTE_FILE} and {PARTITION_FILE} from "
        f"{source}, put the lists into {folder} and unpack the archive there, so that "
        f"{folder} contains {IMAGE_FOLDER}/000001.jpg and the other images"
    )


def _download(data_root: Path) -> None:
    # Imported here because it takes seconds, and readers of prepared datasets do not need it.
    from torchvision import datasets

    try:
        datasets.CelebA(root=str(data_root), download=True)
    # torchvision calls gdown, which is not one of its dependencies and raises its own types.
    except Exception as error:
        raise OleanderError(
            f"CelebA cannot be downloaded to {data_root} ({' '.join(str(error).split())}), which is common; "
            f"{_what_to_put_where(data_root / ORIGINAL_FOLDER, ORIGINAL_SIZE)}"
        ) from error


def _lines(path: Path, at_least: int) -> list[str]:
    try:
        # Editors on Windows put a byte-order mark in front.
        lines = read_bounded(path, LIST_BYTES).removeprefix(codecs.BOM_UTF8).decode("ascii").rstrip().splitlines()
    except (OSError, ValueError) as error:
        raise OleanderError(f"{path} cannot be read ({error}); restore it") from error
    if lines and lines[0].startswith("image_id,"):
        raise OleanderError(f"{path} is {KAGGLES}; put the authors' list of that name in its place")
    if len(lines) < at_least:
        raise OleanderError(f"{path} has {len(lines)} lines, too few for a list of images; restore it")
    return lines


def _read_attributes(path: Path) -> tuple[list[str], np.ndarray]:
    """File names of the images, and which of `ATTRIBUTES` they have, bool [N, 40].

    The first line is the number of images, the second the attribute names; then one line per image: its name, and 1 or
    -1 for each attribute.
    """
    count, header, *lines = _lines(path, at_least=2)
    attributes = header.split()
    if sorted(attributes) != sorted(ATTRIBUTES):
        lacking = [name for name in ATTRIBUTES if name not in attributes]
        raise OleanderError(
            f"{path}: the second line must name CelebA's {len(ATTRIBUTES)} attributes, "
            + (f"but lacks {', '.join(lacking)}" if lacking else f"but has {len(attributes)} names")
            + "; restore the file"
        )
    if count.strip() != str(len(lines)):
        raise OleanderError(
            f"{path}: the first line announces {count.strip()!r} images, but {len(lines)} follow; the file is "
            "truncated or damaged: restore it"
        )
    names, flags = [], np.empty((len(lines), len(ATTRIBUTES)), dtype=bool)
    for row, line in enumerate(lines):
        name, *values = line.split() or [""]
        # The names become paths: they must not leave the folder.
        if not re.fullmatch(r"\w+\.jpg", name) or len(values) != len(ATTRIBUTES) or not {*values} <= {"1", "-1"}:
            raise OleanderError(
                f"{path}: line {row + 3} must be a name ending in .jpg and {len(ATTRIBUTES)} times 1 or -1, not "
                f"{_short(line)}; restore the file"
            )
        names.append(name)
        flags[row] = [value == "1" for value in values]
    if len(set(names)) < len(names):
        raise OleanderError(f"{path} lists an image twice; restore the file")
    return names, flags[:, [attributes.index(name) for name in ATTRIBUTES]]


def _read_partition(path: Path, names: list[str]) -> np.ndarray:
    """The partition of each image: 0 train, 1 validation, 2 test."""
    found = {}
    for number, line in enumerate(_lines(path, at_least=1), 1):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
            raise OleanderError(
                f"{path}: line {number} must be an image's name and 0, 1 or 2, not {_short(line)}; restore the file"
            )
        found[fields[0]] = int(fields[1])
    missing = [name for name in names if name not in found]
    if missing:
        raise OleanderError(
            f"{path} lacks {len(missing)} of the images in {ATTRIBUTE_FILE}, the first is {missing[0]}; restore both "
            "files"
        )
    return np.array([found[name] for name in names], dtype=np.int64)


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")


def _fitting(wanted: dict[str, bool], flags: np.ndarray, partition: np.ndarray, code: int) -> np.ndarray:
    """Image rows of a class in partition `code`, ascending."""
    fits = partition == code
    for attribute, value in wanted.items():
        fits &= flags[:, ATTRIBUTES.index(attribute)] == value
    return np.flatnonzero(fits)


def _frequent(
    classes: dict[str, dict[str, bool]],
    flags: np.ndarray,
    partition: np.ndarray,
    settings: dict[str, Any],
    folder: Path,
) -> dict[str, dict[str, bool]]:
    """The classes with enough train and test images."""

    def has_enough(wanted: dict[str, bool]) -> bool:
        return all(len(_fitting(wanted, flags, partition, code)) >= settings[key] for code, key in SPLITS.values())

    frequent = {name: wanted for name, wanted in classes.items() if has_enough(wanted)}
    if not frequent:
        raise OleanderError(
            f"{folder}: no class has {settings['per_class']} train and {settings['test_per_class']} test images; lower "
            "per_class or test_per_class"
        )
    rare = [name for name in classes if name not in frequent]
    logger.info("%d classes; left out, as they have too few images: %s", len(frequent), ", ".join(rare) or "none")
    return frequent


def _draw(
    split: str,
    classes: dict[str, dict[str, bool]],
    flags: np.ndarray,
    partition: np.ndarray,
    settings: dict[str, Any],
    folder: Path,
) -> np.ndarray:
    """Image rows of each class, int64 [classes, count], ascending within a class."""
    code, setting = SPLITS[split]
    drawn = []
    for label, (name, wanted) in enumerate(classes.items()):
        rows, count = _fitting(wanted, flags, partition, code), settings[setting]
        if len(rows) < count:
            raise OleanderError(
                f"{folder}: class {name!r} has {len(rows)} {split} images, but {count} are needed; lower {setting}"
            )
        rng = np.random.default_rng([settings["seed"], label, code])
        drawn.append(np.sort(rng.choice(rows, count, replace=False)))
    return np.stack(drawn)


def _check_present(folder: Path, names: list[str]) -> None:
    """Raise an error if a drawn image is missing, before any is decoded."""
    try:
        with os.scandir(folder) as entries:
            present = {entry.name for entry in entries if entry.is_file()}
    except OSError as error:
        raise OleanderError(
            f"{folder} cannot be listed ({error.strerror}); restore the images, such as by unpacking "
            "img_align_celeba.zip again"
        ) from error
    missing = sorted(set(names) - present)
    if missing:
        remedy = _say_where_else(folder, missing[0]) or "restore them, such as by unpacking img_align_celeba.zip again"
        raise OleanderError(
            f"{folder} lacks {len(missing)} of the required images, the first is {missing[0]}; {remedy}"
        )


def _say_found(missing: Path) -> str:
    """What lies there in place of a missing file or folder; empty if nothing does."""
    for one in near(missing):
        if one.suffix == ".csv":
            return f"found {one}, which is {KAGGLES}"
        if one.suffix == ".zip":
            return f"found {one}, which is still to be unpacked"
    return say_near(missing)


def _say_where_else(folder: Path, name: str) -> str:
    """What to do where the images lie one folder deeper or are the PNGs; empty if neither."""
    if (folder / folder.name / name).is_file():
        return f"found it in {folder / folder.name}: move the images from there to {folder}"
    png = folder / f"{Path(name).stem}.png"
    return f"found {png.name}: these are the PNGs, put the JPEGs of img_align_celeba.zip there" * png.is_file()


def _images(files: list[Path], aligned: list[int], crop: int, size: int) -> Rows:
    """The images of `files`, decoded in as many threads as torch uses."""

    def pieces() -> Iterator[torch.Tensor]:
        decode = partial(_decode, aligned=aligned, crop=crop, size=size)
        starts = tqdm(range(0, len(files), PIECE), desc="decoding", unit="piece", disable=None, leave=False)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for start in starts:
                yield torch.from_numpy(np.stack(list(pool.map(decode, files[start : start + PIECE]))))

    return Rows(torch.uint8, (len(files), 3, size, size), pieces)


def _decode(path: Path, aligned: list[int], crop: int, size: int) -> np.ndarray:
    """Decode one image to uint8 [3, size, size], after checking its size (`aligned`: height, width) and mode."""
    height, width = aligned
    try:
        content = read_bounded(path, MAXIMUM_FILE_BYTES)
    except OSError as error:
        raise OleanderError(f"{path} cannot be read ({error.strerror}); restore it") from error
    with open_image(content, str(path), "restore it", formats=["JPEG"]) as image:
        if (image.height, image.width) != (height, width):
            raise OleanderError(
                f"{path} is {image.height} x {image.width}, but aligned_size asks for {height} x {width} (height x "
                "width); restore the image, or change aligned_size"
            )
        if image.mode not in ("L", "RGB"):
            raise OleanderError(f"{path} has mode {image.mode}; restore it or convert it to RGB")
        left, top = (width - crop) // 2, (height - crop) // 2
        square = image.convert("RGB").crop((left, top, left + crop, top + crop))
        pixels = np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
