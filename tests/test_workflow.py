"""The real workflow on a copy of the checkout, with sizes that take seconds: the DAG, reruns, kills, bad data.

Nothing is stood in for: every test runs Snakemake as a user does.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from celeba_tree import write_tree
from claim_results import CLAIMS
from PIL import Image
from workflow_checkout import Checkout, tiny

import oleander
from oleander.data import load_dataset, prepare_dataset
from oleander.io.artifacts import load_artifact
from oleander.io.claims import COLUMNS as CLAIM_COLUMNS
from oleander.io.columns import CERTIFIED, CHECKPOINT_TRIALS, CHECKPOINTS
from oleander.io.columns import RECONSTRUCTION_ERRORS as ERROR_COLUMNS
from oleander.io.columns import TRIALS as COLUMNS
from oleander.training.precision import choose_precision

pytestmark = pytest.mark.workflow

FIGURES = (*(f"pgan_fig{number}" for number in range(1, 16)), "pgan_matrix", "pgan_curves", "pgan_progress")
FIGURES += ("pgan_sensitivity",)
FIGURES += ("baaan_fig1", "baaan_fig2", "baaan_bottleneck", "baaan_choices", "baaan_trigger")
FIGURES += tuple(f"baaan_fig{number}" for number in range(4, 10))
TABLES = (*(f"pgan_table{number}" for number in range(1, 7)), "pgan_ranking")
SCALES = ("demo", "laptop", "paper")


@pytest.fixture
def checkout(repository, tmp_path) -> Checkout:
    return Checkout(repository, tmp_path)


@pytest.fixture(scope="module")
def finished(repository, tmp_path_factory) -> Checkout:
    """A checkout in which everything has been made once; tests leave it as they find it."""
    checkout = Checkout(repository, tmp_path_factory.mktemp("finished"))
    checkout.succeed()
    return checkout


def test_one_command_makes_every_figure_and_table(finished):
    for figure in FIGURES:
        assert finished.result(f"figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert finished.result(f"figures/{figure}.pdf").read_bytes().startswith(b"%PDF")
    assert finished.result("figures/pgan_fig2_rates.png").exists()
    assert finished.result("figures/pgan_fig4_samples.png").exists()
    made = {path.name for path in finished.result("tables").iterdir()}
    assert {
        f"{table}{ending}"
        for table in (*TABLES, "pgan_fig1", "pgan_fig2", "pgan_fig4", "pgan_sensitivity", "baaan_bottleneck")
        for ending in (".csv", ".md", ".tex")
    } <= made
    assert {"pgan_matrix.csv", "pgan_progress.csv", "pgan_progress.md"} <= made
    assert not list(finished.result("state").rglob("*.safetensors")), "state of finished jobs was left behind"
    assert not list(finished.folder.rglob(".partial-*"))


def test_poison_is_measured_at_every_checkpoint(finished):
    measures = finished.trials("mnist_progress", "progress", "checkpoint_measures")
    assert tuple(measures.columns) == CHECKPOINTS
    poison = measures[measures["points"] == "poison"]
    assert set(poison["iteration"]) == {4, 8, 12}
    assert len(poison) == 3 * 2 * 2
    assert set(poison["alpha"]) == {0.1, 0.3}
    assert poison["count"].eq(24).all()
    assert poison[["nearest_is_source", "told_apart", "rejected", "classifier_on_poison"]].stack().between(0, 1).all()
    trials = finished.trials("mnist_progress", "progress", "checkpoint_trials")
    assert tuple(trials.columns) == CHECKPOINT_TRIALS
    assert sorted(trials["iteration"].dropna()) == sorted([4, 8, 12] * 2)
    assert trials.loc[trials["iteration"].isna(), "poison_fraction"].eq(0).all()
    # At its end, a training's checkpoint is its result.
    for last in finished.result("checkpoints/mnist_progress").glob("*/000012.safetensors"):
        final = finished.result(f"pgan/mnist_progress/generators/{last.parent.name}.safetensors")
        assert last.read_bytes() == final.read_bytes()


def test_checkpoints_from_elsewhere_are_measured_without_training(repository, tmp_path, finished):
    """What docs/extending.md describes: the folder, the curves, and the prepared data before them."""
    checkout = Checkout(repository, tmp_path)
    checkout.succeed("--", "results/demo/data/mnist.safetensors")
    for kind in ("checkpoints/mnist_progress", "pgan/mnist_progress/curves"):
        checkout.result(kind).parent.mkdir(parents=True, exist_ok=True)
        # As the documentation copies: what is copied is newer than the data.
        subprocess.run(["cp", "-r", finished.result(kind), checkout.result(kind)], check=True)
    for hidden in checkout.result("checkpoints").rglob(".snakemake_timestamp"):
        hidden.unlink()
    jobs, _said = checkout.planned("pgan_progress")
    assert jobs == {"check_data": 1, "measure_checkpoints": 2, "try_checkpoints": 2, "pgan_progress": 1}
    checkout.succeed("pgan_progress")
    for path in ("tables/pgan_progress.csv", "figures/pgan_progress.png"):
        assert checkout.result(path).read_bytes() == finished.result(path).read_bytes()


def test_trials_are_tidy_and_say_what_they_are(finished):
    trials = finished.trials("mnist", "effectiveness")
    assert tuple(trials.columns) == COLUMNS
    assert len(trials) == 2 * 3
    assert set(trials["scale"]) == {"demo"}
    assert set(trials["stand_in_for"]) == {"MNIST"}
    assert trials["status"].eq("ok").all()
    assert trials["error"].between(0, 1).all()
    poisoned = trials[trials["poison_fraction"] == 0.3]
    assert poisoned["train_points"].eq(80).all()
    assert trials.loc[trials["poison_fraction"] == 0, "poison_rejected"].isna().all()


def test_every_evaluation_is_one_tidy_table(finished):
    """The same columns whatever the attack, the defense, the task and the figure."""
    files = sorted(finished.result("pgan").glob("*/trials/*/*.csv"))
    trials = pd.concat([pd.read_csv(path) for path in files])
    # An ensemble has one column more.
    assert tuple(trials.columns) == (*COLUMNS, CERTIFIED)
    assert trials[CERTIFIED].notna().equals(trials["defense"] == "partition")
    assert set(trials["attack"]) == {"pgan", "label_flipping", "random_flipping", "duplication"}
    assert {"none", "outlier", "outlier_90", "sever_01", "pca_005", "label_sanitization"} <= set(trials["defense"])
    assert set(trials["dataset"]) == {"mnist", "fmnist", "cifar10"}
    assert trials["status"].eq("ok").all()
    many = finished.trials("mnist", "ten_classes", "confusion")
    assert many["true_class"].nunique() == 10


def test_the_matrix_has_every_attack_and_defense(finished):
    matrix = pd.read_csv(finished.result("tables/pgan_matrix.csv"))
    poisoned = matrix[matrix["poison_fraction"] == 0.3]
    assert len(poisoned) == 3 * 11
    assert poisoned["attack"].nunique() == 3
    assert poisoned["defense"].nunique() == 11
    assert poisoned["mean"].between(0, 1).all()
    # One that the matrix alone shows is tested at its fraction alone.
    assert set(finished.trials("mnist_random_flipping", "undefended")["poison_fraction"]) == {0.3}


def test_the_ranking_has_every_defense_once(finished):
    ranking = pd.read_csv(finished.result("tables/pgan_ranking.csv"))
    errors = ranking[ranking["measure"] == "error"]
    assert errors["rank"].tolist() == list(range(1, 12))
    assert errors["mean"].is_monotonic_increasing
    assert set(errors["defense"]) == set(pd.read_csv(finished.result("tables/pgan_matrix.csv"))["defense"])
    assert ranking["defense"][ranking["measure"] == CERTIFIED].tolist() == ["partition"]
    assert "embedded digits in place of MNIST" in finished.result("tables/pgan_ranking.md").read_text()


def test_tables_say_scale_and_stand_in(finished):
    text = finished.result("tables/pgan_fig2.md").read_text()
    assert "embedded digits in place of MNIST" in text
    assert "embedded digits in place of Fashion-MNIST" in text
    assert "demo scale" in text
    assert "P02" in text
    effects = pd.read_csv(finished.result("tables/pgan_fig2.csv")).query("measure == 'net_error'")
    assert set(effects["experiment"]) == {"mnist", "fmnist"}
    assert "P06" in finished.result("tables/pgan_fig4.md").read_text()


def test_manifest_describes_the_prepared_dataset(finished):
    manifest = json.loads(finished.result("data/mnist.json").read_text())
    dataset = load_dataset(finished.result("data/mnist.safetensors"))
    assert manifest["sha256"] == dataset.sha256
    assert manifest["counts"]["train"]["3"] == int((dataset.train_y == 3).sum())
    assert manifest["stand_in_for"] == "MNIST"


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.succeed("--dry-run")


def test_an_edited_comment_retrains_nothing(finished):
    script = finished.folder / "scripts/train_attack.py"
    text = script.read_text()
    try:
        script.write_text(text + "\n# One more remark.\n")
        assert "Nothing to be done" in finished.succeed("--dry-run")
    finally:
        script.write_text(text)


def test_a_longer_grid_trains_only_what_is_new(finished):
    longer = tiny()
    longer["scales"]["demo"]["experiments"]["mnist"]["alphas"] = [0.1, 0.3, 0.9]
    jobs, said = finished.planned_with(longer)
    assert jobs["train_attack"] == jobs["draw_samples"] == 1
    # effectiveness and rejection_90 look at every alpha; all else at 0.1.
    assert jobs["run_trials"] == 2
    assert "Training generators of poison: mnist, alpha_0.9_" in said
    assert not {"pgan_fig1", "pgan_fig9", "pgan_fig11", "pgan_fig13", "prepare_dataset"} & set(jobs)


def test_a_changed_setting_retrains_what_depends_on_it(finished):
    changed = tiny()
    changed["scales"]["demo"]["victims"]["ten_class_mlp"]["epochs"] = 4
    jobs, _said = finished.planned_with(changed)
    assert jobs["run_trials"] == 1
    assert jobs["pgan_fig7"] == 1
    assert "train_attack" not in jobs
    assert "fit_boundaries" not in jobs


def test_what_changes_no_result_runs_nothing_again(finished):
    elsewhere = tiny()
    elsewhere |= {"state_minutes": 1.5, "data_root": "elsewhere", "allow_download": True}
    assert finished.planned_with(elsewhere)[0] == {}


def test_another_layout_of_a_figure_draws_it_again(finished):
    """Its rows and columns swapped, which Snakemake does not see where each is a param of its own."""
    demo = yaml.safe_load((finished.folder / "workflow/scales/demo.yaml").read_text())
    shown = demo["figures"]["pgan_fig10"]
    assert shown["rows"] != shown["columns"]
    swapped = tiny()
    swapped["scales"]["demo"]["figures"]["pgan_fig10"] = {"rows": shown["columns"], "columns": shown["rows"]}
    assert finished.planned_with(swapped, "pgan_fig10")[0] == {"pgan_fig10": 1}


def test_the_command_line_has_the_last_word(finished):
    """Over what the scale itself sets, and nothing but what depends on it runs again."""
    jobs, _said = finished.planned("--config", "victims={ten_class_mlp: {epochs: 4}}")
    assert jobs["run_trials"] == 1
    assert "train_attack" not in jobs


def test_data_of_other_settings_are_no_papers_data(finished, checkout):
    """Neither an attack's nor those that a GAN's target is taken from, by a setting that the paper's have not got."""
    whole = "alpha_0+0.1+0.3+0.5+0.7+0.9_lambda_0.9_generators_0-4"
    tables = {
        f"pgan/mnist/trials/effectiveness/{whole}.csv": finished.trials("mnist", "effectiveness"),
        "baaan/gans/cifar10/scores/mnist_seed_0.csv": pd.read_csv(
            finished.result("baaan/gans/cifar10/scores/mnist_seed_0.csv")
        ),
    }
    for name, table in tables.items():
        path = checkout.folder / "results/paper" / name
        path.parent.mkdir(parents=True)
        as_if = {"scale": "paper", "stand_in_for": "", "features": "inception"}
        table.assign(**{key: value for key, value in as_if.items() if key in table}).to_csv(path, index=False)
    why = {}
    for more in ([], ["datasets={mnist: {shrink: 2}}"]):
        checkout.succeed("--config", "scale=paper", "only_existing=true", *more, "--", "verify")
        verdicts = pd.read_csv(checkout.folder / "results/paper/claims.csv").set_index("id")
        why[bool(more)] = verdicts.loc[["P01", "B28"], ["verdict", "why"]]
    assert not why[False]["verdict"].isin(["not comparable", "not run"]).any()
    assert why[True]["verdict"].eq("not comparable").all()
    assert why[True]["why"].str.endswith("datasets.mnist.shrink").all()


