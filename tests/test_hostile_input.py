"""Files of anybody's: what they hold is read as meant, or refused in one sentence, soon and in little memory."""

import copy
import io
import json
import math
import random
import re
import struct
import time
import warnings
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from workflow_checkout import Checkout

from oleander.backdoors.autoencoder import load_autoencoder
from oleander.backdoors.gan import load_gan
from oleander.backdoors.targets import build_target
from oleander.data import load_dataset, prepare_dataset
from oleander.data.prepared import Dataset
from oleander.data.sources import image_folder
from oleander.io.artifacts import load_artifact, save_artifact
from oleander.io.claims import read_claims
from oleander.io.errors import LONGEST, OleanderError
from oleander.io.tables import read_csv
from oleander.metrics.features import InceptionFeatures
from oleander.metrics.fid import load_statistics
from oleander.models.biggan import Sizes
from oleander.training.scratch import Scratch
from oleander.workflow.configuration import load_configuration, read_configuration
from oleander.workflow.layers import merge

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
DEMO = yaml.safe_load((ROOT / "workflow/scales/demo.yaml").read_text(encoding="utf-8"))
CLAIMS = (ROOT / "workflow/published/claims.csv").read_bytes()

SECONDS = 20
"""What any one file may take; most take milliseconds."""
MEGABYTES = 700
"""What any one file may add to the memory of the process."""

many = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def outcome(read, *arguments):
    """What `read` returns, or the sentence that it refuses with; anything else fails the test, as does taking long."""
    before, started = peak_megabytes(), time.process_time()
    try:
        found = read(*arguments)
    except OleanderError as error:
        found = str(error)
        assert found.isprintable(), repr(found)
        assert len(found) <= LONGEST + 5
    assert time.process_time() - started < SECONDS
    assert peak_megabytes() - before < MEGABYTES
    return found


def refusal(read, *arguments):
    found = outcome(read, *arguments)
    assert isinstance(found, str), "taken for sound"
    return found


