"""Autoencoders: plain modules that map images [N, channels, height, width] in [0, 1] to logits of the same shape.

The only one so far is the compressive autoencoder of Theis et al. 2017, which the BAAAN paper (section 3.3.1) adapts to
its three image sizes. Codes are not rounded and the loss has no rate term: it is trained for reconstruction only.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from oleander.io.errors import OleanderError

STRIDE = 8
"""Ratio of the image's sides to the bottleneck's."""
SMALLEST = 16
"""Smallest side for which the third convolution can still reflect two pixels."""


class Residual(nn.Module):
    """Residual block: two 3x3 convolutions with a leaky ReLU between them; no activation after the sum."""

    def __init__(self, channels: int, negative_slope: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, h, w] to the same shape."""
        return x + self.second(F.leaky_relu(self.first(x), self.negative_slope))


class CompressiveAutoencoder(nn.Module):
    """Theis et al. 2017: three strided convolutions down, three pixel shuffles up, residual blocks on both sides.

    Images with sides below 16 or not a multiple of 8 are padded with zeros, and their logits are cropped.

    Args:
        shape: channels, height and width of the images.
        width: channels after the first convolution; the others are multiples of it. The paper uses 64.
        residual_blocks: number of residual blocks in the encoder, and in the decoder.
        bottleneck: channels of the code, whose sides are 8 times smaller than the padded image's.
        negative_slope: slope of the leaky ReLUs.
    """

    def __init__(
        self, shape: tuple[int, int, int], width: int, residual_blocks: int, bottleneck: int, negative_slope: float
    ) -> None:
        super().__init__()
        channels, *sides = shape
        self.shape = tuple(shape)
        # Left, right, top, bottom: the order of F.pad.
        self.padding = [part for side in reversed(sides) for part in _padding(side)]
        leaky = nn.LeakyReLU(negative_slope)

        def down(before: int, after: int) -> nn.Module:
            return nn.Conv2d(before, after, 5, stride=2, padding=2, padding_mode="reflect")

        def blocks() -> list[nn.Module]:
            return [Residual(2 * width, negative_slope) for _ in range(residual_blocks)]

        self.encoder = nn.Sequential(
            down(channels, width), leaky, down(width, 2 * width), leaky, *blocks(), down(2 * width, bottleneck)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(bottleneck, 8 * width, 3, padding=1),
            nn.PixelShuffle(2),
            *blocks(),
            nn.Conv2d(2 * width, 4 * width, 3, padding=1),
            leaky,
            nn.PixelShuffle(2),
            nn.Conv2d(width, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the reconstructions of `images`, both [N, channels, height, width]; apply a sigmoid."""
        left, _, top, _ = self.padding
        logits = self.decoder(self.encoder(F.pad(images, self.padding)))
        return logits[:, :, top : top + self.shape[1], left : left + self.shape[2]]


def _padding(side: int) -> tuple[int, int]:
    """Padding before and after a side, to a multiple of 8 and at least 16."""
    missing = max(SMALLEST, -(-side // STRIDE) * STRIDE) - side
    return missing // 2, missing - missing // 2


def code_size(settings: dict[str, Any], shape: tuple[int, ...]) -> int:
    """How many numbers the code of one image has.

    Args:
        settings: a network's block of the configuration.
        shape: channels, height and width of the images.

    Raises:
        OleanderError: the data are not images.
    """
    _refuse_points(shape)
    height, width = ((side + sum(_padding(side))) // STRIDE for side in shape[1:])
    return settings["bottleneck"] * height * width


AUTOENCODERS: dict[str, Callable[..., nn.Module]] = {"compressive": CompressiveAutoencoder}
"""Name in the configuration -> module class; its arguments are the image shape and the block's settings."""


def build_autoencoder(settings: dict[str, Any], shape: tuple[int, ...]) -> nn.Module:
    """Build the autoencoder `settings["architecture"]`, with weights from torch's global random generator.

    Args:
        settings: a network's block of the configuration.
        shape: channels, height and width of the images.

    Raises:
        OleanderError: the architecture is unknown, or the data are not images.
    """
    options = dict(settings)
    name = options.pop("architecture")
    if name not in AUTOENCODERS:
        raise OleanderError(
            f"unknown autoencoder '{name}' in the configuration; choose one of {', '.join(sorted(AUTOENCODERS))}"
        )
    _refuse_points(shape)
    return AUTOENCODERS[name](tuple(shape), **options)


def _refuse_points(shape: tuple[int, ...]) -> None:
    if len(shape) != 3:
        raise OleanderError(
            f"an autoencoder needs images [channels, height, width], not points of shape {list(shape)}; "
            "choose another dataset in the configuration"
        )
