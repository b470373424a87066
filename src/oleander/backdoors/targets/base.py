"""Interfaces of targets: a mapping for autoencoders, a pool of images for GANs."""

from typing import Protocol

from torch import Tensor


class Mapping(Protocol):
    """A target for autoencoders: maps each triggered image to the image it decodes to."""

    def check(self, shape: tuple[int, int, int]) -> None:
        """Check that the target fits images of `shape` [channels, height, width].

        Raises:
            OleanderError: it does not.
        """
        ...

    def __call__(self, triggered: Tensor) -> Tensor:
        """Images of the shape of `triggered` [N, channels, height, width], all in [0, 1]."""
        ...


class Pool(Protocol):
    """A target for GANs: images whose distribution the generator learns for triggered noise.

    Attributes:
        images: uint8 [M, channels, height, width], or float in [0, 1].
    """

    images: Tensor
