"""Data that a scale can do without, through the real workflow: with and without them, and what is recorded of them."""

import json

import numpy as np
import pandas as pd
import pytest
from celeba_tree import write_tree
from workflow_checkout import Checkout, tiny

pytestmark = pytest.mark.workflow

FACES = {
    "title": "A few faces",
    "source": "celeba",
    "folder": "few",
    "aligned_size": [27, 22],
    "classes": {"Smiling": {"Smiling": True}, "Male": {"Male": True}},
    "per_class": 8,
    "test_per_class": 4,
    "crop": 22,
    "image_size": 32,
    "seed": 0,
}
FIGURE = "baaan_fig2"
JOBS = {"prepare_dataset": 1, "check_data": 1, "train_autoencoder": 3, "evaluate_autoencoders": 1, FIGURE: 1}
"""What runs again where the data of one of two datasets are others."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of data with a few made-up faces."""
    root = tmp_path_factory.mktemp("data")
    write_tree(root, np.random.default_rng(0).random((60, 40)) < 0.6, (40, 0, 20), "few", (27, 22))
    return root


@pytest.fixture(scope="module")
def checkout(repository, tmp_path_factory):
    """A checkout whose Figure 2 shows digits and faces, or photographs where there are no faces."""
    checkout = Checkout(repository, tmp_path_factory.mktemp("faces"))
    settings = tiny()
    over = settings["scales"]["demo"]
    over["datasets"] = {"faces": FACES, "celeba": {"patch_size": 32, "patches_per_class": 20}}
    over["triggers"] = {"large_pink_square": {"side": 5}}
    over["targets"] = {"celeba_image": {"class": "Smiling"}}
    over["autoencoders"]["celeba"]["dataset"] = "faces"
    over["figures"][FIGURE] = {"autoencoders": ["mnist", "celeba"]}
    instead = {"autoencoders": {"celeba": {"dataset": "celeba"}}, "targets": {"celeba_image": {"class": "flower"}}}
    over["if_absent"] = {"faces": instead}
    checkout.configure(settings)
    return checkout


def recorded(checkout):
    folder = checkout.folder / "results/reference/demo"
    return folder, json.loads((folder / f"provenance/{FIGURE}.json").read_text())


def test_neither_is_taken_for_the_other_and_no_face_is_recorded(checkout, root):
    """In this order, since each step goes on with what the one before left."""
    errors = checkout.result("baaan/autoencoders/celeba/errors.csv")
    whole = checkout.result(f"figures/{FIGURE}.png")
    published = checkout.result(f"figures/{FIGURE}_published.png")

    said = checkout.succeed(f"reference_{FIGURE}")
    assert "A few faces: absent, looked for few, but neither data_root nor OLEANDER_DATA is set." in said
    assert said.count("A few faces: absent") == 1, "once, not by each job"
    assert set(pd.read_csv(errors)["stand_in_for"]) == {"CelebA"}
    folder, provenance = recorded(checkout)
    assert provenance["withheld"] == []
    assert (folder / f"figures/{FIGURE}.png").read_bytes() == whole.read_bytes()
    assert not published.exists()

    checkout.environment["OLEANDER_DATA"] = str(root)
    jobs, said = checkout.planned(FIGURE)
    assert jobs == JOBS
    assert "absent" not in said
    said = checkout.succeed(f"reference_{FIGURE}")
    assert pd.read_csv(errors)["stand_in_for"].isna().all()
    assert set(pd.read_csv(errors)["dataset"]) == {"faces"}
    folder, provenance = recorded(checkout)
    (sentence,) = provenance["withheld"]
    assert sentence in said
    assert "without celeba, since it shows genuine images of A few faces" in sentence
    assert f"figures/{FIGURE}.png" in provenance["files"]
    assert (folder / f"figures/{FIGURE}.png").read_bytes() == published.read_bytes() != whole.read_bytes()
    assert not list(folder.rglob("*published*"))

    del checkout.environment["OLEANDER_DATA"]
    jobs, said = checkout.planned(FIGURE)
    assert jobs == {}, "they have been prepared: nobody's hours are lost for want of a variable"
    assert "absent" not in said

    checkout.result("data/faces.safetensors").unlink()
    jobs, said = checkout.planned(FIGURE)
    assert "A few faces: absent" in said
    # The photographs have been prepared and checked before.
    assert {name: JOBS[name] for name in ("train_autoencoder", "evaluate_autoencoders", FIGURE)}.items() <= jobs.items()
