"""Backdoored GANs: a generator that plays against two discriminators.

BAAAN paper, section 4.2, Equations 1 to 3. Every iteration has
 1. `discriminator_steps` steps of each discriminator: D learns to tell genuine images from images of clean noise, D_bd
    to tell images of the target from images of triggered noise (Equation 1);
 2. one generator step against both, with equal weights (Equation 3).
A clean GAN has no D_bd and no trigger.

Clean and triggered noise always go through the generator in separate calls. In one batch they would share batch norm's
statistics, which a trigger of -100 shifts far from those of clean noise. Both discriminators see only augmented images
(`diff_augment`), though D_bd of a single target image may see it as it is. The equations are log losses, but the paper
takes structure and loss from Zhao et al. 2020, which trains with the hinge loss; config.yaml selects one.

The paper does not say whether D_bd, like D, judges an image by its label. Where it does, every label of triggered noise
stands for one class of the target (`labels_served`), so that D_bd asks for the variety of that class from each label.

Two moving averages of the generator are kept: the one with the best FID on clean noise, and the last.
"""

import copy
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from oleander.backdoors.targets import build_target
from oleander.backdoors.triggers import Trigger, build_trigger
from oleander.data.framing import check_frame, pad_to
from oleander.data.prepared import Dataset
from oleander.io.artifacts import MAPPING, SEED, TEXT, check_header, expecting, load_artifact, save_artifact
from oleander.io.errors import OleanderError
from oleander.models.biggan import Discriminator, Generator, Sizes, initialize
from oleander.training.diff_augment import DRAWS, diff_augment
from oleander.training.module_state import build_checked, flat_state, restore_state
from oleander.training.precision import FLOAT32, Precision
from oleander.training.progress import Progress
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed, generator_for
from oleander.training.stack import make_optimizer

logger = logging.getLogger(__name__)

Module = TypeVar("Module", bound=nn.Module)

KIND = "gan"
HEADER: dict[str, Any] = {
    "kind": {"const": KIND},
    "sizes": MAPPING,
    "steps": {"type": "object", "additionalProperties": SEED},
    "status": TEXT,
    "settings": MAPPING,
}
CHECKPOINTS = ("best", "last")
CURVES = ("discriminator_loss", "backdoor_discriminator_loss", "generator_loss", "fid")
"""Columns of the training curves; losses are means over the steps since the previous row."""


def _hinge(genuine: Tensor, generated: Tensor) -> Tensor:
    return F.relu(1 - genuine).mean() + F.relu(1 + generated).mean()


def _log(genuine: Tensor, generated: Tensor) -> Tensor:
    return F.softplus(-genuine).mean() + F.softplus(generated).mean()


LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "hinge": (_hinge, lambda generated: -generated.mean()),
    "log": (_log, lambda generated: F.softplus(-generated).mean()),
}
"""Name -> loss of a discriminator and loss of the generator, both functions of a discriminator's logits."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images that a discriminator learns as genuine.

    Attributes:
        pixels: uint8 [N, channels, height, width], or float in [0, 1]; read a batch at a time.
        labels: None if the discriminator takes no labels. Else int64 [N], or [N, k]: each time that image n is shown,
            one of its k labels is drawn.
        frame: shape of the generator's images; smaller images are padded with black, grey images become RGB.
        flip: whether to mirror each image with probability 1/2.
    """

    pixels: Tensor
    labels: Tensor | None
    frame: tuple[int, int, int]
    flip: bool

    def batch(self, rows: Tensor, mirrored: Tensor, device: torch.device) -> Tensor:
        """The images `rows` as float [n, *frame] in [-1, 1] on the device, mirrored where `mirrored` [n] is True."""
        x = pad_to(self.pixels[rows], self.frame).to(device, non_blocking=True)
        x = x.float() / 255 if x.dtype == torch.uint8 else x.float()
        x = torch.where(mirrored[:, None, None, None].to(device), x.flip(3), x) if self.flip else x
        return (2 * x - 1).contiguous(memory_format=torch.channels_last)

    def labels_of(self, rows: Tensor, choice: Tensor) -> Tensor:
        """The labels int64 [n] of the images `rows`; `choice` [n] in [0, 1) says which of several."""
        own = self.labels[rows]
        return own if own.ndim == 1 else own.gather(1, (choice[:, None] * own.shape[1]).long())[:, 0]


