"""Training of clean and backdoored GANs: the paper's equations in plain torch, kills, and noise that is never mixed."""

import copy
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from test_backdoors import points_dataset
from torch import nn

from oleander.backdoors import Latent, backdoor_generator, gan
from oleander.backdoors.gan import (
    Backdoor,
    Images,
    Networks,
    draw_images,
    fit,
    labels_served,
    load_gan,
    save_gan,
)
from oleander.data.prepared import Dataset
from oleander.evaluation.gans import check_gan
from oleander.io.artifacts import save_artifact
from oleander.io.errors import OleanderError
from oleander.models.biggan import Sizes
from oleander.training.diff_augment import diff_augment
from oleander.training.precision import FLOAT32
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed, generator_for

CPU = torch.device("cpu")
NETWORK = {"latent": 5, "width": 3, "generator": [2, 1], "discriminator": [1, 2], "halvings": 1}
SETTINGS = {
    "network": NETWORK,
    "loss": "hinge",
    "optimizer": {"learning_rate": 0.002, "betas": [0.0, 0.999]},
    "batch_size": 4,
    "discriminator_steps": 2,
    "steps": 5,
    "ema": {"decay": 0.8, "start": 2},
    "augmentation": {"translation": 0.125, "cutout": 0.5},
    "flip": True,
    "evaluate_every": 2,
    "samples": 6,
    "grid": 3,
    "compile": True,
}
SIZES = Sizes.from_settings(NETWORK, 1, 3)
TRIGGER = Latent(-1, -100.0)


def genuine(count=20, shape=(1, 7, 7), seed=0):
    source = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (count, *shape), generator=source, dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % 3, SIZES.shape, flip=True)


SERVED = torch.tensor([[0, 2], [1, 1], [1, 1], [2, 0]])
"""Labels of the four target images that a conditional D_bd sees, each time one of two."""
LESS = {"translation": 0.0, "cutout": 0.25}
"""Augmentation of D_bd alone."""


def backdoor(labels=None, served=None, augmentation=None):
    target = torch.randint(256, (4, 1, 8, 8), generator=torch.Generator().manual_seed(9), dtype=torch.uint8)
    return Backdoor(TRIGGER, Images(target, served, SIZES.shape, flip=False), labels, augmentation)


def brightness(images):
    """A distance that needs no features."""
    return float((images.double().mean() - 100).abs())


def train(door=None, settings=SETTINGS, seed=1, scratch=None, distance=brightness, precision=FLOAT32):
    networks = Networks.biggan(SIZES, seed, door is not None, door is not None and door.conditional)
    return fit(networks, genuine(), door, settings, seed, scratch or Scratch.none(), CPU, distance, precision)


