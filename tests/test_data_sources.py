"""Sources and prepared datasets: what is read, what is refused, and that a refusal leaves no file behind."""

import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import struct
import threading
import zipfile
import zlib
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from oleander.data import (
    CHECKS,
    SETTINGS_SCHEMAS,
    SOURCES,
    RawDataset,
    load_dataset,
    prepare_dataset,
    save_dataset,
)
from oleander.data.images import read_image
from oleander.data.sources import SOURCE_FILES
from oleander.io import user_files
from oleander.io.artifacts import load_artifact, save_artifact
from oleander.io.errors import OleanderError
from oleander.io.user_files import resolve_data_root
from oleander.workflow.declared import source_files
from oleander.workflow.sources import check_source

REAL_DATA = os.environ.get("OLEANDER_DATA")
needs_real_data = pytest.mark.skipif(
    not REAL_DATA, reason="needs real data: set OLEANDER_DATA to the folder that holds it"
)


@pytest.fixture(autouse=True)
def _no_data_variable(monkeypatch):
    monkeypatch.delenv("OLEANDER_DATA", raising=False)


@pytest.fixture
def prepare(tmp_path):
    """Prepare into an empty folder; a refusal must leave it empty."""
    folder = tmp_path / "prepared"

    def run(settings, data_root=None, allow_download=False):
        output, manifest = folder / "d.safetensors", folder / "d.json"
        prepare_dataset("d", settings, data_root and str(data_root), allow_download, output, manifest)
        return load_dataset(output)

    run.folder = folder
    return run


def refused(prepare, settings, *pieces, data_root=None, allow_download=False):
    with pytest.raises(OleanderError) as caught:
        prepare(settings, data_root, allow_download)
    message = str(caught.value)
    assert all(str(piece) in message for piece in ("dataset d", *pieces)), message
    assert not prepare.folder.exists() or not list(prepare.folder.iterdir())


# --- schemas and registry


def test_every_source_declares_a_valid_schema():
    assert set(SOURCES) == set(SETTINGS_SCHEMAS) == {"torchvision", "image_folder", "embedded", "gaussians", "celeba"}
    for schema in SETTINGS_SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert set(schema["required"]) <= set(schema["properties"])
        assert "source" not in schema["properties"]


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_unknown_and_missing_settings_are_refused(prepare, source):
    refused(prepare, {"source": source, "surprise": 1})
    refused(prepare, {"source": source})


def test_unknown_source_names_the_known(prepare):
    refused(prepare, {"source": "cloud"}, "'cloud'", "torchvision", "image_folder")


def test_data_root_configured_wins_over_environment(monkeypatch, tmp_path):
    assert resolve_data_root(None) is None
    monkeypatch.setenv("OLEANDER_DATA", "")
    assert resolve_data_root(None) is None
    monkeypatch.setenv("OLEANDER_DATA", str(tmp_path))
    assert resolve_data_root(None) == tmp_path
    assert resolve_data_root("/elsewhere") == Path("/elsewhere")


# --- gaussians

GAUSSIANS = {
    "source": "gaussians",
    "means": [[2.5, -1.0], [0.5, 1.0]],
    "covariances": [[[0.4, 0.1], [0.1, 0.2]], [[0.3, 0.0], [0.0, 0.6]]],
    "class_names": ["a", "b"],
    "train_per_class": 40_000,
    "test_per_class": 10,
    "seed": 3,
}


def test_gaussians_have_the_moments_asked_for(prepare):
    dataset = prepare(GAUSSIANS)
    assert dataset.train_x.dtype == torch.float32
    assert dataset.value_range is None
    assert dataset.test_y.tolist() == [0] * 10 + [1] * 10
    for label in (0, 1):
        x = dataset.train_x[dataset.train_y == label].double()
        # Standard errors are below 0.004 here.
        torch.testing.assert_close(x.mean(0).tolist(), GAUSSIANS["means"][label], atol=0.02, rtol=0)
        torch.testing.assert_close(x.T.cov().tolist(), GAUSSIANS["covariances"][label], atol=0.02, rtol=0)


def test_gaussians_train_and_test_are_different_draws(prepare):
    dataset = prepare(GAUSSIANS | {"train_per_class": 10})
    assert not set(dataset.train_x.flatten().tolist()) & set(dataset.test_x.flatten().tolist())


@pytest.mark.parametrize(
    "covariance",
    [
        [[1.0, 0.5], [0.0, 1.0]],
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0]],
        [[1.0, 0.0], [0.0]],
    ],
)
def test_bad_covariance(prepare, covariance):
    settings = GAUSSIANS | {"covariances": [[[1.0, 0.0], [0.0, 1.0]], covariance]}
    refused(prepare, settings, "'b'", "symmetric positive definite", "correct it")


@pytest.mark.parametrize(
    ("change", "piece"),
    [
        ({"class_names": ["a"]}, "class_names need 1 means and covariances, found 2 and 2; give one of each"),
        ({"class_names": ["a", "a"]}, "class_names"),
        ({"means": [[0.0, 0.0], [1.0]]}, "'b' must be 2 numbers, not [1.0]; correct it"),
        ({"means": [[0.0, 0.0], [float("nan"), 0.0]]}, "finite"),
        ({"train_per_class": 0}, "train_per_class"),
        ({"seed": -1}, "setting seed: -1 is less than the minimum of 0; change that in the configuration"),
    ],
)
def test_bad_gaussian_settings(prepare, change, piece):
    refused(prepare, GAUSSIANS | change, piece)


# --- embedded

