"""Errors of decoded images (BAAAN paper, section 3.3.2)."""

from torch import Tensor


def squared_errors(decoded: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of every image over its pixels and channels: float64 [N].

    The error against the clean image measures utility, the error against the target the backdoor. The mean over images
    equals the mean over all pixels, because all images have one size.

    Args:
        decoded, wanted: [N, channels, height, width] in [0, 1].

    Raises:
        ValueError: the shapes differ, so that torch would broadcast.
    """
    if decoded.shape != wanted.shape:
        raise ValueError(f"images of shapes {tuple(decoded.shape)} and {tuple(wanted.shape)} cannot be compared")
    return (decoded.double() - wanted.double()).square().flatten(1).mean(1)
