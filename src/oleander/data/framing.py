"""Pad images into a larger frame, for networks that expect another size or more channels than a dataset has."""

import torch
from torch import Tensor
from torch.nn import functional as F

from oleander.io.errors import OleanderError


def check_frame(shape: tuple[int, ...], frame: tuple[int, int, int], what: str) -> None:
    """Raise an error for images that `pad_to` cannot fit into `frame`.

    Args:
        shape: shape of one image.
        frame: required channels, height and width.
        what: name of the images in the error message.

    Raises:
        OleanderError: `shape` is not an image's, is larger than the frame, or has other channels (grey fits RGB).
    """
    fits = (
        len(shape) == 3 and shape[0] in (1, frame[0]) and all(a <= b for a, b in zip(shape[1:], frame[1:], strict=True))
    )
    if not fits:
        raise OleanderError(
            f"{what} of shape {list(shape)} do not fit into images of {list(frame)} (channels, height, width); choose "
            "other images or another network in the configuration"
        )


def pad_to(images: Tensor, frame: tuple[int, int, int]) -> Tensor:
    """Center images [N, C, H, W] in a frame [channels, height, width] of zeros; grey is repeated to RGB."""
    top, left = ((whole - own) // 2 for whole, own in zip(frame[1:], images.shape[2:], strict=True))
    below, right = frame[1] - images.shape[2] - top, frame[2] - images.shape[3] - left
    return F.pad(images, (left, right, top, below)).expand(-1, frame[0], -1, -1)


def fit_to(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Pad what is smaller than `shape` and crop what is larger, both around the center: [N, *shape].

    Grey images are repeated to RGB, or RGB averaged to grey, as `shape` asks.
    """
    frame = tuple(max(own, wanted) for own, wanted in zip(images.shape[1:], shape, strict=True))
    return crop_to(pad_to(images, frame), shape)


def crop_to(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Crop padded images to their center [N, *shape], the inverse of `pad_to`; RGB is averaged to grey if needed.

    uint8 images stay uint8; averages are rounded.
    """
    top, left = ((whole - own) // 2 for whole, own in zip(images.shape[2:], shape[1:], strict=True))
    middle = images[:, :, top : top + shape[1], left : left + shape[2]]
    if shape[0] == middle.shape[1]:
        return middle
    grey = middle.float().mean(1, keepdim=True)
    return grey.round().to(torch.uint8) if images.dtype == torch.uint8 else grey
