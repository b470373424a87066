"""Dropout masks from random bits.

At p = 0.5 one random 64-bit integer decides 64 units, which is much cheaper than a random float per unit. Any other p
uses 16 bits per unit, which approximates p to within 2**-17.
"""

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch


def integers_needed(units: int, p: float) -> int:
    """Number of random 64-bit integers that decide `units` units at drop probability `p` in [0, 1)."""
    if p == 0:
        return 0
    return math.ceil(units / (64 if p == 0.5 else 4))


@functools.cache
def _byte_table(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """[256, 8]: the eight bits of every byte, as dropout factors 0 (dropped) or 2 (kept, at p = 0.5)."""
    bits = (torch.arange(256).unsqueeze(1) >> torch.arange(8)) & 1
    return (bits * 2).to(dtype=dtype, device=device)


def dropout_factor(bits: torch.Tensor, units: int, p: float, dtype: torch.dtype) -> torch.Tensor:
    """Convert random bits to factors of inverted dropout.

    Args:
        bits: int64 [..., integers_needed(units, p)], uniform over all 64 bits.
        units: number of units.
        p: probability to drop a unit, in (0, 1).
        dtype: floating-point type of the result.

    Returns:
        [..., units] of 0 (dropped) or 1 / (1 - p) (kept).
    """
    if p == 0.5:
        table = _byte_table(dtype, bits.device)
        factors = torch.nn.functional.embedding(bits.view(torch.uint8).int(), table).flatten(-2)
        return factors[..., :units]
    levels = bits.view(torch.int16)[..., :units]
    kept = levels >= round(p * 2**16) - 2**15
    return kept.to(dtype) / (1 - p)


class _LeakyReluDropout(torch.autograd.Function):
    """Leaky ReLU times dropout factors, as one slope per unit: three passes over memory instead of four."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: torch.Tensor, negative_slope: float) -> torch.Tensor:
        slopes = torch.ops.aten.leaky_relu_backward(factor, x, negative_slope, False)
        ctx.save_for_backward(slopes)
        return x * slopes

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return gradient * slopes, None, None


def leaky_relu_dropout(x: torch.Tensor, factor: torch.Tensor | None, negative_slope: float) -> torch.Tensor:
    """Leaky ReLU, then inverted dropout.

    Args:
        x: output of the layer's matrix product.
        factor: dropout factors from `layer_factors`, with the shape of `x`; None without dropout.
        negative_slope: slope of the leaky ReLU below zero.
    """
    if factor is None:
        return torch.nn.functional.leaky_relu(x, negative_slope)
    return _LeakyReluDropout.apply(x, factor, negative_slope)


def layer_factors(
    bits: torch.Tensor | None, layers: Iterable[tuple[int, float]], dtype: torch.dtype
) -> Iterator[torch.Tensor | None]:
    """Yield the dropout factors of each layer in turn, None for a layer without dropout.

    Args:
        bits: int64 [..., n], the random integers of all layers, concatenated in layer order, `integers_needed` each;
            None turns dropout off.
        layers: units and drop probability of each layer.
        dtype: as in `dropout_factor`.
    """
    position = 0
    for units, p in layers:
        needed = integers_needed(units, p)
        if bits is None or not needed:
            yield None
            continue
        yield dropout_factor(bits[..., position : position + needed].contiguous(), units, p, dtype)
        position += needed
