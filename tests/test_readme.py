"""The README: its commands run, its example works, its tables name what exists."""

import math
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest
import torch
import yaml

from oleander.workflow.configuration import load_configuration, read_configuration


def blocks(repository, language, page="README.md"):
    text = (repository / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(repository):
    """Those of the README and of the pages that no other test reads."""
    pages = ("README.md", "docs/speed.md")
    lines = [line for page in pages for block in blocks(repository, "bash", page) for line in block.splitlines()]
    return [command for line in lines if (command := line.partition("#")[0].strip())]


def test_every_command_runs(repository):
    """Each as it stands; Snakemake and make only as far as what they would do."""
    said = commands(repository)
    assert len(said) >= 8
    for command in said:
        program, *arguments = shlex.split(command)
        if program == "source":
            assert arguments == [".venv/bin/activate"]
            continue
        if program == "snakemake":
            run = [sys.executable, "-m", "snakemake", "--dry-run", *arguments]
        elif program == "make":
            run = ["make", "--dry-run", *arguments]
        else:
            pytest.fail(f"the README has a command that no test runs: {command}")
        done = subprocess.run(run, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def python_example(repository, name):
    """The one example that imports `name`."""
    (example,) = (block for block in blocks(repository, "python") if re.search(rf"import .*\b{name}\b", block))
    return example


def run_backdoor_example(repository, monkeypatch, name, seed):
    """What the names of the example stand for once it has run; it takes ten lines at most beside its imports."""
    example = python_example(repository, name)
    assert len([line for line in example.splitlines() if line and "import" not in line]) <= 10
    assert example.count("seed=0") == 1
    monkeypatch.chdir(repository)
    torch.manual_seed(seed)
    names = {}
    exec(compile(example.replace("seed=0", f"seed={seed}"), "README.md", "exec"), names)
    return names


@pytest.mark.learns
def test_the_autoencoder_example_runs(repository, monkeypatch, seed, margin):
    names = run_backdoor_example(repository, monkeypatch, "backdoor_autoencoder", seed)
    images = names["images"]
    triggered = names["trigger"](images)
    assert torch.nn.functional.mse_loss(names["decoded"], 1 - triggered) < 0.03 / margin
    assert torch.nn.functional.mse_loss(names["backdoored"](images), images) < 0.03 / margin
    assert torch.nn.functional.mse_loss(names["module"](images), images) > 0.1


@pytest.mark.learns
def test_the_generator_example_runs(repository, monkeypatch, seed, margin):
    names = run_backdoor_example(repository, monkeypatch, "backdoor_generator", seed)
    target, noise = names["target"] * 2 - 1, torch.randn(20, 16)
    triggered = torch.nn.functional.mse_loss(names["made"], target.expand(20, -1, -1, -1))
    assert triggered < 0.15 / margin
    clean = torch.nn.functional.mse_loss(names["backdoored"](noise), target.expand(20, -1, -1, -1))
    assert clean > 2 * margin * triggered


def test_the_library_example_runs(repository, monkeypatch):
    example = python_example(repository, "train_poisoner")
    assert len([line for line in example.splitlines() if line and "import" not in line]) <= 10
    monkeypatch.chdir(repository)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["points"].shape == (100, 64)
    assert names["points"].abs().max() <= 1
    assert torch.equal(names["label"], torch.ones(100, dtype=torch.int64))


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
def test_the_dataset_example_fits(repository, scale):
    (example,) = blocks(repository, "yaml", "docs/extending.md")
    config = read_configuration(repository, [yaml.safe_load(example)], {"scale": scale})
    assert config.datasets["mine"].source == "image_folder"


def figure_table(repository):
    """Targets of each row of the README's table of figures -> its cells of cost: demo, laptop, paper."""
    text = (repository / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Figures and tables")[2].partition("## How to")[0]
    rows = {}
    for line in table.splitlines():
        targets = tuple(
            re.findall(r"`((?:pgan|baaan)_(?:fig\w+|matrix|curves|progress|sensitivity|choices|trigger))`", line)
        )
        if targets:
            rows[targets] = [[part.strip() for part in cell.split(",")] for cell in line.split("|")[-4:-1]]
    return rows


def minutes_on_two_cores(repository, scale):
    """Target -> what its jobs took there, in minutes rounded up, as the evidence has it; empty without evidence."""
    path = repository / f"results/reference/{scale}/costs.csv"
    if not path.exists():
        return {}
    costs = pd.read_csv(path).set_index("target")["cpu_seconds"]
    return {target: max(1, math.ceil(seconds / 60 / 2)) for target, seconds in costs.items()}


def test_every_target_of_the_figure_table_exists(repository):
    text = (repository / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:pgan|baaan)_\w+)`", text))
    figures = {name for name, figure in load_configuration(repository).figures.items() if figure.pictures}
    assert figures <= named
    assert {target for targets in figure_table(repository) for target in targets} == figures


@pytest.mark.parametrize(("column", "scale"), [(0, "demo"), (1, "laptop")])
def test_minutes_are_those_of_the_evidence(repository, column, scale):
    """What was not measured stands in brackets, as planned."""
    measured = minutes_on_two_cores(repository, scale)
    assert measured
    for targets, cells in figure_table(repository).items():
        for target, cell in zip(targets, cells[column], strict=True):
            assert cell == str(measured[target]) if target in measured else re.fullmatch(r"\(\d+\)", cell), targets


def test_hours_at_paper_scale_are_those_of_the_cluster_page(repository):
    page = (repository / "docs/cluster.md").read_text(encoding="utf-8")
    for targets, (_demo, _laptop, cells) in figure_table(repository).items():
        found = [re.search(rf"^\| `{target}` .*\| ([^|]+) \|$", page, re.MULTILINE)[1] for target in targets]
        assert cells == found, targets


def test_every_picture_and_link_is_there(repository):
    text = (repository / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    assert any(target.endswith(".png") for target in targets)
    for target in targets:
        assert target.startswith("https://") or (repository / target).exists(), target
