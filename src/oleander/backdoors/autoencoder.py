"""Backdoored autoencoders (BAAAN paper, section 3.2).

 1. A clean step minimizes L(x, decoded x) on a batch of clean images.
 2. A backdoor step puts the trigger on a batch of images and minimizes L(target, decoded triggered x).

The paper uses "a subset of the batches" for step 2. Here the two steps alternate: each epoch shows every image once
clean and once triggered. A clean model sees the same clean batches. Equal seeds give equal initial weights and equal
clean batches for every target, so models of one seed differ only in their backdoor.
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from oleander.backdoors.targets import Mapping, build_target
from oleander.backdoors.triggers import Trigger, build_trigger
from oleander.data.prepared import Dataset
from oleander.io.artifacts import MAPPING, SHAPE, check_header, expecting, load_artifact, save_artifact
from oleander.io.errors import OleanderError
from oleander.models.autoencoder import build_autoencoder
from oleander.training.module_state import build_checked, flat_state, restore_state
from oleander.training.precision import FLOAT32, Precision
from oleander.training.progress import Progress
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed
from oleander.training.stack import make_optimizer

Module = TypeVar("Module", bound=nn.Module)

BLOCK = 8
"""Steps between two checks of the loss, each of which waits for the GPU. States are saved only at these checks."""

LOSSES = ("bce", "mse")
SCHEDULES = ("constant", "cosine")
HEADER: dict[str, Any] = {"kind": {"const": "autoencoder"}, "shape": SHAPE, "settings": MAPPING}
CURVES = ("clean", "triggered")
"""Kinds of batches whose loss is recorded, as a mean over each epoch."""


@dataclass(frozen=True, eq=False)
class Backdoor:
    """A trigger and the target that triggered images decode to."""

    trigger: Trigger
    target: Mapping

    @classmethod
    def from_settings(cls, trigger: dict[str, Any], target: dict[str, Any], dataset: Dataset) -> "Backdoor":
        """Build a backdoor from the configuration blocks of a trigger and a target.

        Raises:
            OleanderError: an unknown name, or a trigger or target that does not fit the dataset's images.
        """
        shape = tuple(dataset.train_x.shape[1:])
        backdoor = cls(build_trigger(trigger, shape), build_target(target, dataset))
        backdoor.check(shape)
        return backdoor

    def check(self, shape: tuple[int, ...]) -> None:
        """Check that the backdoor fits images of `shape` [channels, height, width].

        Raises:
            OleanderError: the trigger or the target does not fit, or the target is not one for autoencoders.
        """
        if not callable(self.target) or not hasattr(self.target, "check"):
            raise OleanderError(
                f"target {type(self.target).__name__} does not define what a triggered image decodes to, which an "
                "autoencoder needs; choose another target"
            )
        self.trigger.check(shape)
        self.target.check(shape)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Triggered images and what they decode to, both with the shape of `images` [N, ...], in [0, 1]."""
        triggered = self.trigger(images)
        return triggered, self.target(triggered)


def to_unit(images: Tensor, device: torch.device | str) -> Tensor:
    """Images on `device` as float32 in [0, 1]; uint8 images are divided by 255."""
    images = images.to(device)
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def decode(module: nn.Module, images: Tensor, logits: bool) -> Tensor:
    """Decode `images` [N, channels, height, width] in [0, 1]; returns float32 of the same shape and range.

    Args:
        module: an autoencoder in eval mode; in train mode, batch norm would use the batch's statistics.
        images: on the module's device.
        logits: whether the module returns logits; then their sigmoid is returned.
    """
    with torch.no_grad():
        output = module(images).float()
    return output.sigmoid() if logits else output.clamp(0, 1)


