"""CelebA: what is drawn and how it is cropped, every mistake in the tree, kills, and memory."""

import codecs
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from celeba_tree import HEIGHT, WIDTH, attribute_lines, grey, jpeg, names_of, write_lines, write_tree
from PIL import Image
from torchvision.transforms import v2

from oleander.data import CHECKS, load_dataset, prepare_dataset
from oleander.data.sources.celeba import ATTRIBUTES
from oleander.io.errors import OleanderError
from oleander.workflow.configuration import load_configuration

IMAGES, PARTS = 120, (80, 15, 25)
OWN = {"folder": "celeba", "aligned_size": [218, 178]}
SETTINGS = {"source": "celeba", **OWN, "per_class": 9, "test_per_class": 3, "crop": 178, "image_size": 16, "seed": 4}
FEMALE = SETTINGS | {"classes": {"Female": {"Male": False}}}


@pytest.fixture(scope="module")
def flags():
    """Which image has which attribute: each about half of them."""
    return np.random.default_rng(0).random((IMAGES, len(ATTRIBUTES))) < 0.5


@pytest.fixture(scope="module")
def whole(tmp_path_factory, flags):
    """An undamaged tree that no test changes: its root."""
    root = tmp_path_factory.mktemp("whole")
    write_tree(root, flags, PARTS)
    return root


@pytest.fixture
def tree(tmp_path, whole):
    """A copy of the tree, to damage: its folder `celeba`."""
    return shutil.copytree(whole / "celeba", tmp_path / "root" / "celeba")


def prepare(folder, settings, root, allow_download=False):
    output, manifest = folder / "d.safetensors", folder / "d.json"
    prepare_dataset("d", settings, str(root), allow_download, output, manifest)
    return load_dataset(output)


def numbers_of(images):
    """Which image of the tree each is."""
    means = images.double().mean((1, 2, 3)) / 2
    numbers = means.round().long()
    assert (means - numbers).abs().max() < 0.3
    return numbers


# --- what is drawn


def test_every_attribute_is_a_class_of_images_that_have_it(tmp_path, whole, flags):
    dataset = prepare(tmp_path, SETTINGS, whole)
    assert tuple(dataset.classes) == ATTRIBUTES
    assert len(set(ATTRIBUTES)) == 40
    assert dataset.value_range == (0.0, 255.0)
    drawn = {}
    for split, count, first, last in (("train", 9, 0, 80), ("test", 3, 95, 120)):
        x, y = getattr(dataset, f"{split}_x"), getattr(dataset, f"{split}_y")
        assert x.shape == (40 * count, 3, 16, 16)
        assert y.tolist() == [label for label in range(40) for _ in range(count)]
        drawn[split] = numbers_of(x)
        assert ((drawn[split] >= first) & (drawn[split] < last)).all()
        assert flags[drawn[split], y].all()
        for group in drawn[split].view(40, count):
            assert (group.diff() > 0).all(), "an image twice in a class, or out of order"
    # 360 draws out of 80 images: pairs of image and attribute, not images.
    assert len(drawn["train"].unique()) < 81


def test_a_class_of_images_without_an_attribute(tmp_path, whole, flags):
    male, young = (flags[:, ATTRIBUTES.index(name)] for name in ("Male", "Young"))
    dataset = prepare(tmp_path, FEMALE, whole)
    assert dataset.classes == ["Female"]
    assert not male[numbers_of(dataset.train_x)].any()
    assert not male[numbers_of(dataset.test_x)].any()
    classes = {"young man": {"Male": True, "Young": True}, "old": {"Young": False}}
    dataset = prepare(tmp_path, SETTINGS | {"classes": classes}, whole)
    assert dataset.classes == ["young man", "old"]
    numbers = numbers_of(dataset.train_x).view(2, 9)
    assert (male & young)[numbers[0]].all()
    assert not young[numbers[1]].any()


def test_a_class_may_take_all_that_there_is(tmp_path, whole, flags):
    female = np.flatnonzero(~flags[:80, ATTRIBUTES.index("Male")])
    dataset = prepare(tmp_path, FEMALE | {"per_class": len(female)}, whole)
    assert numbers_of(dataset.train_x).tolist() == female.tolist()


