"""Batch norm for a stack of replicas: like torch.nn.BatchNorm2d with its defaults, separately per replica."""

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
        scale: [replicas, channels], like the three below.
        shift: added after scaling.
        running_mean: in training, updated in place with the batch mean.
        running_var: in training, updated in place with the unbiased batch variance.
        training: whether to use batch statistics instead of the running ones.
        present: bool [replicas, rows]: rows that enter the statistics in training; None for all.

    Returns:
        A tensor of the shape of `x`. A channel with a single value in the batch, where torch.nn.BatchNorm2d raises,
        becomes its shift; its variance counts as 0. With `present` the formula is computed here, otherwise by torch's
        kernel. Both agree up to rounding, so padding a replica changes its result only by rounding.
    """
    values = x.shape[0] * x.shape[2] * x.shape[3]
    if not training or (present is None and values > 1):
        running = running_mean.view(-1), running_var.view(-1)
        return F.batch_norm(x, *running, scale.flatten(), shift.flatten(), training, MOMENTUM, EPSILON)

    replicas = len(scale)
    # Statistics have the type of scale and shift, float32 for bfloat16 `x`, as in torch's kernel.
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