DIGITS = {"source": "embedded", "name": "digits", "test_fraction": 0.3, "seed": 1}
PHOTOGRAPHS = {
    "source": "embedded",
    "name": "photographs",
    "test_fraction": 0.25,
    "seed": 1,
    "patch_size": 8,
    "patches_per_class": 40,
}


def test_digits_are_scaled_and_stratified(prepare):
    from sklearn.datasets import load_digits

    dataset = prepare(DIGITS | {"stand_in_for": "MNIST"})
    bunch = load_digits()
    assert dataset.classes == [str(digit) for digit in range(10)]
    assert dataset.train_x.shape[1:] == (1, 8, 8)
    assert dataset.stand_in_for == "MNIST"
    for label in range(10):
        total = int((bunch.target == label).sum())
        assert int((dataset.test_y == label).sum()) == round(0.3 * total)
        assert int((dataset.train_y == label).sum()) == total - round(0.3 * total)

    # Every digit of scikit-learn's is there once, under its own label.
    def rows(images, labels):
        return sorted((int(label), *row) for label, row in zip(labels, images, strict=True))

    read = torch.cat([dataset.train_x, dataset.test_x]).flatten(1)
    expected = np.floor(bunch.data / 16 * 255 + 0.5).astype(int)
    labels = torch.cat([dataset.train_y, dataset.test_y])
    assert rows(read.tolist(), labels.tolist()) == rows(expected.tolist(), bunch.target.tolist())


def test_photograph_patches_do_not_share_pixels(prepare):
    from sklearn.datasets import load_sample_images

    dataset = prepare(PHOTOGRAPHS)
    assert dataset.classes == ["china", "flower"]
    assert dataset.train_x.shape == (60, 3, 8, 8)
    assert dataset.test_x.shape == (20, 3, 8, 8)
    for label, photograph in enumerate(load_sample_images().images):
        boundary = round(0.75 * photograph.shape[1])
        parts = {"train": photograph[:, :boundary], "test": photograph[:, boundary:]}
        for split, part in parts.items():
            patches = getattr(dataset, f"{split}_x")[getattr(dataset, f"{split}_y") == label]
            places = np.lib.stride_tricks.sliding_window_view(part, (8, 8), axis=(0, 1))
            for patch in patches[:5].numpy():
                candidates = places[(places[..., 0, 0] == patch[:, 0, 0]).all(-1)]
                assert (candidates == patch).all((1, 2, 3)).any()


def test_one_photograph_gives_the_patches_that_it_gives_among_both(prepare):
    both, flower = prepare(PHOTOGRAPHS), prepare(PHOTOGRAPHS | {"classes": ["flower"]})
    assert flower.classes == ["flower"]
    for split in ("train", "test"):
        x, y = getattr(both, f"{split}_x"), getattr(both, f"{split}_y")
        assert torch.equal(getattr(flower, f"{split}_x"), x[y == 1])
        assert not getattr(flower, f"{split}_y").any()


@pytest.mark.parametrize(
    ("settings", "pieces"),
    [
        (DIGITS | {"classes": ["3"]}, ["classes"]),
        (PHOTOGRAPHS | {"classes": ["boat"]}, ["classes", "'boat'"]),
        (DIGITS | {"patch_size": 8}, ["patch_size"]),
        (DIGITS | {"test_fraction": 1.0}, ["test_fraction"]),
        (DIGITS | {"test_fraction": float("nan")}, ["finite"]),
        (DIGITS | {"test_fraction": 0.999}, ["class '0'", "too few"]),
        ({"source": "embedded", "name": "photographs", "test_fraction": 0.5, "seed": 0}, ["patch"]),
        (PHOTOGRAPHS | {"patch_size": 200}, ["test part", "'china'", "patch_size"]),
        (PHOTOGRAPHS | {"patch_size": 160, "patches_per_class": 4000}, ["268 positions", "1000 are needed"]),
        (
            PHOTOGRAPHS | {"patches_per_class": 2, "test_fraction": 0.9},
            ["patches_per_class 2", "raise patches_per_class"],
        ),
    ],
)
def test_bad_embedded_settings(prepare, settings, pieces):
    refused(prepare, settings, *pieces)


# --- torchvision

