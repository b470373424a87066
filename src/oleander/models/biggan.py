"""The conditional BigGAN of Zhao et al. 2020 ("Differentiable Augmentation for Data-Efficient GAN Training"), used by
the BAAAN paper (section 4.3.2): residual blocks, class-conditional batch norm, class projection, no attention.

These are plain torch modules, one network each: convolutions of this width use a whole device.

Batch norm uses batch statistics in training and when generating, and keeps no running ones. Images generated in one
call therefore affect each other: clean and triggered noise must never share a call.

Spectral norm is implemented here instead of with torch's parametrization, because a generator's moving average needs
one power iteration of its own weights from the stored vector, without updating that vector. `u` is the vector; it is
part of a network's state.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from oleander.io.errors import OleanderError

SMALLEST = 4
"""Side of the generator's first feature map; each block doubles it."""

STANDARD_DEVIATION = 0.02
"""Standard deviation of all initial weights; biases start at zero."""

EPSILON = 1e-5
"""Added to batch norm's variances."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a GAN's two networks.

    Attributes:
        latent: length of the latent vector.
        width: base number of channels.
        generator: channels of the first feature map and of each block, as multiples of `width`.
        discriminator: channels of each block, as multiples of `width`.
        halvings: number of the discriminator's first blocks that halve the image.
        channels: number of image channels.
        classes: number of classes.
    """

    latent: int
    width: int
    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    halvings: int
    channels: int
    classes: int

    @classmethod
    def from_settings(cls, settings: dict[str, Any], channels: int, classes: int) -> "Sizes":
        """Read a `network` block of the configuration.

        Raises:
            OleanderError: the discriminator halves the images too often.
        """
        lists = {key: tuple(settings[key]) for key in ("generator", "discriminator")}
        sizes = cls(**{**settings, **lists}, channels=channels, classes=classes)
        if sizes.halvings > len(sizes.discriminator) or sizes.side < 2**sizes.halvings:
            raise OleanderError(
                f"a discriminator with {len(sizes.discriminator)} blocks cannot halve images of "
                f"{sizes.side}x{sizes.side} {sizes.halvings} times; lower halvings in the network's settings"
            )
        return sizes

    @property
    def side(self) -> int:
        """Height and width of the images."""
        return SMALLEST * 2 ** (len(self.generator) - 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image."""
        return (self.channels, self.side, self.side)


class Generator(nn.Module):
    """Maps latent vectors and labels to images in [-1, 1]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.latent, self.classes, self.shape = sizes.latent, sizes.classes, sizes.shape
        channels = [multiple * sizes.width for multiple in sizes.generator]
        self.linear = SpectralLinear(sizes.latent, channels[0] * SMALLEST**2)
        self.blocks = nn.ModuleList(_Up(before, after, sizes.classes) for before, after in itertools.pairwise(channels))
        self.gain = nn.Parameter(torch.ones(channels[-1]))
        self.bias = nn.Parameter(torch.zeros(channels[-1]))
        self.last = SpectralConv2d(channels[-1], sizes.channels, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images [N, channels, side, side] for `z` [N, latent] and `labels` int64 [N]; they share batch statistics."""
        x = self.linear(z).view(len(z), -1, SMALLEST, SMALLEST)
        for block in self.blocks:
            x = block(x, labels)
        x = _batch_normed(x, self.gain, self.bias)
        return self.last(F.relu(x)).tanh()


class Discriminator(nn.Module):
    """Maps images in [-1, 1] and, if conditional, labels to one logit each, high for genuine images."""

    def __init__(self, sizes: Sizes, conditional: bool = True) -> None:
        super().__init__()
        channels = [sizes.channels, *(multiple * sizes.width for multiple in sizes.discriminator)]
        self.blocks = nn.ModuleList(
            _Down(before, after, halve=at < sizes.halvings, first=at == 0)
            for at, (before, after) in enumerate(itertools.pairwise(channels))
        )
        self.linear = SpectralLinear(channels[-1], 1)
        self.projection = SpectralEmbedding(sizes.classes, channels[-1]) if conditional else None

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits [N] of images [N, channels, side, side] and, if conditional, `labels` int64 [N]."""
        for block in self.blocks:
            x = block(x)
        x = F.relu(x).sum((2, 3))
        logits = self.linear(x)[:, 0]
        return logits if self.projection is None else logits + (self.projection(labels) * x).sum(1)


class _Up(nn.Module):
    """A residual block that doubles the image."""

    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([ConditionalBatchNorm(before, classes), ConditionalBatchNorm(after, classes)])
        self.convolutions = nn.ModuleList(
            [SpectralConv2d(before, after, 3, padding=1), SpectralConv2d(after, after, 3, padding=1)]
        )
        self.shortcut = SpectralConv2d(before, after, 1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = _double(F.relu(self.norms[0](x, labels)))
        h = F.relu(self.norms[1](self.convolutions[0](h), labels))
        # A 1x1 convolution and the doubling commute; this order takes a quarter of the work.
        return self.convolutions[1](h) + _double(self.shortcut(x))


class _Down(nn.Module):
    """A residual block that may halve the image; a network's first block applies no ReLU to its input."""

    def __init__(self, before: int, after: int, halve: bool, first: bool) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.convolutions = nn.ModuleList(
            [SpectralConv2d(before, after, 3, padding=1), SpectralConv2d(after, after, 3, padding=1)]
        )
        self.shortcut = SpectralConv2d(before, after, 1) if halve or before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.convolutions[0](x if self.first else F.relu(x))
        h = self.convolutions[1](F.relu(h))
        if not self.halve:
            return h + self.shortcut(x)
        # A 1x1 convolution and the mean commute as well.
        return F.avg_pool2d(h, 2) + self.shortcut(F.avg_pool2d(x, 2))


class ConditionalBatchNorm(nn.Module):
    """Batch norm with batch statistics and a gain (1 + embedding) and bias per class."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Embedding(classes, channels), nn.Embedding(classes, channels)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        gain, bias = 1 + self.gain(labels), self.bias(labels)
        normed = _batch_normed(x, torch.ones_like(gain[0]), torch.zeros_like(gain[0]))
        gain, bias = (one.to(x.dtype)[:, :, None, None] for one in (gain, bias))
        return torch.addcmul(bias, normed, gain)


def _batch_normed(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """Batch norm with batch statistics. `gain` and `bias` [channels] are always given: torch computes the statistics in
    their type, which is float32 even if `x` is bfloat16."""
    return F.batch_norm(x, None, None, gain, bias, training=True, eps=EPSILON)


class SpectralLinear(nn.Linear):
    """A linear layer whose matrix is divided by its largest singular value."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.register_buffer("u", torch.zeros(self.weight.shape[0]))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, spectrally_normed(self.weight, self.u, self.training), self.bias)


class SpectralConv2d(nn.Conv2d):
    """A convolution whose weight, as a matrix [out, in * kernel^2], is divided by its largest singular value."""

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.register_buffer("u", torch.zeros(self.weight.shape[0]))

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, spectrally_normed(self.weight, self.u, self.training), self.bias)


class SpectralEmbedding(nn.Embedding):
    """An embedding whose matrix is divided by its largest singular value."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.register_buffer("u", torch.zeros(self.weight.shape[0]))

    def forward(self, labels: Tensor) -> Tensor:
        return F.embedding(labels, spectrally_normed(self.weight, self.u, self.training))


def spectrally_normed(weight: Tensor, u: Tensor, training: bool) -> Tensor:
    """`weight` [out, ...] divided by an estimate of its largest singular value: one power iteration from `u` [out].

    In training, `u` is updated in place by the iteration.
    """
    # In bfloat16 the estimate would be off by one percent.
    with torch.autocast(weight.device.type, enabled=False):
        matrix = weight.flatten(1)
        with torch.no_grad():
            v = F.normalize(matrix.T @ u, dim=0, eps=1e-12)
            moved = F.normalize(matrix @ v, dim=0, eps=1e-12)
            if training:
                u.copy_(moved)
        return weight / torch.dot(moved, matrix @ v)


def initialize(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw a network's weights from N(0, 0.02) and its spectral norm vectors; set biases to zero.

    Args:
        network: a network of this module, on the CPU.
        generator: random generator, on the CPU.
    """
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.Embedding)):
            nn.init.normal_(module.weight, 0, STANDARD_DEVIATION, generator=generator)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        if hasattr(module, "u"):
            module.u.copy_(F.normalize(torch.randn(module.u.shape, generator=generator), dim=0))
    return network


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