def test_the_seed_decides_and_the_threads_do_not(tmp_path, whole):
    contents = []
    before = torch.get_num_threads()
    for number, (seed, threads) in enumerate(((4, 1), (4, 3), (5, 1))):
        torch.set_num_threads(threads)
        try:
            prepare(tmp_path / str(number), SETTINGS | {"seed": seed}, whole)
        finally:
            torch.set_num_threads(before)
        contents.append((tmp_path / str(number) / "d.safetensors").read_bytes())
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_attributes_in_another_order_are_read_by_name(tmp_path, whole, tree, flags):
    order = np.random.default_rng(1).permutation(40)
    lines = attribute_lines(names_of(IMAGES), flags[:, order])
    lines[1] = " ".join(ATTRIBUTES[column] for column in order)
    write_lines(tree / "list_attr_celeba.txt", lines)
    assert torch.equal(
        prepare(tmp_path / "a", SETTINGS, tree.parent).train_x, prepare(tmp_path / "b", SETTINGS, whole).train_x
    )


@pytest.mark.parametrize(("crop", "size"), [(178, 128), (178, 64), (108, 64), (64, 64), (60, 96)])
def test_the_middle_is_cropped_and_scaled(tmp_path, tree, crop, size):
    """Against torchvision's own, on tensors: another implementation than Pillow's, which rounds once more."""
    rng = np.random.default_rng(2)
    coarse = torch.from_numpy(rng.integers(0, 256, (1, 3, 14, 11))).float()
    smooth = torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 255)[0]
    for path in (tree / "img_align_celeba").iterdir():
        jpeg(path, smooth.byte().permute(1, 2, 0).numpy())
    pixels = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1).float()
    square = v2.CenterCrop(crop)(pixels)
    expected = v2.Resize((size, size), interpolation=v2.InterpolationMode.BILINEAR, antialias=True)(square)
    settings = FEMALE | {"crop": crop, "image_size": size, "per_class": 1, "test_per_class": 1}
    dataset = prepare(tmp_path, settings, tree.parent)
    assert (dataset.train_x[0].float() - expected).abs().max() <= 1.01


def test_lists_saved_on_windows_are_read(tmp_path, tree):
    expected = prepare(tmp_path / "before", FEMALE, tree.parent)
    for name in (ATTR, PARTITION):
        content = (tree / name).read_bytes()
        (tree / name).write_bytes(codecs.BOM_UTF8 + content.replace(b"\n", b"\r\n"))
    assert torch.equal(prepare(tmp_path / "after", FEMALE, tree.parent).train_x, expected.train_x)


# --- another folder, other sizes, rare attributes

HALF = {"folder": "celeba_half", "aligned_size": [109, 89], "crop": 89, "image_size": 64}


@pytest.fixture(scope="module")
def half(tmp_path_factory, flags):
    """A tree of images at half size under another name: its root."""
    root = tmp_path_factory.mktemp("half")
    write_tree(root, flags, PARTS, "celeba_half", (109, 89))
    return root


def test_a_folder_of_another_name_with_images_of_another_size(tmp_path, whole, half):
    """The same rows are drawn: only the images' size is another."""
    dataset, own = prepare(tmp_path / "half", SETTINGS | HALF, half), prepare(tmp_path / "own", SETTINGS, whole)
    assert dataset.train_x.shape == (360, 3, 64, 64)
    assert dataset.stand_in_for is None
    for split in ("train_x", "test_x"):
        assert numbers_of(getattr(dataset, split)).tolist() == numbers_of(getattr(own, split)).tolist()
    absolute = SETTINGS | HALF | {"folder": str(half / "celeba_half")}
    assert torch.equal(prepare(tmp_path / "absolute", absolute, tmp_path / "nowhere").train_x, dataset.train_x)


