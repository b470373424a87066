"""Randomness that depends only on what it is for, never on what ran before it.

Every draw names its replica's seed, its stream ("order", "noise", "dropout", ...) and its block. A resumed run draws
the same block again, and a replica draws the same whether it trains alone or in a cohort.
"""

import torch

from oleander.io.seeds import derive_seed

__all__ = ["derive_seed", "generator_for", "random_words"]


def generator_for(device: torch.device | str, *parts: str | int | float) -> torch.Generator:
    """A fresh generator on `device`, seeded by `derive_seed(*parts)`."""
    return torch.Generator(device=device).manual_seed(derive_seed(*parts))


def random_words(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """int64 of `shape` on the generator's device, every bit uniform."""
    return torch.empty(shape, dtype=torch.int64, device=generator.device).random_(-(2**63), None, generator=generator)
