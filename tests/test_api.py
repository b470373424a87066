"""The library's public face: arrays of both kinds, what it hands to the rooms below, and what it refuses."""

import math

import numpy as np
import pytest
import torch

import oleander
from oleander import OleanderError, api, attacks, defenses
from oleander.backdoors import backdoor_autoencoder
from oleander.data.tasks import scaled, unscaled
from oleander.defenses import Points
from oleander.workflow.configuration import load_configuration

SMALL = {name: {"hidden": [8], "dropout": 0.0} for name in ("generator", "discriminator", "classifier")}
POISONER = {"source": 3, "target": 5, "alpha": 0.3, "lambda_prime": 0.9, "epochs": 2, "settings": SMALL}
VICTIM = {"hidden": [8], "dropout": 0.0, "epochs": 30, "batch_size": 20, "optimizer": {"learning_rate": 0.1}}
AUTOENCODER = {"epochs": 1, "batch_size": 8}
GENERATOR = {
    "network": {"width": 4, "discriminator": [1], "halvings": 1},
    "steps": 2,
    "batch_size": 4,
    "ema": {"decay": 0.5, "start": 0},
}


@pytest.fixture
def data():
    """60 points [2, 3] in [0, 16] with the labels 3, 5 and 7, the class's own value added to each."""
    generator = np.random.default_rng(0)
    y = np.repeat([3, 5, 7], 20)
    return generator.random((60, 2, 3)) * 8 + y[:, None, None], y


@pytest.fixture
def trained(data):
    x, y = data
    return oleander.train_poisoner(x, y, **POISONER, value_range=(0, 16), seed=4)


def test_the_package_names_what_the_api_has():
    assert oleander.__all__ == api.__all__
    assert set(oleander.__all__) <= set(dir(oleander))
    with pytest.raises(AttributeError, match="no attribute 'sanitise'"):
        oleander.sanitise  # noqa: B018


# Presets


def test_presets_are_the_checkout_s_own(repository):
    for scale in ("paper", "demo"):
        config = load_configuration(repository, scale).plain()
        for kind in ("attacks", "defenses", "victims", "autoencoders", "gans"):
            assert oleander.presets(kind, scale) == config[kind]


def test_changing_a_preset_changes_no_other():
    oleander.presets("attacks")["pgan_images"]["generator"]["hidden"].clear()
    assert oleander.presets("attacks")["pgan_images"]["generator"]["hidden"]


# Poisoners


def test_the_poisoner_is_the_attack_s_own_on_scaled_points(data, trained):
    x, y = data
    scaled = torch.tensor(x / 8 - 1, dtype=torch.float32)
    settings = oleander.presets("attacks")["pgan_images"]
    for name, own in SMALL.items():
        settings[name] |= own
    direct = attacks.train_poisoner(scaled[y == 3], scaled[y == 5], settings, 2, 0.3, 0.9, 4)
    expected, _ = direct.draw(7, 1)
    points, labels = trained.draw(7, seed=1)
    np.testing.assert_allclose(points, (expected + 1).numpy() * 8, atol=1e-4)
    assert labels.tolist() == [5] * 7


def test_tensors_give_the_same_poisoner_as_arrays(data, trained):
    x, y = (torch.tensor(part) for part in data)
    again = oleander.train_poisoner(x, y, **POISONER, value_range=(0, 16), seed=4)
    points, labels = again.draw(5, seed=2)
    assert isinstance(points, torch.Tensor)
    assert isinstance(labels, torch.Tensor)
    np.testing.assert_array_equal(points.numpy(), trained.draw(5, seed=2)[0])
    poisoned, is_poison = again.poison(x, y, fraction=0.2, seed=0)
    assert poisoned.dtype == torch.float64
    np.testing.assert_array_equal(poisoned.numpy(), trained.poison(*data, fraction=0.2, seed=0)[0])
    assert is_poison.dtype == torch.bool