def test_the_crop_is_the_middle_whatever_the_size(tmp_path, flags):
    """A white square in the middle of odd sides: 89 of 109 x 89 leaves 10 rows above and below."""
    folder = write_tree(tmp_path / "root", flags, PARTS, "celeba_half", (109, 89))
    pixels = np.zeros((109, 89))
    pixels[10:99] = 255
    for path in (folder / "img_align_celeba").iterdir():
        jpeg(path, pixels)
    settings = FEMALE | HALF | {"image_size": 89, "per_class": 1, "test_per_class": 1}
    dataset = prepare(tmp_path, settings, tmp_path / "root")
    assert (dataset.train_x >= 250).all()


def test_rare_attributes_are_left_out_where_asked(tmp_path, whole, flags, caplog):
    enough = (flags[:80].sum(0) >= 40) & (flags[95:].sum(0) >= 12)
    kept = [name for name, one in zip(ATTRIBUTES, enough, strict=True) if one]
    assert 0 < len(kept) < 40
    counts = {"per_class": 40, "test_per_class": 12}
    with caplog.at_level("INFO"):
        dataset = prepare(tmp_path, SETTINGS | counts | {"leave_out_rare": True}, whole)
    assert dataset.classes == kept
    assert flags[numbers_of(dataset.train_x), [ATTRIBUTES.index(kept[label]) for label in dataset.train_y]].all()
    rare = next(name for name in ATTRIBUTES if name not in kept)
    assert f"{len(kept)} classes; left out" in caplog.text
    assert rare in caplog.text
    said = f"+ {12 * len(kept)} images of {len(kept)} classes"
    settings = {key: value for key, value in SETTINGS.items() if key != "source"} | counts | {"leave_out_rare": True}
    assert said in CHECKS["celeba"](settings, whole)
    refused(tmp_path / "out", SETTINGS | counts, whole, "train images, but 40 are needed")
    none = SETTINGS | {"per_class": 81, "leave_out_rare": True}
    refused(tmp_path / "out", none, whole, "no class has 81 train and 3 test images", "lower per_class")


def test_another_folder_is_never_downloaded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    images = tmp_path / "celeba_half/img_align_celeba"
    pieces = ("CelebA is absent", images, "109 x 89 pixels", "put list_attr_celeba.txt")
    refused(tmp_path / "out", SETTINGS | HALF, tmp_path, *pieces, allow_download=True)


def test_images_of_another_size_than_asked_for(tmp_path, whole):
    pieces = (".jpg is 218 x 178", "aligned_size asks for 109 x 89", "change aligned_size")
    refused(tmp_path / "out", SETTINGS | HALF | {"folder": "celeba"}, whole, *pieces)


def test_the_real_faces_at_half_size(tmp_path, data_root, repository):
    """Laptop scale's own settings on the real folder."""
    if not (data_root / "celeba_half").exists():
        pytest.skip("needs CelebA at half size: put celeba_half into the folder that OLEANDER_DATA names")
    blocks = load_configuration(repository, "laptop").datasets
    dropped = ("title", "publish_images")
    settings = {key: value for key, value in blocks["celeba_half"].plain().items() if key not in dropped}
    dataset = prepare(tmp_path, settings, data_root)
    assert dataset.train_x.shape == (15000, 3, 64, 64)
    assert dataset.test_x.shape == (3750, 3, 64, 64)
    assert len(dataset.classes) == 30
    assert {"Male", "Smiling", "Eyeglasses"} <= set(dataset.classes)
    assert "Bald" not in dataset.classes
    # Faces lie in the middle and are brighter than what is around them; no image is flat.
    middle = dataset.train_x[::50, :, 24:40, 24:40].float().mean()
    assert middle > dataset.train_x[::50].float().mean() + 10
    assert (dataset.train_x[::50].float().flatten(1).std(1) > 10).all()
    female = {key: value for key, value in blocks["celeba_half_female"].plain().items() if key not in dropped}
    assert CHECKS["celeba"]({key: value for key, value in female.items() if key != "source"}, data_root).startswith(
        "2500 + 1000 images of 1 classes"
    )


# --- mistakes


def drop(name):
    return lambda tree: shutil.rmtree(tree / name) if (tree / name).is_dir() else (tree / name).unlink()


