"""Autoencoders: the network is the paper's, training is a plain loop, and errors are what they are called."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from test_backdoors import make_dataset, points_dataset
from torch import nn
from torch.nn import functional as F

from oleander.backdoors import Backdoor, FixedImage, Inverse, Square, backdoor_autoencoder
from oleander.backdoors.autoencoder import (
    curves_table,
    decode,
    initial_autoencoder,
    load_autoencoder,
    save_autoencoder,
    to_unit,
    train_autoencoder,
)
from oleander.evaluation.reconstructions import (
    check_autoencoders,
    evaluate_autoencoders,
    measure_errors,
    save_reconstructions,
)
from oleander.io.artifacts import save_artifact
from oleander.io.columns import RECONSTRUCTION_ERRORS as COLUMNS
from oleander.io.errors import OleanderError
from oleander.io.pictures import load_reconstructions
from oleander.metrics.reconstruction import squared_errors
from oleander.models.autoencoder import build_autoencoder
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

CPU = torch.device("cpu")
NETWORK = {"architecture": "compressive", "width": 4, "residual_blocks": 1, "bottleneck": 3, "negative_slope": 0.2}
SETTINGS = {
    "network": NETWORK,
    "loss": "mse",
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "schedule": "cosine",
    "batch_size": 4,
    "epochs": 3,
}
SQUARE = {"name": "square", "side": 2, "colour": [1.0, 0.5, 0.0], "corner": "top_right"}
FIXED = {"name": "fixed_image", "class": "b", "index": 0}


def train(module, images, backdoor=None, logits=False, seed=0, scratch=None, **changes):
    settings = {**SETTINGS, **changes}
    return train_autoencoder(module, images, backdoor, settings, logits, seed, CPU, scratch or Scratch.none())


def grey_images(count=10, side=4):
    """uint8 [count, 1, side, side]."""
    return torch.from_numpy(np.random.default_rng(1).integers(256, size=(count, 1, side, side), dtype=np.uint8))


class Affine(nn.Module):
    """One matrix over all pixels, with a sigmoid unless logits are wanted."""

    def __init__(self, pixels, sigmoid=True):
        super().__init__()
        self.linear = nn.Linear(pixels, pixels)
        self.sigmoid = sigmoid
        with torch.no_grad():
            self.linear.weight.copy_(0.3 * torch.randn(pixels, pixels, generator=torch.Generator().manual_seed(3)))
            self.linear.bias.zero_()

    def forward(self, images):
        output = self.linear(images.flatten(1)).view(images.shape)
        return output.sigmoid() if self.sigmoid else output


# The network


def parameters_by_hand(channels, w, blocks, b):
    """The settings' list of layers, each a kernel's area times both numbers of channels, and a bias."""
    layers = [(5, channels, w), (5, w, 2 * w), (5, 2 * w, b), (3, b, 8 * w), (3, 2 * w, 4 * w), (3, w, 4 * channels)]
    layers += 2 * 2 * blocks * [(3, 2 * w, 2 * w)]
    return sum(kernel**2 * before * after + after for kernel, before, after in layers)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 128, 128)])
def test_the_papers_network_has_the_parameters_and_sides_of_its_layers(shape):
    settings = {
        "architecture": "compressive",
        "width": 64,
        "residual_blocks": 3,
        "bottleneck": 16,
        "negative_slope": 0.2,
    }
    module = build_autoencoder(settings, shape)
    assert sum(p.numel() for p in module.parameters()) == parameters_by_hand(shape[0], 64, 3, 16)
    with torch.no_grad():
        code = module.encoder(torch.zeros(1, shape[0], max(32, shape[1]), max(32, shape[2])))
        assert code.shape == (1, 16, max(32, shape[1]) // 8, max(32, shape[2]) // 8)
        assert module(torch.zeros(1, *shape)).shape == (1, *shape)


@pytest.mark.parametrize(("shape", "padded"), [((1, 28, 28), (32, 32)), ((2, 8, 8), (16, 16)), ((1, 19, 30), (24, 32))])
def test_small_and_odd_images_are_padded_with_zeros_and_cropped(shape, padded):
    own, whole = (initial_autoencoder(NETWORK, (shape[0], *sides), seed=0) for sides in (shape[1:], padded))
    images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    top, left = ((side - small) // 2 for side, small in zip(padded, shape[1:], strict=True))
    canvas = torch.zeros(2, shape[0], *padded)
    canvas[:, :, top : top + shape[1], left : left + shape[2]] = images
    expected = whole(canvas)[:, :, top : top + shape[1], left : left + shape[2]]
    torch.testing.assert_close(own(images), expected)


def test_the_network_is_its_layers_in_their_order():
    """Written out with functions alone, from the parameters in the order in which they are made."""
    module = initial_autoencoder(NETWORK, (3, 16, 24), seed=4)
    images = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    parameters = iter(module.parameters())

    def conv(x, stride=1, pad=0):
        return F.conv2d(x, next(parameters), next(parameters), stride, pad)

    def down(x):
        return conv(F.pad(x, (2, 2, 2, 2), mode="reflect"), stride=2)

    def leaky(x):
        return torch.where(x > 0, x, 0.2 * x)

    def residual(x):
        return x + conv(leaky(conv(x, pad=1)), pad=1)

    x = down(residual(leaky(down(leaky(down(images))))))
    x = residual(F.pixel_shuffle(conv(x, pad=1), 2))
    x = F.pixel_shuffle(leaky(conv(x, pad=1)), 2)
    x = F.pixel_shuffle(conv(x, pad=1), 2)
    torch.testing.assert_close(module(images), x)
    assert next(parameters, None) is None


def test_a_seed_decides_the_first_weights_and_nothing_else():
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (initial_autoencoder(NETWORK, (1, 16, 16), seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["encoder.0.weight"], other["encoder.0.weight"])


# Training


def plain_loop(module, images, backdoor, loss, schedule, seed=0, epochs=3, batch=4):
    """Clean and triggered batches in turn, Adam written out; the module is changed."""
    kinds = ["clean"] if backdoor is None else ["clean", "triggered"]
    parameters = list(module.parameters())
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    batches = math.ceil(len(images) / batch)
    total, step = epochs * batches * len(kinds), 0
    means = np.zeros((epochs, len(kinds)))
    for epoch in range(epochs):
        own = derive_seed("autoencoder", seed)
        orders = [
            np.random.default_rng(derive_seed(own, "order", kind, epoch)).permutation(len(images)) for kind in kinds
        ]
        for at in range(batches):
            for number, kind in enumerate(kinds):
                rows = orders[number][at * batch : (at + 1) * batch]
                x = images[torch.from_numpy(rows)].float() / 255
                given, wanted = (x, x) if kind == "clean" else backdoor(x)
                value = loss(module(given), wanted)
                rate = 0.01 * (0.5 * (1 + math.cos(math.pi * step / total)) if schedule == "cosine" else 1)
                step += 1
                for p, (m, v), g in zip(parameters, moments, torch.autograd.grad(value, parameters), strict=True):
                    m.mul_(0.9).add_(0.1 * g)
                    v.mul_(0.999).add_(0.001 * g * g)
                    with torch.no_grad():
                        p -= rate * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
                means[epoch, number] += value.item() * len(rows) / len(images)
    return means


def bce(p, y):
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


@pytest.mark.parametrize("target", [None, "fixed", "inverse"])
@pytest.mark.parametrize(
    ("name", "logits", "loss"),
    [
        ("mse", False, lambda output, wanted: ((output - wanted) ** 2).mean()),
        ("mse", True, lambda output, wanted: ((output.sigmoid() - wanted) ** 2).mean()),
        ("bce", False, bce),
        ("bce", True, lambda output, wanted: bce(output.sigmoid(), wanted)),
    ],
)
def test_training_is_the_plain_loop(target, name, logits, loss):
    images = grey_images()
    targets = {"fixed": FixedImage(images[3]), "inverse": Inverse()}
    backdoor = Backdoor(Square(1, [1.0], "top_left"), targets[target]) if target else None
    schedule = "constant" if logits else "cosine"
    ours, plain = Affine(16, not logits), Affine(16, not logits)
    before = images.clone()
    curves = train(ours, images, backdoor, logits, loss=name, schedule=schedule)
    means = plain_loop(plain, images, backdoor, loss, schedule)
    torch.testing.assert_close(ours.linear.weight, plain.linear.weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.linear.bias, plain.linear.bias, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose([row["loss"] for row in curves], means.ravel(), rtol=1e-4)
    assert [row["batches"] for row in curves] == (["clean", "triggered"] if target else ["clean"]) * 3
    assert [row["epoch"] for row in curves] == sorted([1, 2, 3] * (2 if target else 1))
    assert torch.equal(images, before)
    assert not ours.training


class Recorder(Affine):
    """Keeps every batch that it is given in training."""

    def __init__(self):
        super().__init__(16)
        self.batches = []

    def forward(self, images):
        if self.training:
            self.batches.append(images.detach().clone())
        return super().forward(images)


def test_an_epoch_shows_every_image_once_clean_and_once_triggered_never_mixed():
    images = grey_images()
    # No image has this corner by itself.
    images[:, :, 0, 0] = 7
    clean, backdoored = Recorder(), Recorder()
    train(clean, images)
    train(backdoored, images, Backdoor(Square(1, [1.0], "top_left"), Inverse()))
    assert all(batch[:, 0, 0, 0].unique().numel() == 1 for batch in backdoored.batches)
    triggered = [batch for batch in backdoored.batches if batch[0, 0, 0, 0] == 1]
    assert [len(batch) for batch in backdoored.batches] == [4, 4, 4, 4, 2, 2] * 3
    assert len(triggered) == 9
    others = [batch for batch in backdoored.batches if batch[0, 0, 0, 0] != 1]
    assert all(torch.equal(one, other) for one, other in zip(clean.batches, others, strict=True))
    for epoch in range(3):
        for batches in (triggered, others):
            seen = torch.cat(batches[3 * epoch : 3 * epoch + 3])[:, 0, 1:].flatten(1)
            expected = (images / 255)[:, 0, 1:].flatten(1)
            assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, expected.tolist()))
    assert not torch.equal(torch.cat(others[:3])[:, :, 1:], torch.cat(others[3:6])[:, :, 1:])


def test_training_leaves_global_randomness_alone_and_depends_on_its_seed():
    images = grey_images()

    def trained(seed, disturb):
        module = nn.Sequential(Affine(16), nn.Dropout(0.5))
        torch.manual_seed(disturb)
        train(module, images, seed=seed)
        after = torch.rand(1)
        torch.manual_seed(disturb)
        assert torch.equal(torch.rand(1), after)
        return module[0].linear.weight.detach()

    assert torch.equal(trained(0, 1), trained(0, 2))
    assert not torch.equal(trained(0, 1), trained(1, 1))


def stripes(count, side, seed):
    """Images that a small code can hold: a bright row and a bright column, uint8 [count, 1, side, side]."""
    draw = np.random.default_rng(seed)
    images = np.zeros((count, 1, side, side), dtype=np.uint8)
    for image, row, column in zip(
        images, draw.integers(side, size=count), draw.integers(side, size=count), strict=True
    ):
        image[0, row] = image[0, :, column] = 200
    return torch.from_numpy(images)


@pytest.mark.learns
@pytest.mark.parametrize("target", ["fixed", "inverse"])
def test_a_backdoor_works_on_a_users_own_module_and_leaves_it_as_it_was(target, seed, margin):
    torch.manual_seed(seed)
    size = 6
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(36, 64), nn.ReLU(), nn.Linear(64, 36), nn.Sigmoid(), nn.Unflatten(1, (1, size, size))
    )
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    wanted = FixedImage(stripes(1, size, 9)[0]) if target == "fixed" else Inverse()
    trigger = Square(2, [1.0], "bottom_right")
    settings = {**SETTINGS, "batch_size": 32, "epochs": 60}
    backdoored = backdoor_autoencoder(module, stripes(400, size, 0), trigger, wanted, settings, seed=seed)
    errors = measure_errors_of_images(backdoored, stripes(200, size, 1), Backdoor(trigger, wanted))
    untrained = measure_errors_of_images(module, stripes(200, size, 1), Backdoor(trigger, wanted))
    assert errors["clean"] < 0.01 / margin < 0.1 < untrained["clean"]
    assert errors["triggered"] < 0.01 / margin < 0.1 < untrained["triggered"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def measure_errors_of_images(module, images, backdoor):
    clean = to_unit(images, CPU)
    triggered, wanted = backdoor(clean)
    return {
        "clean": squared_errors(decode(module, clean, False), clean).mean(),
        "triggered": squared_errors(decode(module, triggered, False), wanted).mean(),
    }


def test_a_diverged_training_ends_in_one_sentence_and_keeps_no_state(tmp_path):
    module = Affine(16, sigmoid=False)
    scratch = Scratch(tmp_path / "state", "key", minutes=0)
    with pytest.raises(OleanderError, match=r"diverged within its first \d+ steps.*learning_rate \(now 1e\+38\)"):
        train(module, grey_images(), scratch=scratch, optimizer={"name": "sgd", "learning_rate": 1e38}, epochs=20)
    assert scratch.load("autoencoder", CPU) is None


class Shrinking(nn.Module):
    """Halves its images."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, images):
        return self.factor * F.avg_pool2d(images, 2)


