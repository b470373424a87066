"""The workflow on a real Slurm of one node: resources, requeued, cancelled and overdue jobs, crashes beside them.

Every test drives Snakemake and Slurm as a user does. The jobs are the tiny ones of the workflow's tests.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slurm.cluster import GPU_TYPE, Cluster, missing, wait_until
from workflow_checkout import Checkout, tiny

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

COHORT = "alpha_0.1+0.3_lambda_0.9_generators_0-0"
GENERATORS = f"pgan/mnist/generators/{COHORT}.safetensors"
CURVES = f"pgan/mnist/curves/{COHORT}.csv"
STATE = f"state/train_attack/mnist/{COHORT}/pgan.safetensors"
LOG = f"logs/train_attack/mnist/{COHORT}.log"

# What a training's log says once it has written its state on SIGTERM.
SAVED = "stopped by signal 15; run again to continue"

# Slow machines included; nothing here takes so long.
PATIENCE = 600
# Less than the nine seconds for which Slurm's commands try to reach the controller.
OUTAGE = 5


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


def on_slurm(checkout: Checkout, cluster: Cluster) -> Checkout:
    """Let a checkout send its jobs to the cluster; the profile's settings, but for what no accounting and haste ask."""
    checkout.options = (
        *("--profile", "slurm", "--slurm-status-command", "squeue"),
        *("--slurm-init-seconds-before-status-checks", "1"),
    )
    checkout.environment = {key: value for key, value in cluster.environment.items() if key in ("PATH", "SLURM_CONF")}
    return checkout


@pytest.fixture(scope="module")
def undisturbed(repository, cluster, tmp_path_factory) -> Checkout:
    """A checkout in which Figure 10 was made through sbatch, and nothing interfered."""
    checkout = on_slurm(Checkout(repository, tmp_path_factory.mktemp("undisturbed")), cluster)
    settings = tiny()
    settings["state_minutes"] = 0.002
    # The cluster's GPU is a name alone: a job that is given it and may take any device would look for it in vain.
    settings["device"] = {"name": "cpu"}
    settings["scales"]["demo"]["cohort"] = {"alphas_per_job": 2}
    settings["scales"]["demo"]["experiments"]["mnist"] = {"epochs": 400, "alphas": [0.1, 0.3], "generators": 1}
    checkout.configure(settings)
    checkout.succeed("--set-resources", f"train_attack:gpu_model={GPU_TYPE}", "--", "pgan_fig10")
    return checkout


@pytest.fixture
def checkout(repository, cluster, undisturbed, tmp_path) -> Checkout:
    """A checkout with the dataset of `undisturbed`, and nothing trained."""
    checkout = on_slurm(Checkout(repository, tmp_path), cluster)
    shutil.copy2(undisturbed.folder / "tiny.yaml", tmp_path)
    for name in (".snakemake/metadata", "results/demo/data"):
        shutil.copytree(undisturbed.folder / name, tmp_path / name)
    return checkout