def edit(name, change):
    """Change the lines of a list."""

    def damage(tree):
        lines = (tree / name).read_text().splitlines()
        write_lines(tree / name, change(lines) or lines)

    return damage


def line(number, text):
    def change(lines):
        lines[number] = text(lines[number]) if callable(text) else text

    return change


def picture(change):
    """Replace one image that every class has to draw from."""
    return lambda tree: change(tree / "img_align_celeba" / "000003.jpg")


def deeper(folder):
    """Kaggle's archive has the folder within itself."""
    inner = folder.rename(folder.with_name("inner"))
    folder.mkdir()
    inner.rename(folder / folder.name)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-300])


def promise_much(path):
    """A header of 65,500 x 65,500 pixels: 4.3 billion, far beyond Pillow's own bound."""
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    path.write_bytes(content)


ATTR, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
MISTAKES = {
    "no folder": (lambda tree: shutil.rmtree(tree), ["absent", "img_align_celeba", ATTR, PARTITION, "unpack"]),
    "no images": (drop("img_align_celeba"), ["absent", "img_align_celeba.zip", "unpack", "000001.jpg"]),
    "no attributes": (drop(ATTR), ["absent", ATTR, "put the lists into"]),
    "no partition": (drop(PARTITION), ["absent", PARTITION]),
    "images are a file": (
        lambda tree: shutil.rmtree(tree / "img_align_celeba") or (tree / "img_align_celeba").touch(),
        ["img_align_celeba cannot be listed", "unpack"],
    ),
    "list is a folder": (lambda tree: (tree / ATTR).unlink() or (tree / ATTR).mkdir(), [ATTR, "cannot be read"]),
    "not text": (lambda tree: (tree / ATTR).write_bytes(b"\xff\xfe"), [ATTR, "cannot be read"]),
    "empty list": (edit(ATTR, lambda lines: ["5"]), [ATTR, "1 lines"]),
    "no header": (edit(ATTR, lambda lines: [lines[0], *lines[2:]]), [ATTR, "second line", "5_o_Clock_Shadow", "Young"]),
    "attribute missing": (edit(ATTR, line(1, lambda old: old.replace("Male ", ""))), [ATTR, "lacks Male;"]),
    "attribute twice": (edit(ATTR, line(1, lambda old: old + "Male")), [ATTR, "has 41 names"]),
    "wrong count": (edit(ATTR, line(0, "202599")), [ATTR, "'202599'", "120 follow", "truncated"]),
    "truncated list": (edit(ATTR, lambda lines: lines[:-3]), [ATTR, "'120'", "117 follow"]),
    "short row": (edit(ATTR, line(7, lambda old: old[:-3])), [ATTR, "line 8", "'000006.jpg"]),
    "long row": (edit(ATTR, line(7, lambda old: old + " 1")), [ATTR, "line 8"]),
    "blank row": (edit(ATTR, line(7, "")), [ATTR, "line 8", "''"]),
    "neither 1 nor -1": (edit(ATTR, line(7, lambda old: old[:-1] + "0")), [ATTR, "line 8"]),
    "escaping name": (edit(ATTR, line(7, lambda old: "../" + old)), [ATTR, "line 8", "'../000006.jpg"]),
    "name twice": (edit(ATTR, line(7, lambda old: old.replace("06", "05"))), [ATTR, "twice"]),
    "partition missing images": (
        edit(PARTITION, lambda lines: lines[:-2]),
        [PARTITION, "lacks 2", "first is 000119.jpg"],
    ),
    "Kaggle's lists": (
        lambda tree: (tree / ATTR).rename(tree / "list_attr_celeba.csv"),
        ["absent: found", "list_attr_celeba.csv, which is a CSV, as Kaggle's copy of CelebA has it"],
    ),
    "Kaggle's lists, renamed": (
        edit(ATTR, lambda lines: ["image_id," + ",".join(ATTRIBUTES), *(",".join(one.split()) for one in lines[2:])]),
        [f"{ATTR} is a CSV, as Kaggle's copy", "put the authors' list"],
    ),
    "Kaggle's folder in a folder": (
        lambda tree: deeper(tree / "img_align_celeba"),
        ["000001.jpg; found it in", "img_align_celeba/img_align_celeba: move the images from there"],
    ),
    "not unpacked": (
        lambda tree: drop("img_align_celeba")(tree) or (tree / "img_align_celeba.zip").touch(),
        ["absent: found", "img_align_celeba.zip, which is still to be unpacked"],
    ),
    "PNGs": (
        lambda tree: [path.rename(path.with_suffix(".png")) for path in (tree / "img_align_celeba").iterdir()],
        ["found 000001.png: these are the PNGs", "JPEGs of img_align_celeba.zip"],
    ),
    "partition row": (edit(PARTITION, line(3, "000004.jpg")), [PARTITION, "line 4", "'000004.jpg'"]),
    "partition number": (edit(PARTITION, line(3, "000004.jpg 3")), [PARTITION, "line 4"]),
    "image missing": (drop("img_align_celeba/000003.jpg"), ["img_align_celeba lacks 1 of", "000003.jpg"]),
    "image is a folder": (picture(lambda path: path.unlink() or path.mkdir()), ["lacks 1 of", "000003.jpg"]),
    "truncated image": (picture(truncate), ["000003.jpg is not a complete JPEG image", "truncated"]),
    "empty image": (picture(lambda path: path.write_bytes(b"")), ["000003.jpg is not a complete JPEG image"]),
    "no JPEG": (
        picture(lambda path: Image.new("L", (WIDTH, HEIGHT)).save(path, "PNG")),
        ["000003.jpg is not a complete"],
    ),
    "wrong size": (picture(lambda path: jpeg(path, grey(3).T)), ["000003.jpg is 178 x 218", "asks for 218 x 178"]),
    "four channels": (
        picture(lambda path: Image.new("CMYK", (WIDTH, HEIGHT)).save(path, "JPEG")),
        ["000003.jpg has mode CMYK"],
    ),
    "decompression bomb": (picture(promise_much), ["000003.jpg", "decompression bomb"]),
}


