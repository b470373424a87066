"""Differentiable augmentation (Zhao et al. 2020): genuine and generated images are shifted and partly covered before
the discriminator sees them, so that it cannot memorize its few genuine images.

Random numbers are arguments, so that a resumed run repeats the same augmentation.
"""

import torch
from torch import Tensor

DRAWS = 4
"""Random numbers per image: two for the shift, two for the covered square."""


def diff_augment(x: Tensor, draws: Tensor, translation: float, cutout: float) -> Tensor:
    """Shift and cover each image by its own random numbers, differentiably.

    Shifts are uniform over whole pixels, up to `translation` times the side in either direction; uncovered pixels are
    zero, the middle of [-1, 1]. Then a square with `cutout` times the side is set to zero; its centre is uniform over
    the image, so it may extend beyond the edge.

    Args:
        x: [N, channels, height, width] in [-1, 1].
        draws: [N, `DRAWS`] in [0, 1), on the device of `x`.
        translation, cutout: fractions of the side, in [0, 1]; 0 for none.

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
        # An even square's centre lies between pixels, so it has one more position than an odd one's.
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