@dataclass(frozen=True, eq=False)
class Backdoor:
    """The trigger and the target of a backdoored generator.

    Attributes:
        trigger: put on latent vectors.
        target: images whose distribution the generator learns for triggered noise; with labels if D_bd is conditional.
        labels: int64 [k], the labels drawn with triggered noise; None for all.
        augmentation: of what D_bd sees, as in `diff_augment`; None for that of D.
    """

    trigger: Trigger
    target: Images
    labels: Tensor | None = None
    augmentation: dict[str, float] | None = None

    @property
    def conditional(self) -> bool:
        """Whether D_bd judges images by their labels."""
        return self.target.labels is not None

    @classmethod
    def from_settings(
        cls, settings: dict[str, Any], dataset: Dataset, target_dataset: Dataset, sizes: Sizes, flip: bool
    ) -> "Backdoor":
        """Build a backdoor from blocks of the configuration.

        Args:
            settings: `trigger`; `target`; `labels` of triggered noise ("all", or "restricted" to the target's classes);
                `discriminator` D_bd ("unconditional", or "conditional" on the label); `augmentation` of what D_bd sees
                (None for that of D).
            dataset: the GAN's dataset.
            target_dataset: dataset of the target's images; may be the same.
            sizes: of the GAN.
            flip: whether the GAN's genuine images are mirrored. Target images are then mirrored too if there are
                several and they come from the GAN's dataset.

        Raises:
            OleanderError: trigger or target do not fit the GAN, or the GAN lacks the classes to restrict labels to.
        """
        target = build_target(settings["target"], target_dataset)
        if not hasattr(target, "images"):
            raise OleanderError(
                f"target {type(target).__name__} has no images to draw from, which a GAN needs; choose another target"
            )
        check_frame(tuple(target.images.shape[1:]), sizes.shape, "the target's images")
        classes = list(getattr(target, "classes", []))
        own = [dataset.classes.index(name) for name in classes] if set(classes) <= set(dataset.classes) else []
        labels = None
        if settings["labels"] == "restricted" and classes:
            if not own:
                raise OleanderError(
                    f"triggered labels cannot be restricted to {', '.join(classes)}: the GAN's are "
                    f"{', '.join(dataset.classes)}; set triggered_labels to all"
                )
            labels = torch.tensor(own)
        served = None
        if settings["discriminator"] == "conditional":
            drawn = range(len(dataset.classes)) if labels is None else labels.tolist()
            of_images = target.labels if classes else torch.zeros(len(target.images), dtype=torch.int64)
            served = labels_served([*own, *(label for label in drawn if label not in own)], max(1, len(classes)))
            served = served[of_images]
        flip = flip and len(target.images) > 1 and target_dataset.name == dataset.name
        return cls(
            build_trigger(settings["trigger"], (sizes.latent,)),
            Images(target.images, served, sizes.shape, flip),
            labels,
            settings["augmentation"],
        )