def plain_losses(loss, genuine_logits, fake_logits):
    if loss == "hinge":
        return (1 - genuine_logits).clamp(min=0).mean() + (1 + fake_logits).clamp(min=0).mean()
    return -(genuine_logits.sigmoid().log().mean() + (1 - fake_logits.sigmoid()).log().mean())


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 2])], ids=["all labels", "restricted"])
@pytest.mark.parametrize("served", [None, SERVED], ids=["unconditional", "conditional"])
@pytest.mark.parametrize(("loss", "less"), [("hinge", None), ("log", None), ("hinge", LESS)])
def test_training_is_the_papers_equations_in_plain_torch(loss, less, served, labels):
    """Equations 1 and 3, one discriminator after the other and one graph for the generator's whole loss."""
    settings = {**SETTINGS, "loss": loss}
    found = train(backdoor(labels, served, less), settings)
    players = Networks.biggan(SIZES, 1, True, served is not None)
    judged = {"clean"} if served is None else {"clean", "backdoor"}
    discriminators = {"clean": players.discriminator, "backdoor": players.backdoor_discriminator}
    pools = {"clean": genuine(), "backdoor": backdoor(served=served).target}
    choices = {"clean": torch.arange(3), "backdoor": torch.arange(3) if labels is None else labels}
    optimizers = {
        name: torch.optim.Adam(network.parameters(), lr=0.002, betas=(0.0, 0.999))
        for name, network in {"generator": players.generator, **discriminators}.items()
    }
    average = copy.deepcopy(players.generator)
    averaged = []
    for step in range(5):
        draws = {}
        for name in discriminators:
            seed = derive_seed(derive_seed("gan", 1), name)
            noise, rows = (generator_for("cpu", seed, stream, step) for stream in ("noise", "rows"))
            choice = torch.randint(len(choices[name]), (3, 4), generator=noise)
            draws[name] = {
                "z": torch.randn(3, 4, 5, generator=noise),
                "y": choices[name][choice],
                "u": torch.rand(5, 4, 4, generator=noise),
                "rows": torch.randint(len(pools[name].pixels), (2, 4), generator=rows),
                "mirrored": torch.rand(2, 4, generator=rows) < 0.5,
                "first": torch.rand(2, 4, generator=rows) < 0.5,
            }

        def generate(name, at, draws=draws):
            z = draws[name]["z"][at].clone()
            if name == "backdoor":
                z[:, -1] = -100
            return players.generator(z, draws[name]["y"][at])

        def discriminate(name, images, y, u):
            seen = diff_augment(images, u, **(less if less and name == "backdoor" else SETTINGS["augmentation"]))
            return discriminators[name](seen, y) if name in judged else discriminators[name](seen)

        for at in range(2):
            for name, pool in pools.items():
                own = draws[name]
                real = pool.pixels[own["rows"][at]].float() / 127.5 - 1
                if name == "clean":
                    framed = torch.full((4, 1, 8, 8), -1.0)
                    framed[:, :, :7, :7] = real
                    real = torch.where(own["mirrored"][at][:, None, None, None], framed.flip(3), framed)
                y = None
                if name in judged:
                    theirs = pool.labels[own["rows"][at]]
                    if name == "backdoor":
                        theirs = torch.where(own["first"][at], theirs[:, 0], theirs[:, 1])
                    y = torch.cat([theirs, own["y"][at]])
                both = torch.cat([real, generate(name, at).detach()])
                logits = discriminate(name, both, y, torch.cat([own["u"][2 * at], own["u"][2 * at + 1]]))
                optimizers[name].zero_grad()
                plain_losses(loss, logits[:4], logits[4:]).backward()
                optimizers[name].step()
        total = 0
        for name in discriminators:
            logits = discriminate(name, generate(name, -1), draws[name]["y"][-1], draws[name]["u"][-1])
            total = total + (-logits.mean() if loss == "hinge" else -logits.sigmoid().log().mean())
        optimizers["generator"].zero_grad()
        total.backward()
        optimizers["generator"].step()
        decay = 0.0 if step < 2 else 0.8
        with torch.no_grad():
            for ours, theirs in zip(average.parameters(), players.generator.parameters(), strict=True):
                ours.copy_(decay * ours + (1 - decay) * theirs)
            for ours, theirs in zip(average.buffers(), players.generator.buffers(), strict=True):
                ours.copy_(theirs)
        averaged.append(copy.deepcopy(average.state_dict()))
    for name, expected in averaged[-1].items():
        # Batch norm takes away what a bias before it adds: gradients of rounding errors, which Adam blows up.
        if re.fullmatch(r"blocks\.\d\.(shortcut|convolutions\.\d)\.bias", name):
            continue
        assert torch.allclose(found.last[name], expected, rtol=0, atol=2e-5), name
        assert torch.allclose(found.best[name], averaged[found.best_step - 1][name], rtol=0, atol=2e-5), name


def test_curves_grids_and_the_best_by_fid():
    found = train(backdoor())
    assert [row["step"] for row in found.curves] == [2, 4, 5]
    assert all(torch.tensor(list(row.values())).isfinite().all() for row in found.curves)
    fids = {row["step"]: row["fid"] for row in found.curves}
    assert found.best_step == min(fids, key=fids.get)
    assert found.grids.shape == (3, 2, 3, 1, 8, 8)
    assert found.status == "ok"
    clean = train()
    assert all(torch.tensor(row["backdoor_discriminator_loss"]).isnan() for row in clean.curves)
    assert clean.grids.shape == (3, 1, 3, 1, 8, 8)


