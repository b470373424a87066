"""Differentiable augmentation (Zhao et al. 2020): genuine and generated images alike are shifted and partly covered
before a discriminator sees them, so that it cannot learn its few genuine images by heart.

Random numbers are given in, so that a resumed run augments as the first one did.
"""

import torch
from torch import Tensor

DRAWS = 4
"""Random numbers that one image takes: two for its shift, two for the covered square."""


def diff_augment(x: Tensor, draws: Tensor, translation: float, cutout: float) -> Tensor:
    """Shift and cover each image by its own random numbers, differentiably.

    A shift is uniform over the whole pixels up to `translation` of the side, either way; what it uncovers is zero, the
    middle of [-1, 1]. Then a square of `cutout` of the side is set to zero; its centre is uniform over the image, so
    that parts of it may lie beyond the edge.

    Args:
        x: [N, channels, height, width] in [-1, 1].
        draws: [N, `DRAWS`] in [0, 1), on the device of `x`.
        translation, cutout: shares of the side, in [0, 1]; 0 for none.

    Returns:
        New images of the shape of `x`.
    """
    seen = []
    sources = []
    for axis, side in enumerate(x.shape[2:]):
        places = torch.arange(side, device=x.device)
        most = round(side * translation)
        shift = (draws[:, axis, None] * (2 * most + 1)).floor().long() - most
        source = places + shift
        covered = round(side * cutout)
        # An even square has as many places as an odd one and one more: its centre lies between pixels.
        centre = (draws[:, 2 + axis, None] * (side + 1 - covered % 2)).floor().long()
        first = centre - covered // 2
        seen.append(((source >= 0) & (source < side), (places >= first) & (places < first + covered)))
        sources.append(source.clamp(0, side - 1))
    rows = sources[0][:, None, :, None].expand_as(x)
    columns = sources[1][:, None, None, :].expand_as(x)
    (row_there, row_covered), (column_there, column_covered) = seen
    there = row_there[:, :, None] & column_there[:, None, :]
    kept = there & ~(row_covered[:, :, None] & column_covered[:, None, :])
    return x.gather(2, rows).gather(3, columns) * kept[:, None].to(x.dtype)
