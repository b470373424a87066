"""Dropout masks from random bits.

One 64-bit integer decides 64 units at p = 0.5, which is far cheaper than a random float for each unit;
any other p takes 16 bits a unit, so that p is met to within 2**-17.
"""

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch


def words_needed(units: int, p: float) -> int:
    """How many 64-bit words decide `units` units at drop probability `p` in [0, 1)."""
    if p == 0:
        return 0
    return math.ceil(units / (64 if p == 0.5 else 4))


@functools.cache
def _byte_table(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """[256, 8]: for every byte its eight bits, as the factor 0 (dropped) or 2 (kept, at p = 0.5)."""
    bits = (torch.arange(256).unsqueeze(1) >> torch.arange(8)) & 1
    return (bits * 2).to(dtype=dtype, device=device)


def dropout_factor(words: torch.Tensor, units: int, p: float, dtype: torch.dtype) -> torch.Tensor:
    """Turn random bits into the factors of inverted dropout.

    Args:
        words: int64 [..., words_needed(units, p)], uniform over all 64 bits.
        units: how many units the factors are for.
        p: probability to drop a unit, in (0, 1).
        dtype: floating type of the result.

    Returns:
        [..., units] of 0 (dropped) or 1 / (1 - p) (kept).
    """
    if p == 0.5:
        table = _byte_table(dtype, words.device)
        factors = torch.nn.functional.embedding(words.view(torch.uint8).int(), table).flatten(-2)
        return factors[..., :units]
    levels = words.view(torch.int16)[..., :units]
    kept = levels >= round(p * 2**16) - 2**15
    return kept.to(dtype) / (1 - p)


class _LeakyReluDropout(torch.autograd.Function):
    """Leaky ReLU times dropout factors, with one slope a unit: three passes over memory instead of four."""

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
        x: what the layer's product made.
        factor: of the shape of `x`, from `layer_factors`; None without dropout.
        negative_slope: slope of the leaky ReLU below zero.
    """
    if factor is None:
        return torch.nn.functional.leaky_relu(x, negative_slope)
    return _LeakyReluDropout.apply(x, factor, negative_slope)


def layer_factors(
    words: torch.Tensor | None, layers: Iterable[tuple[int, float]], dtype: torch.dtype
) -> Iterator[torch.Tensor | None]:
    """The factors of each layer of a network in turn, None for a layer without dropout.

    Args:
        words: int64 [..., sum of words_needed of all layers], each layer's words behind those of the one before; None
            turns dropout off.
        layers: units and drop probability of each layer.
        dtype: as in `dropout_factor`.
    """
    position = 0
    for units, p in layers:
        needed = words_needed(units, p)
        if words is None or not needed:
            yield None
            continue
        yield dropout_factor(words[..., position : position + needed].contiguous(), units, p, dtype)
        position += needed
