"""Reproducible randomness: each draw is seeded by its purpose and does not depend on earlier draws.

A draw's seed is derived from the replica's seed, the stream ("order", "noise", "dropout", ...) and the block. A resumed
run repeats the same draws, and a replica's draws are the same alone and in a cohort.
"""

import torch

from oleander.io.seeds import derive_seed

__all__ = ["derive_seed", "generator_for", "random_bits"]


def generator_for(device: torch.device | str, *parts: str | int | float) -> torch.Generator:
    """A new generator on `device`, seeded by `derive_seed(*parts)`."""
    return torch.Generator(device=device).manual_seed(derive_seed(*parts))


def random_bits(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Random int64 tensor of `shape` on the generator's device; all 64 bits are uniform."""
    return torch.empty(shape, dtype=torch.int64, device=generator.device).random_(-(2**63), None, generator=generator)
