"""The fault campaign can fail: it sees what is lost, differs or is left, and errors that are no clear sentence.

And the README says what the recorded campaign found.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import torch
from faults import campaign, damage, kills, runs
from faults.report import Outcome, as_json, digests, failures, sentences, table
from faults.workplace import RULES, settings
from workflow_checkout import Checkout

from oleander.io.artifacts import save_artifact
from oleander.io.tables import DIGEST_ATTRIBUTE, write_csv

GENERATORS, CURVES = "pgan/mnist/generators/a.safetensors", "pgan/mnist/curves/a.csv"


@pytest.fixture
def results(tmp_path):
    """A folder of results as an undisturbed run leaves it."""
    folder = tmp_path / "demo"
    for name in (GENERATORS, CURVES, "logs/train_attack/mnist/a.log", "benchmarks/train_attack/mnist/a.tsv"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(f"of {name}")
    return folder


def outcome_of(results, sabotage):
    """What the comparison makes of results once they were sabotaged."""
    expected = digests(results)
    sabotage(results)
    outcome = Outcome("a fault", times=1)
    outcome.survived += outcome.compare(expected, digests(results))
    return outcome


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        (lambda results: cut(results / GENERATORS), f"differing: {GENERATORS}"),
        (lambda results: (results / CURVES).unlink(), f"lost: {CURVES}"),
        (lambda results: (results / "state").write_text("half"), "left: state"),
        (lambda results: (results / "pgan/.partial-a-x.csv").write_text("half"), "left: pgan/.partial-a-x.csv"),
    ],
    ids=["damaged", "lost", "state left", "half-written file left"],
)
def test_sabotaged_results_fail_the_campaign(results, sabotage, said, capsys):
    outcome = outcome_of(results, sabotage)
    assert outcome.failed
    assert failures([outcome]) == ["a fault: 0 of 1 survived", f"a fault: {said}"]
    assert campaign.conclude(findings([outcome]), [outcome], None) == 1
    assert f"error: a fault: {said}" in capsys.readouterr().err


def test_a_job_that_is_not_deterministic_fails_the_campaign(results):
    """Twice the same job, each time with a draw of its own."""

    def train(folder):
        (folder / GENERATORS).write_bytes(os.urandom(8))

    train(results)
    assert outcome_of(results, train).differing == [GENERATORS]


def test_times_and_logs_are_no_results(results):
    outcome = outcome_of(results, lambda folder: shutil.rmtree(folder / "logs"))
    assert not outcome.failed
    assert campaign.conclude(findings([outcome]), [outcome], None) == 0


def test_what_was_not_done_is_no_success():
    assert Outcome("a fault").failed
    assert not Outcome("a fault", skipped="no root").failed
    assert Outcome("a fault", times=2, survived=1).failed
    assert Outcome("a fault", times=1, survived=1, unclear=["half a sentence"]).failed


def test_a_fault_that_cannot_be_gone_on_with_is_a_failure():
    def fault():
        raise runs.CampaignError("the workflow ended before there was a state")

    outcome = campaign.guarded("disk", fault)
    assert outcome.failed
    assert outcome.unclear == ["the workflow ended before there was a state"]


def test_sentences_are_told_from_tracebacks():
    job = "Job 1: Training\nerror: cannot write a: No space left on device; free some space\nRuleException:\nx\n"
    workflow = 'WorkflowError in file "/somewhere/Snakefile", line 36:\nresults/demo is dated; set it right\n  File\n'
    ended = "WorkflowError:\nAt least one job did not complete successfully.\n"
    assert sentences(job + ended) == ["cannot write a: No space left on device; free some space"]
    assert sentences(job + job) == sentences(job)
    assert sentences(workflow) == ["results/demo is dated; set it right"]
    assert sentences(ended) == []
    assert sentences(job + "Traceback (most recent call last):\n") == []


def test_states_and_csvs_that_are_taken_for_whole_fail_the_campaign(tmp_path, monkeypatch):
    samples = tmp_path / "samples"
    samples.mkdir()
    save_artifact(samples / "train_gan.gan.safetensors", {"x": torch.ones(50)}, {"key": "k", "position": {"step": 3}})
    assert not damage.damage_states(samples, 10, random.Random(0)).failed
    # Damage that does none.
    monkeypatch.setattr(damage, "truncate", lambda path, draw: None)
    outcome = damage.damage_states(samples, 10, random.Random(0))
    assert (outcome.times, outcome.survived) == (10, 5)
    assert outcome.failed


def test_damage_is_damage_and_keeps_the_date(tmp_path):
    path = tmp_path / "a"
    for do, length in ((damage.truncate, range(100)), (damage.flip_a_bit, [100])):
        path.write_bytes(bytes(100))
        os.utime(path, (5, 5))
        do(path, random.Random(1))
        assert path.stat().st_mtime == 5
        assert len(path.read_bytes()) in length
        assert path.read_bytes() != bytes(100)


def test_a_job_is_found_stopped_looked_at_and_killed(repository, tmp_path):
    """A real workflow's, which was never undisturbed: what it is and how far."""
    checkout = Checkout(repository, tmp_path)
    checkout.configure(settings())
    with runs.Run(checkout, ["--", "results/demo/data/mnist.safetensors"]) as run:
        run.wait_for(run.jobs, "a job")
        (job,) = run.jobs()
        assert job.name == "prepare_dataset/mnist"
        assert not job.states()
        run.wait_for(job.has_begun, "a log")
        assert job.stop()
        job.kill()
        assert run.end() != 0
        assert not runs.is_alive(job.process)
        assert "SIGKILL" in run.said()
    assert not job.stop()