def test_without_a_block_that_claims_name_all_else_runs(checkout):
    for layer in (checkout.folder / "config.yaml", *(checkout.folder / "workflow").glob("*/*.yaml")):
        block = yaml.safe_load(layer.read_text())
        for name in [name for name in block.get("autoencoders", {}) if name.startswith("celeba")]:
            del block["autoencoders"][name]
        for name, figure in block.get("figures", {}).items():
            if name == "baaan_bottleneck":
                figure["panels"] = [panel for panel in figure["panels"] if "celeba" not in panel["autoencoders"]]
            if "autoencoders" in figure:
                figure["autoencoders"].remove("celeba")
        layer.write_text(yaml.safe_dump(block))
    less = tiny()
    del less["scales"]["demo"]["autoencoders"]["celeba"]
    jobs, said = checkout.planned_with(less, "verify")
    assert jobs["verify_claims"] == 1
    assert "autoencoder: celeba" not in said


def test_each_figure_is_a_target_of_its_own(finished):
    """Made again from what is there, alone, and with the same bytes."""
    before = {}
    for figure in FIGURES:
        png = finished.result(f"figures/{figure}.png")
        before[png] = png.read_bytes()
        png.unlink()
    for figure in ("pgan_fig2", "baaan_fig9"):
        finished.succeed(figure)
        assert finished.result(f"figures/{figure}.png").exists()
        assert sum(png.exists() for png in before) == 1 + (figure == "baaan_fig9")
    finished.succeed(*FIGURES)
    for png, content in before.items():
        assert png.read_bytes() == content, png