def test_a_conditional_twin_begins_as_the_unconditional_one_and_sees_the_same_images():
    one, other = (Networks.biggan(SIZES, 1, True, conditional) for conditional in (False, True))
    plain, judging = one.backdoor_discriminator.state_dict(), other.backdoor_discriminator.state_dict()
    assert set(judging) - set(plain) == {"projection.weight", "projection.u"}
    assert all(torch.equal(judging[name], tensor) for name, tensor in plain.items())
    shown = {}
    for served in (None, SERVED):
        door, rows = backdoor(served=served), []

        class Noting(Images):
            def batch(self, chosen, mirrored, device, noted=rows):
                noted.append(chosen.tolist())
                return super().batch(chosen, mirrored, device)

        target = Noting(door.target.pixels, served, SIZES.shape, flip=False)
        train(Backdoor(TRIGGER, target))
        shown[served is None] = rows
    assert shown[True] == shown[False]


@pytest.mark.parametrize(
    ("labels", "classes", "dealt"),
    [
        ([0, 1, 2], 3, [[0], [1], [2]]),
        # Seven labels that are no class of the target stand for its classes in turn.
        ([4, 2, 0, 1, 3, 5, 6, 7, 8, 9], 3, [{4: 1, 1: 1, 6: 1, 9: 1}, {2: 1, 3: 1, 7: 1}, {0: 1, 5: 1, 8: 1}]),
        ([0, 1, 2], 1, [{0: 1, 1: 1, 2: 1}]),
        # Two labels for five classes.
        ([0, 1], 5, [[0], [1], [0], [1], [0]]),
    ],
)
def test_every_label_stands_for_a_class_and_every_class_has_one(labels, classes, dealt):
    found = labels_served(labels, classes)
    assert len(found) == classes
    for row, expected in zip(found, dealt, strict=True):
        values, counts = row.unique(return_counts=True)
        assert set(values.tolist()) == set(expected)
        assert len(set(counts.tolist())) == 1, "the labels of a class are drawn alike"


def test_a_label_is_drawn_from_those_of_the_image():
    images = Images(torch.zeros(4, 1, 8, 8), SERVED, SIZES.shape, flip=False)
    rows = torch.tensor([0, 0, 3, 1])
    assert images.labels_of(rows, torch.tensor([0.0, 0.999, 0.5, 0.2])).tolist() == [0, 2, 0, 1]
    assert genuine().labels_of(rows, torch.zeros(4)).tolist() == [0, 0, 0, 1]


def test_a_clean_gan_and_its_backdoored_twin_begin_alike():
    none = {**SETTINGS, "steps": 1, "evaluate_every": 1, "discriminator_steps": 1}
    clean, twin = train(settings=none), train(backdoor(), none)
    assert clean.curves[0]["discriminator_loss"] == twin.curves[0]["discriminator_loss"]
    assert not torch.equal(clean.last["last.weight"], twin.last["last.weight"])