IDX_NAMES = [f"{p}-{kind}-ubyte" for p in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def idx(array):
    array = np.asarray(array, dtype=np.uint8)
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def small_mnist():
    """The four files of a set of 20 train and 10 test images, two and one of each class."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 28, 28))
    labels = np.arange(30) % 10
    return dict(zip(IDX_NAMES, map(idx, (images[:20], labels[:20], images[20:], labels[20:])), strict=True)), images


def write_mnist(root, changes=None, name="MNIST"):
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for file, content in (small_mnist()[0] | (changes or {})).items():
        if content is not None:
            (folder / file).write_bytes(content)
    return folder


MNIST = {"source": "torchvision", "name": "MNIST"}


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_idx_files_are_read_in_order(prepare, tmp_path, name):
    write_mnist(tmp_path, name=name)
    dataset = prepare({"source": "torchvision", "name": name}, tmp_path)
    images = torch.from_numpy(small_mnist()[1].astype(np.uint8))[:, None]
    assert torch.equal(torch.cat([dataset.train_x, dataset.test_x]), images)
    assert dataset.train_y.tolist() == list(range(10)) * 2
    assert dataset.classes[3] == {"MNIST": "3", "FashionMNIST": "Dress"}[name]
    assert dataset.value_range == (0.0, 255.0)


def test_shrunk_images_are_the_means_of_squares(prepare, tmp_path):
    write_mnist(tmp_path)
    dataset = prepare(MNIST | {"shrink": 4}, tmp_path)
    means = small_mnist()[1].reshape(30, 7, 4, 7, 4).mean((2, 4))
    shrunk = torch.cat([dataset.train_x, dataset.test_x])[:, 0].numpy()
    assert shrunk.dtype == np.uint8
    assert np.array_equal(shrunk, np.round(means))


def test_images_that_cannot_be_shrunk(prepare, tmp_path):
    write_mnist(tmp_path)
    refused(prepare, MNIST | {"shrink": 3}, "MNIST", "28", "shrink=3", data_root=tmp_path)


def test_absent_set_says_where_it_looked_and_what_to_do(prepare, tmp_path):
    places = [tmp_path / "MNIST" / "raw" / name for name in IDX_NAMES]
    refused(
        prepare,
        MNIST,
        "MNIST",
        *places,
        "snakemake --config data_root=",
        "allow_download=True",
        data_root=tmp_path,
    )
    refused(prepare, MNIST, "MNIST/raw/train-images", "data_root", "OLEANDER_DATA")
    refused(prepare, MNIST, "OLEANDER_DATA", allow_download=True)


def _good(name):
    return small_mnist()[0][name]


@pytest.mark.parametrize(
    ("file", "content", "piece"),
    [
        ("train-images-idx3-ubyte", _good("train-images-idx3-ubyte")[:-1], "15695 bytes"),
        ("train-images-idx3-ubyte", _good("train-images-idx3-ubyte") + b"x", "15697 bytes"),
        ("train-images-idx3-ubyte", _good("train-labels-idx1-ubyte"), "00000801"),
        ("t10k-images-idx3-ubyte", b"", "nothing"),
        ("t10k-images-idx3-ubyte", b"\0\0\x08\x03\0", "restore"),
        ("t10k-labels-idx1-ubyte", gzip.compress(_good("t10k-labels-idx1-ubyte"), mtime=0), "1f8b"),
        ("t10k-labels-idx1-ubyte", struct.pack(">II", 0x801, 2**31), "8 bytes"),
        ("t10k-labels-idx1-ubyte", idx(np.zeros(0)), "damaged"),
        ("t10k-labels-idx1-ubyte", idx(np.arange(9)), "has 10 images"),
        (
            "t10k-labels-idx1-ubyte",
            idx(np.arange(10) + 1),
            "labels run from 1 to 10, but there are 10 classes; correct",
        ),
        ("t10k-labels-idx1-ubyte", idx(np.zeros(10)), "has no points"),
        ("t10k-labels-idx1-ubyte", None, "t10k-labels-idx1-ubyte"),
    ],
)
def test_damaged_idx_files(prepare, tmp_path, file, content, piece):
    write_mnist(tmp_path, {file: content})
    refused(prepare, MNIST, piece, data_root=tmp_path)


def test_compressed_set_says_gunzip(prepare, tmp_path):
    files = {f"{name}.gz": gzip.compress(content) for name, content in small_mnist()[0].items()}
    folder = write_mnist(tmp_path, dict.fromkeys(IDX_NAMES) | files)
    refused(prepare, MNIST, f"gunzip --keep {folder}/*.gz", data_root=tmp_path)
    packed = folder / f"{IDX_NAMES[2]}.gz"
    packed.write_bytes(b"<html>503</html>")
    refused(prepare, MNIST, f"{packed} is no gzip file: it starts with b'<htm'", "download it", data_root=tmp_path)
    packed.write_bytes(small_mnist()[0][IDX_NAMES[2]])
    refused(prepare, MNIST, f"{packed} is unpacked already", f"rename it to {IDX_NAMES[2]}", data_root=tmp_path)


@pytest.mark.parametrize(
    "place",
    ["MNIST/raw/{dotted}", "MNIST/raw/{name}/{name}", "MNIST/{name}", "{name}", "MNIST/raw/{upper}"],
)
def test_files_under_a_near_name_are_said(prepare, tmp_path, place):
    """As 7-Zip and Kaggle name them, in a folder of the file's name, or one folder too high."""
    (tmp_path / "MNIST/raw").mkdir(parents=True)
    for name, content in small_mnist()[0].items():
        path = tmp_path / place.format(name=name, dotted=name.replace("-idx", ".idx"), upper=name.upper())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    name = IDX_NAMES[0]
    found = place.format(name=name, dotted=name.replace("-idx", ".idx"), upper=name.upper())
    wanted = tmp_path / "MNIST/raw" / name
    refused(prepare, MNIST, f"absent: found {tmp_path / found};", f"rename it to {wanted}", data_root=tmp_path)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Point torchvision's downloader at a folder that this machine serves to itself."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    resources = []
    for name, content in small_mnist()[0].items():
        packed = gzip.compress(content, mtime=0)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        yield folder
        server.shutdown()
        thread.join()


def test_download_only_where_allowed_and_absent(prepare, mirror, tmp_path):
    root = tmp_path / "root"
    refused(prepare, MNIST, "absent", data_root=root)
    assert len(prepare(MNIST, root, allow_download=True).train_x) == 20
    for file in mirror.iterdir():
        file.unlink()
    assert len(prepare(MNIST, root, allow_download=True).train_x) == 20


def test_failed_download(prepare, mirror, tmp_path):
    (mirror / "t10k-labels-idx1-ubyte.gz").unlink()
    refused(prepare, MNIST, "MNIST cannot be downloaded", tmp_path, data_root=tmp_path, allow_download=True)


# --- image_folder


def picture(value, size=(6, 5), mode="RGB", form="PNG", **options):
    """The bytes of an image of one colour; `size` is (width, height)."""
    stream = io.BytesIO()
    Image.new(mode, size, value).save(stream, form, **options)
    return stream.getvalue()


def two_splits():
    """Three train and one test image of two classes; the red value tells them apart."""
    files = {}
    for label, name in enumerate(("dog", "cat")):
        for number in range(3):
            files[f"train/{name}/{number}.png"] = picture((label * 10 + number, 50, 60))
        files[f"test/{name}/9.webp"] = picture((label * 10 + 9, 50, 60), form="WEBP", lossless=True)
    return files


def plain(count=10):
    return {
        f"{name}/{number:02}.png": picture((label * 100 + number, 0, 0))
        for label, name in enumerate(("cat", "dog"))
        for number in range(count)
    }


def write_tree(path, files):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


FOLDER = {"source": "image_folder", "path": "pets", "image_shape": [3, 5, 6], "minimum_per_class": 1}
ZIP = FOLDER | {"path": "pets.zip"}
BOTH = pytest.mark.parametrize("settings", [FOLDER, ZIP], ids=["folder", "zip"])


@BOTH
@pytest.mark.parametrize("wrapping", ["", "pets/", "one/two/"])
def test_tree_with_splits(prepare, tmp_path, settings, wrapping):
    litter = {".DS_Store": b"x", "__MACOSX/train/cat/._0.png": b"x"}
    files = {wrapping + name: content for name, content in two_splits().items()}
    write_tree(tmp_path / settings["path"], litter | files)
    dataset = prepare(settings, tmp_path)
    assert dataset.classes == ["cat", "dog"]
    assert dataset.train_x.shape == (6, 3, 5, 6)
    assert dataset.train_x[:, 0, 2, 3].tolist() == [10, 11, 12, 0, 1, 2]
    assert dataset.train_x[:, 2].unique().tolist() == [60]
    assert dataset.train_y.tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.test_x[:, 0, 0, 0].tolist() == [19, 9]


@BOTH
def test_plain_tree_is_split_by_class(prepare, tmp_path, settings):
    write_tree(tmp_path / settings["path"], plain())
    dataset = prepare(settings | {"test_fraction": 0.3, "seed": 5}, tmp_path)
    train, test = dataset.train_x[:, 0, 0, 0].tolist(), dataset.test_x[:, 0, 0, 0].tolist()
    assert sorted(train + test) == [*range(10), *range(100, 110)]
    assert dataset.test_y.tolist() == [0] * 3 + [1] * 3
    assert [int(value >= 100) for value in train] == dataset.train_y.tolist()
    other = prepare(settings | {"test_fraction": 0.3, "seed": 6}, tmp_path)
    assert other.test_x[:, 0, 0, 0].tolist() != test


def test_colour_becomes_grey_and_grey_colour(prepare, tmp_path):
    files = {f"{split}/a/{split}.png": picture((255, 0, 0)) for split in ("train", "test")}
    write_tree(tmp_path / "pets", files)
    dataset = prepare(FOLDER | {"image_shape": [1, 5, 6]}, tmp_path)
    assert dataset.train_x.unique().tolist() == [76]  # ITU-R 601: 0.299 * 255
    write_tree(tmp_path / "pets", {name: picture(7, mode="L") for name in files})
    assert prepare(FOLDER, tmp_path).train_x.unique().tolist() == [7]


def test_only_the_classes_asked_for_are_decoded(prepare, tmp_path):
    files = two_splits() | {"train/bird/0.png": b"no image", "test/bird/0.png": b"no image"}
    write_tree(tmp_path / "pets.zip", files)
    refused(prepare, ZIP, "train/bird/0.png", data_root=tmp_path)
    refused(prepare, ZIP | {"classes": ["cow"]}, "'cow'", "choose one of bird, cat, dog", data_root=tmp_path)
    assert prepare(ZIP | {"classes": ["dog", "cat"]}, tmp_path).classes == ["cat", "dog"]


BAD_TREES = {
    "no image": ({"train/cat/x.txt": b"hello"}, {}, ["train/cat/x.txt", "PNG"]),
    "another format": ({"train/cat/x.gif": picture(0, form="GIF")}, {}, ["train/cat/x.gif"]),
    "truncated": ({"train/cat/x.png": picture((1, 2, 3), form="BMP")[:-9]}, {}, ["train/cat/x.png"]),
    "empty file": ({"train/cat/x.png": b""}, {}, ["train/cat/x.png"]),
    "shape": ({"train/cat/x.png": picture(0, (5, 6))}, {}, ["train/cat/x.png", "6 x 5", "5 x 6"]),
    "16 bits": ({"train/cat/x.png": picture(9, mode="I;16")}, {}, ["train/cat/x.png", "mode I;16"]),
    "transparent": ({"train/cat/x.png": picture((1, 2, 3, 9), mode="RGBA")}, {}, ["x.png", "transparent"]),
    "animated": (
        {"train/cat/x.png": picture((1, 2, 3), save_all=True, append_images=[Image.new("RGB", (6, 5), (9, 9, 9))])},
        {},
        ["x.png", "animated"],
    ),
    "too small": ({}, {"minimum_per_class": 4}, ["class 'cat'", "3 training images", "4 are needed"]),
    "train only": (
        {"train/bird/x.png": picture(0)},
        {},
        ["'bird'", "no images in test; add some or leave the class out"],
    ),
    "test only": ({"test/bird/x.png": picture(0)}, {}, ["'bird'", "0 training images"]),
    "another mode": (
        {"train/cat/x.jpg": picture((1, 2, 3, 4), mode="CMYK", form="JPEG")},
        {},
        ["train/cat/x.jpg has mode CMYK (four ink colours)", "convert it to RGB"],
    ),
    "stray image": ({"train/x.png": picture(0)}, {}, ["file train/x.png is out of place"]),
    "stray image above": ({"x.png": picture(0)}, {}, ["file x.png is out of place"]),
    "stray split": ({"validation/cat/x.png": picture(0)}, {}, ["validation/cat/x.png", "out of place"]),
    "too deep": ({"train/cat/old/x.png": picture(0)}, {}, ["train/cat/old/x.png", "out of place"]),
    "fraction": ({}, {"test_fraction": 0.5, "seed": 0}, ["remove test_fraction"]),
    "no seed": ({}, {"test_fraction": 0.5}, ["seed"]),
    "channels": ({}, {"image_shape": [2, 5, 6]}, ["image_shape[0]"]),
    "file too large": ({"train/cat/x.png": bytes(32 * 2**20 + 1)}, {}, ["x.png", "33554433 bytes"]),
}


@BOTH
@pytest.mark.parametrize("case", BAD_TREES)
def test_bad_trees(prepare, tmp_path, settings, case):
    files, change, pieces = BAD_TREES[case]
    write_tree(tmp_path / settings["path"], two_splits() | files)
    refused(prepare, settings | change, *pieces, data_root=tmp_path)


@BOTH
def test_layouts_that_cannot_be_split(prepare, tmp_path, settings):
    path = tmp_path / settings["path"]
    refused(prepare, settings, path, "does not exist", "put the folder or .zip there", data_root=tmp_path)
    (tmp_path / "Pets (1).zip").touch()
    refused(prepare, settings, "does not exist", tmp_path / "Pets (1).zip", f"rename it to {path}", data_root=tmp_path)
    refused(prepare, settings, "relative", "OLEANDER_DATA")
    write_tree(path, plain(2))
    refused(prepare, settings, "set test_fraction and seed", data_root=tmp_path)
    split = settings | {"test_fraction": 0.5, "seed": 0}
    refused(prepare, split | {"minimum_per_class": 2}, "1 training images", data_root=tmp_path)
    refused(prepare, split | {"test_fraction": 0.9}, "class 'cat' has 2 points", data_root=tmp_path)


@BOTH
def test_train_without_test(prepare, tmp_path, settings):
    files = {name: content for name, content in two_splits().items() if name.startswith("train")}
    write_tree(tmp_path / settings["path"], files)
    refused(prepare, settings, "no test folder", data_root=tmp_path)


def test_empty_folders(prepare, tmp_path):
    (tmp_path / "pets").mkdir()
    refused(prepare, FOLDER, "holds no files", data_root=tmp_path)
    write_tree(tmp_path / "pets", two_splits())
    (tmp_path / "pets/train/bird").mkdir()
    refused(prepare, FOLDER, "'bird'", "0 training images", data_root=tmp_path)


def test_links(prepare, tmp_path):
    write_tree(tmp_path / "pets", two_splits())
    write_tree(tmp_path / "elsewhere", {"x.png": picture(0)})
    link = tmp_path / "pets/train/bird"
    link.symlink_to(tmp_path / "elsewhere")
    refused(prepare, FOLDER, link, "is a link", data_root=tmp_path)
    link.unlink()
    link = tmp_path / "pets/train/cat/x.png"
    link.symlink_to(tmp_path / "elsewhere/x.png")
    refused(prepare, FOLDER, link, "is a link", data_root=tmp_path)
    link.unlink()
    link.symlink_to(link)
    refused(prepare, FOLDER, link, "not a regular file", data_root=tmp_path)
    link.unlink()
    os.mkfifo(link)
    refused(prepare, FOLDER, link, "not a regular file", data_root=tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../x.png", "/etc/x.png", "C:/x.png", "c:x.png", "train\\..\\x.png", "train/../../x.png"],
)
def test_archive_entries_that_escape(prepare, tmp_path, name):
    write_tree(tmp_path / "pets.zip", two_splits() | {name: picture(0)})
    refused(prepare, ZIP, repr(name), "outside the archive", data_root=tmp_path)


def test_archive_entries_that_only_look_odd(prepare, tmp_path):
    """./cat/0.png is what bsdtar and Go write; backslashes are Windows', and are not said to escape."""
    sound = prepare_two_splits(prepare, tmp_path, lambda name: name)
    for odd in (lambda name: f"./{name}", lambda name: name.replace("/", "//"), lambda name: name.replace("/", "/./")):
        assert torch.equal(prepare_two_splits(prepare, tmp_path, odd), sound)
    write_tree(tmp_path / "pets.zip", two_splits() | {"./": b"", "train\\cat\\x.png": picture(0)})
    with pytest.raises(OleanderError, match=r"has a backslash .*; pack it again") as caught:
        prepare(ZIP, tmp_path)
    assert "outside" not in str(caught.value)
    write_tree(tmp_path / "pets.zip", two_splits() | {"./train/cat/0.png": picture(0)})
    with pytest.raises(OleanderError, match="appears twice"):
        prepare(ZIP, tmp_path)


def prepare_two_splits(prepare, folder, rename):
    write_tree(folder / "pets.zip", {rename(name): content for name, content in two_splits().items()})
    return prepare(ZIP, folder).train_x


@BOTH
@pytest.mark.parametrize("wrapping", ["", "pets/"])
def test_what_lies_beside_the_classes_is_passed_over(prepare, tmp_path, settings, wrapping, caplog):
    beside = ["readme.txt", "LICENSE", "docs/readme.txt"] if wrapping else ["readme.txt"]
    beside += [wrapping + name for name in ("labels.csv", "train/labels.csv")]
    litter = [wrapping + name for name in ("Thumbs.db", "desktop.ini", "train/cat/Thumbs.db")]
    litter.append(wrapping + "train/cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.png")
    files = {wrapping + name: content for name, content in two_splits().items()}
    write_tree(tmp_path / settings["path"], files | dict.fromkeys(beside + litter, b"x"))
    caplog.set_level("INFO", "oleander")
    dataset = prepare(settings, tmp_path)
    assert dataset.classes == ["cat", "dog"]
    assert len(dataset.train_x) == 6
    assert all(name in caplog.text for name in beside)
    assert "Thumbs.db" not in caplog.text
    write_tree(tmp_path / settings["path"], files | {wrapping + "train/cat/notes.txt": b"x"})
    with pytest.raises(OleanderError, match=r"train/cat/notes\.txt is not a complete PNG"):
        prepare(settings, tmp_path)


ORIENTATIONS = {
    1: lambda shown: shown,
    2: np.fliplr,
    3: lambda shown: np.rot90(shown, 2),
    4: np.flipud,
    5: lambda shown: shown.transpose(1, 0, 2),
    6: lambda shown: np.rot90(shown),
    7: lambda shown: np.rot90(shown, 2).transpose(1, 0, 2),
    8: lambda shown: np.rot90(shown, -1),
}
"""How a camera stores the pixels that are to be shown, by its flag (EXIF 2.3, section 4.6.4)."""


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("flag", ORIENTATIONS)
def test_an_image_is_turned_as_its_flag_says(tmp_path, form, flag):
    shown = np.zeros((16, 24, 3), np.uint8)
    shown[:8, :16], shown[8:, 8:] = (250, 0, 0), (0, 0, 250)
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = flag
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    Image.fromarray(np.ascontiguousarray(ORIENTATIONS[flag](shown))).save(stream, form, exif=exif, **options)
    read = read_image(stream.getvalue(), "it", (3, 16, 24), "", "").transpose(1, 2, 0)
    assert np.abs(read.astype(int) - shown).max() <= (3 if form == "JPEG" else 0)
    if flag >= 5:
        with pytest.raises(OleanderError, match=r"it is 16 x 24 pixels .*, but 24 x 16 are wanted"):
            read_image(stream.getvalue(), "it", (3, 24, 16), "", "")


def altered_archive(path, offset_in_entry, change):
    """Overwrite bytes of the last entry of a zip's central directory."""
    content = bytearray(path.read_bytes())
    start = content.rindex(b"PK\x01\x02") + offset_in_entry
    content[start : start + len(change)] = change
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "change", "piece"),
    [
        (8, b"\x01\x00", "encrypted"),
        (10, struct.pack("<H", 14), "neither stored nor deflated"),
        (24, struct.pack("<I", 2**32 - 2), "4294967294 bytes large"),
        (24, struct.pack("<I", 10), "cannot be unpacked"),
        (16, b"\0\0\0\0", "cannot be unpacked"),
        (38, struct.pack("<I", 0o120777 << 16), "is a link"),
    ],
)
def test_altered_archive_entry(prepare, tmp_path, offset, change, piece):
    write_tree(tmp_path / "pets.zip", two_splits())
    altered_archive(tmp_path / "pets.zip", offset, change)
    refused(prepare, ZIP, piece, "test/cat/9.webp", data_root=tmp_path)