@pytest.mark.parametrize(
    ("figure", "jobs"),
    [
        (
            "pgan_fig1",
            {"prepare_dataset": 1, "train_attack": 1, "draw_samples": 1, "check_data": 1, "measure_distances": 1},
        ),
        ("pgan_fig2", {"prepare_dataset": 2, "train_attack": 4, "run_trials": 6, "check_data": 2}),
        ("pgan_fig3", {"prepare_dataset": 2, "train_attack": 2, "draw_samples": 2, "check_data": 2}),
        ("pgan_fig9", {"prepare_dataset": 1, "train_attack": 1, "fit_boundaries": 1, "check_data": 1}),
        ("pgan_curves", {"prepare_dataset": 4, "train_attack": 7, "check_data": 4}),
        (
            "pgan_progress",
            {
                "prepare_dataset": 1,
                "train_attack_with_checkpoints": 2,
                "measure_checkpoints": 2,
                "try_checkpoints": 2,
                "check_data": 1,
            },
        ),
        # Two cohorts each of mnist, drawing with dropout on and off, and of mnist_as_printed; the control and label
        # flipping under both evaluations; label flipping in place.
        ("pgan_sensitivity", {"prepare_dataset": 1, "train_attack": 4, "run_trials": 11, "check_data": 1}),
        ("pgan_fig7", {"prepare_dataset": 1, "train_attack": 1, "run_trials": 1, "check_data": 1}),
        ("baaan_fig1", {"prepare_dataset": 1, "check_data": 1, "train_autoencoder": 3, "evaluate_autoencoders": 1}),
        # The default and another size, which needs no fixed target.
        (
            "baaan_bottleneck",
            {
                "prepare_dataset": 1,
                "check_data": 1,
                "train_autoencoder": 5,
                "evaluate_autoencoders": 2,
                "measure_linear_codes": 1,
            },
        ),
    ],
)
def test_a_figure_asks_for_no_more_than_it_shows(checkout, figure, jobs):
    assert checkout.planned(figure)[0] == {**jobs, figure: 1}