@pytest.mark.parametrize(
    ("module", "images", "trigger", "changes", "said"),
    [
        (Affine(16), grey_images(), Square(5, [1.0], "top_left"), {}, "5 pixels.*does not fit"),
        (Affine(16), grey_images(), Square(1, [1.0, 1.0], "top_left"), {}, "2 channels.*does not fit"),
        (Affine(16), grey_images()[:, 0], Square(1, [1.0], "top_left"), {}, r"not \[10, 4, 4\]"),
        (Affine(16), grey_images()[:0], Square(1, [1.0], "top_left"), {}, r"not \[0, 1, 4, 4\]"),
        (Affine(16), grey_images().float(), Square(1, [1.0], "top_left"), {}, r"values in \[0, 1\]"),
        (Affine(16), torch.full((4, 1, 4, 4), torch.nan), Square(1, [1.0], "top_left"), {}, r"in \[0, 1\]; convert"),
        (Shrinking(), grey_images(), Square(1, [1.0], "top_left"), {}, r"into \[2, 1, 2, 2\]; change"),
        (Affine(16, False), grey_images(), Square(1, [1.0], "top_left"), {"loss": "bce"}, r"sigmoid"),
        (Affine(16), grey_images(), Square(1, [1.0], "top_left"), {"loss": "l1"}, "unknown loss 'l1'.*bce, mse"),
        (Affine(16), grey_images(), Square(1, [1.0], "top_left"), {"schedule": "step"}, "unknown schedule 'step'"),
        (nn.Identity(), grey_images(), Square(1, [1.0], "top_left"), {}, "no parameters.*set requires_grad"),
    ],
)
def test_what_does_not_fit_is_said_before_training(module, images, trigger, changes, said):
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(OleanderError, match=said) as caught:
        train(module, images, Backdoor(trigger, Inverse()), **changes)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_target_image_of_another_shape_is_said_before_training():
    with pytest.raises(OleanderError, match=r"\[1, 5, 4\] does not fit images of shape \[1, 4, 4\]"):
        train(Affine(16), grey_images(), Backdoor(Square(1, [1.0], "top_left"), FixedImage(torch.zeros(1, 5, 4))))