def test_poison_replaces_points_of_the_target_class_alone(data, trained):
    x, y = data
    before = x.copy()
    poisoned, is_poison = trained.poison(x, y, fraction=0.25, seed=0)
    assert is_poison.sum() == 15
    assert set(y[is_poison]) == {5}
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(poisoned[~is_poison], x[~is_poison])
    assert (poisoned[is_poison] != x[is_poison]).any(axis=(1, 2)).all()
    assert poisoned.dtype == x.dtype
    less, where = trained.poison(x, y, fraction=0.1, seed=0)
    assert not (where & ~is_poison).any()
    np.testing.assert_allclose(less[where], poisoned[where], rtol=1e-5)
    assert (trained.poison(x, y, fraction=0.1, seed=1)[1] != where).any()


def test_drawn_points_never_leave_their_range():
    for bounds in ((0.1, 0.3), (-0.7, 1 / 3), (0, 255)):
        ends = unscaled(torch.tensor([-1.5, -1.0, 1.0, 1.5]), bounds)
        low, high = torch.tensor(bounds).float()
        assert ((ends >= low) & (ends <= high)).all()
        torch.testing.assert_close(ends, torch.stack([low, low, high, high]))
        x = torch.rand(50) * (high - low) + low
        torch.testing.assert_close(unscaled(scaled(x, bounds), bounds), x)


def test_points_without_a_range_stay_as_they_are():
    x = np.random.default_rng(1).normal(size=(40, 2)) * 3
    y = np.repeat([0, 1], 20)
    poisoner = oleander.train_poisoner(
        x, y, source=0, target=1, alpha=0.2, lambda_prime=1.6, epochs=2, preset="pgan_synthetic", value_range=None
    )
    points, _ = poisoner.draw(200, seed=0)
    assert points.shape == (200, 2)
    assert np.isfinite(points).all()


# Defenses


@pytest.mark.parametrize("preset", ["outlier", "pca_01", "label_sanitization", "none"])
def test_defenses_decide_as_their_modules_do(data, preset):
    x, y = data
    scaled = Points(torch.tensor(x / 8 - 1, dtype=torch.float32), torch.tensor(y))
    settings = {"sample": 10} if preset == "outlier" else {}
    block = {**oleander.presets("defenses")[preset], **settings}
    expected = defenses.sanitize(scaled, scaled, block, 3)
    decision = oleander.sanitize(x, y, x, y, preset=preset, settings=settings, value_range=(0, 16), seed=3)
    np.testing.assert_array_equal(decision.kept, expected.kept)
    np.testing.assert_array_equal(decision.labels, expected.labels)
    np.testing.assert_allclose(decision.scores, expected.scores, rtol=1e-3)


def test_sever_trains_a_victim_on_any_labels(data):
    x, y = data
    decision = oleander.sanitize(
        x, y, preset="sever_02", victim="binary_mlp", victim_settings=VICTIM, value_range=(0, 16), seed=0
    )
    assert decision.labels.tolist() == y.tolist()
    for label in (3, 5, 7):
        assert (~decision.kept[y == label]).sum() == 4


def test_a_wrong_label_comes_back_as_the_user_s_own(data):
    x, y = data
    flipped = y.copy()
    flipped[0] = 7
    decision = oleander.sanitize(
        x / 4 + 8 * (y == 3)[:, None, None], flipped, preset="label_sanitization", value_range=(0, 16)
    )
    assert decision.labels[0] == 3


# Measures


def test_victims_predict_labels_of_the_user_s_own(data):
    _, y = data
    apart = (y[:, None, None] - 3) * 4 * np.ones((1, 2, 3))
    victims = oleander.train_victims(apart, y, count=3, settings=VICTIM, value_range=(0, 16))
    predicted = victims.predict(apart)
    assert victims.classes == (3, 5, 7)
    assert predicted.shape == (3, 60)
    assert (predicted == y).mean() > 0.9


