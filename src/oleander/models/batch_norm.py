"""Batch norm for a stack of replicas: torch.nn.BatchNorm2d with its defaults, each replica by itself."""

import torch
from torch.nn import functional as F

MOMENTUM = 0.1
EPSILON = 1e-5


def batch_norm(
    x: torch.Tensor,
    scale: torch.Tensor,
    shift: torch.Tensor,
    running_mean: torch.Tensor,
    running_var: torch.Tensor,
    training: bool,
    present: torch.Tensor | None,
) -> torch.Tensor:
    """Normalize every channel of every replica.

    Args:
        x: [rows, replicas * channels, height, width].
        scale: [replicas, channels], as the three that follow.
        shift: added after scaling.
        running_mean: in training, moved towards the batch's mean in place.
        running_var: the same with the batch's unbiased variance.
        training: whether the batch's own statistics are taken, or the running ones.
        present: bool [replicas, rows]: the rows that count in training; None for all.

    Returns:
        The shape of `x`. A channel with one value in the whole batch (where torch.nn.BatchNorm2d raises) becomes its
        shift, and its variance is taken for 0. Where `present` is given the formula stands here, else torch's kernel
        computes it: the two agree to rounding, so that a replica padded beside longer ones differs by that from itself
        alone.
    """
    values = x.shape[0] * x.shape[2] * x.shape[3]
    if not training or (present is None and values > 1):
        running = running_mean.view(-1), running_var.view(-1)
        return F.batch_norm(x, *running, scale.flatten(), shift.flatten(), training, MOMENTUM, EPSILON)

    replicas = len(scale)
    # Statistics in the type of scale and shift, float32 where `x` is bfloat16, as torch's kernel computes them.
    stacked = x.to(scale.dtype).unflatten(1, (replicas, -1))
    if present is None:
        present = torch.ones(replicas, len(x), dtype=torch.bool, device=x.device)
    weights = present.T.to(scale.dtype)[:, :, None, None, None]
    count = present.sum(1, keepdim=True) * x.shape[2] * x.shape[3]
    mean = (stacked * weights).sum((0, 3, 4)) / count
    centred = stacked - mean[..., None, None]
    var = (centred.square() * weights).sum((0, 3, 4)) / count
    with torch.no_grad():
        running_mean.lerp_(mean, MOMENTUM)
        running_var.lerp_(var * count / (count - 1).clamp(min=1), MOMENTUM)
    factor = scale * torch.rsqrt(var + EPSILON)
    return (centred * factor[..., None, None] + shift[..., None, None]).flatten(1, 2).to(x.dtype)