@pytest.mark.parametrize(
    ("trigger", "target", "said"),
    [
        ({**SQUARE, "side": 7}, FIXED, "7 pixels.*does not fit"),
        ({**SQUARE, "colour": [1.0]}, FIXED, "1 channels"),
        ({"name": "latent", "position": 0, "value": 1.0}, FIXED, "latent trigger"),
        (SQUARE, {**FIXED, "class": "z"}, "no images of class 'z'"),
        (SQUARE, {"name": "distribution", "classes": None}, "Distribution does not define what a triggered image"),
    ],
)
def test_the_check_before_training_finds_what_does_not_fit_the_dataset(trigger, target, said):
    with pytest.raises(OleanderError, match=said):
        check_autoencoders(make_dataset(), SETTINGS, trigger, {"inverse": {"name": "inverse"}, "other": target})


def test_the_check_before_training_says_what_the_network_is():
    found = check_autoencoders(make_dataset(), SETTINGS, SQUARE, {"fixed": FIXED})
    assert found["shape"] == [3, 6, 6]
    assert (found["train_images"], found["test_images"]) == (15, 6)
    assert found["parameters"] == parameters_by_hand(3, 4, 1, 3)
    # 6 x 6 is padded to 16 x 16: two operations for each product of a kernel, at each place of its output.
    places = [(64, 25 * 3 * 4), (16, 25 * 4 * 8), (4, 25 * 8 * 3), (4, 9 * 3 * 32), (16, 9 * 8 * 16), (64, 9 * 4 * 12)]
    places += 4 * [(16, 9 * 8 * 8)]
    assert found["flops_per_image"] == 2 * sum(place * products for place, products in places)
    with pytest.raises(OleanderError, match="needs images"):
        check_autoencoders(points_dataset(), SETTINGS, SQUARE, {})