def peak_megabytes():
    """The most memory that this process has had so far."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs peaks of memory: the system does not report them")
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024


def mutated(content, seed):
    """`content` with a few bytes changed, inserted or deleted, as the seed has it."""
    draw, changed = random.Random(seed), bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 5, 20])):
        at = draw.randrange(len(changed) + 1)
        size = draw.choice([1, 2, 4, 8, 50])
        kind = draw.randrange(4)
        if kind == 0:
            del changed[at : at + size]
        elif kind == 1:
            changed[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 2:
            number = draw.choice([0, 1, 2**31 - 1, 2**32 - 1, 10**9, 70_000])
            changed[at : at + 4] = struct.pack(draw.choice("<>") + "I", number)
        else:
            changed[at:at] = draw.choice([b"\0", b'"', b"\r", b"\n", b",", b"{", b"[", b"9" * 40, b"\xff\xfe", b"nan"])
    return bytes(changed)


# --- configuration

NAMES = ["../x", "a\n", "", "é", "x" * 300, "\ud800", 7, None]
VALUES = [
    *(None, True, 0, -1, 2.0, 1e308, 10**400, math.nan, math.inf, "", "../x", "\0", "\ud800", "x\n", "${{"),
    *([], {}, [[]], {"a": 1}, {1: 2}, {None: 1}, (1, 2), b"x", {1, 2}, [math.nan], [0.1, "a"] * 400),
]


def places(value, place=()):
    """Where every entry of nested settings stands."""
    if place:
        yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*place, key))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A checkout that leaves everything to a --configfile."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "config.yaml").write_text("{}")
    return folder


PLACES = list(places(merge(CONFIG, DEMO)))


@many
@given(st.sampled_from(PLACES), st.sampled_from(["delete", "rename", "replace"]), st.data())
def test_a_configuration_with_anything_in_it(bare, place, what, data):
    config = copy.deepcopy(merge(CONFIG, DEMO))
    within = config
    for key in place[:-1]:
        within = within[key]
    value = None
    if what == "rename" and isinstance(within, dict):
        within[data.draw(st.sampled_from(NAMES))] = within.pop(place[-1])
    elif what == "delete":
        del within[place[-1]]
    else:
        value = within[place[-1]] = data.draw(st.sampled_from(VALUES))
    found = outcome(read_configuration, bare, [config], {"scale": "paper"})
    if isinstance(value, float) and not math.isfinite(value):
        assert isinstance(found, str), place


def aliases(depth):
    return "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, depth))


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "1", "a: [", "\0", "\x85", "2001-99-99", "a: .nan", "a: .inf", "9" * 5000, "---\na\n---\nb"),
        *("!!bool x", "!!python/object/apply:os.system [id]", "!!binary é", "a: !!set {a}", "%YAML 9.9\n---\na"),
        *("a: &a [*a]", "x: &x {<<: *x}", "<<: 1", "? {a: b}\n: 1", "[" * 3000, "{a: " * 3000),
        *("scales: []", "scales: {demo: 1}\nscale: demo", "scale: [1]", "scale: demo", "scale: demo\ndatasets: 1"),
        *(aliases(12), "a: " + "x" * 2_000_000),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_a_configuration_file_that_is_none(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "workflow/scales").mkdir(parents=True)
    refusal(load_configuration, tmp_path, "paper")
    (tmp_path / "config.yaml").write_text("{}")
    (tmp_path / "workflow/scales/demo.yaml").write_text(text, encoding="utf-8")
    refusal(load_configuration, tmp_path, "demo")


def test_a_configuration_file_that_never_ends(tmp_path):
    (tmp_path / "config.yaml").symlink_to("/dev/zero")
    assert "not a regular file" in refusal(load_configuration, tmp_path)


# --- artifacts, states and manifests


def raw_artifact(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def one_tensor(kind, shape, size):
    ours = json.dumps({"settings": {}, "sha256": "0" * 64})
    tensor = {"dtype": kind, "shape": shape, "data_offsets": [0, size]}
    return raw_artifact({"__metadata__": {"oleander": ours}, "x": tensor}, bytes(size))


def with_metadata(text):
    return raw_artifact({"__metadata__": {"oleander": text}})


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\0" * 8, (2**63).to_bytes(8, "little") + b"{}", (2**64 - 1).to_bytes(8, "little") + b"{}"),
        *(one_tensor("U8", shape, 1) for shape in ([2**62], [2**64], [2**32, 2**32], [-1], [0, 2**63], [1] * 10_000)),
        *(one_tensor(kind, [4], 16) for kind in ("F6_E2M3", "X", "C64", "F4")),
        *(with_metadata("[" * depth + "]" * depth) for depth in (900, 200_000)),
        *(with_metadata(text) for text in ("", "[]", "1", '{"settings":1}', '{"settings":NaN}', '{"sha256":1}')),
        with_metadata('{"sha256":"0","settings":' + "9" * 100_000 + "}"),
        raw_artifact(b"[" * 1_000_000),
        raw_artifact({f"t{n}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for n in range(100_000)}),
    ],
    ids=lambda content: f"{len(content)} bytes {content[8:60]!r}",
)
def test_an_artifact_with_any_header(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert "a.safetensors is not a complete Oleander artifact" in refusal(load_artifact, path)


@many
@given(st.integers(0, 2**32))
def test_a_state_with_any_bytes_is_refused_and_said(tmp_path, caplog, seed):
    path = tmp_path / "part.safetensors"
    tensors = {"x": torch.arange(4.0), "y": torch.tensor([True]), "z": torch.ones(2, 2, dtype=torch.bfloat16)}
    save_artifact(path, tensors, {"key": "k", "position": {"step": 3, "rate": 1e-05}})
    good = path.read_bytes()
    bad = mutated(good, seed)
    path.write_bytes(bad)
    caplog.clear()
    found = outcome(Scratch(tmp_path, "k", 1).load, "part", torch.device("cpu"))
    assert (found is not None) == (bad == good)
    assert bad == good or "state not used, starting over" in caplog.text


HEADERS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@many
@given(
    st.dictionaries(
        st.sampled_from(["key", "position", "kind", "shape", "settings", "sizes", "steps", "count", "classes"]), HEADERS
    ),
    st.sampled_from(["dataset", "autoencoder", "gan", "feature statistics", "none"]),
)
def test_a_whole_artifact_that_says_anything(tmp_path, header, kind):
    """Checksum and all are right: it is one of ours, of another kind or from another version."""
    path = tmp_path / "a.safetensors"
    header = json.loads(
        json.dumps(header, default=str).replace("NaN", "0").replace("-Infinity", "0").replace("Infinity", "0")
    )
    save_artifact(
        path, {"x": torch.ones(3), "mean": torch.ones(2)}, header | ({} if kind == "none" else {"kind": kind})
    )
    refusal(load_dataset, path)
    refusal(load_statistics, path)
    refusal(load_autoencoder, path, "cpu")
    refusal(load_gan, path, "best", "cpu")
    found = outcome(Scratch(tmp_path, "k", 1).load, "a", torch.device("cpu"))
    assert found is None or isinstance(found[1], dict)


WIDE_AUTOENCODER = {
    "kind": "autoencoder",
    "shape": [3, 32, 32],
    "settings": {"network": CONFIG["autoencoders"]["cifar10"]["network"] | {"width": 2**14, "residual_blocks": 1}},
}
WIDE_GAN = {
    "kind": "gan",
    "sizes": asdict(Sizes.from_settings(CONFIG["gans"]["mnist"]["network"] | {"width": 2**13}, 1, 10)),
    "steps": {"best": 1},
    "status": "",
    "settings": {},
}


@pytest.mark.parametrize(
    ("read", "header"),
    [(load_autoencoder, WIDE_AUTOENCODER), (lambda path, device: load_gan(path, "best", device), WIDE_GAN)],
    ids=["autoencoder", "gan"],
)
def test_a_network_is_not_built_to_see_that_the_file_does_not_hold_it(tmp_path, read, header):
    """Here it would take tens of gigabytes."""
    save_artifact(tmp_path / "a.safetensors", {"x": torch.ones(3)}, header)
    assert re.search("holds no .*its tensors are not the", refusal(read, tmp_path / "a.safetensors", "cpu"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with a prepared dataset and its manifest."""
    folder = tmp_path_factory.mktemp("prepared")
    digits = {"source": "embedded", "name": "digits", "test_fraction": 0.5, "seed": 0}
    prepare_dataset("d", digits, None, False, folder / "d.safetensors", folder / "d.json")
    return folder