def test_archive_with_an_entry_twice(prepare, tmp_path):
    write_tree(tmp_path / "pets.zip", two_splits())
    with zipfile.ZipFile(tmp_path / "pets.zip", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("train/cat/0.png", b"")
    refused(prepare, ZIP, "train/cat/0.png", "twice", data_root=tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06"])
def test_no_archive(prepare, tmp_path, content):
    (tmp_path / "pets.zip").write_bytes(content)
    refused(prepare, ZIP, "pets.zip", "neither a folder nor a readable .zip", data_root=tmp_path)


def test_truncated_archive(prepare, tmp_path):
    write_tree(tmp_path / "pets.zip", two_splits())
    content = (tmp_path / "pets.zip").read_bytes()
    (tmp_path / "pets.zip").write_bytes(content[: len(content) // 2])
    refused(prepare, ZIP, "readable .zip", data_root=tmp_path)


def test_decompression_bomb_is_refused_before_decoding(prepare, tmp_path):
    # A PNG header that promises 60,000 x 60,000 pixels: 3.6 billion, far beyond Pillow's own bound.
    content = bytearray(picture(0, mode="L"))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    write_tree(tmp_path / "pets", two_splits() | {"train/cat/x.png": bytes(content)})
    refused(prepare, FOLDER, "train/cat/x.png", "decompression bomb", data_root=tmp_path)


# --- prepared files


@pytest.mark.parametrize("settings", [GAUSSIANS | {"train_per_class": 9}, DIGITS, PHOTOGRAPHS, ZIP])
def test_same_bytes_every_time(tmp_path, settings):
    write_tree(tmp_path / "pets.zip", two_splits())
    contents = []
    for number in range(5):
        output, manifest = tmp_path / str(number) / "d.safetensors", tmp_path / str(number) / "d.json"
        prepare_dataset("d", settings, str(tmp_path), False, output, manifest)
        contents.append((output.read_bytes(), manifest.read_bytes()))
    assert all(content == contents[0] for content in contents)


def test_manifest_says_what_is_in_the_file(prepare):
    dataset = prepare(DIGITS | {"stand_in_for": "MNIST"})
    output = prepare.folder / "d.safetensors"
    manifest = json.loads((prepare.folder / "d.json").read_text())
    assert manifest["sha256"] == dataset.sha256 == hashlib.sha256(output.read_bytes()).hexdigest()
    assert manifest["counts"]["train"]["3"] == int((dataset.train_y == 3).sum())
    assert manifest["counts"]["test"]["9"] == int((dataset.test_y == 9).sum())
    assert (manifest["shape"], manifest["dtype"], manifest["value_range"]) == ([1, 8, 8], "uint8", [0, 255])
    assert (manifest["source"], manifest["stand_in_for"]) == ("embedded", "MNIST")
    assert manifest["source_settings"] == {"name": "digits", "test_fraction": 0.3, "seed": 1}
    assert manifest["source_files"] is None
    assert sorted(path.name for path in prepare.folder.iterdir()) == ["d.json", "d.safetensors"]


def raw(**changes):
    parts = {
        "train_x": torch.zeros(4, 1, 2, 2, dtype=torch.uint8),
        "train_y": torch.tensor([0, 1, 0, 1]),
        "test_x": torch.zeros(2, 1, 2, 2, dtype=torch.uint8),
        "test_y": torch.tensor([0, 1]),
        "classes": ["a", "b"],
        "value_range": (0.0, 255.0),
    }
    return parts | changes


POINTS = {"train_x": torch.zeros(4, 2), "test_x": torch.zeros(2, 2), "value_range": None}
UNSOUND = [
    (
        {"train_y": torch.tensor([0, 1, 0])},
        "4 points need 4 int64 labels, found torch.int64 [3]; give each point one",
    ),
    ({"train_y": torch.tensor([0, 1, 0, 1], dtype=torch.int32)}, "int64"),
    ({"train_y": torch.tensor([0, 1, 0, 2])}, "labels run from 0 to 2, but there are 2 classes; correct the labels"),
    ({"test_y": torch.tensor([0, -1])}, "labels run from -1 to 0"),
    ({"test_y": torch.tensor([0, 0])}, "class 'b' has no points"),
    ({"test_x": torch.zeros(2, 1, 2, 3, dtype=torch.uint8)}, "the same: convert"),
    (
        {"train_x": torch.zeros(4, 1, 2, 2), "test_x": torch.zeros(2, 1, 2, 2)},
        "found torch.float32 [4, 1, 2, 2]; convert it",
    ),
    ({"value_range": None}, "set it to (0, 255)"),
    ({"classes": ["a", "a"]}, "unique, not ['a', 'a']; name each class once"),
    ({"classes": ["a", "b\udcff"]}, "printable"),
    (POINTS | {"test_x": torch.full((2, 2), torch.nan)}, "NaN or infinite; correct or remove"),
    (POINTS | {"test_x": torch.ones(2, 2), "value_range": (0.0, 0.5)}, "outside value_range (0.0, 0.5); widen it"),
]


# --- the user's files, once they are prepared


def changed(block, root, out):
    """What the workflow says when it begins; None if it goes on."""
    try:
        check_source("d", {"title": "D", **block}, str(root), out)
    except OleanderError as error:
        return str(error)
    return None


@pytest.fixture
def prepared(tmp_path):
    """Prepare a block from a data folder, as the workflow does at demo scale; returns its results folder."""

    def run(block, root):
        data = tmp_path / "results/data"
        prepare_dataset("d", block, str(root), False, data / "d.safetensors", data / "d.json")
        return data.parent

    return run


@BOTH
def test_replaced_images_are_noticed(prepared, tmp_path, settings):
    block = settings | {"test_fraction": 0.3, "seed": 0}
    path, other = tmp_path / settings["path"], tmp_path / "other" / settings["path"]
    write_tree(path, plain())
    out = prepared(block, tmp_path)
    assert changed(block, tmp_path, out) is None
    # Neither another place nor another time is another dataset; nor is a folder that is not there any more.
    other.parent.mkdir()
    (shutil.copytree if path.is_dir() else shutil.copy)(path, other)
    os.utime(other, (1, 1))
    assert changed(block, other.parent, out) is None
    assert changed(block, tmp_path / "nowhere", out) is None
    # Same names, same sizes, one other colour.
    write_tree(other, plain() | {"dog/03.png": picture((104, 0, 0))})
    said = changed(block, other.parent, out)
    prepared_file = out / "data/d.safetensors"
    assert f"{prepared_file} was prepared from other files than lie at {other} now; put the earlier" in said
    assert f"`snakemake --forcerun {prepared_file} -- " in said
    # Other settings: it is prepared again anyway. Titles are none.
    assert changed(block | {"seed": 1}, other.parent, out) is None
    assert changed(block | {"title": "Pets"}, other.parent, out) == said
    prepared_file.unlink()
    assert changed(block, other.parent, out) is None
    prepared(block, other.parent)
    assert changed(block, other.parent, out) is None
    assert changed(block, tmp_path, out) is not None


def test_replaced_sets_of_fixed_size_are_noticed(prepared, tmp_path, monkeypatch):
    folder = write_mnist(tmp_path / "a")
    out = prepared(MNIST, tmp_path / "a")
    assert changed(MNIST, tmp_path / "a", out) is None
    (folder / IDX_NAMES[3]).write_bytes(idx(np.arange(10)[::-1]))
    assert "MNIST/raw" in changed(MNIST, tmp_path / "a", out)
    # Of very large files the end alone is looked at, of folders the beginning, and all sizes.
    monkeypatch.setattr(user_files, "HASHED_BYTES", 8)
    path = tmp_path / "large/file"
    path.parent.mkdir()
    prints = set()
    for content in (b"0" * 20, b"1" + b"0" * 19, b"0" * 21, b"0" * 19 + b"1"):
        path.write_bytes(content)
        prints.add(user_files.fingerprint([path]))
        assert user_files.fingerprint([path.parent]) != user_files.fingerprint([path])
    assert len(prints) == 3
    assert user_files.fingerprint([path, tmp_path / "absent"]) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": 1}', "null"])
def test_a_manifest_without_a_fingerprint_stops_nothing(prepared, tmp_path, text):
    write_mnist(tmp_path)
    out = prepared(MNIST, tmp_path)
    (out / "data/d.json").write_text(text)
    assert changed(MNIST, tmp_path, out) is None


def test_every_source_of_users_files_says_which():
    assert {name for name, files in SOURCE_FILES.items() if files} == set(CHECKS)
    assert source_files() == {name: files for name, files in SOURCE_FILES.items() if files}


@pytest.mark.parametrize(("changes", "piece"), UNSOUND)
def test_unsound_content_is_neither_saved_nor_loaded(tmp_path, changes, piece):
    parts = raw(**changes)
    output, manifest = tmp_path / "d.safetensors", tmp_path / "d.json"
    with pytest.raises(OleanderError, match=r"dataset d.*") as caught:
        save_dataset(output, manifest, RawDataset(**parts), "d", "embedded", {}, None)
    assert piece in str(caught.value)
    assert not list(tmp_path.iterdir())
    tensors = {key: value for key, value in parts.items() if isinstance(value, torch.Tensor)}
    settings = {key: parts[key] for key in ("classes", "value_range")}
    header = {"kind": "dataset", "name": "d", "source": "embedded", "stand_in_for": None}
    save_artifact(output, tensors, header | settings)
    with pytest.raises(OleanderError) as caught:
        load_dataset(output)
    assert piece in str(caught.value)
    assert str(output) in str(caught.value)


def test_failure_to_write_leaves_neither_file(tmp_path):
    dataset = RawDataset(**raw())
    (tmp_path / "d.json").mkdir()
    with pytest.raises(OleanderError, match="cannot write"):
        save_dataset(tmp_path / "d.safetensors", tmp_path / "d.json", dataset, "d", "embedded", {}, None)
    assert [path.name for path in tmp_path.iterdir()] == ["d.json"]
    (tmp_path / "d.json").rmdir()
    (tmp_path / "d.safetensors").mkdir()
    with pytest.raises(OleanderError, match="cannot write"):
        save_dataset(tmp_path / "d.safetensors", tmp_path / "d.json", dataset, "d", "embedded", {}, None)
    assert [path.name for path in tmp_path.iterdir()] == ["d.safetensors"]


def test_load_refuses_what_is_not_the_manifests(prepare):
    prepare(DIGITS | {"seed": 2})
    output, manifest = prepare.folder / "d.safetensors", prepare.folder / "d.json"
    another = output.read_bytes()
    prepare(DIGITS)
    whole = output.read_bytes()
    for changed in (whole[:-1] + bytes([whole[-1] ^ 1]), another):
        output.write_bytes(changed)
        with pytest.raises(OleanderError, match=r"d\.safetensors (has SHA-256|is not a complete)"):
            load_dataset(output)
    with pytest.raises(OleanderError, match=rf"{hashlib.sha256(another).hexdigest()}.*d\.json says"):
        load_dataset(output)
    output.write_bytes(whole)
    manifest.write_text("{")
    with pytest.raises(OleanderError, match=r"d\.json cannot be read"):
        load_dataset(output)
    manifest.unlink()
    assert load_dataset(output).name == "d"
    output.write_bytes(whole[:-1])
    with pytest.raises(OleanderError, match=r"d\.safetensors is not a complete"):
        load_dataset(output)
    output.unlink()
    with pytest.raises(OleanderError, match="does not exist"):
        load_dataset(output)


def test_load_refuses_other_artifacts_and_headers(prepare, tmp_path):
    prepare(DIGITS)
    tensors, settings = load_artifact(prepare.folder / "d.safetensors")
    path = tmp_path / "x.safetensors"
    for changed in ({"kind": "model"}, {"classes": None}, {"value_range": [0]}):
        save_artifact(path, tensors, settings | changed)
        with pytest.raises(OleanderError, match=r"x\.safetensors"):
            load_dataset(path)
    save_artifact(path, {"train_x": tensors["train_x"]}, settings)
    with pytest.raises(OleanderError, match="holds no prepared dataset"):
        load_dataset(path)


# --- real data


@needs_real_data
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_real_idx_sets(prepare, name):
    dataset = prepare({"source": "torchvision", "name": name}, REAL_DATA)
    assert dataset.train_x.shape == (60_000, 1, 28, 28)
    assert dataset.test_x.shape == (10_000, 1, 28, 28)
    counts = dataset.train_y.bincount().tolist()
    if name == "MNIST":
        assert (counts[3], counts[5]) == (6131, 5421)
        assert dataset.train_y[:5].tolist() == [5, 0, 4, 1, 9]
        assert abs(dataset.train_x.double().mean().item() / 255 - 0.1307) < 5e-5
    else:
        assert counts == [6000] * 10
        assert abs(dataset.train_x.double().mean().item() / 255 - 0.2860) < 5e-5


@needs_real_data
def test_two_classes_of_real_cifar10(prepare):
    settings = FOLDER | {
        "path": "cifar10.zip",
        "image_shape": [3, 32, 32],
        "minimum_per_class": 5000,
        "classes": ["cat", "dog"],
    }
    dataset = prepare(settings, REAL_DATA)
    assert dataset.train_x.shape == (10_000, 3, 32, 32)
    assert dataset.test_y.bincount().tolist() == [1000, 1000]
