"""The promises about what is installed and what may import what, checked on the project's own files."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from oleander import doctor

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "envs" / "requirements.lock"
SUPPORTED = ("3.11", "3.12", "3.13")

# Rows from top to bottom: a room imports itself and the rows below its own, never a neighbour in its row.
ROWS = (
    ("adapters", "bench", "doctor", "precision_study"),
    ("api",),
    ("workflow",),
    ("page",),
    ("plots",),
    ("evaluation",),
    ("attacks", "defenses", "backdoors"),
    ("training", "metrics"),
    ("models", "data"),
    ("io",),
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}

# Reading any of these can run code that a file brings along.
UNPICKLING_MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "jsonpickle",
}
UNPICKLING_NAMES = {
    "torch.load",
    "torch.save",
    "torch.jit.load",
    "joblib.load",
    "joblib.dump",
    "pandas.read_pickle",
    "numpy.lib.format.read_array",
}
UNPICKLING_ATTRIBUTES = {"to_pickle", "read_pickle"}
READS_TENSORS_ALONE = "src/oleander/metrics/inception_weights.py"
"""The one file that reads what others publish as a pickle: by torch.load with weights_only=True, which runs no code."""

PACKAGE_FILES = sorted((ROOT / "src" / "oleander").rglob("*.py"))
SCRIPT_FILES = sorted((ROOT / "scripts").glob("*.py"))


def relative(path: Path) -> str:
    """`path` as seen from the project's root: the name of a test case."""
    return path.relative_to(ROOT).as_posix()


def read_lock() -> list[tuple[Requirement, list[str]]]:
    """The lock's entries: each requirement with what stands after it, its options."""
    text = re.sub(r"^\s*#.*$", "", LOCK.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    entries = []
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, *options = re.split(r"\s+(?=--)", line)
        entries.append((Requirement(requirement), options))
    return entries


def pins_for(python_version: str) -> dict[str, list[Version]]:
    """Name to pinned versions that apply on this machine under `python_version` ("3.12")."""
    environment = default_environment() | {
        "python_version": python_version,
        "python_full_version": f"{python_version}.0",
    }
    pins: dict[str, list[Version]] = {}
    for requirement, _ in read_lock():
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pin,) = requirement.specifier
            pins.setdefault(canonicalize_name(requirement.name), []).append(Version(pin.version))
    return pins


def pyproject() -> dict:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wanted() -> list[Requirement]:
    """What pyproject.toml asks for: the library, its extras, and what developing it needs."""
    project, groups = pyproject()["project"], pyproject()["dependency-groups"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    return [Requirement(line) for lines in lists for line in lines]


# The lock


def test_every_lock_entry_is_one_exact_version_with_hashes():
    entries = read_lock()
    assert len(entries) > len(wanted())
    for requirement, options in entries:
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert requirement.url is None, requirement
        assert options, f"{requirement} has no hash"
        for option in options:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option), f"{requirement}: {option}"


@pytest.mark.parametrize("path", sorted((ROOT / "envs").iterdir()), ids=relative)
def test_environment_files_name_no_address_and_no_folder_of_one_machine(path):
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"(^|[\s=\"'@])(/|~/|file:|[A-Za-z]:\\)\w", text)
    assert not re.search(r"--(index|extra-index|find-links|trusted-host|default-index)", text)


@pytest.mark.parametrize("python_version", SUPPORTED)
def test_lock_answers_every_requirement_once(python_version):
    pins = pins_for(python_version)
    assert {name: versions for name, versions in pins.items() if len(versions) != 1} == {}
    for requirement in wanted():
        (version,) = pins[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, requirement


def test_installed_packages_are_the_locked_ones():
    differing = {}
    for name, (pinned, *_) in pins_for("{}.{}".format(*sys.version_info)).items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            differing[name] = f"not installed, locked {pinned}"
            continue
        if Version(installed) != pinned:
            differing[name] = f"installed {installed}, locked {pinned}"
    assert differing == {}


# The Python versions, which several files have to state


def test_running_python_is_supported():
    assert "{}.{}".format(*sys.version_info) in SUPPORTED


def test_pyproject_and_makefile_and_conda_and_doctor_agree_on_python():
    bounds = SpecifierSet(pyproject()["project"]["requires-python"])
    assert all(f"{version}.0" in bounds for version in SUPPORTED)
    assert "3.10.99" not in bounds
    lowest, beyond = doctor.PYTHON
    assert bounds == SpecifierSet(">={}.{},<{}.{}".format(*lowest, *beyond))

    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^\s+([\d.|]+)\) ;; \\$", makefile, re.MULTILINE)[1].split("|") == list(SUPPORTED)
    assert f"--python-version {SUPPORTED[0]} " in makefile

    conda = yaml.safe_load((ROOT / "envs" / "oleander.yaml").read_text())
    (python,) = (entry for entry in conda["dependencies"] if isinstance(entry, str) and entry.startswith("python"))
    conda_bounds = Requirement(python).specifier
    minors = {f"3.{minor}" for minor in range(30) if f"3.{minor}.1" in conda_bounds}
    assert minors == set(SUPPORTED)