def test_every_claim_has_a_verdict(finished):
    said = finished.succeed("verify")
    verdicts = pd.read_csv(finished.result("claims.csv"))
    assert set(verdicts["id"] + verdicts["part"].fillna("")) == set(CLAIMS)
    # Embedded data stand in for every dataset.
    assert set(verdicts["verdict"]) <= {"not comparable", "not run"}
    assert (verdicts["verdict"] == "not comparable").sum() > 30
    lines = re.findall(r"^demo scale, ((numbers|directions): 0 of \d+ checked: .*)$", said, re.MULTILINE)
    assert [kind for _line, kind in lines] == ["numbers", "directions"]
    assert all(line in finished.result("claims.md").read_text() for line, _kind in lines)


def test_strict_fails_where_a_claim_does_once_all_is_written(finished, checkout):
    finished.succeed("--config", "strict=true", "--", "verify")
    # What no embedded data stand in for is held against the paper. Victims on which poison works the wrong way, in two
    # runs alike, miss its directions; its numbers are of other settings.
    for kind, measure, slope in (("trials", "source_as_target", -1), ("confusion", "share", 1)):
        (path,) = finished.result(f"pgan/mnist/{kind}/ten_classes").glob("*.csv")
        copy = checkout.result(f"pgan/mnist/{kind}/ten_classes") / path.name
        copy.parent.mkdir(parents=True)
        table = pd.read_csv(path)
        level = 0.5 + slope * table["poison_fraction"]
        table = table.assign(**{"stand_in_for": "", "error": 0.1, measure: level})
        pd.concat([table, table.assign(run=1)]).to_csv(copy, index=False)
    done = checkout.run("--config", "strict=true", "only_existing=true", "--", "verify")
    assert done.returncode != 0
    assert re.search(r"^error: 3 claims are not reproduced at demo scale: P42, P43, P45;", done.stderr, re.MULTILINE)
    verdicts = pd.read_csv(checkout.result("claims.csv")).set_index("id")["verdict"]
    assert set(verdicts[["P42", "P43"]]) == {"not reproduced"}
    assert set(verdicts[["P12", "P13", "P14", "P15"]]) == {"not comparable"}
    # No digit is taken for another more often than the others.
    assert verdicts["P44"] == "undecided"
    directions = len({claim.texts["id"] for claim in CLAIMS.values() if claim.is_direction})
    said = f"directions: 4 of {directions} checked, 75 % of these decided: 0 reproduced, 3 not reproduced, 1 undecided;"
    assert said in checkout.result("claims.md").read_text()
    assert not checkout.result("logs/train_attack").exists()
    assert said in checkout.succeed("--config", "only_existing=true", "--", "verify")


def test_snakemakes_report_has_captions_and_categories(finished, tmp_path):
    """Of both papers and the claims."""
    finished.succeed("--report", str(tmp_path / "report.zip"))
    with zipfile.ZipFile(tmp_path / "report.zip") as packed:
        names = packed.namelist()
        text = " ".join(packed.read(name).decode(errors="ignore") for name in names if name.endswith(".html"))
    assert {f"{figure}.png" for figure in FIGURES} | {"claims.csv"} <= {Path(name).name for name in names}
    for said in (
        "Claims",
        "BAAAN",
        "pGAN",
        "every claim with its verdict",
        "how the confusion matrix changes",
    ):
        assert said in text


def test_the_page_has_every_figure(finished):
    page = finished.result("index.html").read_text()
    assert len(page) < 15_000_000
    for target in (*FIGURES, *TABLES):
        assert f'<article id="{target}">' in page
    assert page.count("<img ") == len(FIGURES) + 2