@settings(many, max_examples=50)
@given(st.integers(0, 2**32))
def test_a_manifest_with_any_bytes(prepared, seed):
    manifest = prepared / "d.json"
    good = manifest.read_bytes()
    manifest.write_bytes(mutated(good, seed))
    try:
        found = outcome(load_dataset, prepared / "d.safetensors")
        # A change elsewhere than in the checksum does no harm.
        assert isinstance(found, str) or json.loads(manifest.read_bytes())["sha256"] == found.sha256
    finally:
        manifest.write_bytes(good)


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "[" * 100_000, '{"sha256": 1}', '{"sha256": "0"}', "\xff", "{" * 9_000_000]
)
def test_a_manifest_that_is_none(prepared, text):
    manifest = prepared / "d.json"
    good = manifest.read_bytes()
    manifest.write_bytes(text.encode("latin-1"))
    try:
        assert "d.json" in refusal(load_dataset, prepared / "d.safetensors")
    finally:
        manifest.write_bytes(good)


def test_weights_with_code_in_them_are_refused_and_the_code_not_run(tmp_path):
    """Whoever loads a .pt runs what its author wrote; here nobody does, whatever it is given as."""

    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "exploded"), "w")

    path = tmp_path / "d.safetensors"
    torch.save({"weight": Bomb()}, path)
    for read in (
        load_artifact,
        load_dataset,
        load_statistics,
        lambda path: load_autoencoder(path, "cpu"),
        lambda path: load_gan(path, "best", "cpu"),
        lambda path: InceptionFeatures(str(path), torch.device("cpu")),
        lambda path: build_target({"name": "fixed_image", "file": str(path)}, IMAGES),
    ):
        assert "d.safetensors" in refusal(read, path)
    assert Scratch(tmp_path, "k", 1).load("d", torch.device("cpu")) is None
    assert not (tmp_path / "exploded").exists()
    torch.load(io.BytesIO(path.read_bytes()), weights_only=False)
    assert (tmp_path / "exploded").exists(), "the bomb is none: this test shows nothing"


# --- CSVs


@many
@given(st.integers(0, 2**32))
def test_claims_with_any_bytes(tmp_path, seed):
    path = tmp_path / "claims.csv"
    path.write_bytes(mutated(CLAIMS, seed))
    found = outcome(read_claims, path)
    assert isinstance(found, str) or len(found) > 0