def test_a_process_that_has_ended_is_not_alive():
    """Also before anyone has asked for its exit code."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert runs.is_alive(process.pid)
    process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while runs.is_alive(process.pid):
        assert time.monotonic() < deadline
    process.wait()


def findings(outcomes):
    """What would be recorded of outcomes, and of two kills."""
    made = kills.Kills(made=2, by_job={"train_gan": Counter({kills.DURING: 2})}, by_what=Counter(job=2), rounds=1)
    return campaign.findings(outcomes, made, 2, 2, 0)


def test_evidence_is_written_of_a_clean_checkout_alone(results, tmp_path, capsys):
    outcome = Outcome("a fault", times=1, survived=1)
    found = findings([outcome])
    assert campaign.conclude({**found, "commit": "abc+changes"}, [outcome], tmp_path / "no") == 0
    assert not (tmp_path / "no").exists()
    assert "not recorded" in capsys.readouterr().out
    campaign.conclude({**found, "commit": "abc"}, [outcome], tmp_path / "yes")
    assert json.loads((tmp_path / "yes/faults.json").read_text())["faults"] == as_json([outcome])
    assert "| a fault | 1 | 1 | 0 | 0 | 0 |" in (tmp_path / "yes/README.md").read_text()


NEWER = {"measure_checkpoints", "measure_distances", "try_checkpoints", "train_attack_with_checkpoints"}
"""Rules that are newer than the recorded campaign; `make faults` kills them, too."""


@pytest.fixture
def recorded(repository):
    return json.loads((repository / "results/reference/faults/faults.json").read_text())


def test_the_recorded_campaign_lost_nothing(recorded):
    assert recorded["kills"]["made"] >= 50
    assert not [fault for fault in recorded["faults"] if Outcome(**fault).failed]
    # The recorded commit's name of the rule that trains attacks.
    hit = {job.replace("train_pgan", "train_attack"): counts for job, counts in recorded["kills"]["by_job"].items()}
    for rule in set(RULES) - NEWER:
        assert sum(counts[kills.DURING] for job, counts in hit.items() if job.split(",")[0] == rule) >= 1, rule
    for variant in ("train_attack, MLP", "train_attack, CNN", "run_trials, Sever", "run_trials, outlier detection"):
        assert hit[variant][kills.DURING] >= 1
    assert recorded["kills"]["attempts_that_continued_from_a_state"] > 0


def test_the_page_says_what_the_recorded_campaign_found(repository, recorded):
    evidence = (repository / "results/reference/faults/README.md").read_text(encoding="utf-8")
    assert evidence == campaign.markdown(recorded)
    assert table(recorded["faults"]) in evidence


def test_a_csv_cut_off_at_a_rows_end_is_found(tmp_path):
    """The campaign's own way to cut keeps what tells of it."""
    import pandas as pd

    path = tmp_path / "a.csv"
    write_csv(path, pd.DataFrame({"a": [1, 2]}))
    try:
        os.getxattr(path, DIGEST_ATTRIBUTE)
    except OSError:
        pytest.skip("needs extended attributes: the temporary folder's file system keeps none")
    damage.cut_off(shutil.copy2(path, tmp_path / "b.csv"), len("a\n1\n"))
    assert os.getxattr(tmp_path / "b.csv", DIGEST_ATTRIBUTE) == os.getxattr(path, DIGEST_ATTRIBUTE)