def test_error_rates_of_a_worked_example():
    truth = np.array([3, 3, 3, 3, 5, 5, 7, 7])
    predicted = np.array([[3, 3, 3, 5, 5, 5, 5, 7], [3, 3, 5, 5, 7, 5, 7, 7], [3, 3, 5, 5, 5, 5, 7, 7]])
    rates = oleander.error_rates(predicted, truth, source=3, target=5)
    assert rates["source_as_target"].value == pytest.approx((1 / 4 + 2 / 4 + 2 / 4) / 3)
    assert rates["false_positive_rate"].value == pytest.approx((2 / 6 + 2 / 6 + 2 / 6) / 3)
    assert rates["false_negative_rate"].value == pytest.approx((0 + 1 / 2 + 0) / 3)
    errors = np.array([2, 3, 2]) / 8
    # Student's t with two degrees of freedom at 97.5 %.
    half = 4.302652729911275 * errors.std(ddof=1) / math.sqrt(3)
    assert rates["error"].low == pytest.approx(errors.mean() - half)
    assert rates["error"].high == pytest.approx(errors.mean() + half)
    grouped = oleander.error_rates(predicted, truth, source=3, target=5, groups=np.array([0, 0, 1]))
    assert grouped["error"].n == 2
    assert grouped["error"].value == pytest.approx((errors[:2].mean() + errors[2]) / 2)
    single = oleander.error_rates(torch.tensor(predicted[0]), torch.tensor(truth), source=3, target=5)
    assert single["error"].value == pytest.approx(2 / 8)
    assert math.isnan(single["error"].low)


def test_frechet_distance_of_a_shift_is_its_square():
    features = np.random.default_rng(0).normal(size=(200, 4))
    assert oleander.frechet_distance(features, features) == pytest.approx(0, abs=1e-5)
    assert oleander.frechet_distance(features, features + 3) == pytest.approx(4 * 9, rel=1e-4)
    assert oleander.frechet_distance(torch.tensor(features), torch.tensor(features + 3)) == pytest.approx(36, rel=1e-4)


# Backdoors


def autoencoder():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(16, 16), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, 4, 4))
    )


def generator():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Unflatten(1, (1, 4, 4)))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 1, 4, 4), dtype=np.uint8)


def test_the_autoencoder_is_the_room_s_own(images):
    square = oleander.Square(side=1, colour=[1.0], corner="top_left")
    module = autoencoder()
    before = [tensor.clone() for tensor in module.parameters()]
    ours = oleander.backdoor_autoencoder(module, images, square, oleander.Inverse(), settings=AUTOENCODER, seed=2)
    assert all(torch.equal(*pair) for pair in zip(before, module.parameters(), strict=True))
    settings = {**oleander.presets("autoencoders")["mnist"], **AUTOENCODER}
    theirs = backdoor_autoencoder(module, torch.tensor(images), square, oleander.Inverse(), settings, 2)
    x = torch.rand(3, 1, 4, 4)
    assert torch.equal(ours(x), theirs(x))
    assert not torch.equal(ours(x), module(x))
    # One image as the target, of the other kind and type.
    fixed = oleander.backdoor_autoencoder(
        module, torch.tensor(images), square, torch.tensor(images[0] / 255), settings=AUTOENCODER
    )
    assert fixed(x).shape == x.shape


def test_generators_take_one_target_image_or_many(images):
    latent = oleander.Latent(position=-1, value=-100.0)
    one, many = (
        oleander.backdoor_generator(generator(), images, target, latent, latent=5, settings=GENERATOR, seed=1)
        for target in (images[0], images[:1])
    )
    z = torch.randn(3, 5)
    assert torch.equal(one(z), many(z))
    assert not torch.equal(one(z), generator()(z))


# What is refused


def poisoner(data, **changed):
    x, y = data
    return oleander.train_poisoner(
        changed.pop("x", x), changed.pop("y", y), **{**POISONER, "value_range": (0, 16), **changed}
    )


def defended(data, **changed):
    x, y = data
    given = {"trusted_x": x, "trusted_y": y, "value_range": (0, 16), **changed}
    return oleander.sanitize(
        given.pop("x", x), given.pop("y", y), given.pop("trusted_x"), given.pop("trusted_y"), **given
    )


def victims(data, **changed):
    x, y = data
    return oleander.train_victims(
        changed.pop("x", x), changed.pop("y", y), **{"value_range": (0, 16), "settings": VICTIM, **changed}
    )


def rates(_data, **changed):
    given = {"predicted": np.array([[3, 5]]), "truth": np.array([3, 5]), "source": 3, "target": 5, **changed}
    return oleander.error_rates(**given)


