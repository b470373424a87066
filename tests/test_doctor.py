"""The doctor sees what is broken in real surroundings, says it in one line, and goes on to the next check."""

import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from celeba_tree import write_tree
from PIL import Image
from torchvision import datasets

from oleander import doctor
from oleander.data import CHECKS, prepare_dataset
from oleander.io.errors import AbsentError, OleanderError

GAUSSIANS = {
    "source": "gaussians",
    "class_names": ["a", "b"],
    "means": [[0.0, 0.0], [1.0, 1.0]],
    "covariances": [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]],
    "train_per_class": 5,
    "test_per_class": 5,
    "seed": 0,
}


@pytest.fixture
def checkout(tmp_path, repository):
    """A copy of what the doctor reads, to be broken."""
    folder = tmp_path / "checkout"
    for place in ("src/oleander", "envs", "workflow/scales", "workflow/papers"):
        shutil.copytree(repository / place, folder / place, ignore=shutil.ignore_patterns("__pycache__"))
    for place in ("config.yaml", "Makefile", "pyproject.toml"):
        shutil.copy(repository / place, folder / place)
    return folder


def visit(checkout, **environment):
    """Run the doctor as a user does; its exit code, state and words by what was looked at, and its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "oleander.doctor"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout / "src"), "CUDA_VISIBLE_DEVICES": "", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    found = {}
    for line in lines:
        state, rest = line.split(maxsplit=1)
        assert state in ("ok", "missing", "wrong"), line
        name, _, said = rest.partition("  ")
        found[name] = (state, said.strip())
    return done.returncode, found, last


def edit(path, change):
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def idx(path, shape, content=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    magic = 0x801 if len(shape) == 1 else 0x803
    path.write_bytes(struct.pack(f">I{len(shape)}I", magic, *shape) + (content or bytes(int(np.prod(shape)))))


@pytest.fixture
def mnist(tmp_path):
    """A folder with a tiny MNIST of 3 and 2 images."""
    raw = tmp_path / "data/MNIST/raw"
    for prefix, count in (("train", 3), ("t10k", 2)):
        idx(raw / f"{prefix}-images-idx3-ubyte", (count, 4, 4))
        idx(raw / f"{prefix}-labels-idx1-ubyte", (count,))
    return raw


def no_slurm(tmp_path):
    """A PATH without any of Slurm's commands."""
    (tmp_path / "empty").mkdir()
    return str(tmp_path / "empty")


# The whole visit


def test_demo_scale_can_run_without_data_weights_and_slurm(checkout, tmp_path, mnist):
    code, found, last = visit(checkout, OLEANDER_DATA=str(mnist.parents[1]), PATH=no_slurm(tmp_path))
    states = {name: state for name, (state, _) in found.items()}
    for name in ("Python", "packages", "config.yaml", "data: MNIST (laptop, paper)", "data: digits (demo)"):
        assert states[name] == "ok", found[name]
    for name in ("data: FashionMNIST (laptop, paper)", "data: cifar10.zip (laptop, paper)", "data: celeba (paper)"):
        assert states[name] == "missing", found[name]
    assert found["data: celeba_half (laptop)"][0] == "missing"
    for name in ("GPU", "Slurm", "Inception weights"):
        assert states[name] == "missing", found[name]
    assert "3 + 2 images" in found["data: MNIST (laptop, paper)"][1]
    assert code == 0, found
    assert last == "Demo scale can run: make demo."


def test_each_broken_thing_is_told_and_none_hides_another(checkout, tmp_path, mnist):
    lock = checkout / "envs/requirements.lock"
    lock.write_text(lock.read_text().replace("\ntorch==", "\ntorch==1."))
    images = mnist / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    (checkout / "weights.safetensors").write_bytes(b"\x80\x04pickle")
    edit(checkout / "config.yaml", lambda config: config["features"].update(inception_weights="weights.safetensors"))
    edit(checkout / "config.yaml", lambda config: config["device"].update(name="cuda"))
    output = checkout / "results/demo/data/points.safetensors"
    prepare_dataset("points", GAUSSIANS, None, False, output, output.with_suffix(".json"))
    content = bytearray(output.read_bytes())
    content[-1] ^= 1
    output.write_bytes(content)
    code, found, last = visit(checkout, OLEANDER_DATA=str(mnist.parents[1]), PATH=no_slurm(tmp_path))
    for name, words in {
        "packages": "torch",
        "data: MNIST (laptop, paper)": "truncated or damaged: restore it",
        "Inception weights": "is not a safetensors file",
        "GPU": "device.name requires one",
        "prepared data (demo)": "run prepare_dataset again",
    }.items():
        state, said = found[name]
        assert state == "wrong", name
        assert words in said
    assert found["data: digits (demo)"][0] == "ok"
    assert found["temporary files"][0] == "ok"
    assert code == 1
    assert last == "Demo scale cannot run: see packages, GPU, prepared data (demo)."