def test_evidence_is_recorded_a_figure_at_a_time(finished):
    finished.succeed("reference_pgan_fig7", "reference_pgan_table2")
    folder = finished.folder / "results/reference/demo"
    provenance = json.loads((folder / "provenance/pgan_fig7.json").read_text())
    assert set(provenance["files"]) == {
        "figures/pgan_fig7.png",
        "pgan/mnist/trials/ten_classes.csv",
        "pgan/mnist/confusion/ten_classes.csv",
        "data/mnist.json",
    }
    for path in ("figures/pgan_fig7.png", "data/mnist.json"):
        assert (folder / path).read_bytes() == finished.result(path).read_bytes()
    recorded = pd.read_csv(folder / "pgan/mnist/trials/ten_classes.csv")
    pd.testing.assert_frame_equal(recorded, finished.trials("mnist", "ten_classes"))
    assert provenance["overrides"]["scales"]["demo"]["experiments"]["mnist"]["alphas"] == [0.1, 0.3]
    assert provenance["settings"]["figure"].items() >= {"experiment": "mnist", "evaluation": "ten_classes"}.items()
    assert provenance["settings"]["experiments"]["mnist"]["alphas"] == [0.1, 0.3]
    assert provenance["precisions"] == [choose_precision("auto", torch.device("cpu")).name]
    assert provenance["seeds"] == {"mnist/ten_classes": {"generators": [0], "runs": [0]}}
    cohort = "alpha_0.1_lambda_0.9_generators_0-0"
    assert set(provenance["wall_seconds"]) == {
        "prepare_dataset/mnist",
        f"train_attack/mnist/{cohort}",
        f"run_trials/mnist/ten_classes/{cohort}",
    }
    assert set(provenance["cpu_seconds"]) <= set(provenance["wall_seconds"])
    assert 0 < provenance["cpu_seconds_of_all_jobs"] == round(sum(provenance["cpu_seconds"].values()))
    assert (folder / "tables/pgan_table2.md").exists()


def test_costs_are_summed_over_the_jobs_behind_a_figure(finished):
    finished.succeed("--config", "only_existing=true", "--", "reference_costs")
    costs = pd.read_csv(finished.folder / "results/reference/demo/costs.csv").set_index("target")
    trainings = finished.result("benchmarks/train_attack/mnist").glob("*.tsv")
    paths = [finished.result("benchmarks/prepare_dataset/mnist.tsv"), *trainings]
    seconds = [pd.read_csv(path, sep="\t")["s"].iloc[-1] for path in paths]
    assert costs.loc["pgan_fig10", "jobs"] == len(seconds) >= 2
    assert costs.loc["pgan_fig10", "wall_seconds"] == pytest.approx(sum(seconds), abs=0.1 * len(seconds))
    assert costs.loc["pgan_fig2", "jobs"] > costs.loc["pgan_fig10", "jobs"]


def test_errors_of_autoencoders_are_tidy_and_recorded_as_evidence(finished):
    errors = pd.read_csv(finished.result("baaan/autoencoders/mnist/errors.csv"))
    assert tuple(errors.columns) == ERROR_COLUMNS
    assert set(zip(errors["model"], errors["images"], strict=True)) == {
        ("clean", "clean"),
        ("fixed", "clean"),
        ("fixed", "triggered"),
        ("inverse", "clean"),
        ("inverse", "triggered"),
    }
    assert set(errors["stand_in_for"]) == {"MNIST"}
    assert errors["mse"].between(0, 1).all()
    finished.succeed("reference_baaan_fig1")
    provenance = json.loads((finished.folder / "results/reference/demo/provenance/baaan_fig1.json").read_text())
    assert set(provenance["files"]) == {
        "figures/baaan_fig1.png",
        "baaan/autoencoders/mnist/errors.csv",
        "data/mnist.json",
    }
    assert provenance["settings"]["autoencoders"]["mnist"]["targets"] == {"fixed": "mnist_image", "inverse": "inverse"}
    assert provenance["seeds"] == {"mnist/clean": [0], "mnist/fixed": [0], "mnist/inverse": [0]}
    assert set(provenance["wall_seconds"]) == {
        "prepare_dataset/mnist",
        "evaluate_autoencoders/mnist",
        *(f"train_autoencoder/mnist/{model}_seed_0" for model in ("clean", "fixed", "inverse")),
    }


def test_another_target_trains_one_model(finished):
    """Neither the clean model nor those of the other targets depend on it."""
    more = tiny()
    more["scales"]["demo"]["autoencoders"]["mnist"]["targets"] = {"again": "inverse"}
    jobs, said = finished.planned_with(more, "baaan_fig1")
    assert jobs == {"check_data": 1, "train_autoencoder": 1, "evaluate_autoencoders": 1, "baaan_fig1": 1}
    assert "Training an autoencoder: mnist, again, seed 0" in said


def test_a_trigger_or_target_that_does_not_fit_is_said_before_training(checkout):
    for block, entry, change, said in (
        ("triggers", "white_square", {"side": 9}, "a square trigger of 9 pixels"),
        ("targets", "mnist_image", {"class": "ten"}, "no images of class 'ten'"),
    ):
        wrong = tiny()
        wrong["scales"]["demo"][block] = {entry: change}
        checkout.configure(wrong)
        # On one core, where the check's priority is what puts it before the training.
        done = checkout.run("--cores", "1", "baaan_fig1")
        assert done.returncode != 0
        assert re.search(f"^error: .*{said}", done.stdout + done.stderr, re.MULTILINE)
        assert not checkout.result("logs/train_autoencoder").exists()