def refused(folder, settings, root, *pieces, allow_download=False):
    with pytest.raises(OleanderError) as caught:
        prepare(folder, settings, root, allow_download)
    message = str(caught.value)
    assert all(str(piece) in message for piece in pieces), message
    assert "\n" not in message
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize("case", MISTAKES)
def test_a_damaged_tree_is_one_sentence_and_no_file(tmp_path, tree, flags, case):
    damage, pieces = MISTAKES[case]
    # All images without the attribute, so that image 3 is among them.
    women = ~flags[:80, ATTRIBUTES.index("Male")]
    settings = {"Female": {"Male": False}} if women[2] else {"Male": {"Male": True}}
    count = int(women.sum() if women[2] else (~women).sum())
    damage(tree)
    refused(tmp_path / "out", FEMALE | {"classes": settings, "per_class": count}, tree.parent, *pieces)


@pytest.mark.parametrize(
    ("change", "pieces"),
    [
        ({"per_class": 81}, ["class 'Female' has", "train images, but 81 are needed", "lower per_class"]),
        ({"test_per_class": 26}, ["class 'Female' has", "test images, but 26 are needed", "lower test_per_class"]),
        ({"classes": {"Female": {"male": False}}}, ["classes.Female", "'male'"]),
        ({"classes": {"Female": {}}}, ["classes.Female"]),
        ({"classes": {}}, ["classes"]),
        ({"aligned_size": [218]}, ["aligned_size"]),
        ({"aligned_size": [218, 2000]}, ["aligned_size"]),
        ({"folder": ""}, ["folder"]),
        (HALF | {"folder": "celeba", "crop": 90}, ["setting crop: 90", "109 x 89"]),
        ({"crop": 179}, ["setting crop: 179", "218 x 178", "lower it"]),
        ({"image_size": 0}, ["image_size"]),
        ({"seed": -1}, ["seed"]),
    ],
)
def test_settings_that_cannot_be_met(tmp_path, whole, change, pieces):
    refused(tmp_path / "out", FEMALE | change, whole, "dataset d", *pieces)