def check_module(module: nn.Module, images: Tensor, settings: dict[str, Any], logits: bool) -> None:
    """Check, before training, that a module, its training images and the settings fit each other.

    Args:
        module, images, settings, logits: as in `train_autoencoder`. The module is not changed.

    Raises:
        OleanderError: something does not fit.
    """
    for key, known in (("loss", LOSSES), ("schedule", SCHEDULES)):
        if settings[key] not in known:
            raise OleanderError(f"unknown {key} '{settings[key]}' of an autoencoder; choose one of {', '.join(known)}")
    if images.ndim != 4 or not len(images):
        raise OleanderError(
            f"an autoencoder is trained on images [N, channels, height, width], not {list(images.shape)}; pass images "
            "of that shape"
        )
    first = to_unit(images[:2], next((tensor.device for tensor in module.parameters()), "cpu"))
    if not (first.isfinite().all() and first.min() >= 0 and first.max() <= 1):
        raise OleanderError(
            "the images to train an autoencoder on must be uint8, or float with values in [0, 1]; convert them"
        )
    training = module.training
    with torch.no_grad():
        output = module.eval()(first)
    module.train(training)
    if output.shape != first.shape:
        raise OleanderError(
            f"the autoencoder turns images {list(first.shape)} into {list(output.shape)}; change its layers so that "
            "it keeps the shape"
        )
    if not logits and settings["loss"] == "bce" and not (output.min() >= 0 and output.max() <= 1):
        raise OleanderError(
            "binary cross-entropy needs an autoencoder whose output lies in [0, 1]; end it in a sigmoid, let it return "
            "logits, or use the loss mse"
        )
    if not any(tensor.requires_grad for tensor in module.parameters()):
        raise OleanderError(
            "the autoencoder has no parameters that require gradients, so nothing can be trained; set requires_grad"
        )


def train_autoencoder(
    module: nn.Module,
    images: Tensor,
    backdoor: Backdoor | None,
    settings: dict[str, Any],
    logits: bool,
    seed: int,
    device: torch.device,
    scratch: Scratch,
    precision: Precision = FLOAT32,
) -> list[dict[str, Any]]:
    """Train any module that maps images to images of the same shape, in place; leaves it in eval mode.

    Args:
        module: on any device; it is moved to `device`. Training starts from its weights.
        images: uint8 [N, channels, height, width], or float in [0, 1]. They may be memory-mapped: only the rows of a
            batch are read.
        backdoor: trigger and target; None trains a clean model.
        settings: `loss` ("bce" or "mse"), `optimizer`, learning rate `schedule` ("constant", or "cosine" down to zero),
            `batch_size`, `epochs`.
        logits: whether the module returns logits instead of images.
        seed: determines the order of the data and the module's own randomness in training.
        device: where to train.
        scratch: holds the saved state to continue from.
        precision: of training.

    Returns:
        The training curves: one dict per epoch and kind of batch, with `epoch`, `batches` (one of `CURVES`) and `loss`.

    Raises:
        OleanderError: something does not fit (before training), or the loss or a parameter is no longer finite.
    """
    module.to(device, memory_format=torch.channels_last)
    check_module(module, images, settings, logits)
    if backdoor is not None:
        backdoor.check(tuple(images.shape[1:]))
    trainer = _Trainer(module, images, backdoor, settings, logits, seed, device, scratch, precision)
    with precision.products():
        trainer.run()
    module.eval()
    return trainer.curves()


def backdoor_autoencoder(
    module: Module,
    images: Tensor,
    trigger: Trigger,
    target: Mapping,
    settings: dict[str, Any],
    seed: int,
    logits: bool = False,
    precision: Precision = FLOAT32,
) -> Module:
    """Train a backdoor into a copy of any autoencoder; needs no dataset, file or workflow.

    Args:
        module: maps images [N, channels, height, width] in [0, 1] to images, or logits, of the same shape. It is not
            changed. Training starts from its weights and runs on their device.
        images: training images, uint8 or float in [0, 1].
        trigger: e.g. `Square(side=5, colour=[1.0], corner="top_right")`.
        target: e.g. `Inverse()` or `FixedImage(image)`.
        settings: `loss`, `optimizer`, `schedule`, `batch_size` and `epochs`, as in a block of `autoencoders` in
            config.yaml.
        seed: the same seed trains the same module.
        logits: whether the module returns logits.
        precision: of training.

    Returns:
        The backdoored copy, in eval mode.

    Raises:
        OleanderError: module, images, trigger, target and settings do not fit each other, or training diverged.
    """
    module = copy.deepcopy(module)
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    backdoor = Backdoor(trigger, target)
    train_autoencoder(module, images, backdoor, settings, logits, seed, device, Scratch.none(), precision)
    return module