def test_a_users_own_image_is_a_target_whose_change_trains_again(checkout):
    mine = tiny()
    mine["targets"] = {"mine": {"name": "fixed_image", "file": "mine.png"}}
    mine["scales"]["demo"]["autoencoders"]["mnist"]["targets"] = {"fixed": "mine"}
    checkout.configure(mine)
    model = "results/demo/baaan/autoencoders/mnist/fixed_seed_0.safetensors"
    artifacts = []
    for grey in (200, 40):
        Image.new("L", (8, 8), grey).save(checkout.folder / "mine.png")
        checkout.succeed(model)
        artifacts.append(load_artifact(checkout.folder / model))
    (first, header), (second, _) = artifacts
    assert len(header["settings"]["target_files"]) == 1
    assert not torch.equal(first["encoder.0.weight"], second["encoder.0.weight"])


def test_no_figure_trains_again_what_another_has(finished):
    """With everything made, each other figure of the same generators has nothing to train."""
    for figure in ("pgan_fig3", "pgan_fig6", "pgan_fig7", "pgan_fig8", "pgan_fig13", "pgan_fig15", "pgan_matrix"):
        jobs, _said = finished.planned("--forcerun", figure, "--", figure)
        assert jobs == {figure: 1}


def test_a_defense_and_a_trained_attack_of_ones_own_join_the_matrix(repository, checkout):
    """One file, one line of the registry and one block of settings each: checks, trials and matrix have them."""
    package = checkout.folder / "package/oleander"
    shutil.copytree(Path(oleander.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "defenses/halving.py").write_text(
        "from typing import Any\n\n"
        "import torch\n\n"
        "from oleander.defenses.base import Points, Sanitized\n\n"
        'SETTINGS_SCHEMA: dict[str, Any] = {"properties": {"every": {"type": "integer"}}, "required": ["every"]}\n\n\n'
        "def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:\n"
        "    kept = torch.arange(len(received.y)) % settings['every'] == 0\n"
        "    return Sanitized(kept, received.y.clone(), torch.zeros(len(kept)))\n"
    )
    registry = package / "defenses/__init__.py"
    text = registry.read_text().replace("import (", "import (\n    halving,", 1)
    registry.write_text(text.replace("] = {", '] = {\n    "halving": halving,', 1))
    # The trained attack that docs/attacks.md shows.
    page = (repository / "docs/attacks.md").read_text()
    (package / "attacks/centred.py").write_text(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1])
    registry = package / "attacks/__init__.py"
    text = registry.read_text().replace("import duplication,", "import centred, duplication,")
    registry.write_text(text.replace("] = {", '] = {\n    "centred": centred,', 1))
    mine = tiny()
    mine["defenses"] = {"mine": {"name": "halving", "title": "every second point", "every": 2}}
    mine["attacks"] = {"mine": {"name": "centred", "spread": 0.5}}
    mine["experiments"] = {
        "mnist_mine": {"task": "mnist_3v5", "attack": "mine", "epochs": 3, "alphas": [0.1], "generators": 1}
    }
    mine["figures"] = {"pgan_matrix": {"experiments": [["mnist", "mnist_label_flipping", "mnist_mine"]]}}
    del mine["scales"]["demo"]["figures"]["pgan_matrix"]
    checkout.configure(mine)
    checkout.package = package.parent
    trials = "results/demo/pgan/mnist_mine/trials/mine/alpha_0.1_generators_0-0.csv"
    checkout.succeed(trials)
    found = pd.read_csv(checkout.folder / trials)
    assert (set(found["attack"]), set(found["defense"])) == ({"centred"}, {"mine"})
    assert set(found["kept_points"]) == {40}
    said = checkout.succeed("--dry-run", "pgan_matrix")
    for both in ("mnist, mine", "mnist_label_flipping, mine", "mnist_mine, undefended"):
        assert f"Training and testing victims: {both}, " in said
    mine["defenses"]["mine"]["every"] = "second"
    checkout.configure(mine)
    done = checkout.run("--dry-run", "pgan_matrix")
    assert "defenses.mine.every" in done.stdout + done.stderr


THIRD = {
    "papers": {"third": {"name": "Third", "title": "A Third Paper on Poisoning"}},
    "experiments": {"third": {"task": "mnist_3v5", "attack": "label_flipping", "generators": 5}},
    "scales": {"demo": {"experiments": {"third": {"generators": 1}}}},
    "figures": {
        "third_fig1": {
            "kind": "attack_comparison",
            "caption": "Errors that label flipping causes (Figure 1).",
            "experiments": ["third"],
            "evaluation": "effectiveness",
            "alpha": 0.1,
            "up_to": 0.3,
        }
    },
}
THIRD_CLAIM = {
    "id": "T01",
    "paper": "Third",
    "figure": "Fig1",
    "section": "4",
    "dataset": "MNIST",
    "condition": "30 % flipped",
    "quantity": "test error",
    "value": ">1%",
    "quote": "more than one per cent",
    "kind": "absolute",
    "relation": "at least",
    "expected": "0.01",
    "tolerance": "0",
    "unit": "%",
    "reason": "a bound, taken as stated",
    "scale": "any",
    "table": "trials",
    "measure": "error",
    "where": "experiment = third; evaluation = effectiveness; poison_fraction = 0.3",
}


