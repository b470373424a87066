"""The adapter for the Adversarial Robustness Toolbox, against its own estimators and its own kind of attack."""

import re

import numpy as np
import pytest
import torch

from oleander import OleanderError, train_poisoner

pytest.importorskip("art", reason="needs the Adversarial Robustness Toolbox: install oleander[art]")

from art.attacks.attack import PoisoningAttackBlackBox
from art.estimators.classification import PyTorchClassifier, SklearnClassifier
from sklearn.linear_model import LogisticRegression

from oleander.adapters.art import PoisoningAttackPGAN

SMALL = {name: {"hidden": [8], "dropout": 0.0} for name in ("generator", "discriminator", "classifier")}
OPTIONS = {
    "source": 0,
    "target": 2,
    "pp_poison": 0.2,
    "alpha": 0.1,
    "lambda_prime": 0.9,
    "epochs": 2,
    "settings": SMALL,
    "seed": 3,
}


@pytest.fixture
def data():
    """60 points [6] in [0, 1] of the classes 0, 1 and 2."""
    y = np.repeat([0, 1, 2], 20)
    return (np.random.default_rng(0).random((60, 6)) + y[:, None]).astype(np.float32) / 3, y


def test_it_is_one_of_art_s_black_box_attacks(data):
    attack = PoisoningAttackPGAN(**OPTIONS)
    assert isinstance(attack, PoisoningAttackBlackBox)
    assert {"source", "target", "pp_poison", "clip_values"} <= set(attack.attack_params)
    assert "pp_poison=0.2" in repr(attack)
    attack.set_params(pp_poison=0.1)
    attack.poison(*data)
    assert attack.is_poison.sum() == 6


def test_poison_is_the_library_s_own_in_art_s_arrays(data):
    x, y = data
    one_hot = np.eye(3, dtype=np.float32)[y]
    attack = PoisoningAttackPGAN(**OPTIONS)
    poisoned, labels = attack.poison(x, one_hot)
    own = {key: OPTIONS[key] for key in ("source", "target", "alpha", "lambda_prime", "epochs", "settings", "seed")}
    expected, is_poison = train_poisoner(x, y, **own).poison(x, y, fraction=0.2, seed=3)
    np.testing.assert_array_equal(poisoned, expected)
    np.testing.assert_array_equal(attack.is_poison, is_poison)
    np.testing.assert_array_equal(labels, one_hot)
    assert labels is not one_hot
    assert poisoned.dtype == x.dtype
    assert set(y[attack.is_poison]) == {2}
    for same in (y, y[:, None]):
        np.testing.assert_array_equal(PoisoningAttackPGAN(**OPTIONS).poison(x, same)[0], poisoned)


def test_art_s_estimators_train_on_it(data):
    x, y = PoisoningAttackPGAN(**OPTIONS).poison(data[0], np.eye(3, dtype=np.float32)[data[1]])
    network = torch.nn.Linear(6, 3)
    classifier = PyTorchClassifier(
        network,
        torch.nn.CrossEntropyLoss(),
        (6,),
        3,
        torch.optim.Adam(network.parameters(), lr=0.1),
        clip_values=(0, 1),
        device_type="cpu",
    )
    classifier.fit(x, y, batch_size=20, nb_epochs=2)
    assert classifier.predict(x).shape == (60, 3)
    regression = SklearnClassifier(LogisticRegression(), clip_values=(0, 1))
    regression.fit(x, y)
    assert regression.predict(x).shape == (60, 3)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (lambda y: None, "give y"),
        (lambda y: y.tolist(), "give a NumPy array"),
        (lambda y: np.full((60, 3), 1 / 3), "not one-hot"),
        (lambda y: y[:7], "one label for each of 60"),
    ],
)
def test_labels_of_another_form_are_refused(data, labels, said):
    with pytest.raises(OleanderError, match=said):
        PoisoningAttackPGAN(**OPTIONS).poison(data[0], labels(data[1]))


def test_a_share_beyond_one_is_refused_at_once():
    with pytest.raises(OleanderError, match="pp_poison is 20"):
        PoisoningAttackPGAN(**{**OPTIONS, "pp_poison": 20})


def test_the_example_runs(repository):
    """The block of docs/library.md that needs ART, after those that it continues."""
    text = (repository / "docs/library.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (last,) = (number for number, block in enumerate(blocks) if "oleander.adapters.art" in block)
    names = {"torch": torch}
    for block in (*blocks[:2], blocks[last]):
        exec(compile(block, "docs/library.md", "exec"), names)
    assert names["attack"].is_poison.sum() == 42
    np.testing.assert_array_equal(names["y_poisoned"], names["one_hot"])
    assert (names["x_poisoned"] != names["x_art"]).any(axis=1).sum() == 42