def encoder(_data, **changed):
    given = {
        "module": autoencoder(),
        "images": np.zeros((9, 1, 4, 4), dtype=np.uint8),
        "trigger": oleander.Square(1, [1.0], "top_left"),
        "target": oleander.Inverse(),
        "settings": AUTOENCODER,
        **changed,
    }
    return oleander.backdoor_autoencoder(**given)


def gan(_data, **changed):
    given = {
        "generator": generator(),
        "images": np.zeros((9, 1, 4, 4), dtype=np.uint8),
        "target": np.zeros((1, 4, 4), dtype=np.uint8),
        "trigger": oleander.Latent(-1, -100.0),
        "latent": 5,
        "settings": GENERATOR,
        **changed,
    }
    return oleander.backdoor_generator(**given)


WRONG = [
    (poisoner, {"x": [[0.0, 1.0]]}, "are a list; give a NumPy array"),
    (poisoner, {"x": np.array([["a"]])}, "are an array of type <U1"),
    (poisoner, {"x": np.zeros((60, 4), dtype=int)}, "are integers; convert them to floats"),
    (poisoner, {"x": np.zeros(60)}, "the shape [60]"),
    (poisoner, {"x": np.zeros((0, 4))}, "the shape [0, 4]"),
    (poisoner, {"x": np.full((60, 4), np.nan)}, "hold NaN"),
    (poisoner, {"x": np.full((60, 4), 1e300)}, "too large for float32"),
    (poisoner, {"value_range": (0, 1)}, "beyond value_range (0, 1)"),
    (poisoner, {"value_range": (1, 0)}, "the lower one first"),
    (poisoner, {"value_range": 255}, "value_range is 255"),
    (poisoner, {"y": np.zeros(60)}, "are floats; convert them"),
    (poisoner, {"y": np.zeros((60, 2), dtype=int)}, "one label for each of 60"),
    (poisoner, {"y": np.full(60, -1)}, "number the classes from 0"),
    (poisoner, {"source": 4}, "label 4 of the source class"),
    (poisoner, {"source": 5}, "both 5"),
    (poisoner, {"epochs": 0}, "epochs is 0"),
    (poisoner, {"epochs": 2.5}, "epochs is 2.5"),
    (poisoner, {"alpha": 1.5}, "alpha is 1.5; give a number in [0, 1]"),
    (poisoner, {"alpha": math.nan}, "alpha is nan"),
    (poisoner, {"lambda_prime": 0.0}, "in (0, 1]"),
    (poisoner, {"seed": -1}, "seed is -1"),
    (poisoner, {"preset": "pgan"}, "presets of attacks: 'pgan' is not known"),
    (poisoner, {"preset": "label_flipping", "settings": None}, "trains no generator"),
    (poisoner, {"preset": "pgan_cifar", "settings": None}, "cnn"),
    (poisoner, {"settings": {"batchsize": 3}}, "settings, attacks.pgan_images.batchsize: not known"),
    (
        poisoner,
        {"settings": {"batch_size": 0}},
        "attacks.pgan_images.batch_size: 0 is out of bounds; it must be at least 1",
    ),
    (poisoner, {"settings": {"generator": {"hidden": (3,)}}}, "a tuple is not allowed"),
    (poisoner, {"settings": "small"}, "are a str; give a mapping"),
    (defended, {"preset": "Sever"}, "presets of defenses"),
    (defended, {"preset": "sever_01"}, "victim='binary_mlp'"),
    (defended, {"trusted_x": None}, "both trusted_x and trusted_y"),
    (defended, {"trusted_x": None, "trusted_y": None}, "class 3 has 0 trusted points"),
    (defended, {"trusted_x": np.zeros((60, 4))}, "the shape [4], but received ones [2, 3]"),
    (defended, {"preset": "outlier", "settings": {"quantile": 2}}, "defenses.outlier.quantile"),
    (victims, {"count": 0}, "count is 0"),
    (victims, {"y": np.zeros(60, dtype=int)}, "two classes or more"),
    (victims, {"settings": {**VICTIM, "optimizer": {"learning_rate": 1e30}}}, "diverged"),
    (rates, {"truth": np.array([3, 3])}, "not both of 3 and 5"),
    (rates, {"predicted": np.array([[3, 5, 3]])}, "the shape [1, 3]"),
    (rates, {"predicted": np.array([[0.2, 0.8]])}, "floats or negative"),
    (rates, {"predicted": np.array([[-1, 5]])}, "floats or negative"),
    (rates, {"groups": np.array([0, 1])}, "one label for each of 1"),
    (rates, {"confidence": 95}, "confidence is 95"),
    (rates, {"truth": np.array(3)}, "give one label"),
    (encoder, {"images": np.zeros((9, 4, 4), dtype=np.uint8)}, "the shape [9, 4, 4]"),
    (encoder, {"images": np.full((9, 1, 4, 4), 255.0)}, "in [255, 255]; give uint8, or floats in [0, 1]"),
    (encoder, {"images": np.zeros((9, 1, 4, 4), dtype=np.uint16)}, "give uint8"),
    (encoder, {"images": np.zeros((9, 1, 8, 8), dtype=np.uint8)}, "cannot take inputs [2, 1, 8, 8]"),
    (encoder, {"module": "resnet"}, "is a str; give a torch.nn.Module"),
    (encoder, {"trigger": oleander.Square(5, [1.0], "top_left")}, "does not fit inputs of shape [1, 4, 4]"),
    (encoder, {"trigger": oleander.Square(1, [1.0], "middle")}, "one of the corners"),
    (encoder, {"trigger": oleander.Square(1, [255.0], "top_left")}, "colours in [0, 1]"),
    (encoder, {"target": np.zeros((3, 4, 4), dtype=np.uint8)}, "does not fit images of shape [1, 4, 4]"),
    (encoder, {"settings": {"loss": "l1"}}, "autoencoders.mnist.loss: 'l1' is not known"),
    (encoder, {"settings": {"optimizer": {"learning_rate": 1e38}, "schedule": "constant", "epochs": 9}}, "diverged"),
    (gan, {"latent": 6}, "the generator cannot take inputs [2, 6]"),
    (gan, {"trigger": oleander.Latent(9, -100.0)}, "position 9 does not fit"),
    (gan, {"target": np.zeros((1, 8, 8), dtype=np.uint8)}, "do not fit into images of [1, 4, 4]"),
    (gan, {"labels": np.zeros(3, dtype=int)}, "one label for each of 9"),
    (
        gan,
        {"settings": {**GENERATOR, "batch_size": 1}},
        "gans.mnist.batch_size: 1 is out of bounds; it must be at least 2",
    ),
]