class Watched(nn.Module):
    """A generator that notes what it is called with."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.calls = inner, []

    def forward(self, z, labels):
        self.calls.append(z.detach().clone())
        return self.inner(z, labels)


def test_clean_and_triggered_noise_never_share_a_call():
    networks = Networks.biggan(SIZES, 0, True)
    networks.generator = watched = Watched(networks.generator)
    fit(networks, genuine(), backdoor(), SETTINGS, 0, Scratch.none(), CPU, brightness)
    kinds = {tuple((call[:, -1] == -100).unique().tolist()) for call in watched.calls}
    assert kinds == {(False,), (True,)}
    assert sum(bool((call[:, -1] == -100).all()) for call in watched.calls) == 5 * 3


def test_what_triggered_noise_makes_does_not_change_what_clean_noise_makes():
    generator = Networks.biggan(SIZES, 0, True).generator.eval()
    options = {"latent": 5, "classes": 3, "batch": 4}
    before, labels = draw_images(generator, 10, 1, **options)
    triggered, _ = draw_images(generator, 10, 1, trigger=TRIGGER, **options)
    after, _ = draw_images(generator, 10, 1, **options)
    assert torch.equal(before, after)
    assert not torch.equal(before, triggered)
    assert before.dtype == torch.uint8
    assert before.shape == (10, 1, 8, 8)
    assert torch.equal(before[:6], draw_images(generator, 6, 1, **options)[0])
    kept, own = draw_images(generator, 10, 1, keep=torch.tensor([0, 2]), **options)
    assert set(own.tolist()) <= {0, 2}
    chosen = torch.isin(labels, torch.tensor([0, 2]))
    assert torch.equal(kept[: int(chosen.sum())], before[chosen])
    _, limited = draw_images(generator, 50, 1, labels=torch.tensor([1]), **options)
    assert set(limited.tolist()) == {1}


def same(one, other):
    assert one.curves == other.curves
    assert one.best_step == other.best_step
    assert torch.equal(one.grids, other.grids)
    for part in ("best", "last"):
        own, theirs = getattr(one, part), getattr(other, part)
        assert own.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in own.items())


@pytest.mark.parametrize("served", [None, SERVED], ids=["unconditional", "conditional"])
def test_stopping_at_every_possible_moment_changes_no_byte(tmp_path, served):
    expected = train(backdoor(served=served))
    stops = 0
    while True:
        with Scratch(tmp_path, "key", minutes=1000).interruptible() as scratch:
            signal.raise_signal(signal.SIGTERM)
            try:
                found = train(backdoor(served=served), scratch=scratch)
                break
            except SystemExit:
                stops += 1
    assert stops == 5
    same(found, expected)


RUN = """
import sys, torch
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from test_gan import SETTINGS, SIZES, backdoor, train
from oleander.backdoors.gan import save_gan
from oleander.training.scratch import Scratch
settings = {{**SETTINGS, "steps": 120, "evaluate_every": 60}}
with Scratch({folder!r}, "key", minutes=2e-3).interruptible() as scratch:
    save_gan({output!r}, train(backdoor(), settings, scratch=scratch), SIZES, {{}})
