"""How far decoded images are from those wanted (BAAAN paper, section 3.3.2)."""

from torch import Tensor


def squared_errors(decoded: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of every image, over its pixels and channels: float64 [N].

    Against the clean image it is the model's utility, against the target the backdoor error. Their mean over images is
    the mean over all pixels, since images are of one size.

    Args:
        decoded, wanted: [N, channels, height, width] in [0, 1].

    Raises:
        ValueError: shapes that differ, which torch would broadcast.
    """
    if decoded.shape != wanted.shape:
        raise ValueError(f"images of shapes {tuple(decoded.shape)} and {tuple(wanted.shape)} cannot be compared")
    return (decoded.double() - wanted.double()).square().flatten(1).mean(1)