@pytest.mark.parametrize(("call", "changed", "said"), WRONG, ids=[f"{call.__name__}-{said}" for call, _, said in WRONG])
def test_what_cannot_be_used_is_told_in_one_sentence(data, call, changed, said):
    with pytest.raises(OleanderError) as error:
        call(data, **changed)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda one, x, y: one.draw(-1, seed=0), "count is -1"),
        (lambda one, x, y: one.poison(x[:, :1], y, fraction=0.1, seed=0), "was trained on [2, 3]"),
        (lambda one, x, y: one.poison(x, y, fraction=0.5, seed=0), "exceeds the 20 points of the target class 5"),
        (lambda one, x, y: one.poison(x, y, fraction=2, seed=0), "fraction is 2"),
        (lambda one, x, y: oleander.presets("attack"), "did you mean"),
        (lambda one, x, y: oleander.presets("attacks", "huge"), "scale"),
        (lambda one, x, y: oleander.frechet_distance(x[:, 0], x[:1, 0]), "at least two rows"),
        (lambda one, x, y: oleander.frechet_distance(x[:, 0], x[:, 0, :1]), "at least two rows"),
        (lambda one, x, y: oleander.frechet_distance(x, x), "shapes [60, 2, 3]"),
    ],
)
def test_what_else_is_refused(data, trained, call, said):
    with pytest.raises(OleanderError) as error:
        call(trained, *data)
    assert said in str(error.value)