@many
@given(st.integers(0, 2**32))
def test_results_with_any_bytes(tmp_path, seed):
    path = tmp_path / "trials.csv"
    path.write_bytes(mutated(b"alpha,error,status\n0.1,0.25,converged\n0.3,,diverged\n", seed))
    found = outcome(read_csv, path, ("alpha", "error"))
    assert isinstance(found, str) or {"alpha", "error"} <= set(found)


@pytest.mark.parametrize("content", [b"", b"\0", b"a,b\n1,2,3\n4,5,6,7\n", b'a\n"', b"a" * 10**7, b"\xff\xfe\n"])
@pytest.mark.parametrize("read", [read_claims, lambda path: read_csv(path, ("alpha",))], ids=["claims", "results"])
def test_a_csv_that_is_none(tmp_path, content, read):
    (tmp_path / "a.csv").write_bytes(content)
    assert "a.csv" in refusal(read, tmp_path / "a.csv")


# --- images and archives

SHAPE = (3, 5, 6)
PETS = {"path": "pets.zip", "image_shape": list(SHAPE), "minimum_per_class": 1}
IMAGES = Dataset(
    train_x=torch.zeros(2, *SHAPE, dtype=torch.uint8),
    train_y=torch.tensor([0, 1]),
    test_x=torch.zeros(2, *SHAPE, dtype=torch.uint8),
    test_y=torch.tensor([0, 1]),
    name="pets",
    classes=("cat", "dog"),
    value_range=(0.0, 255.0),
    source="made",
    stand_in_for=None,
    sha256="",
)


def picture(form, mode="RGB", **options):
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(stream, form, **options)
    return bytearray(stream.getvalue())


def animated(form):
    return picture(form, save_all=True, append_images=[Image.new("RGB", (6, 5), 9)])