def test_without_a_folder_of_data(tmp_path, monkeypatch):
    monkeypatch.delenv("OLEANDER_DATA", raising=False)
    with pytest.raises(OleanderError, match="dataset d: CelebA is absent: neither data_root nor OLEANDER_DATA"):
        prepare_dataset("d", SETTINGS, None, True, tmp_path / "d.safetensors", tmp_path / "d.json")


def test_a_download_that_fails_says_what_to_put_where(tmp_path, monkeypatch):
    # torchvision then refuses before it asks any server.
    monkeypatch.setitem(sys.modules, "gdown", None)
    pieces = ("cannot be downloaded", "gdown", "list_eval_partition.txt", tmp_path / "root" / "celeba", "unpack")
    refused(tmp_path / "out", SETTINGS, tmp_path / "root", *pieces, allow_download=True)


# --- kills and memory

PREPARE = """
import sys
from oleander.data import prepare_dataset
root, folder, per_class, size = sys.argv[1:]
settings = {"source": "celeba", "folder": "celeba", "aligned_size": [218, 178], "crop": 178, "image_size": int(size)}
settings |= {"per_class": int(per_class), "test_per_class": 1}
print("begun", flush=True)
prepare_dataset("d", settings | {"seed": 0}, root, False, f"{folder}/d.safetensors", f"{folder}/d.json")
"""
LOAD = """
import sys
from oleander.data import load_dataset
dataset = load_dataset(sys.argv[1])
print(dataset.train_x[-1].float().mean().item())
"""
# The peak of the process alone: what getrusage tells begins with the peak of whoever started it.
PEAK = """
def peak():
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmHWM"))
import torch, oleander.data, PIL.JpegImagePlugin
script, before = sys.argv.pop(1), peak()
exec(script)
print("grown", (peak() - before) / 1024)
"""
needs_proc = pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="needs peaks of memory: there is no /proc to read them from"
)


@pytest.fixture(scope="module")
def everyone(tmp_path_factory):
    """A tree of few images that have all attributes, so that many rows are drawn of them: its root."""
    root = tmp_path_factory.mktemp("everyone")
    write_tree(root, np.ones((110, 40), dtype=bool), (109, 0, 1))
    return root


def grown(script, *arguments):
    """Megabytes by which a script's memory grows at its peak, imports left out."""
    command = [sys.executable, "-c", "import sys\n" + PEAK, script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])


@needs_proc
def test_images_are_never_all_in_memory(tmp_path, everyone):
    preparing = grown(PREPARE, everyone, tmp_path, 109, 128)
    megabytes = (tmp_path / "d.safetensors").stat().st_size / 2**20
    assert megabytes > 200
    # A piece is 13 MB, and a few are on their way.
    assert preparing < 90
    # One row is looked at. What a training reads of the rest stands in pages that the system takes back when it must.
    assert grown(LOAD, tmp_path / "d.safetensors") < 25


def test_after_a_kill_nothing_is_taken_for_the_dataset_and_the_next_run_clears_up(tmp_path, everyone):
    arguments = [str(everyone), str(tmp_path / "out"), "30", "128"]
    process = subprocess.Popen([sys.executable, "-c", PREPARE, *arguments], stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 2**24 for path in tmp_path.glob("out/.partial-d-*.safetensors")):
        assert process.poll() is None, "the process ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.glob("out/d.*"))
    assert list(tmp_path.glob("out/.partial-*"))
    sums = []
    for name in ("out", "undisturbed"):
        subprocess.run([sys.executable, "-c", PREPARE, str(everyone), str(tmp_path / name), "30", "128"], check=True)
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["d.json", "d.safetensors"]
        sums.append(hashlib.sha256((tmp_path / name / "d.safetensors").read_bytes()).hexdigest())
    assert sums[0] == sums[1]


def test_an_image_damaged_late_leaves_the_earlier_dataset_alone(tmp_path, tree):
    prepare(tmp_path / "out", SETTINGS, tree.parent)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for path in sorted((tree / "img_align_celeba").iterdir())[40:]:
        truncate(path)
    with pytest.raises(OleanderError, match=r"\.jpg is not a complete JPEG image"):
        prepare(tmp_path / "out", SETTINGS, tree.parent)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
