"""Randomness that depends only on what it is for, never on what ran before it.

Every draw names its replica's seed, its stream ("order", "noise", "dropout", ...) and its block. A resumed run draws
the same block again, and a replica draws the same whether it trains alone or in a cohort.
"""

import hashlib

import torch


def derive_seed(*parts: str | int | float) -> int:
    """A seed in [0, 2**63) that is a pure function of `parts`."""
    digest = hashlib.sha256("\x1f".join(repr(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_for(device: torch.device | str, *parts: str | int | float) -> torch.Generator:
    """A fresh generator on `device`, seeded by `derive_seed(*parts)`."""
    return torch.Generator(device=device).manual_seed(derive_seed(*parts))


def random_words(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """int64 of `shape` on the generator's device, every bit uniform."""
    return torch.empty(shape, dtype=torch.int64, device=generator.device).random_(-(2**63), None, generator=generator)