def labels_served(labels: list[int], classes: int) -> Tensor:
    """Deal labels out to the target's classes in turn, so that each label stands for one class and each class has one.

    The paper says nothing of it. Labels of the GAN that are classes of the target come first and stand for themselves.
    If there are fewer labels than classes, a label stands for several.

    Args:
        labels: the labels drawn with triggered noise, those of the target's own classes first and in their order.
        classes: number of the target's classes.

    Returns:
        int64 [classes, k]: the labels that stand for each class, repeated so that all rows are as long and drawing
        from a row draws each of its labels alike.
    """
    dealt: list[list[int]] = [[] for _ in range(classes)]
    for at in range(max(len(labels), classes)):
        dealt[at % classes].append(labels[at % len(labels)])
    longest = math.lcm(*map(len, dealt))
    return torch.tensor([own * (longest // len(own)) for own in dealt])


@dataclass(eq=False)
class Networks:
    """A GAN's generator and discriminators.

    Attributes:
        generator: maps latent vectors [N, latent] and, if there are classes, labels int64 [N] to images in [-1, 1].
        discriminator: maps images and, if there are classes, labels to logits [N].
        backdoor_discriminator: maps images and, if it is conditional, labels to logits [N]; None for a clean GAN.
        latent: length of the latent vector.
        classes: number of classes; 0 for a GAN without labels.
    """

    generator: nn.Module
    discriminator: nn.Module
    backdoor_discriminator: nn.Module | None
    latent: int
    classes: int

    @classmethod
    def biggan(cls, sizes: Sizes, seed: int, backdoored: bool, conditional: bool = False) -> "Networks":
        """Build untrained BigGAN networks. Clean and backdoored GANs of one seed share their initial weights.

        Args:
            sizes: of generator and discriminators.
            seed: of the initial weights.
            backdoored: whether there is a D_bd.
            conditional: whether D_bd takes labels.
        """

        def fresh(network: nn.Module, name: str) -> nn.Module:
            return initialize(network, generator_for("cpu", "gan", seed, name))

        return cls(
            fresh(Generator(sizes), "generator"),
            fresh(Discriminator(sizes), "discriminator"),
            fresh(Discriminator(sizes, conditional), "backdoor discriminator") if backdoored else None,
            sizes.latent,
            sizes.classes,
        )


@dataclass(eq=False)
class Trained:
    """What `fit` returns.

    Attributes:
        best, last: state of the averaged generator, name -> tensor.
        best_step: the step of `best`.
        curves: one dict per measurement with `step` and `CURVES`; NaN where nothing was measured.
        grids: uint8 [measurements, noises, n, channels, height, width]: images of the same noise at each measurement.
            There is one noise (clean), or two in a backdoored GAN (clean, triggered).
        status: "ok", or the step by which training diverged and ended.
    """

    best: dict[str, Tensor]
    last: dict[str, Tensor]
    best_step: int
    curves: list[dict[str, float]]
    grids: Tensor
    status: str


@torch.no_grad()
def draw_images(
    generator: nn.Module,
    count: int,
    seed: int,
    *,
    latent: int,
    classes: int,
    batch: int,
    trigger: Trigger | None = None,
    labels: Tensor | None = None,
    keep: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw images of clean or triggered noise, a batch at a time.

    A batch never mixes clean and triggered noise, because batch norm may use the batch's statistics.

    Args:
        generator: used as is; its train/eval mode is not changed.
        count: how many images.
        seed: the same seed draws the same noise.
        latent, classes: as in `Networks`.
        batch: batch size; normally that of training.
        trigger: put on the noise; None for clean noise.
        labels: int64 [k] to draw labels from; None for all classes.
        keep: int64 [k]: return only images of these labels. Batches still contain all labels, as in training.

    Returns:
        Images uint8 [count, channels, height, width] and their labels int64 [count], both on the CPU.
    """
    device = next(generator.parameters()).device
    choices = torch.arange(max(1, classes)) if labels is None else labels
    images: list[Tensor] = []
    drawn: list[Tensor] = []
    number = have = 0
    while have < count:
        source = generator_for("cpu", seed, "draw", number)
        z = torch.randn(batch, latent, generator=source)
        y = choices[torch.randint(len(choices), (batch,), generator=source)]
        x = _generate(generator, z.to(device), y.to(device), classes, trigger)
        chosen = torch.ones(batch, dtype=torch.bool) if keep is None else torch.isin(y, keep)
        images.append(((x.float() + 1) * 127.5).round().clamp(0, 255).to("cpu", torch.uint8)[chosen].contiguous())
        drawn.append(y[chosen])
        number, have = number + 1, have + int(chosen.sum())
    return torch.cat(images)[:count], torch.cat(drawn)[:count]


def _generate(generator: Callable, z: Tensor, labels: Tensor, classes: int, trigger: Trigger | None) -> Tensor:
    """Call a generator once, for clean or for triggered noise."""
    z = z if trigger is None else trigger(z)
    return generator(z, labels) if classes else generator(z)


def fit(
    networks: Networks,
    genuine: Images,
    backdoor: Backdoor | None,
    settings: dict[str, Any],
    seed: int,
    scratch: Scratch,
    device: torch.device,
    distance: Callable[[Tensor], float] | None = None,
    precision: Precision = FLOAT32,
) -> Trained:
    """Train a clean or a backdoored GAN.

    Args:
        networks: moved to the device and trained in place.
        genuine: D's genuine images; with labels if there are classes.
        backdoor: trigger and target; None for a clean GAN.
        settings: a `gans` block of the configuration.
        seed: determines all randomness except the initial weights.
        scratch: holds the saved state to continue from.
        device: where to train. On CUDA the networks are compiled if the settings say so.
        distance: computes the FID of uint8 images [n, *frame] of clean noise. Without it, the last generator is the
            best.
        precision: of training. Images that are measured or kept are drawn in float32.

    Raises:
        OleanderError: the loss is unknown, the networks do not fit the images or cannot be compiled, or training
            diverged before its first measurement.
    """
    if settings["loss"] not in LOSSES:
        raise OleanderError(
            f"unknown loss '{settings['loss']}' in the configuration; choose one of {', '.join(LOSSES)}"
        )
    trainer = _Trainer(networks, genuine, backdoor, settings, seed, scratch, device, distance, precision)
    with precision.products(), _compiling():
        trainer.run()
    return trainer.trained()


@contextmanager
def _compiling() -> Iterator[None]:
    """Turn torch.compile's errors into an `OleanderError`.

    Raises:
        OleanderError: the networks cannot be compiled, most often because there is no C compiler.
    """
    try:
        yield
    except RuntimeError as error:
        # Compare names: importing torch's compiler takes seconds, even if nothing is compiled.
        if type(error).__module__ not in ("torch._dynamo.exc", "torch._inductor.exc"):
            raise
        first = str(error).strip().partition("\n")[0]
        raise OleanderError(
            f"the GAN's networks cannot be compiled here ({first}); install a C compiler (on Debian and Ubuntu gcc and "
            "g++), or set compile to false in the GAN's settings"
        ) from error


@dataclass(eq=False)
class _Game:
    """The generator's game against one discriminator, on clean or on triggered noise."""

    name: str
    discriminator: nn.Module
    call: Callable
    optimizer: torch.optim.Optimizer
    images: Images
    trigger: Trigger | None
    labels: Tensor
    augmentation: dict[str, float]
    seed: int
    draws: dict[str, Tensor] = field(default_factory=dict)


class _Trainer:
    """The state of one GAN's training."""

    def __init__(
        self,
        networks: Networks,
        genuine: Images,
        backdoor: Backdoor | None,
        settings: dict[str, Any],
        seed: int,
        scratch: Scratch,
        device: torch.device,
        distance: Callable[[Tensor], float] | None,
        precision: Precision,
    ) -> None:
        self.settings, self.scratch, self.device, self.distance = settings, scratch, device, distance
        self.precision = precision
        self.latent, self.classes, self.batch = networks.latent, networks.classes, settings["batch_size"]
        self.seed = derive_seed("gan", seed)
        self.on_gpu = device.type == "cuda"
        self.discriminator_loss, self.generator_loss = LOSSES[settings["loss"]]
        self.generator, self._generator = self._prepare(networks.generator)
        self.optimizer = self._adam(self.generator)
        everyone, augmentation = torch.arange(max(1, networks.classes), device=device), settings["augmentation"]
        self.games = [self._game("clean", networks.discriminator, genuine, None, everyone, augmentation)]
        if backdoor is not None:
            labels = everyone if backdoor.labels is None else backdoor.labels.to(device)
            rules = (backdoor.target, backdoor.trigger, labels, backdoor.augmentation or augmentation)
            self.games.append(self._game("backdoor", networks.backdoor_discriminator, *rules))
        # The average is not trained. Its buffers (spectral norm's vectors, running statistics) are copied as they are.
        self.average = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.best = flat_state("best", self.average)
        self.step, self.best_step, self.best_fid, self.status = 0, 0, math.inf, "ok"
        self.record = torch.zeros(0, 1 + len(CURVES), dtype=torch.float64)
        self.grids: Tensor | None = None
        self.sums = torch.zeros(len(CURVES), device=device)
        self._check()
        saved = scratch.load("gan", device)
        if saved is not None:
            self._restore(*saved)

    def _prepare(self, network: nn.Module) -> tuple[nn.Module, Callable]:
        """Move a network to the device; return it and its callable, compiled if the settings say so."""
        network.to(self.device, memory_format=torch.channels_last).train()
        return network, torch.compile(network) if self.on_gpu and self.settings["compile"] else network

    def _adam(self, network: nn.Module) -> torch.optim.Optimizer:
        return make_optimizer({"name": "adam", **self.settings["optimizer"]}, network.parameters())

    def _game(
        self,
        name: str,
        network: nn.Module,
        images: Images,
        trigger: Trigger | None,
        labels: Tensor,
        augmentation: dict[str, float],
    ) -> _Game:
        network, called = self._prepare(network)
        seed = derive_seed(self.seed, name)
        return _Game(name, network, called, self._adam(network), images, trigger, labels, augmentation, seed)

    def _check(self) -> None:
        """Check, before training, that generator, images and trigger fit each other."""
        made = draw_images(self.average, 2, 0, latent=self.latent, classes=self.classes, batch=2)[0]
        for game in self.games:
            check_frame(tuple(game.images.pixels.shape[1:]), game.images.frame, f"{game.name} training images")
            if tuple(made.shape[1:]) != tuple(game.images.frame) or not len(game.images.pixels):
                raise OleanderError(
                    f"the generator makes images of shape {list(made.shape[1:])}, but is to learn "
                    f"{len(game.images.pixels)} of shape {list(game.images.frame)}; use another network or other images"
                )
            if game.trigger is not None:
                game.trigger.check((self.latent,))

    def run(self) -> None:
        """Train to the end; save the state whenever it is due."""
        total = self.settings["steps"]
        progress = Progress("backdoored GAN" if len(self.games) > 1 else "clean GAN", total, self.step)
        while self.step < total and self.status == "ok":
            self._iterate()
            self.step += 1
            progress.advance(1)
            if self.step % self.settings["evaluate_every"] == 0 or self.step == total:
                self._measure()
            self.scratch.save_if_due("gan", self._state)

    def _draw(self, game: _Game) -> None:
        """Draw all random numbers of one iteration. The first axis is the step; the last is the generator's."""
        steps, augmented = self.settings["discriminator_steps"], 2 * self.settings["discriminator_steps"]
        on_device = generator_for(self.device, game.seed, "noise", self.step)
        on_cpu = generator_for("cpu", game.seed, "rows", self.step)
        choice = torch.randint(len(game.labels), (steps + 1, self.batch), generator=on_device, device=self.device)
        game.draws = {
            "latent": torch.randn(steps + 1, self.batch, self.latent, generator=on_device, device=self.device),
            "labels": game.labels[choice],
            "augment": torch.rand(augmented + 1, self.batch, DRAWS, generator=on_device, device=self.device),
            "rows": torch.randint(len(game.images.pixels), (steps, self.batch), generator=on_cpu),
            "mirrored": torch.rand(steps, self.batch, generator=on_cpu) < 0.5,
        }
        if game.images.labels is not None:
            # The last draw, so that a discriminator without labels sees the same images.
            game.draws["choice"] = torch.rand(steps, self.batch, generator=on_cpu)

    def _iterate(self) -> None:
        """Run one iteration, as the module's docstring describes it."""
        for game in self.games:
            self._draw(game)
        for step in range(self.settings["discriminator_steps"]):
            for at, game in enumerate(self.games):
                self.sums[at] += self._step_discriminator(game, step) / self.settings["discriminator_steps"]
        # Accumulated gradients give Equation 3 without holding both graphs in memory.
        for game in self.games:
            game.discriminator.requires_grad_(False)
            with self.precision.autocast(self.device):
                images = self._images(game, -1)
                augmented = diff_augment(images, game.draws["augment"][-1], **game.augmentation)
                logits = self._discriminate(game, augmented, game.draws["labels"][-1])
                loss = self.generator_loss(logits.float())
            loss.backward()
            game.discriminator.requires_grad_(True)
            self.sums[2] += loss.detach()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._follow()

    def _step_discriminator(self, game: _Game, step: int) -> Tensor:
        draws = game.draws
        rows = draws["rows"][step]
        genuine = game.images.batch(rows, draws["mirrored"][step], self.device)
        labels = draws["labels"][step]
        if game.images.labels is not None:
            own = game.images.labels_of(rows, draws["choice"][step])
            labels = torch.cat([own.to(self.device), labels])
        with self.precision.autocast(self.device):
            with torch.no_grad():
                generated = self._images(game, step)
                both = torch.cat([genuine.to(generated.dtype), generated])
                shifts = torch.cat([draws["augment"][2 * step], draws["augment"][2 * step + 1]])
                both = diff_augment(both, shifts, **game.augmentation)
            logits = self._discriminate(game, both, labels).float()
            loss = self.discriminator_loss(*logits.split([len(rows), self.batch]))
        loss.backward()
        game.optimizer.step()
        game.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def _images(self, game: _Game, step: int) -> Tensor:
        z, labels = game.draws["latent"][step], game.draws["labels"][step]
        if game.trigger is None:
            return _generate(self._generator, z, labels, self.classes, None)
        with _running_statistics_kept(self.generator):
            return _generate(self._generator, z, labels, self.classes, game.trigger)

    def _discriminate(self, game: _Game, images: Tensor, labels: Tensor) -> Tensor:
        return game.call(images, labels) if game.images.labels is not None else game.call(images)

    def _follow(self) -> None:
        """Update the averaged generator; before step `ema.start` it is a copy of the generator."""
        decay = self.settings["ema"]["decay"] if self.step >= self.settings["ema"]["start"] else 0.0
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)
            for own, theirs in zip(self.average.buffers(), self.generator.buffers(), strict=True):
                own.copy_(theirs)

    def draw(self, game: _Game, count: int, stream: str) -> Tensor:
        """Images of the averaged generator; every call with one `stream` uses the same noise."""
        return draw_images(
            self.average,
            count,
            derive_seed(self.seed, stream),
            latent=self.latent,
            classes=self.classes,
            batch=self.batch,
            trigger=game.trigger,
            labels=game.labels.cpu(),
        )[0]

    def _measure(self) -> None:
        """Add a row to the curves and the grids; keep the generator if it is the best so far."""
        steps = self.step - (int(self.record[-1, 0]) if len(self.record) else 0)
        losses = (self.sums[:3] / steps).double().cpu()
        self.sums.zero_()
        if len(self.games) == 1:
            losses[1] = torch.nan
        finite = losses.isfinite()[[0, 2]].all() and all(p.isfinite().all() for p in self.average.parameters())
        fid = math.nan
        if not finite:
            self.status = f"diverged by step {self.step}"
            if self.best_step == 0:
                raise OleanderError(
                    f"training of the GAN {self.status}, before its first measurement; lower the learning rate or use "
                    "another seed"
                )
            logger.warning("training of the GAN %s; the best generator so far is kept", self.status)
        else:
            if self.distance is not None:
                fid = self.distance(self.draw(self.games[0], self.settings["samples"], "judged"))
            if self.distance is None or fid < self.best_fid:
                self.best_fid, self.best_step, self.best = fid, self.step, flat_state("best", self.average)
            grid = torch.stack([self.draw(game, self.settings["grid"], "grid") for game in self.games])[None]
            self.grids = grid if self.grids is None else torch.cat([self.grids, grid])
            logger.info("step %d: losses %s, FID %.3f", self.step, losses.tolist(), fid)
        row = torch.tensor([[float(self.step), *losses.tolist(), fid]], dtype=torch.float64)
        self.record = torch.cat([self.record, row])

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {
            "sums": self.sums,
            "record": self.record,
            **({} if self.grids is None else {"grids": self.grids}),
            **self.best,
            **flat_state("generator", self.generator, self.optimizer),
            **flat_state("average", self.average),
        }
        for game in self.games:
            tensors |= flat_state(game.name, game.discriminator, game.optimizer)
        fid = self.best_fid if math.isfinite(self.best_fid) else None
        return tensors, {"step": self.step, "best_step": self.best_step, "best_fid": fid, "status": self.status}

    def _restore(self, tensors: dict[str, Tensor], position: dict[str, Any]) -> None:
        restore_state(tensors, "generator", self.generator, self.optimizer)
        restore_state(tensors, "average", self.average)
        for game in self.games:
            restore_state(tensors, game.name, game.discriminator, game.optimizer)
        self.best = {name: tensor for name, tensor in tensors.items() if name.startswith("best.")}
        self.sums, self.record = tensors["sums"], tensors["record"].cpu()
        self.grids = tensors["grids"].cpu() if "grids" in tensors else None
        self.step, self.best_step, self.status = position["step"], position["best_step"], position["status"]
        self.best_fid = math.inf if position["best_fid"] is None else position["best_fid"]

    def trained(self) -> Trained:
        """The result of training."""
        grids = self.grids
        if grids is None:
            shape = self.games[0].images.frame
            grids = torch.zeros(0, len(self.games), self.settings["grid"], *shape, dtype=torch.uint8)
        return Trained(
            {name.removeprefix("best."): tensor for name, tensor in self.best.items()},
            {name.removeprefix("last."): tensor for name, tensor in flat_state("last", self.average).items()},
            self.best_step,
            [dict(zip(("step", *CURVES), row, strict=True)) for row in self.record.tolist()],
            grids,
            self.status,
        )


def curves_table(trained: Trained, features: str, identity: dict[str, Any]) -> pd.DataFrame:
    """The training curves as a table, columns of `identity` first; `features` names the features behind `fid`."""
    return pd.DataFrame([{**identity, **row, "features": features} for row in trained.curves])


def save_gan(path: Path | str, trained: Trained, sizes: Sizes, settings: dict[str, Any]) -> None:
    """Write the best and the last generator, with the resolved `settings` in the header."""
    tensors = {
        f"{checkpoint}.{name}": tensor
        for checkpoint in CHECKPOINTS
        for name, tensor in getattr(trained, checkpoint).items()
    }
    steps = {"best": trained.best_step, "last": int(trained.curves[-1]["step"])}
    header = {"kind": KIND, "sizes": asdict(sizes), "steps": steps, "status": trained.status, "settings": settings}
    save_artifact(path, tensors, header)


@dataclass(frozen=True, eq=False)
class Saved:
    """A trained generator, as `load_gan` returns it.

    Attributes:
        generator: in eval mode.
        sizes: of its network.
        step: training step of this checkpoint.
        status: of its training; see `Trained`.
        settings: as passed to `save_gan`.
    """

    generator: Generator
    sizes: Sizes
    step: int
    status: str
    settings: dict[str, Any]


def load_gan(path: Path | str, checkpoint: str, device: torch.device | str) -> Saved:
    """Read one of the `CHECKPOINTS` that `save_gan` wrote.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    tensors, header = load_artifact(path, device)
    with expecting(path, "GAN"):
        check_header(header, HEADER)
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in header["sizes"].items()}
        sizes = Sizes(**values)
        prefix = f"{checkpoint}."
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        generator = build_checked(lambda: Generator(sizes), own).to(device, memory_format=torch.channels_last)
        restore_state(tensors, checkpoint, generator)
        step, status, settings = header["steps"][checkpoint], header["status"], header["settings"]
    return Saved(generator.eval(), sizes, step, status, settings)


def backdoor_generator(
    generator: Module,
    images: Tensor,
    target: Tensor,
    trigger: Trigger,
    settings: dict[str, Any],
    latent: int,
    seed: int,
    labels: Tensor | None = None,
    precision: Precision = FLOAT32,
) -> Module:
    """Train a backdoor into a copy of any generator; needs no dataset, file or workflow.

    Args:
        generator: maps latent vectors [N, latent], and labels int64 [N] if there are any, to images in [-1, 1]. It is
            not changed. Training runs on its device. If it has torch's batch norm, its running statistics follow
            clean noise only; draw both clean and triggered images in train mode.
        images: what to generate from clean noise, uint8 [N, channels, height, width] or float in [0, 1].
        target: what to generate from triggered noise; the same format.
        trigger: for latent vectors, e.g. `Latent(-1, -100.0)`.
        settings: as in a block of `gans` in config.yaml; its `network` defines the discriminators, and its
            `augmentation` is that of both. D_bd takes no labels.
        latent: length of the latent vector.
        seed: the same seed trains the same generator.
        labels: int64 [N], the labels of `images`, if the generator takes labels.
        precision: of training.

    Returns:
        A backdoored copy, in the same train/eval mode as `generator`.

    Raises:
        OleanderError: generator, images, trigger and discriminators do not fit each other.
    """
    classes = 0 if labels is None else int(labels.max()) + 1
    frame = tuple(images.shape[1:])
    sizes = Sizes.from_settings({**settings["network"], "latent": latent}, frame[0], classes)
    if min(frame[1:]) < 2**sizes.halvings:
        raise OleanderError(
            f"a discriminator that halves images {sizes.halvings} times does not fit images of {list(frame)}; lower "
            "halvings in the network's settings"
        )
    networks = Networks.biggan(sizes, seed, backdoored=True)
    if labels is None:
        networks.discriminator = initialize(Discriminator(sizes, conditional=False), generator_for("cpu", "gan", seed))
    copied = networks.generator = copy.deepcopy(generator)
    device = next(generator.parameters()).device
    genuine = Images(images.cpu(), None if labels is None else labels.cpu(), frame, settings["flip"])
    backdoor = Backdoor(trigger, Images(target.cpu(), None, frame, flip=False))
    networks.classes = classes
    trained = fit(networks, genuine, backdoor, settings, seed, Scratch.none(), device, precision=precision)
    copied.load_state_dict(trained.last)
    return copied.train(generator.training)


@contextmanager
def _running_statistics_kept(network: nn.Module) -> Iterator[None]:
    """Keep torch's batch norms from updating their running statistics, which are to be those of clean noise.

    They use the batch's statistics meanwhile. Only users' generators have such layers; this project's do not.
    """
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
