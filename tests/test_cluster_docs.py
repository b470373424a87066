"""What docs/cluster.md and the cluster's profile say: costs as the workflow's graph has them, rules that exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tables
import yaml
from paper_costs import Cost, cost_of, costs, is_submitted, planned_jobs
from snakemake_interface_executor_plugins.settings import SharedFSUsage
from workflow_checkout import Checkout


@pytest.fixture(scope="module")
def jobs(repository, tmp_path_factory):
    return planned_jobs(repository, tmp_path_factory.mktemp("nothing"))


@pytest.fixture(scope="module")
def found(jobs) -> dict[str, Cost]:
    return costs(jobs)


def profile(repository: Path, *, uncommented: bool) -> dict:
    """The cluster's profile; `uncommented`: with the settings that it leaves to the site."""
    text = (repository / "workflow/profiles/slurm/config.yaml").read_text()
    return yaml.safe_load(re.sub(r"^( *)# ( *[\w-]+:)", r"\1\2", text, flags=re.MULTILINE) if uncommented else text)


def test_the_tables_of_the_pages_are_fresh(repository, jobs):
    """Where this fails, run `make docs`."""
    sources = tables.Sources(repository, jobs)
    for page in tables.PAGES:
        text = (repository / page).read_text(encoding="utf-8")
        assert "<!-- table: " in text
        assert tables.renew(text, sources) == text, page


def test_jobs_are_counted_as_a_dry_run_counts_them(repository, found, tmp_path):
    planned, _said = Checkout(repository, tmp_path).planned("--config", "scale=paper", "--", "pgan_fig8")
    # Sever, PCA, sanitization and the outlier detector of two datasets, by the generators of both.
    assert planned["train_attack"] + planned["run_trials"] == found["pgan_fig8"].gpu == 2 + 7
    light = ("pgan_fig8",)
    assert sum(count for rule, count in planned.items() if rule not in light) == found["pgan_fig8"].submitted


def test_operations_of_generators_are_those_of_table_3(found):
    """Figure 10: 30 generators, 2,000 epochs of 28 iterations, each network three products of known sizes."""
    generator = 100 * 784 + 784 * 1024 + 1024 * 784
    # The classifier has the same layers.
    discriminator = 784 * 1024 + 1024 * 512 + 512
    first = 784 * 1024
    batch = 200
    # Products a point: forward 1, backward 2, but none for the inputs of the first layer; a multiply-add is two.
    discriminators = 2 * 4 * 2 * batch * (3 * discriminator - first)
    poison = 8 * batch * generator
    last = batch * (3 * generator - 100 * 784 + 2 * 2 * discriminator)
    assert found["pgan_fig10"].flops == 30 * 2000 * 28 * 2 * (discriminators + poison + last)


def test_operations_of_autoencoders_are_counted_image_by_image(jobs):
    """A backdoored model takes twice a clean one's, and a test image a third of a training image's or more."""
    trained = {job.wildcards.model: cost_of([job]).flops for job in jobs if job_is(job, "train_autoencoder", "mnist")}
    assert trained["fixed"] == trained["inverse"] == 2 * trained["clean"] > 0
    (evaluated,) = (cost_of([job]).flops for job in jobs if job_is(job, "evaluate_autoencoders", "mnist"))
    images = 2 * 9 * 10_000 / (100 * 60_000)
    assert images / 3 <= evaluated / trained["clean"] < 0.35 * images


def job_is(job, rule: str, autoencoder: str) -> bool:
    return job.rule.name == rule and job.wildcards.autoencoder == autoencoder


def test_every_submitted_job_says_what_it_needs_and_asks_for_more_at_its_next_attempt(jobs):
    for job in filter(is_submitted, jobs):
        needs = []
        for job.attempt in (1, 2):
            needs.append({name: job.resources.get(name) for name in ("mem_mb", "runtime", "gpu")})
        first, second = needs
        assert first["mem_mb"] > 0, job.rule.name
        assert first["runtime"] > 0, job.rule.name
        assert second == {**first, "mem_mb": 2 * first["mem_mb"], "runtime": 2 * first["runtime"]}, job.rule.name


def test_the_profile_leaves_to_the_site_what_depends_on_it(repository, jobs):
    ours, theirs = (profile(repository, uncommented=uncommented) for uncommented in (False, True))
    assert "slurm_partition" not in str(ours)
    assert {"slurm_partition", "slurm_account"} <= set(theirs["default-resources"])
    assert theirs["slurm-status-command"] == "squeue"
    # A GPU's type among the defaults would give every job a GPU.
    on_gpu = {job.rule.name for job in jobs if is_submitted(job) and job.resources.get("gpu")}
    assert set(theirs["set-resources"]) == on_gpu


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_snakemake_keeps_no_cache_in_a_home_folder_that_may_be_read_only(repository, name):
    shared = yaml.safe_load((repository / f"workflow/profiles/{name}/config.yaml").read_text())["shared-fs-usage"]
    assert set(SharedFSUsage) - {SharedFSUsage.parse_choice(one) for one in shared} == {SharedFSUsage.SOURCE_CACHE}


def test_every_command_can_be_planned(repository):
    text = (repository / "docs/cluster.md").read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks[0].splitlines()) == 10
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    commands = {line[line.index("snakemake ") :] for line in lines if "snakemake " in line}
    assert len(commands) >= 3
    for command in commands:
        run = [sys.executable, "-m", "snakemake", "--dry-run", *shlex.split(command)[1:]]
        done = subprocess.run(run, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_every_link_is_there(repository):
    for target in re.findall(r"`((?:tests|workflow)/[\w./]+)`", (repository / "docs/cluster.md").read_text()):
        assert (repository / target).exists(), target