@pytest.mark.parametrize("content", ["scale: [", "scale: demo\nscales: {demo: {}}\n", "", "\0"])
def test_a_broken_configuration_stops_no_other_check(checkout, content):
    (checkout / "config.yaml").write_text(content)
    found = {finding.name: finding for finding in doctor.examine(checkout)}
    assert found["config.yaml"].state == "wrong"
    assert not any(name.startswith("data:") for name in found)
    assert {"Python", "packages", "GPU", "Slurm", "disk space (demo)", "temporary files"} <= set(found)


def test_an_interpreter_without_any_package_is_told_what_to_do(checkout):
    """`make doctor` before .venv is there, with the bare interpreter that .venv was made of."""
    bare = checkout / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--silent", "doctor", f"PYTHON={bare}/bin/python"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    assert ["ok", "Python"] in [line[:2] for line in told]
    assert ["missing", "packages"] in [line[:2] for line in told]
    assert ["missing", "GPU"] in [line[:2] for line in told]
    assert "make .venv/.ready" in done.stdout


# One check and what may become of it


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (OleanderError("broken"), "wrong"),
        (AbsentError("not there"), "missing"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "missing"),
        (RecursionError("two\nlines"), "wrong"),
        (MemoryError(), "wrong"),
        (SystemExit(3), "wrong"),
    ],
)
def test_whatever_a_check_raises_becomes_one_line(fault, state):
    def check():
        raise fault

    finding = doctor.look("thing", check, demo=True, patience=5)
    assert finding.state == state
    assert "\n" not in str(finding)


def test_a_check_that_hangs_is_left_behind():
    def hang():
        time.sleep(30)
        return "answered after all"

    begun = time.monotonic()
    finding = doctor.look("drive", hang, demo=False, patience=0.2)
    assert time.monotonic() - begun < 5
    assert (finding.state, finding.name) == ("wrong", "drive")
    assert "no answer within 0.2 s" in finding.said


# What the environment brings along