def test_a_paper_is_added_by_files_of_its_own(checkout):
    """Settings, a rule and claims: its figure is drawn, its claim has a verdict, and both are on the page."""
    papers = checkout.folder / "workflow/papers"
    (papers / "third.yaml").write_text(yaml.safe_dump(THIRD))
    # pGAN's rule of that kind under another name.
    rule = re.search(r"^rule pgan_fig6:.*?(?=\n\n\n)", (papers / "pgan.smk").read_text(), re.MULTILINE | re.DOTALL)
    (papers / "third.smk").write_text(rule[0].replace("pgan_fig6", "third_fig1") + "\n")
    claims = checkout.folder / "workflow/published"
    pd.DataFrame([THIRD_CLAIM], columns=list(CLAIM_COLUMNS)).to_csv(claims / "third.csv", index=False)
    made = "results/demo/index.html"
    checkout.succeed("third_fig1")
    checkout.succeed("--config", "only_existing=true", "--", made, "results/demo/claims.csv")
    assert checkout.result("figures/third_fig1.png").exists()
    verdicts = pd.read_csv(checkout.result("claims.csv")).set_index("id")
    assert (verdicts.loc["T01", "verdict"], verdicts.loc["T01", "n"]) == ("not comparable", 1)
    page = (checkout.folder / made).read_text()
    assert '<article id="third_fig1">' in page
    assert "Third: A Third Paper on Poisoning" in page
    assert page.count("<article") == 1


def test_every_scale_and_the_cluster_profile_can_be_planned(repository):
    for arguments in (*(["--config", f"scale={scale}"] for scale in SCALES), ["--profile", "slurm"]):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--dry-run", *arguments],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Nothing to be done" in done.stdout or "train_attack" in done.stdout + done.stderr