def turned(form):
    """One with EXIF data: an orientation, and what cameras write beside it."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 3, "Camera", (72, 1)
    exif.get_ifd(0x8825)[2] = (51.0, 3.0, 8.0)
    return picture(form, exif=exif)


PICTURES = {
    **{f"{form}, turned": turned(form) for form in ("PNG", "JPEG", "WEBP")},
    "PNG": picture("PNG"),
    "PNG of a palette": picture("PNG", "P"),
    "PNG with transparency": picture("PNG", "RGBA"),
    "PNG, animated": animated("PNG"),
    "JPEG": picture("JPEG"),
    "JPEG, progressive": picture("JPEG", "L", progressive=True),
    "WEBP": picture("WEBP", lossless=True),
    "WEBP, animated": animated("WEBP"),
    "BMP": picture("BMP"),
    "PPM": picture("PPM"),
    "GIF": picture("GIF"),
    "TIFF": picture("TIFF"),
    "TGA": picture("TGA"),
    "ICO": picture("ICO"),
    "EPS": picture("EPS"),
}


def as_target(path):
    return build_target({"name": "fixed_image", "file": str(path)}, IMAGES)


@many
@given(st.sampled_from(list(PICTURES)), st.integers(0, 2**32))
def test_an_image_with_any_bytes(tmp_path, kind, seed):
    path = tmp_path / "image"
    path.write_bytes(mutated(PICTURES[kind], seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = outcome(as_target, path)
    assert isinstance(found, str) or tuple(found.image.shape) == SHAPE


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "TGA", "ICO", "EPS"])
def test_formats_that_are_not_asked_for_are_not_even_looked_at(tmp_path, kind):
    (tmp_path / "image").write_bytes(PICTURES[kind])
    assert "is not a complete PNG or JPEG" in refusal(as_target, tmp_path / "image")


def png(width, height):
    content = picture("PNG")
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def jpeg(width, height):
    content = picture("JPEG")
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def webp(width, height):
    content = picture("WEBP", lossless=True)
    at = content.index(b"VP8L") + 9
    rest = struct.unpack("<I", content[at : at + 4])[0] >> 28 << 28
    content[at : at + 4] = struct.pack("<I", rest | (width - 1) | (height - 1) << 14)
    return bytes(content)


def bmp(width, height):
    content = picture("BMP")
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def ppm(width, height):
    return b"P5\n%d %d\n255\n" % (width, height) + bytes(30)


@pytest.mark.parametrize("side", [13_000, 31_623], ids=["just below Pillow's bound", "10^9 pixels"])
@pytest.mark.parametrize("promise", [png, jpeg, webp, bmp, ppm])
def test_an_image_that_promises_more_than_there_is(tmp_path, promise, side):
    content = promise(min(side, 16_383) if promise is webp else side, min(side, 16_383) if promise is webp else side)
    (tmp_path / "image").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "image" in refusal(as_target, tmp_path / "image")
        file = image_folder._File(("image",), len(content), lambda: content)
        assert "image" in refusal(image_folder._decode_one, file, SHAPE, tmp_path)


def archive_of(files, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, bytes(content))
    return stream.getvalue()


FILES = {
    **{
        f"train/{pet}/{n}.png": PICTURES[kind]
        for pet in ("cat", "dog")
        for n, kind in enumerate(("PNG", "WEBP", "BMP"))
    },
    **{f"test/{pet}/ü.jpg": PICTURES["JPEG"] for pet in ("cat", "dog")},
}
ARCHIVES = archive_of(FILES), archive_of(FILES, zipfile.ZIP_STORED)


@many
@given(st.sampled_from(ARCHIVES), st.integers(0, 2**32))
def test_an_archive_with_any_bytes(tmp_path, archive, seed):
    (tmp_path / "pets.zip").write_bytes(mutated(archive, seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = outcome(image_folder.read, PETS, tmp_path, False)
    assert isinstance(found, str) or tuple(found.train_x.shape[1:]) == SHAPE


def test_an_archive_that_unpacks_to_very_much(tmp_path):
    """Ten thousand times its size, declared: refused by the list. Undeclared: not inflated beyond what it declares."""
    bomb = FILES | {"train/cat/x.png": bytes(400 * 2**20)}
    (tmp_path / "pets.zip").write_bytes(archive_of(bomb))
    assert "bytes large" in refusal(image_folder.read, PETS, tmp_path, False)
    content = bytearray((tmp_path / "pets.zip").read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 100)
    (tmp_path / "pets.zip").write_bytes(content)
    assert "cannot be unpacked" in refusal(image_folder.read, PETS, tmp_path, False)


def test_an_archive_that_lists_a_million_files(tmp_path):
    count, name = 1_000_000, b"train/cat/%07d.png"
    head = b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 33, 0, 0, 0, 21, 0, 0, 0, 0, 0, 0)
    listed = b"".join(head + name % n for n in range(count))
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count & 0xFFFF, count & 0xFFFF, len(listed), 0, 0)
    (tmp_path / "pets.zip").write_bytes(listed + end)
    assert "file list" in refusal(image_folder.read, PETS, tmp_path, False)


# --- wildcards


@pytest.fixture(scope="module")
def checkout(repository, tmp_path_factory):
    return Checkout(repository, tmp_path_factory.mktemp("checkout"))


@pytest.mark.parametrize(
    "target",
    [
        "results/demo/data/../../../escaped.safetensors",
        "results/demo/pgan/mnist/generators/../../../../../escaped.safetensors",
        "results/demo/baaan/autoencoders/../../../../escaped/inverse_seed_0.safetensors",
        "/tmp/escaped.safetensors",
    ],
)
def test_no_file_outside_results_can_be_asked_for(checkout, target):
    done = checkout.run("--dry-run", "--", target)
    assert done.returncode != 0
    assert "MissingRuleException" in done.stdout + done.stderr
    assert not list(checkout.folder.rglob("escaped*"))


def test_every_wildcard_of_every_rule_takes_one_name_alone(repository):
    """So that no path with a slash or two dots can stand for one."""
    rules = [path.read_text(encoding="utf-8") for path in sorted((repository / "workflow/rules").glob("*.smk"))]
    block = re.search(r"^wildcard_constraints:\n((?: +\w+=r\"[^\n]*\n)+)", "\n".join(rules), re.MULTILINE)[1]
    constraints = dict(re.findall(r'(\w+)=r"(.*)"', block))
    # In an f-string a wildcard's braces are doubled.
    used = set(re.findall(r"\{\{(\w+)\}\}", "\n".join(rules)))
    assert used <= set(constraints)
    assert len(used) >= 10
    for name, pattern in constraints.items():
        for path in ("a/b", "/a", "../a", "a/..", "..", "a\nb", ""):
            assert not re.fullmatch(pattern, path), (name, path)