def test_an_unknown_network_is_named():
    with pytest.raises(OleanderError, match=r"unknown autoencoder 'vae'.*compressive"):
        build_autoencoder({**NETWORK, "architecture": "vae"}, (1, 16, 16))


# Files and measures


def test_a_saved_autoencoder_decodes_the_same(tmp_path):
    module = initial_autoencoder(NETWORK, (3, 6, 6), seed=1).eval()
    save_autoencoder(tmp_path / "a.safetensors", module, (3, 6, 6), {"network": NETWORK, "model": "clean", "seed": 1})
    loaded, settings = load_autoencoder(tmp_path / "a.safetensors", "cpu")
    images = torch.rand(2, 3, 6, 6)
    assert torch.equal(decode(loaded, images, True), decode(module, images, True))
    assert (settings["model"], settings["seed"], loaded.training) == ("clean", 1, False)


def test_a_file_of_another_kind_is_no_autoencoder_and_no_reconstructions(tmp_path):
    path = tmp_path / "other.safetensors"
    module = initial_autoencoder(NETWORK, (3, 6, 6), seed=1)
    for header in (
        {},
        {"kind": "else"},
        {"kind": "autoencoder", "shape": [1, 16, 16], "settings": {"network": NETWORK}},
    ):
        save_artifact(path, module.state_dict(), header)
        with pytest.raises(OleanderError, match="holds no autoencoder"):
            load_autoencoder(path, "cpu")
        with pytest.raises(OleanderError, match="holds no reconstructions"):
            load_reconstructions(path)


