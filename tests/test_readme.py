"""README.md and docs: commands run, examples work, tables name what exists, links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from oleander.workflow.configuration import load_configuration, read_configuration

PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((Path(__file__).parents[1] / "docs").glob("*.md")))]


def blocks(repository, language, page="README.md"):
    text = (repository / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(repository):
    """Those of all pages, each once, but for two pages whose commands have tests of their own."""
    pages = [page for page in PAGES if page not in ("docs/cluster.md", "docs/attacks.md")]
    lines = [line for page in pages for block in blocks(repository, "bash", page) for line in block.splitlines()]
    return list(dict.fromkeys(command for line in lines if (command := line.partition("#")[0].strip())))


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


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
def test_the_dataset_example_fits(repository, scale):
    (example,) = blocks(repository, "yaml", "docs/extending.md")
    config = read_configuration(repository, [yaml.safe_load(example)], {"scale": scale})
    assert config.datasets["mine"].source == "image_folder"


def test_every_target_of_the_figure_table_exists(repository):
    text = (repository / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:pgan|baaan)_\w+)`", text))
    figures = load_configuration(repository).figures
    assert {name for name, figure in figures.items() if figure.pictures} <= named <= set(figures)


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_and_link_is_there(repository, page):
    text = (repository / page).read_text(encoding="utf-8")
    pictures = re.findall(r"!\[(.*?)\]", text)
    assert all(len(alternative) > 20 for alternative in pictures)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or ((repository / page).parent / target).exists(), target


def test_the_readme_is_short_and_shows_pictures(repository):
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert text.count(".png)") >= 1