class Run:
    """A workflow that trains, in the background, while the test interferes."""

    def __init__(self, checkout: Checkout, cluster: Cluster) -> None:
        self.checkout, self.cluster = checkout, cluster
        self.before = set(cluster.jobs("all"))
        self.output = checkout.folder / "said.txt"
        with self.output.open("w") as stream:
            self.process = subprocess.Popen(
                checkout.command(f"results/demo/{GENERATORS}"),
                cwd=checkout.folder,
                env=checkout.surroundings(),
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Where the tests run in the background, Ctrl-C would be ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def jobs(self) -> list[str]:
        """Numbers of its jobs in Slurm, the first one first."""
        return sorted(set(self.cluster.jobs("all")) - self.before, key=int)

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something, as long as the workflow runs."""
        wait_until(lambda: true() or self.process.poll() is not None, what, PATIENCE)
        assert self.process.poll() is None, self.said()

    def until_training(self) -> str:
        """The number of the job that trains, once it has written a state."""
        self.until(self.checkout.result(STATE).exists, "a training state")
        (job,) = self.jobs()
        return job

    def hang(self) -> None:
        """Let the training stand still, as it does where a file system does not answer, until a signal ends it."""
        for process in self.cluster.survivors():
            if "train_attack.py" in Path(f"/proc/{process}/cmdline").read_text():
                os.kill(process, signal.SIGSTOP)

    def said(self) -> str:
        return self.output.read_text()

    def ends_well(self) -> str:
        """What Snakemake said, once it has ended with success."""
        assert self.process.wait(PATIENCE) == 0, self.said()
        return self.said()


@pytest.fixture
def run(checkout, cluster) -> Iterator[Run]:
    run = Run(checkout, cluster)
    yield run
    if run.process.poll() is None:
        os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
    for job in run.jobs():
        cluster.ask("scancel", job)
    wait_until(lambda: not cluster.jobs(), "an empty queue", PATIENCE)


def described(cluster: Cluster, job: str) -> dict[str, str]:
    """What Slurm knows of a job: field -> value."""
    return dict(re.findall(r"(\S+?)=(\S*)", cluster.ask("scontrol", "show", "job", "--oneliner", job)))


def same_bytes(run: Run, undisturbed: Checkout) -> None:
    for name in (GENERATORS, CURVES):
        assert run.checkout.result(name).read_bytes() == undisturbed.result(name).read_bytes(), name
    assert not run.checkout.result(STATE).exists()


def continued_to_the_same_bytes(run: Run, undisturbed: Checkout) -> None:
    assert "continuing from" in run.checkout.result(LOG).read_text()
    same_bytes(run, undisturbed)


def test_a_cluster_leaves_nothing_behind():
    """Neither files nor processes, whatever runs when it stops."""
    with Cluster() as other:
        other.order("sbatch", "--output=/dev/null", "--wrap", "sleep 600 & sleep 600")
        wait_until(lambda: "RUNNING" in other.jobs().values(), "a running job", PATIENCE)
        assert len(other.survivors()) > 3
    assert other.survivors() == []
    assert not other.folder.exists()


def test_a_figure_is_made_through_sbatch(undisturbed, cluster):
    assert undisturbed.result("figures/pgan_fig10.png").read_bytes().startswith(b"\x89PNG")
    found = [described(cluster, job) for job in cluster.jobs("all")]
    jobs = {
        job["Comment"].partition("_wildcards_")[0]: job for job in found if job["WorkDir"] == str(undisturbed.folder)
    }
    # Samples and the figure itself are drawn where Snakemake runs.
    assert set(jobs) == {"rule_prepare_dataset", "rule_check_data", "rule_train_attack"}
    assert {job["JobState"] for job in jobs.values()} == {"COMPLETED"}
    training = jobs["rule_train_attack"]
    assert training["TresPerJob"] == f"gres:gpu:{GPU_TYPE}:1"
    assert training["MinMemoryNode"] == "8000M"
    assert training["TimeLimit"] == "04:00:00"
    assert training["NumCPUs"] == "1"
    assert training["Requeue"] == "1"
    assert "TresPerJob" not in jobs["rule_prepare_dataset"]


def test_a_requeued_job_continues_to_the_same_bytes(run, cluster, undisturbed):
    job = run.until_training()
    cluster.order("scontrol", "requeue", job)
    run.ends_well()
    # The job itself came back: Snakemake submitted no other.
    assert run.jobs() == [job]
    assert described(cluster, job)["Restarts"] == "1"
    continued_to_the_same_bytes(run, undisturbed)


def test_a_cancelled_job_is_submitted_again_and_continues_to_the_same_bytes(run, cluster, undisturbed):
    job = run.until_training()
    cluster.order("scancel", job)
    said = run.ends_well()
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in said
    assert SAVED in said
    first, second = run.jobs()
    assert first == job
    # The second attempt has more of both.
    assert described(cluster, second)["MinMemoryNode"] == "16000M"
    assert described(cluster, second)["TimeLimit"] == "08:00:00"
    continued_to_the_same_bytes(run, undisturbed)


def test_a_job_past_its_time_limit_is_submitted_again_and_continues_to_the_same_bytes(run, cluster, undisturbed):
    """Slurm's limits are whole minutes, and these jobs take less: the training hangs, and its limit is drawn nearer."""
    job = run.until_training()
    run.hang()
    cluster.order("scontrol", "update", f"JobId={job}", "EndTime=now")
    said = run.ends_well()
    assert f"SLURM-job '{job}' failed, SLURM status is: 'TIMEOUT'" in said
    assert SAVED in said
    assert len(run.jobs()) == 2
    continued_to_the_same_bytes(run, undisturbed)


def test_a_second_workflow_in_the_same_folder_is_refused(run, cluster):
    """In words that tell what to do; and Ctrl-C takes the first one's job out of the queue, its state kept."""
    job = run.until_training()
    run.hang()
    second = run.checkout.run(f"results/demo/{GENERATORS}")
    assert second.returncode != 0
    said = second.stdout + second.stderr
    assert "Directory cannot be locked" in said
    assert "--unlock" in said
    assert run.jobs() == [job]
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(PATIENCE) != 0
    wait_until(lambda: not cluster.jobs(), "an empty queue", PATIENCE)
    assert described(cluster, job)["JobState"] == "CANCELLED"
    assert run.checkout.result(STATE).exists()


def test_a_controller_that_crashes_and_comes_back_loses_no_job(run, cluster, undisturbed):
    job = run.until_training()
    cluster.kill_controller()
    time.sleep(OUTAGE)
    cluster.start_controller()
    run.ends_well()
    assert run.jobs() == [job]
    assert described(cluster, job)["JobState"] == "COMPLETED"
    same_bytes(run, undisturbed)


def test_a_job_whose_snakemake_was_killed_is_not_done_again(run, cluster, undisturbed):
    """As when the login node is rebooted: the job runs on, and the next run takes what it made."""
    job = run.until_training()
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    wait_until(lambda: not cluster.jobs(), "the end of the job", PATIENCE)
    run.checkout.succeed("--unlock")
    assert "Nothing to be done" in run.checkout.succeed(f"results/demo/{GENERATORS}")
    assert run.jobs() == [job]
    same_bytes(run, undisturbed)