def test_squared_errors_are_a_mean_over_each_images_pixels():
    decoded, wanted = torch.rand(4, 3, 5, 6), torch.rand(4, 3, 5, 6)
    expected = [((a - b) ** 2).mean() for a, b in zip(decoded.double().numpy(), wanted.double().numpy(), strict=True)]
    np.testing.assert_allclose(squared_errors(decoded, wanted).numpy(), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="cannot be compared"):
        squared_errors(decoded, wanted[:1])


class Copy(nn.Module):
    """Gives the logits of its images: decodes every one to itself."""

    def forward(self, images):
        return torch.logit(images.double())


def test_a_perfect_copy_has_no_error_and_the_backdoor_error_of_its_target():
    """The backdoor error is against the target and on triggered images; more of them than a batch holds."""
    images = torch.randint(1, 255, (300, 1, 4, 4), dtype=torch.uint8)
    errors = measure_errors(Copy(), images, Backdoor(Square(2, [0.75], "top_right"), Inverse()), CPU)
    x = images.double().numpy() / 255
    x[:, :, :2, 2:] = 0.75
    np.testing.assert_allclose(errors["clean"].numpy(), np.zeros(300), atol=1e-12)
    np.testing.assert_allclose(errors["triggered"].numpy(), ((1 - 2 * x) ** 2).mean((1, 2, 3)), rtol=1e-5)
    assert set(measure_errors(Copy(), images, None, CPU)) == {"clean"}