def test_conda_file_takes_its_pins_from_the_lock():
    conda = yaml.safe_load((ROOT / "envs" / "oleander.yaml").read_text())
    strings = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    assert {re.split(r"[<>=]", entry)[0] for entry in strings} == {"python", "pip"}
    (pip_section,) = (entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    (line,) = pip_section
    option, name = line.split()
    assert option == "-r"
    assert (ROOT / "envs" / name).resolve() == LOCK.resolve()


def make_environment(folder, *arguments):
    """Run the Makefile's rule that makes .venv, in another folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "-f", ROOT / "Makefile", ".venv/.tools", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("echo 3.9", "is Python 3.9"),
        ("echo 3.99", "is Python 3.99"),
        ('case "$2" in *ensurepip*) exit 1 ;; esac; echo 3.12', "(3.12) cannot make virtual environments"),
        ("exit 127", "does not run"),
    ],
)
def test_make_refuses_an_unsuitable_python_in_one_sentence(tmp_path, program, reason):
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\n{program}\n")
    stand_in.chmod(0o755)
    finished = make_environment(tmp_path, f"PYTHON={stand_in}")
    assert finished.returncode != 0
    sentence, *_ = finished.stderr.splitlines()
    assert sentence.startswith("error: Oleander needs Python 3.11, 3.12 or 3.13")
    assert f"{stand_in} {reason}" in sentence
    assert not (tmp_path / ".venv").exists()


def test_make_does_not_empty_an_environment_that_is_only_linked_to(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "kept").touch()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / ".venv").symlink_to(theirs)
    finished = make_environment(mine, f"PYTHON={sys.executable}")
    assert finished.returncode != 0
    assert finished.stderr.startswith(f"error: .venv is a link to {theirs}, and making it anew would empty")
    assert (theirs / "kept").exists()


# The package by itself


def test_package_imports_without_snakemake():
    walk = """
import importlib, pkgutil, sys
import oleander
def fail(name): raise ImportError(name)
names = [module.name for module in pkgutil.walk_packages(oleander.__path__, "oleander.", onerror=fail)]
for name in names:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
print(len(names), *sorted(name for name in sys.modules if name.partition(".")[0].startswith("snakemake")))
"""
    finished = subprocess.run([sys.executable, "-c", walk], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    count, *snakemake_modules = finished.stdout.split()
    assert int(count) == len(PACKAGE_FILES) - 1, "a folder of the package lacks its __init__.py"
    assert snakemake_modules == []


def imports_in(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything imported; `package` is what a leading dot stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def upward_imports(source: str, module: str, is_package: bool) -> list[str]:
    """Imports in `source`, the text of the dotted `module`, that break the order of the rooms."""
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else None
    if room is not None and room not in ROW_OF:
        return [f"{module}: no room of that name"]
    broken = []
    for line, name in imports_in(ast.parse(source), module if is_package else module.rpartition(".")[0]):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top == "snakemake":
            broken.append(f"{module}:{line} imports {name}")
        if top != "oleander" or target == room or target == "__version__":
            continue
        # The package's face names what stands in its top room, and imports it when asked.
        if room is None and target == "api":
            continue
        if room is None or target not in ROW_OF or ROW_OF[target] <= ROW_OF[room]:
            broken.append(f"{module}:{line} imports {name}")
    return broken


def test_rooms_import_only_downwards():
    broken = []
    for path in PACKAGE_FILES:
        parts = list(path.relative_to(ROOT / "src").with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        broken += upward_imports(path.read_text(), ".".join(parts[:-1] if is_package else parts), is_package)
    assert broken == []


@pytest.mark.parametrize(
    ("source", "module", "is_package", "allowed"),
    [
        ("from oleander.io.files import write_text", "oleander.bench", False, True),
        ("from oleander.attacks.pgan import fit", "oleander.evaluation.trials", False, True),
        ("from . import flipping", "oleander.attacks.pgan", False, True),
        ("from .pgan import fit", "oleander.attacks", True, True),
        ("import numpy, torch.nn", "oleander.io.files", False, True),
        ("from oleander.defenses import sever", "oleander.attacks.pgan", False, False),
        ("from oleander import defenses", "oleander.attacks.pgan", False, False),
        ("import oleander.plots.curves as curves", "oleander.metrics.errors", False, False),
        ("from ..plots import curves", "oleander.metrics.errors", False, False),
        ("from ..plots import curves", "oleander.metrics", True, False),
        ("def late():\n    from oleander.training import cohort", "oleander.models.mlp", False, False),
        ("import oleander.unheard", "oleander.bench", False, False),
        ("import torch", "oleander.unheard", False, False),
        ("from oleander.io import files", "oleander", True, False),
        ("from oleander.api import sanitize", "oleander", True, True),
        ("from oleander.api import sanitize", "oleander.evaluation.trials", False, False),
        ("from snakemake.script import snakemake", "oleander.io.files", False, False),
    ],
)
def test_the_check_of_the_rooms_sees_what_it_should(source, module, is_package, allowed):
    assert (upward_imports(source, module, is_package) == []) is allowed


def module_of(path: Path) -> str:
    """Dotted name of a file of the package."""
    parts = list(path.relative_to(ROOT / "src").with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def reached(start: str) -> set[str]:
    """Top-level names of all that the package's module `start` leads to by any chain of imports, late ones too."""
    files = {module_of(path): path for path in PACKAGE_FILES}
    left, seen, others = [start], set(), set()
    while left:
        module = left.pop()
        if module in seen or module not in files:
            continue
        seen.add(module)
        is_package = files[module].name == "__init__.py"
        for _, name in imports_in(
            ast.parse(files[module].read_text(encoding="utf-8")), module if is_package else module.rpartition(".")[0]
        ):
            top, *rest = name.split(".")
            if top == "oleander":
                # The package's face itself leads to everything.
                left += [".".join([top, *rest[:count]]) for count in range(1, len(rest) + 1)]
            else:
                others.add(top)
    return others - set(sys.stdlib_module_names)


def distributions(tops: set[str]) -> set[str]:
    """Names of the packages that top-level modules come from."""
    owners = importlib.metadata.packages_distributions()
    return {canonicalize_name(owner) for top in tops for owner in owners[top]}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def test_library_asks_for_exactly_what_it_imports():
    project = pyproject()["project"]
    own, extras = names(project["dependencies"]), project["optional-dependencies"]
    assert distributions(reached("oleander.api")) == own
    assert distributions(reached("oleander.adapters.art")) == own | names(extras["art"])
    everything = {top for path in PACKAGE_FILES for top in reached(module_of(path))}
    assert distributions(everything) <= own | names(extras["art"]) | names(extras["workflow"])
    assert not any(name.startswith("snakemake") for name in own)


def test_every_requirement_of_users_has_a_lower_bound():
    project = pyproject()["project"]
    for line in [
        *project["dependencies"],
        *(line for lines in project["optional-dependencies"].values() for line in lines),
    ]:
        assert any(bound.operator == ">=" for bound in Requirement(line).specifier), line


def unpickling(source: str, tensors_alone: bool = False) -> list[str]:
    """The uses in `source` of anything that unpickles, or that writes what only unpickling can read.

    `tensors_alone` allows calls of torch.load with weights_only=True.
    """
    tree = ast.parse(source)
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}

    def dotted(node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return aliases.get(node.id, node.id)
        return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""

    found = [
        f"line {line}: {name}"
        for line, name in imports_in(tree, "")
        if name.partition(".")[0] in UNPICKLING_MODULES or name in UNPICKLING_NAMES
    ]
    allowed = {
        node.func
        for node in ast.walk(tree)
        if tensors_alone and isinstance(node, ast.Call) and dotted(node.func) == "torch.load"
        if any(one.arg == "weights_only" and ast.unparse(one.value) == "True" for one in node.keywords)
    }
    for node in ast.walk(tree):
        if node in allowed:
            continue
        if isinstance(node, ast.Attribute) and (node.attr in UNPICKLING_ATTRIBUTES or dotted(node) in UNPICKLING_NAMES):
            found.append(f"line {node.lineno}: {dotted(node) or node.attr}")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            found.append(f"line {node.value.lineno}: allow_pickle")
    return found


@pytest.mark.parametrize("path", PACKAGE_FILES + SCRIPT_FILES, ids=relative)
def test_nothing_is_pickled_or_unpickled(path):
    assert unpickling(path.read_text(), relative(path) == READS_TENSORS_ALONE) == []


def test_the_one_file_that_reads_a_pickle_may_do_no_more_than_that():
    source = "import torch\ntorch.load(path, map_location='cpu', {})"
    assert unpickling(source.format("weights_only=True"), tensors_alone=True) == []
    for other in ("weights_only=False", "weights_only=switch", "mmap=True"):
        assert unpickling(source.format(other), tensors_alone=True) == ["line 2: torch.load"]
    assert unpickling("import torch\nread = torch.load", tensors_alone=True) == ["line 2: torch.load"]
    assert unpickling("import pickle", tensors_alone=True) != []
    assert "torch.load" in (ROOT / READS_TENSORS_ALONE).read_text()


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ("import json, torch\njson.load(stream)\ntorch.nn.Linear(1, 1)", True),
        ("import numpy as np\nnp.load(path, allow_pickle=False)", True),
        ("import pickle", False),
        ("def late():\n    from dill import loads", False),
        ("import torch\ntorch.load(path, weights_only=True)", False),
        ("import torch as t\nt.save(state, path)", False),
        ("from torch import load", False),
        ("from joblib import load as read", False),
        ("import numpy as np\nnp.load(path, allow_pickle=True)", False),
        ("frame.to_pickle(path)", False),
    ],
)
def test_the_check_for_pickle_sees_what_it_should(source, clean):
    assert (unpickling(source) == []) is clean


