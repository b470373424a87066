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
    assert pd.isna(single["fid"])
    assert own[own["noise"] == "clean"]["fid"].gt(0).all()


def test_another_datasets_target_is_measured_by_that_datasets_features(made):
    table = scores(made)
    triggered = table[(table["gan"] == "cifar10") & (table["noise"] == "triggered")].iloc[0]
    assert triggered["reference"] == triggered["feature_dataset"] == "mnist"
    assert triggered["fid"] > 0
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
        "figures/baaan_fig4.png",
        *(f"baaan/gans/mnist/scores/{model}_seed_0.csv" for model in models),
        "baaan/features/mnist.csv",
        "data/mnist.json",
    }
    assert provenance["settings"]["gans"]["mnist"]["trigger"] == "last_latent"
    assert provenance["seeds"] == {f"mnist/{model}": [0] for model in models}
    jobs = {f"{rule}/mnist/{model}_seed_0" for rule in ("train_gan", "evaluate_gan") for model in models}
    assert set(provenance["wall_seconds"]) == {"prepare_dataset/mnist", "train_feature_classifier/mnist", *jobs}


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