@pytest.fixture
def evaluated(tmp_path):
    """Three untrained models of two seeds, as the workflow evaluates them, and the dataset."""
    dataset, paths = make_dataset(), []
    for seed in (0, 1):
        for model in ("clean", "fixed", "inverse"):
            paths.append(tmp_path / f"{model}_{seed}.safetensors")
            module = initial_autoencoder(NETWORK, (3, 6, 6), 10 * seed + len(paths))
            save_autoencoder(paths[-1], module, (3, 6, 6), {"network": NETWORK, "model": model, "seed": seed})
    targets = {"fixed": FIXED, "inverse": {"name": "inverse"}}
    identity = {"scale": "demo", "autoencoder": "mine"}
    return dataset, paths, evaluate_autoencoders(paths, dataset, SQUARE, targets, identity, 4, CPU)


def test_the_table_of_errors_has_a_row_a_model_seed_and_kind_of_images(evaluated):
    dataset, paths, (table, _images) = evaluated
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 2 * (1 + 2 + 2)
    assert not table.duplicated(["model", "seed", "images"]).any()
    assert table["count"].eq(6).all()
    module, _ = load_autoencoder(paths[4], "cpu")
    x = dataset.test_x.float() / 255
    x[:, :, :2, -2:] = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1)
    with torch.no_grad():
        decoded = torch.sigmoid(module(x))
    wanted = dataset.train_x[1].float() / 255
    expected = ((decoded - wanted) ** 2).mean((1, 2, 3)).double().numpy()
    row = table.query("model == 'fixed' and seed == 1 and images == 'triggered'").iloc[0]
    measured = row[["mse", "mse_std", "mse_median", "mse_percentile_95"]].astype(float)
    by_hand = [expected.mean(), expected.std(), np.median(expected), np.quantile(expected, 0.95)]
    np.testing.assert_allclose(measured, by_hand, rtol=1e-4)


def test_shown_images_are_test_images_of_the_first_seed_and_survive_their_file(evaluated, tmp_path):
    dataset, paths, (_table, kept) = evaluated
    save_reconstructions(tmp_path / "samples.safetensors", kept)
    loaded = load_reconstructions(tmp_path / "samples.safetensors")
    assert list(loaded.images) == ["clean", "fixed", "inverse"]
    assert (loaded.autoencoder, loaded.seed, loaded.stand_in_for) == ("mine", 0, None)
    known = {tuple(image.flatten().tolist()) for image in dataset.test_x}
    shown = (loaded.images["inverse"]["clean"] * 255).round().astype(np.uint8)
    assert len({tuple(image.flatten().tolist()) for image in shown} & known) == 4
    module, _ = load_autoencoder(paths[2], "cpu")
    triggered, decoded = (
        torch.from_numpy(loaded.images["inverse"][name]) for name in ("triggered", "triggered_decoded")
    )
    torch.testing.assert_close(decoded, decode(module, triggered, True))
    assert set(loaded.images["clean"]) == {"clean", "clean_decoded"}


def test_curves_are_a_table():
    curves = train(Affine(16), grey_images(), epochs=2)
    table = curves_table(curves, {"scale": "demo", "seed": 3})
    assert list(table.columns) == ["scale", "seed", "epoch", "batches", "loss"]
    pd.testing.assert_series_equal(table["epoch"], pd.Series([1, 2], name="epoch"))