# The scripts


def script_faults(source: str) -> list[str]:
    """What keeps `source` from being a thin script: a few lines that hand a rule's parts to the package."""
    tree = ast.parse(source)
    faults = []
    if len((ast.get_docstring(tree) or "").split()) < 4:
        faults.append("its docstring does not say which paper it follows or what its part is")
    if len(source.splitlines()) >= 60:
        faults.append("it has 60 lines or more")
    if any(name.partition(".")[0] in {"argparse", "click", "optparse"} for _, name in imports_in(tree, "")):
        faults.append("it parses a command line")
    for node in ast.walk(tree):
        is_config = isinstance(node, ast.Attribute) and node.attr == "config"
        if is_config and isinstance(node.value, ast.Name) and node.value.id in {"snakemake", "smk"}:
            faults.append(f"line {node.lineno} reads the whole configuration")
    return faults


@pytest.mark.parametrize("path", SCRIPT_FILES, ids=relative)
def test_every_script_is_thin(path):
    assert script_faults(path.read_text()) == []


HEAT_MAPS = ("plot_matrix", "plot_multiclass")
"""Scripts that draw by seaborn, which brings scipy.stats: they start a second later than the others."""


@pytest.mark.parametrize("by_seaborn", [False, True])
def test_jobs_that_draw_import_nothing_heavy(by_seaborn):
    """They take seconds to import, and dozens of jobs draw."""
    light = (
        "plot_",
        "build_page",
        "record_",
        "report_verdicts",
        "say_",
        "verify_claims",
    )
    paths = [path for path in SCRIPT_FILES if path.name.startswith(light)]
    assert len(paths) > 20
    modules = {
        node.module
        for path in paths
        if (path.stem in HEAT_MAPS) is by_seaborn
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    heavy = ("torch", "sklearn", "torchvision") + (() if by_seaborn else ("seaborn", "scipy.stats"))
    code = f"import sys, {', '.join(sorted(modules))}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_there_are_scripts():
    assert SCRIPT_FILES


@pytest.mark.parametrize(
    ("source", "thin"),
    [
        ('"""Train pGAN (Munoz-Gonzalez et al. 2019)."""\ntrain(snakemake.params.settings)', True),
        ("train(snakemake.params.settings)", False),
        ('"""Train pGAN as the paper does."""\ntrain(snakemake.config["pgan"])', False),
        ('"""Train pGAN as the paper does."""\nimport argparse', False),
        ('"""Train pGAN as the paper does."""\n' + "step()\n" * 60, False),
    ],
)
def test_the_check_of_scripts_sees_what_it_should(source, thin):
    assert (script_faults(source) == []) is thin
