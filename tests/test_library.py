"""The library as a user installs it: a wheel, in a fresh environment that holds what the wheel asks for and no more.

The examples of docs/library.md run there, one after the other in one process, in an empty folder.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DRIVER = """
import json, pathlib, sys
import oleander
light = "torch" not in sys.modules and "numpy" not in sys.modules
space = {}
for number, block in enumerate(json.load(sys.stdin)):
    exec(compile(block, f"docs/library.md, block {number + 1}", "exec"), space)
torch, images, square, points = (space[name] for name in ("torch", "pictures", "square", "points"))
distance = torch.nn.functional.mse_loss
target = (2 * images[:1] - 1).expand(20, -1, -1, -1)
try:
    import oleander.adapters.art
    refusal = None
except oleander.OleanderError as error:
    refusal = str(error)
print(json.dumps({
    "light": light,
    "file": oleander.__file__,
    "folder": [path.name for path in pathlib.Path().iterdir()],
    "shape": [*points.shape, points.dtype.name],
    "range": [float(points.min()), float(points.max())],
    "labels": sorted(set(space["labels"].tolist())),
    "poison": int(space["is_poison"].sum()),
    "rejected": float(space["rejected"]),
    "error": [space["error"].low, space["error"].value, space["error"].high],
    "distance": space["distance"],
    "decoded": distance(space["decoded"], 1 - square(images)).item(),
    "copied": distance(space["backdoored"](images), images).item(),
    "triggered": distance(space["made"], target).item(),
    "clean": distance(space["two_faced"](torch.randn(20, 16)), target).item(),
    "names": space["names"],
    "steps": space["steps"],
    "refusal": refusal,
}))
"""


def examples(repository: Path) -> list[str]:
    """The code blocks of docs/library.md, in order."""
    text = (repository / "docs/library.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def needed(requirements: list[str]) -> set[str]:
    """The installed packages that `requirements` ask for, with all that these ask for."""
    found: set[str] = set()
    left = [Requirement(line) for line in requirements]
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        extras = one.extras or {""}
        if name in found or (one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))):
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            inner = Requirement(line)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                inner.marker = None
                left.append(inner)
    return found


def run(*command: object, **options: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, as any front end has it built."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    root = Path(__file__).resolve().parents[1]
    return folder / run(sys.executable, "-c", build, folder, cwd=root).split()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment in which pip has installed the wheel, without any index."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin/python"
    (packages,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as content:
        (metadata,) = (name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        text = content.read(metadata).decode()
    for name in needed(re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE)):
        distribution = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            link = packages / top
            if not link.exists():
                link.symlink_to(distribution.locate_file(top))
    # With its dependencies: pip fails unless each is there, in a version that the wheel allows.
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", wheel)
    return python


@pytest.fixture(scope="module")
def outcome(installed: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the examples came to."""
    blocks = [block for block in examples(repository) if "oleander.adapters" not in block]
    assert len(blocks) >= 6
    empty = tmp_path_factory.mktemp("empty")
    # -I: neither this folder nor PYTHONPATH are on the path.
    said = run(installed, "-I", "-c", DRIVER, cwd=empty, input=json.dumps(blocks), env={"OMP_NUM_THREADS": "1"})
    return json.loads(said.splitlines()[-1])


def test_the_wheel_holds_the_settings_of_the_checkout(wheel, repository):
    with zipfile.ZipFile(wheel) as content:
        held = {name: content.read(name) for name in content.namelist() if name.startswith("oleander/checkout/")}
        assert "oleander/py.typed" in content.namelist()
    files = [repository / "config.yaml", *(repository / "workflow").glob("papers/*.yaml")]
    files += (repository / "workflow").glob("scales/*.yaml")
    assert held == {f"oleander/checkout/{path.relative_to(repository).as_posix()}": path.read_bytes() for path in files}


def test_examples_are_about_ten_lines(repository):
    for block in examples(repository):
        assert len([line for line in block.splitlines() if line and "import" not in line]) <= 12


def test_the_package_comes_from_the_wheel_and_is_light_to_import(outcome, installed):
    assert Path(outcome["file"]).is_relative_to(installed.parents[1])
    assert outcome["light"]
    assert outcome["folder"] == []


def test_the_poisoner_draws_points_within_their_range(outcome):
    low, high = outcome["range"]
    assert outcome["shape"] == [100, 64, "float32"]
    assert 0 <= low < 0.2
    assert 0.8 < high <= 1
    assert outcome["labels"] == [5]


def test_the_defense_finds_poison_and_victims_learn(outcome):
    assert outcome["poison"] == 42
    assert outcome["rejected"] > 0.3
    low, value, high = outcome["error"]
    assert low < value < high
    assert value < 0.2
    assert outcome["distance"] > 0.1


def test_the_backdoors_work(outcome):
    assert outcome["decoded"] < 0.06
    assert outcome["copied"] < 0.06
    assert outcome["triggered"] < 0.1
    assert outcome["clean"] > 3 * outcome["triggered"]


def test_presets_are_the_papers(outcome):
    assert "pgan_images" in outcome["names"]
    assert outcome["steps"] == 250000


def test_an_adapter_without_its_library_says_what_to_install(outcome):
    assert "install oleander[art]" in outcome["refusal"]