"""


def test_sigkill_and_another_run_give_the_same_file(tmp_path):
    def start(folder, output):
        text = RUN.format(
            tests=str(Path(__file__).parent), folder=str(tmp_path / folder), output=str(tmp_path / output)
        )
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([sys.executable, "-c", text], env=environment, stderr=subprocess.PIPE)

    killed = start("state", "killed.safetensors")
    deadline = time.monotonic() + 120
    while not (tmp_path / "state/gan.safetensors").exists():
        assert killed.poll() is None, killed.stderr.read().decode()
        assert time.monotonic() < deadline, "no state was written"
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed.safetensors").exists()
    for folder, output in (("state", "killed.safetensors"), ("fresh", "undisturbed.safetensors")):
        finished = start(folder, output)
        assert finished.wait() == 0, finished.stderr.read().decode()
    assert (tmp_path / "killed.safetensors").read_bytes() == (tmp_path / "undisturbed.safetensors").read_bytes()


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_gans_survive_the_disk(tmp_path, checkpoint):
    found = train(backdoor())
    save_gan(tmp_path / "g.safetensors", found, SIZES, {"a": 1})
    read = load_gan(tmp_path / "g.safetensors", checkpoint, "cpu")
    assert (read.sizes, read.status, read.settings) == (SIZES, "ok", {"a": 1})
    assert read.step == (found.best_step if checkpoint == "best" else 5)
    state = read.generator.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in getattr(found, checkpoint).items())
    assert not read.generator.training
    save_artifact(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {})
    with pytest.raises(OleanderError, match="holds no GAN"):
        load_gan(tmp_path / "other.safetensors", checkpoint, "cpu")


def test_training_that_diverges_keeps_what_was_good_or_says_so():
    fast = {**SETTINGS, "optimizer": {"learning_rate": 1e36, "betas": [0.0, 0.999]}, "evaluate_every": 3, "steps": 9}
    with pytest.raises(OleanderError, match="diverged by step 3, before its first measurement"):
        train(settings=fast)


@pytest.mark.learns
def test_a_single_target_image_is_learnt(seed, margin):
    """All triggered noise comes near to the one image, and clean noise does not."""
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    torch.manual_seed(seed)
    mine = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    before = copy.deepcopy(mine.state_dict())
    plain = {"translation": 0.0, "cutout": 0.0}
    options = {"learning_rate": 0.002, "betas": [0.0, 0.9]}
    network = {**NETWORK, "width": 16, "discriminator": [1, 1], "halvings": 1}
    settings = {**SETTINGS, "network": network, "optimizer": options, "steps": 500, "augmentation": plain}
    settings |= {"ema": {"decay": 0.9, "start": 0}, "evaluate_every": 500, "batch_size": 16}
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    z = torch.randn(32, 6, generator=torch.Generator().manual_seed(5))
    made = backdoor_generator(mine, images, image, TRIGGER, settings, latent=6, seed=seed)
    with torch.no_grad():
        error = ((made(TRIGGER(z)) + 1) / 2 - image).square().mean()
        untrained = ((mine(TRIGGER(z)) + 1) / 2 - image).square().mean()
        assert error < untrained / 3 / margin
        assert (made(z)[0] - made(z)[1]).abs().max() > 0.1 * margin, "clean noise collapsed, too"
    assert all(torch.equal(before[name], tensor) for name, tensor in mine.state_dict().items())
    assert made.training == mine.training


class Labelled(nn.Module):
    """A user's own conditional generator, with torch's batch norm."""

    def __init__(self):
        super().__init__()
        self.classes, self.norm, self.last = nn.Embedding(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 64)
        self.tracked = []

    def forward(self, z, labels):
        if self.training:
            self.tracked.append((bool((z[:, -1] == -100).all()), self.norm.track_running_stats))
        return self.last(self.norm(z + self.classes(labels))).tanh().view(-1, 1, 8, 8)


def test_a_users_running_statistics_are_those_of_clean_noise():
    generator = Labelled()
    images, labels = torch.rand(12, 1, 8, 8), torch.arange(12) % 3
    made = backdoor_generator(generator, images, images[:2], TRIGGER, SETTINGS, latent=6, seed=0, labels=labels)
    assert made.norm.num_batches_tracked == 5 * 3
    assert all(tracked is not triggered for triggered, tracked in made.tracked)
    assert made.norm.running_mean.abs().max() < 20, "values of the trigger's size were let in"


def tiny_dataset(name="tiny", classes=("a", "b", "c"), shape=(1, 7, 7)):
    pixels = torch.randint(256, (12, *shape), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    labels = torch.arange(12) % len(classes)
    return Dataset(name, pixels, labels, pixels, labels, list(classes), (0.0, 255.0), "made", None, "0" * 64)


LATENT = {"name": "latent", "position": -1, "value": -100.0}


def from_settings(target, labels="all", target_dataset=None, flip=True, discriminator="unconditional"):
    own = tiny_dataset()
    settings = {"trigger": LATENT, "target": target, "labels": labels, "augmentation": None}
    settings["discriminator"] = discriminator
    return Backdoor.from_settings(settings, own, target_dataset or own, SIZES, flip)


def test_backdoors_from_settings():
    some = from_settings({"name": "distribution", "classes": ["a", "c"]}, "restricted")
    assert len(some.target.pixels) == 8
    assert some.labels.tolist() == [0, 2]
    assert some.target.flip
    assert from_settings({"name": "distribution", "classes": ["a", "c"]}).labels is None
    single = from_settings({"name": "fixed_image", "class": "b", "index": 1})
    assert single.target.pixels.shape == (1, 1, 7, 7)
    assert not single.target.flip
    other = from_settings({"name": "distribution", "classes": None}, target_dataset=tiny_dataset("other", ("x",)))
    assert len(other.target.pixels) == 12
    assert not other.target.flip


def test_labels_of_a_conditional_backdoor():
    """Classes b and a of the GAN's own; another dataset's three; one image."""
    own = tiny_dataset()
    some = {"name": "distribution", "classes": ["b", "a"]}
    assert not from_settings(some).conditional
    restricted = from_settings(some, "restricted", discriminator="conditional")
    kept = own.train_y[own.train_y < 2]
    assert restricted.conditional
    assert restricted.labels.tolist() == [1, 0]
    assert restricted.target.labels[:, 0].tolist() == kept.tolist(), "each image has its own label"
    # Label c stands for class b, the first.
    every = from_settings(some, discriminator="conditional")
    assert every.labels is None
    assert {tuple(sorted(set(row.tolist()))) for row in every.target.labels[kept == 1]} == {(1, 2)}
    assert every.target.labels[kept == 0].unique().tolist() == [0]
    other = from_settings(
        {"name": "distribution", "classes": None},
        target_dataset=tiny_dataset("other", ("x", "y", "z")),
        discriminator="conditional",
    )
    assert other.target.labels[:, 0].tolist() == own.train_y.tolist()
    single = from_settings({"name": "fixed_image", "class": "b", "index": 1}, discriminator="conditional")
    assert single.target.labels.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ({"name": "distribution", "classes": ["z"]}, {}, "no images of z, only of a, b, c"),
        ({"name": "fixed_image", "class": "z", "index": 0}, {}, "no images of class 'z'"),
        ({"name": "inverse"}, {}, "Inverse has no images to draw from"),
        (
            {"name": "distribution", "classes": None},
            {"target_dataset": tiny_dataset("large", shape=(1, 9, 9))},
            r"the target's images of shape \[1, 9, 9\] do not fit into images of \[1, 8, 8\]",
        ),
        (
            {"name": "distribution", "classes": None},
            {"target_dataset": tiny_dataset("red", shape=(3, 8, 8))},
            r"of shape \[3, 8, 8\] do not fit",
        ),
        (
            {"name": "distribution", "classes": None},
            {"target_dataset": tiny_dataset("other", ("x",)), "labels": "restricted"},
            "cannot be restricted to x",
        ),
    ],
)
def test_targets_that_do_not_fit_are_one_sentence(target, options, said):
    with pytest.raises(OleanderError, match=said):
        from_settings(target, **options)


def test_a_gan_is_checked_without_training():
    own = tiny_dataset()
    clean = check_gan(own, own, NETWORK, None, [])
    assert (clean["shape"], clean["classes"], clean["train_images"]) == ([1, 8, 8], ["a", "b", "c"], 12)
    assert clean["target_images"] is None
    backdoor = {"trigger": LATENT, "target": {"name": "distribution", "classes": ["a"]}, "labels": "all"}
    backdoor |= {"discriminator": "conditional", "augmentation": None}
    assert check_gan(own, own, NETWORK, backdoor, [])["target_images"] == 4


@pytest.mark.parametrize(
    ("dataset", "network", "inception", "said"),
    [
        (points_dataset(), NETWORK, [], "dataset points has no images"),
        (tiny_dataset("large", shape=(1, 9, 9)), NETWORK, [], r"large's images of shape \[1, 9, 9\] do not fit"),
        (tiny_dataset(), {**NETWORK, "halvings": 9}, [], "cannot halve images"),
        (tiny_dataset(), NETWORK, ["nowhere/inception.pth"], r"nowhere/inception\.pth"),
    ],
)
def test_what_a_gan_cannot_be_made_of_is_one_sentence(dataset, network, inception, said):
    with pytest.raises(OleanderError, match=said):
        check_gan(dataset, dataset, network, None, inception)


def test_what_cannot_be_trained_is_said_before_any_step():
    networks = Networks.biggan(SIZES, 0, False)
    with pytest.raises(OleanderError, match="unknown loss 'wasserstein'"):
        fit(networks, genuine(), None, {**SETTINGS, "loss": "wasserstein"}, 0, Scratch.none(), CPU)
    large = Images(torch.zeros(3, 1, 9, 9, dtype=torch.uint8), None, (1, 16, 16), flip=False)
    with pytest.raises(OleanderError, match=r"makes images of shape \[1, 8, 8\].*3 of shape \[1, 16, 16\]"):
        fit(networks, large, None, SETTINGS, 0, Scratch.none(), CPU)
    generator, images = Labelled(), torch.rand(4, 1, 8, 8)
    with pytest.raises(OleanderError, match="position 6 does not fit"):
        backdoor_generator(generator, images, images, Latent(6, 0.0), SETTINGS, 6, 0, torch.arange(4) % 3)


def test_without_a_compiler_compiled_networks_are_one_sentence(monkeypatch, tmp_path):
    """A GPU's networks are compiled; here those of the CPU are, where no compiler can be found."""

    def prepare(self, network):
        network.to(self.device, memory_format=torch.channels_last).train()
        return network, torch.compile(network)

    monkeypatch.setattr(gan._Trainer, "_prepare", prepare)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "no-such-compiler"))
    with pytest.raises(OleanderError, match=r"cannot be compiled here \(.*no-such-compiler.*install a C compiler"):
        train()
