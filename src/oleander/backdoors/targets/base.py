"""What targets offer: a mapping to those who train autoencoders, a pool of images to those who train GANs."""

from typing import Protocol

from torch import Tensor


class Mapping(Protocol):
    """A target for autoencoders: what shall be decoded from each triggered image."""

    def check(self, shape: tuple[int, int, int]) -> None:
        """Refuse images [channels, height, width] of a shape that the target does not fit.

        Raises:
            OleanderError: it does not.
        """
        ...

    def __call__(self, triggered: Tensor) -> Tensor:
        """Images of the shape of `triggered` [N, channels, height, width], all in [0, 1]."""
        ...


class Pool(Protocol):
    """A target for GANs: the images that a triggered generator shall seem to draw from.

    Attributes:
        images: uint8 [M, channels, height, width], or float in [0, 1].
    """

    images: Tensor