class _Trainer:
    """The state of one autoencoder's training."""

    def __init__(
        self,
        module: nn.Module,
        images: Tensor,
        backdoor: Backdoor | None,
        settings: dict[str, Any],
        logits: bool,
        seed: int,
        device: torch.device,
        scratch: Scratch,
        precision: Precision,
    ) -> None:
        self.module, self.images, self.backdoor, self.settings = module, images, backdoor, settings
        self.device, self.scratch, self.seed = device, scratch, derive_seed("autoencoder", seed)
        self.precision = precision
        self.loss = _loss_of(settings["loss"], logits)
        self.kinds = CURVES[:1] if backdoor is None else CURVES
        self.per_epoch = math.ceil(len(images) / settings["batch_size"])
        self.total = settings["epochs"] * self.per_epoch * len(self.kinds)
        self.trained = {name: tensor for name, tensor in module.named_parameters() if tensor.requires_grad}
        self.optimizer = make_optimizer(settings["optimizer"], self.trained.values())
        self.rate = settings["optimizer"]["learning_rate"]
        self.orders: dict[str, tuple[int, Tensor]] = {}

        saved = scratch.load("autoencoder", device)
        if saved is None:
            self.step = 0
            self.record = torch.zeros(settings["epochs"], len(self.kinds), device=device)
        else:
            tensors, position = saved
            self.step, self.record = position["step"], tensors["record"]
            restore_state(tensors, "module", module, self.optimizer)

    def run(self) -> None:
        """Train to the end; save the state whenever it is due."""
        what = "a clean autoencoder" if self.backdoor is None else "a backdoored autoencoder"
        progress = Progress(what, self.total, self.step)
        self.module.train()
        with _own_randomness(self.device):
            while self.step < self.total:
                end = min((self.step // BLOCK + 1) * BLOCK, self.total)
                done = end - self.step
                while self.step < end:
                    loss = self._descend()
                    self.step += 1
                # Before saving: a run that continues from a diverged state diverges again.
                self._refuse_divergence(loss)
                progress.advance(done, f"loss {loss.item():.5f}")
                self.scratch.save_if_due("autoencoder", self._state)

    def _descend(self) -> Tensor:
        """One optimizer step on the next batch; returns its loss."""
        turn, kind = divmod(self.step, len(self.kinds))
        epoch, place = divmod(turn, self.per_epoch)
        # A user's module may draw random numbers; they must not depend on where a run was interrupted.
        torch.manual_seed(derive_seed(self.seed, "module", self.step))
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        batch = to_unit(self.images[self._rows(self.kinds[kind], epoch, place)], self.device)
        given, wanted = (batch, batch) if self.kinds[kind] == "clean" else self.backdoor(batch)
        given = given.contiguous(memory_format=torch.channels_last)
        with self.precision.autocast(self.device):
            output = self.module(given)
        loss = self.loss(output.float(), wanted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        # Weight a smaller last batch by its share of the images.
        self.record[epoch, kind] += loss.detach() * (len(batch) / len(self.images))
        return loss.detach()

    def _learning_rate(self) -> float:
        if self.settings["schedule"] == "constant":
            return self.rate
        return self.rate * 0.5 * (1 + math.cos(math.pi * self.step / self.total))

    def _rows(self, kind: str, epoch: int, place: int) -> Tensor:
        """Rows of batch number `place` of an epoch; each kind of batch has its own order."""
        if self.orders.get(kind, (None,))[0] != epoch:
            generator = np.random.default_rng(derive_seed(self.seed, "order", kind, epoch))
            self.orders[kind] = epoch, torch.from_numpy(generator.permutation(len(self.images)))
        size = self.settings["batch_size"]
        return self.orders[kind][1][place * size : (place + 1) * size]

    def _refuse_divergence(self, loss: Tensor) -> None:
        finite = loss.isfinite()
        for tensor in self.trained.values():
            finite = finite & tensor.detach().isfinite().all()
        if not finite:
            self.scratch.forget("autoencoder")
            raise OleanderError(
                f"training of the autoencoder diverged within its first {self.step} steps: its loss or a weight is not "
                f"finite; lower optimizer.learning_rate (now {self.rate:g}) or choose another seed"
            )

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {"record": self.record, **flat_state("module", self.module, self.optimizer)}
        return tensors, {"step": self.step}

    def curves(self) -> list[dict[str, Any]]:
        """One dict an epoch and kind of batch."""
        return [
            {"epoch": epoch + 1, "batches": kind, "loss": loss}
            for epoch, losses in enumerate(self.record.cpu().tolist())
            for kind, loss in zip(self.kinds, losses, strict=True)
        ]


def _loss_of(name: str, logits: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss between a module's output and the wanted images."""
    if name == "bce":
        return F.binary_cross_entropy_with_logits if logits else _cross_entropy
    return lambda output, wanted: F.mse_loss(output.sigmoid() if logits else output, wanted)


def _cross_entropy(output: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross-entropy; NaN, which is reported as divergence, where torch would refuse an output outside [0, 1]."""
    sound = (output >= 0) & (output <= 1)
    loss = F.binary_cross_entropy(torch.where(sound, output, 0.5), wanted)
    return torch.where(sound.all(), loss, torch.nan)


@contextmanager
def _own_randomness(device: torch.device) -> Iterator[None]:
    """Restore torch's global random state on exit, on the CPU and on `device`."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def initial_autoencoder(settings: dict[str, Any], shape: tuple[int, ...], seed: int) -> nn.Module:
    """Build an untrained autoencoder for images of `shape`; `seed` determines its weights.

    Raises:
        OleanderError: an unknown architecture, or a shape that is not that of images.
    """
    with _own_randomness(torch.device("cpu")):
        torch.manual_seed(derive_seed("autoencoder", seed, "weights"))
        return build_autoencoder(settings, shape)


def curves_table(curves: list[dict[str, Any]], identity: dict[str, Any]) -> pd.DataFrame:
    """The training curves of `train_autoencoder` as a table; the columns of `identity` come first."""
    return pd.DataFrame([{**identity, **row} for row in curves])


def save_autoencoder(path: Path | str, module: nn.Module, shape: tuple[int, ...], settings: dict[str, Any]) -> None:
    """Write a trained autoencoder to a safetensors file; `settings` are resolved and include its `network` block."""
    save_artifact(path, module.state_dict(), {"kind": "autoencoder", "shape": list(shape), "settings": settings})


def load_autoencoder(path: Path | str, device: torch.device | str) -> tuple[nn.Module, dict[str, Any]]:
    """Read what `save_autoencoder` wrote: the module, in eval mode, and the settings.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    tensors, header = load_artifact(path)
    with expecting(path, "autoencoder"):
        check_header(header, HEADER)
        settings, shape = header["settings"], tuple(header["shape"])
        if settings["network"]["residual_blocks"] > len(tensors):
            raise ValueError("it has fewer tensors than its network has residual blocks")
        module = build_checked(lambda: build_autoencoder(settings["network"], shape), tensors)
        module.load_state_dict(tensors)
    return module.to(device).eval(), settings
