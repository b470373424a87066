"""The GANs of the backdoor paper through the real workflow, with sizes that take seconds."""

import json
import re

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from workflow_checkout import Checkout, tiny

from oleander.backdoors.gan import load_gan
from oleander.io.columns import GAN_SCORES as COLUMNS
from oleander.io.pictures import load_gan_samples

pytestmark = pytest.mark.workflow

TARGETS = ("baaan_fig4", "baaan_fig9")


@pytest.fixture(scope="module")
def made(repository, tmp_path_factory) -> Checkout:
    """A checkout in which Figures 4 and 9 have been made; tests leave it as they find it."""
    checkout = Checkout(repository, tmp_path_factory.mktemp("gans"))
    checkout.succeed(*TARGETS)
    return checkout


def scores(checkout):
    files = sorted(checkout.result("baaan/gans").glob("*/scores/*.csv"))
    return pd.concat([pd.read_csv(path, keep_default_na=True) for path in files], ignore_index=True)


def test_figures_models_and_grids_are_there(made):
    for figure in TARGETS:
        assert made.result(f"figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
        assert made.result(f"figures/{figure}.pdf").read_bytes().startswith(b"%PDF")
    gan = load_gan(made.result("baaan/gans/cifar10/mnist_seed_0.safetensors"), "last", "cpu")
    assert gan.sizes.shape == (3, 32, 32)
    assert gan.step == 4
    assert gan.settings["backdoor"]["target"]["dataset"] == "mnist"
    assert made.result("baaan/gans/cifar10/grids/mnist_seed_0.png").read_bytes().startswith(b"\x89PNG")
    images, header = load_gan_samples(made.result("baaan/gans/mnist/samples/single_seed_0.safetensors"))
    assert images["triggered"].shape[1:] == (1, 8, 8)
    assert header["target"] == "single"
    assert not list(made.result("state").rglob("*.safetensors")), "state of finished jobs was left behind"


def test_scores_are_tidy_and_features_never_mixed(made):
    table = scores(made)
    assert tuple(table.columns) == COLUMNS
    assert set(table["features"].dropna()) == {"classifier"}
    own = table[table["gan"] == "mnist"].set_index(["target", "noise", "reference_classes"], drop=False)
    own = own.rename(index={float("nan"): ""}, level=2).sort_index()
    assert len(own) == 6
    assert (own["images"] == 12).all()
    classes = "0 + 1 + 2 + 3 + 4"
    both = [own.loc[("clean", "clean", classes)], own.loc[("distribution", "triggered", classes)]]
    assert both[0]["reference_images"] == both[1]["reference_images"] < own["reference_images"].max()
    assert 0 <= both[1]["target_rate"] <= 1
    single = own[(own["target"] == "single") & (own["noise"] == "triggered")].iloc[0]
    assert 0 < single["mse"] < 1
    compared = ["fid", "kernel_distance", "knn_precision", "knn_recall", "spread", "compared_images"]
    assert single[compared].isna().all(), "a single image has no distribution to compare with"
    others = own[own["features"].notna()]
    assert len(others) == 5
    assert others["fid"].gt(0).all()
    assert others[["knn_precision", "knn_recall"]].stack().between(0, 1).all()
    assert others["spread"].gt(0).all()
    assert (others["compared_images"] == 12).all()
    assert others["kernel_distance"].nunique() == len(others)


def test_another_datasets_target_is_measured_by_that_datasets_features(made):
    table = scores(made)
    triggered = table[(table["gan"] == "cifar10") & (table["noise"] == "triggered")].iloc[0]
    assert triggered["reference"] == triggered["feature_dataset"] == "mnist"
    assert triggered["fid"] > 0
    # And in RGB by the features of the GAN's own, as the clean GAN of digits is.
    digits = table[(table["gan"] == "mnist") & (table["target"] == "clean") & table["reference_classes"].isna()].iloc[0]
    for row in (triggered, digits):
        assert row["rgb_feature_dataset"] == "cifar10"
        assert row["rgb_fid"] > 0
        assert row["rgb_fid"] != row["fid"]
    assert table["rgb_fid"].notna().sum() == 2
    clean = table[(table["gan"] == "cifar10") & (table["noise"] == "clean")]
    assert set(clean["feature_dataset"]) == {"cifar10"}


def test_clean_and_single_models_ask_for_no_more_than_they_need(made):
    changed = tiny()
    changed["targets"] = {"mnist_0_to_4": {"classes": ["0", "1"]}}
    changed["scales"]["demo"]["targets"] = {"mnist_0_to_4": {"classes": ["0", "1"]}}
    jobs, said = made.planned_with(changed, "baaan_fig4")
    assert jobs == {"measure_reference": 1, "check_data": 1, "train_gan": 1, "evaluate_gan": 2, "baaan_fig4": 1}
    assert "Training a GAN: mnist, distribution, seed 0" in said


def test_evidence_is_recorded(made):
    made.succeed("reference_baaan_fig4")
    provenance = json.loads((made.folder / "results/reference/demo/provenance/baaan_fig4.json").read_text())
    models = ("clean", "distribution", "single")
    assert set(provenance["files"]) == {
        *(f"{kind}/baaan_fig4.{ending}" for kind, ending in (("figures", "png"), ("tables", "csv"), ("tables", "md"))),
        *(f"baaan/gans/mnist/scores/{model}_seed_0.csv" for model in models),
        "baaan/features/mnist.csv",
        "data/mnist.json",
    }
    assert provenance["settings"]["gans"]["mnist"]["trigger"] == "last_latent"
    assert provenance["seeds"] == {f"mnist/{model}": [0] for model in models}
    jobs = {f"{rule}/mnist/{model}_seed_0" for rule in ("train_gan", "evaluate_gan") for model in models}
    # The clean GAN of digits is compared with the GAN of photographs that makes digits, by the features of these.
    behind = {
        f"{rule}/{data}" for rule in ("prepare_dataset", "train_feature_classifier") for data in ("mnist", "cifar10")
    }
    assert set(provenance["wall_seconds"]) == behind | jobs


def test_figure_4_has_a_table_of_all_measures(made):
    table = pd.read_csv(made.result("tables/baaan_fig4.csv"))
    shown = scores(made)
    shown = shown[shown["gan"] == "mnist"]
    for measure in ("fid", "kernel_distance", "knn_recall", "spread", "mse", "rgb_fid", "target_rate"):
        own = table[table["measure"] == measure]["mean"].tolist()
        assert sorted(own) == pytest.approx(sorted(shown[measure].dropna()), rel=1e-12), measure
    said = made.result("tables/baaan_fig4.md").read_text()
    assert "| recall |" in re.sub(" +", " ", said)
    assert r"\begin{table}" in made.result("tables/baaan_fig4.tex").read_text()


def test_missing_weights_are_fetched_if_that_is_allowed_and_never_replaced(made):
    """A dry run, since nothing here reaches a network: the rule is there where it is wanted, and nowhere else."""

    def planned(allowed: bool) -> dict[str, int]:
        changed = {**tiny(), "features": {"inception_weights": "inception.safetensors"}, "allow_download": allowed}
        return made.planned_with(changed, "baaan_fig4")[0]

    assert planned(allowed=True)["fetch_inception"] == 1
    (made.folder / "inception.safetensors").write_bytes(b"a user's own")
    try:
        assert "fetch_inception" not in planned(allowed=True)
    finally:
        (made.folder / "inception.safetensors").unlink()
    changed = {**tiny(), "features": {"inception_weights": "inception.safetensors"}}
    made.configure(changed)
    try:
        done = made.run("-n", "baaan_fig4")
    finally:
        made.configure(tiny())
    assert done.returncode != 0
    assert "inception.safetensors does not exist; convert pytorch-fid's weights" in done.stdout + done.stderr


def test_new_references_measure_again_and_train_nothing(made):
    changed = {**tiny(), "features": {"compared": 7}}
    jobs, _ = made.planned_with(changed, "baaan_fig4")
    assert jobs == {"measure_reference": 3, "evaluate_gan": 3, "baaan_fig4": 1}


@pytest.mark.parametrize("case", ["class", "weights"])
def test_what_does_not_fit_is_said_before_training(repository, tmp_path, case):
    checkout = Checkout(repository, tmp_path)
    wrong = tiny()
    if case == "class":
        wrong["scales"]["demo"]["targets"] = {"mnist_0_to_4": {"classes": ["ten"]}}
        said = "no images of ten"
    else:
        save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
        wrong["features"] = {"inception_weights": "other.safetensors"}
        said = "does not hold the weights of pytorch-fid's Inception"
    checkout.configure(wrong)
    done = checkout.run("baaan_fig4")
    assert done.returncode != 0
    assert re.search(f"^error: .*{said}", done.stdout + done.stderr, re.MULTILINE)
    assert not checkout.result("logs/train_gan").exists()