def kill_training(checkout: Checkout, hit: signal.Signals) -> None:
    """Start the workflow, wait for a training state and a checkpoint, and end everything that runs."""
    started = subprocess.Popen(
        checkout.command("pgan_fig10"),
        cwd=checkout.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    state = checkout.result("state/train_attack/mnist")
    while not (list(state.glob("*/pgan.safetensors")) and list(state.glob("*/checkpoints-*/000025.safetensors"))):
        assert started.poll() is None, "the workflow ended before it could be killed"
        assert time.monotonic() < deadline, "no state was written"
        time.sleep(0.02)
    os.killpg(started.pid, hit)
    started.wait()


def test_killed_training_continues_to_the_same_bytes(repository, tmp_path):
    longer = tiny()
    longer["state_minutes"] = 1e-4
    trained = {"epochs": 300, "alphas": [0.1, 0.3], "generators": 1, "checkpoint_iterations": 25}
    longer["scales"]["demo"]["experiments"]["mnist"] = trained
    longer["scales"]["demo"]["cohort"] = {"alphas_per_job": 2}
    checkouts = []
    for name in ("killed", "undisturbed"):
        (tmp_path / name).mkdir()
        checkout = Checkout(repository, tmp_path / name)
        checkout.configure(longer)
        checkouts.append(checkout)
    killed, undisturbed = checkouts

    kill_training(killed, signal.SIGKILL)
    artifacts = [path for kind in ("pgan", "checkpoints") for path in killed.result(kind).rglob("*") if path.is_file()]
    assert not artifacts, f"a killed job left {artifacts}"
    # A killed Snakemake cannot take its lock back; this is what it tells its user to do.
    killed.succeed("--unlock")
    killed.succeed("pgan_fig10")
    undisturbed.succeed("pgan_fig10")

    (log,) = killed.result("logs/train_attack/mnist").glob("*.log")
    assert "continuing from" in log.read_text()
    made = sorted(path.relative_to(killed.folder) for path in killed.result("pgan").rglob("*") if path.is_file())
    assert len(made) == 3
    kept = sorted(path.relative_to(killed.folder) for path in killed.result("checkpoints").rglob("*.safetensors"))
    assert len(kept) == len(list(undisturbed.result("checkpoints").rglob("*.safetensors"))) >= 10
    for path in [*made, *kept, Path("results/demo/figures/pgan_fig10.png")]:
        assert (killed.folder / path).read_bytes() == (undisturbed.folder / path).read_bytes(), path


def test_results_from_the_future_are_one_sentence_before_anything_runs(checkout):
    """As after the clock was set back: Snakemake would remove what it makes from them, once it has made it."""
    ahead = checkout.result("data/mnist.safetensors")
    ahead.parent.mkdir(parents=True)
    ahead.touch()
    os.utime(ahead, (time.time() + 86400,) * 2)
    checkout.succeed("--dry-run", "pgan_fig10")
    done = checkout.run("pgan_fig10")
    assert done.returncode != 0
    assert re.search(r"^results/demo/data/mnist\.safetensors is dated .*, in the future: ", done.stderr, re.MULTILINE)
    assert "Traceback (most recent call last)" not in done.stderr
    assert not checkout.result("logs").exists()


def test_replaced_images_are_told_before_anything_runs(checkout, tmp_path):
    """Without a home folder that could be written to, as on some compute nodes, which is none of its business."""
    block = {"source": "image_folder", "path": "mine", "image_shape": [3, 8, 8]}
    block |= {"minimum_per_class": 1, "test_fraction": 0.5, "seed": 0}
    for colour in (10, 200):
        for name in ("cat/0.png", "cat/1.png"):
            path = tmp_path / "data/mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (colour, 0, 0)).save(path)
        if colour == 10:
            file = checkout.result("data/mine.safetensors")
            prepare_dataset("mine", block, str(tmp_path / "data"), False, file, file.with_suffix(".json"))
    (tmp_path / "file").touch()
    checkout.environment = {"HOME": str(tmp_path / "file/home"), "XDG_CACHE_HOME": ""}
    checkout.configure({"datasets": {"mine": {"title": "Mine", **block}}})
    done = checkout.run("--dry-run", "--", "results/demo/data/mine.safetensors", data=str(tmp_path / "data"))
    assert done.returncode != 0
    said = f"results/demo/data/mine.safetensors was prepared from other files than lie at {tmp_path / 'data/mine'} now;"
    assert said in done.stdout + done.stderr
    # The way out that it names: what was made from the dataset is made again, though it is newer.
    check = checkout.result("checks/mine.json")
    check.parent.mkdir()
    check.touch()
    forced = ("--dry-run", "--forcerun", "results/demo/data/mine.safetensors", "--", "results/demo/checks/mine.json")
    done = checkout.run(*forced, data=str(tmp_path / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
    planned = re.findall(r"^(\w+) +1$", done.stdout + done.stderr, re.MULTILINE)
    assert set(planned) == {"prepare_dataset", "check_data"}


def test_absent_data_is_one_sentence_and_leaves_nothing(checkout):
    done = checkout.run("--config", "scale=laptop", "--", "pgan_fig10")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    (line,) = {line for line in said.splitlines() if line.startswith("error:")}
    assert "MNIST" in line
    assert "OLEANDER_DATA" in line
    assert "Traceback (most recent call last)" not in said
    assert not [path for path in (checkout.folder / "results/laptop/data").rglob("*") if path.is_file()]


def test_corrupt_data_is_one_sentence_and_leaves_nothing(checkout, data_root, tmp_path):
    raw = tmp_path / "damaged/MNIST/raw"
    shutil.copytree(data_root / "MNIST/raw", raw)
    images = raw / "train-images-idx3-ubyte"
    images.chmod(0o644)
    with images.open("r+b") as stream:
        stream.truncate(1_000_000)
    done = checkout.run("--config", "scale=laptop", "--", "pgan_fig10", data=str(tmp_path / "damaged"))
    assert done.returncode != 0
    assert re.search(r"^error: .*train-images-idx3-ubyte", done.stdout + done.stderr, re.MULTILINE)
    assert not [path for path in (checkout.folder / "results/laptop/data").rglob("*") if path.is_file()]


def test_too_few_points_are_said_before_training(checkout):
    greedy = tiny()
    greedy["scales"]["demo"]["evaluations"]["effectiveness"] = {"trusted_per_class": 500}
    checkout.configure(greedy)
    done = checkout.run("pgan_fig2")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    where = r"^error: evaluation effectiveness: class '\w' of f?mnist has \d+ train points, but 500 trusted"
    assert re.search(where, said, re.MULTILINE)
    assert not (checkout.result("logs/train_attack")).exists()


def test_a_mistake_in_the_configuration_is_said_before_anything_runs(checkout):
    done = checkout.run("--config", "scale=gigantic")
    assert done.returncode != 0
    assert "scale: 'gigantic' is not known; known here: demo, laptop, paper" in done.stdout + done.stderr
    assert not (checkout.folder / "results").exists()


def test_celeba_and_own_images_are_prepared_from_their_layouts_in_any_locale(checkout, tmp_path):
    write_tree(tmp_path / "root", np.random.default_rng(0).random((40, 40)) < 0.5, (25, 5, 10))
    few = {"per_class": 4, "test_per_class": 1}
    # Files of names that the login node's locale cannot write, beside.
    pets = {"title": "Pets", "source": "image_folder", "path": "bêtes", "image_shape": [3, 8, 8], "seed": 0}
    pets |= {"minimum_per_class": 1, "test_fraction": 0.5, "classes": ["café", "日本"]}
    for name in ("café/0.png", "café/1.png", "日本/0.png", "日本/1.png"):
        (tmp_path / "root/bêtes" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "root/bêtes" / name)
    checkout.environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    checkout.configure({"scales": {"paper": {"datasets": {"celeba": few, "celeba_female": few, "pets": pets}}}})
    names = [f"results/paper/data/{name}.safetensors" for name in ("celeba", "celeba_female", "pets")]
    checkout.succeed("--config", "scale=paper", f"data_root={tmp_path / 'root'}", "--", *names)
    *datasets, own = [load_dataset(checkout.folder / name) for name in names]
    assert own.classes == ["café", "日本"]
    assert [dataset.train_x.shape for dataset in datasets] == [(160, 3, 128, 128), (4, 3, 128, 128)]
    assert [dataset.stand_in_for for dataset in datasets] == [None, None]
    assert datasets[1].classes == ["Female"]