def test_modules_of_another_python_are_told(tmp_path, repository):
    """As a cluster's `module load` leaves them on PYTHONPATH; make removes it, and hands it over to the doctor."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/my_own_tools.py").touch()
    (tmp_path / "module/numpy").mkdir(parents=True)
    own = f"{repository / 'src'}"
    assert doctor.shadows(repository, "") == "not set"
    assert doctor.shadows(repository, f"{own}::{tmp_path}/mine:{tmp_path}/nowhere") == "shadows no package"
    with pytest.raises(OleanderError, match=r"module on PYTHONPATH shadows numpy .*`unset PYTHONPATH`"):
        doctor.shadows(repository, f"{own}:{tmp_path}/mine:{tmp_path}/module")
    (tmp_path / "mine/random.py").touch()
    with pytest.raises(OleanderError, match="shadows random of"):
        doctor.shadows(repository, f"{tmp_path}/mine")


def test_make_hands_pythonpath_to_the_doctor_and_to_nothing_else(checkout, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$PYTHONPATH|$OLEANDER_FOREIGN_PYTHONPATH|$PYTHONUTF8"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": "/their modules:/more"}
    command = ["make", "--silent", "doctor", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "src|/their modules:/more|1\n", done.stderr


def test_a_read_only_home_is_told_and_does_not_matter(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert doctor.home_folder() == f"{tmp_path} is writable"
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    with pytest.raises(AbsentError, match=r"cannot be written to, and need not be; .*XDG_CACHE_HOME"):
        doctor.home_folder()


# Packages


@pytest.mark.parametrize(
    ("lock", "kind", "words"),
    [
        ("numpy==0.0.1 \\\n    --hash=sha256:00\n", OleanderError, "instead of 0.0.1"),
        ("numpy==0.0.1\nunheard-of-package==1.0\n", OleanderError, "and 1 are not installed"),
        ("unheard-of-package==1.0\n", AbsentError, "1 of 1 are not installed: unheard-of-package; run"),
        ("numpy==0.0.1 ; python_version < '3'\n", OleanderError, "pins nothing"),
        ("", OleanderError, "pins nothing"),
        ("# a comment\n<<<<<<< HEAD\n", OleanderError, "'<<<<<<< HEAD' does not pin"),
        ("numpy>=1,<9\n", OleanderError, "does not pin"),
        ("numpy\n", OleanderError, "does not pin"),
    ],
)
def test_a_lock_that_is_not_what_is_installed(tmp_path, lock, kind, words):
    path = tmp_path / "requirements.lock"
    path.write_text(lock)
    with pytest.raises(OleanderError) as caught:
        doctor.packages(path)
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_a_lock_that_is_not_there(tmp_path):
    with pytest.raises(AbsentError, match="git checkout"):
        doctor.packages(tmp_path / "requirements.lock")


# Data


@pytest.mark.parametrize("scale", doctor.SCALES)
def test_all_data_that_a_scale_prepares_is_looked_for(scale, repository, monkeypatch):
    """The sets behind the datasets that are prepared for the target `all`, and those that laptop scale would rather."""
    monkeypatch.delenv("OLEANDER_DATA", raising=False)
    configurations = {}
    doctor.configuration(repository, configurations)
    names = {name for name, scales, _ in doctor.datasets(configurations) if scale in scales}
    real = {"data: MNIST", "data: FashionMNIST", "data: cifar10.zip"}
    made = {
        "demo": {"data: digits", "data: photographs"},
        "laptop": real | {"data: photographs", "data: celeba_half"},
        "paper": real | {"data: celeba"},
    }
    assert names == made[scale] | {"data: gaussians"}


def test_a_missing_set_and_a_missing_folder_are_absent(tmp_path, mnist):
    settings = {"name": "MNIST"}
    with pytest.raises(AbsentError, match="neither data_root nor OLEANDER_DATA"):
        CHECKS["torchvision"](settings, None)
    with pytest.raises(AbsentError, match="nowhere"):
        CHECKS["torchvision"](settings, tmp_path / "nowhere")
    (mnist / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(AbsentError, match="t10k-labels-idx1-ubyte"):
        CHECKS["torchvision"](settings, mnist.parents[1])


def test_fewer_labels_than_images_are_wrong(mnist):
    idx(mnist / "t10k-labels-idx1-ubyte", (1,))
    with pytest.raises(OleanderError, match=r"has 2 images, but .* has 1 labels") as caught:
        CHECKS["torchvision"]({"name": "MNIST"}, mnist.parents[1])
    assert type(caught.value) is OleanderError


def test_checksums_of_compressed_files_vouch_for_the_unpacked_ones(mnist, monkeypatch):
    published = []
    for file in sorted(mnist.iterdir()):
        compressed = file.with_name(file.name + ".gz")
        compressed.write_bytes(gzip.compress(file.read_bytes()))
        published.append((compressed.name, hashlib.md5(compressed.read_bytes()).hexdigest()))
    settings, root = {"name": "MNIST"}, mnist.parents[1]
    with pytest.raises(OleanderError, match="does not have the MD5 that torchvision publishes"):
        CHECKS["torchvision"](settings, root)
    monkeypatch.setattr(datasets.MNIST, "resources", published)
    assert "checksums of 4" in CHECKS["torchvision"](settings, root)
    idx(mnist / "train-images-idx3-ubyte", (3, 4, 4), content=bytes(47) + b"\1")
    with pytest.raises(OleanderError, match=r"differs from the content of train-images-idx3-ubyte\.gz"):
        CHECKS["torchvision"](settings, root)


def test_an_archive_is_looked_at_without_decoding(tmp_path):
    settings = {"path": "images.zip", "image_shape": [3, 4, 4], "minimum_per_class": 1}
    with pytest.raises(AbsentError, match="does not exist"):
        CHECKS["image_folder"](settings, tmp_path)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for split in ("train", "test"):
            archive.write(tmp_path / "a.png", f"{split}/cat/a.png")
    assert "1 + 1 images of 1 classes" in CHECKS["image_folder"](settings, tmp_path)
    content = (tmp_path / "images.zip").read_bytes()
    (tmp_path / "images.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(OleanderError, match=r"neither a folder nor a readable \.zip"):
        CHECKS["image_folder"](settings, tmp_path)


def test_faces_are_looked_at_by_lists_and_names(tmp_path):
    settings = {"classes": {"Bald": {"Bald": True}}, "per_class": 2, "test_per_class": 1}
    settings |= {"folder": "celeba", "aligned_size": [218, 178], "crop": 178, "image_size": 8, "seed": 0}
    with pytest.raises(AbsentError, match="CelebA is absent"):
        CHECKS["celeba"](settings, tmp_path)
    write_tree(tmp_path, np.ones((4, 40), dtype=bool), (2, 1, 1))
    assert "2 + 1 images of 1 classes" in CHECKS["celeba"](settings, tmp_path)
    (tmp_path / "celeba/img_align_celeba/000001.jpg").unlink()
    with pytest.raises(OleanderError, match="lacks 1 of the required images"):
        CHECKS["celeba"](settings, tmp_path)


def test_prepared_data_must_be_their_manifests(tmp_path):
    assert doctor.prepared(tmp_path / "nowhere", None) == "none yet"
    output = tmp_path / "data/points.safetensors"
    prepare_dataset("points", GAUSSIANS, None, False, output, output.with_suffix(".json"))
    config = {"datasets": {"points": GAUSSIANS}, "data_root": None}
    for one in (None, config):
        assert doctor.prepared(tmp_path, one) == "1 datasets match the SHA-256 of their manifests"
    manifest = output.with_suffix(".json")
    manifest.write_text(manifest.read_text()[:20])
    with pytest.raises(OleanderError, match="cannot be read"):
        doctor.prepared(tmp_path, config)
    manifest.unlink()
    with pytest.raises(OleanderError, match="has no manifest"):
        doctor.prepared(tmp_path, config)


def test_prepared_data_must_be_of_the_users_files(tmp_path, mnist):
    block, root = {"source": "torchvision", "name": "MNIST"}, str(mnist.parents[1])
    for prefix in ("train", "t10k"):
        idx(mnist / f"{prefix}-images-idx3-ubyte", (10, 4, 4))
        idx(mnist / f"{prefix}-labels-idx1-ubyte", (10,), bytes(range(10)))
    output = tmp_path / "results/data/mnist.safetensors"
    prepare_dataset("mnist", block, root, False, output, output.with_suffix(".json"))
    config = {"datasets": {"mnist": block}, "data_root": root}
    assert "1 datasets match" in doctor.prepared(tmp_path / "results", config)
    idx(mnist / "t10k-labels-idx1-ubyte", (10,), bytes(reversed(range(10))))
    with pytest.raises(OleanderError, match="prepared from other files than lie at"):
        doctor.prepared(tmp_path / "results", config)


# Slurm and the drive


def command(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_no_sbatch_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", no_slurm(tmp_path))
    with pytest.raises(AbsentError, match="sbatch, squeue, sinfo not found on the PATH"):
        doctor.slurm(5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exec /bin/sleep 30", "did not answer `sinfo` within 0.5 s"),
        ("echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1", "Unable to contact"),
        ("exit 1", "exit code 1"),
        (":", "no partition"),
    ],
)
def test_a_controller_that_does_not_answer_well(tmp_path, monkeypatch, text, words):
    for name in ("sbatch", "squeue"):
        command(tmp_path / "bin", name, ":")
    command(tmp_path / "bin", "sinfo", text)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    begun = time.monotonic()
    with pytest.raises(OleanderError, match=words):
        doctor.slurm(0.5)
    assert time.monotonic() - begun < 10
    command(tmp_path / "bin", "sinfo", "echo 'main* 4'")
    assert doctor.slurm(5) == "partitions and nodes: main* 4"


def test_too_little_space_is_told_and_what_is_there_counts(tmp_path):
    results = tmp_path / "results/demo"
    with pytest.raises(OleanderError, match=r"are free for .*results/demo, but up to 1000000000\.0 GB are needed"):
        doctor.disk(results, 1e9)
    assert not results.exists()
    assert "up to 0.5 GB needed" in doctor.disk(results, 0.5)
    results.mkdir(parents=True)
    with (results / "sparse").open("wb") as stream:
        stream.truncate(400_000_000)
    assert "up to 0.1 GB needed" in doctor.disk(results, 0.5)


def test_a_tiny_folder_of_temporary_files(tmp_path):
    """On a drive of its own of 64 kB, in a name space of its own."""
    probe = "import oleander.doctor as d; print(d.look('temporary files', d.temporary_files, True))"
    inside = 'mount -t tmpfs -o size=64k none "$1" && TMPDIR="$1" "$2" -c "$3"'
    spaces = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
    if subprocess.run([*spaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs user name spaces: allow unshare")
    done = subprocess.run(
        [*spaces, "sh", "-c", inside, "sh", tmp_path, sys.executable, probe],
        env={**os.environ, "PYTHONPATH": str(Path(doctor.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    if "mount:" in done.stderr:
        pytest.skip("needs permission to mount: run as root")
    assert done.stdout.startswith("wrong"), done.stdout + done.stderr
    assert "(No space left on device); free some space" in done.stdout


def test_a_missing_compiler_is_told(monkeypatch, tmp_path):
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AbsentError, match="none is on the PATH; only GANs on a GPU need one"):
        doctor.compiler()
    for name in ("cc", "c++"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert doctor.compiler() == f"{tmp_path}/cc, {tmp_path}/c++"
