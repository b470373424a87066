"""Oleander: reference reproduction of poisoning and backdoor attacks with generative models.

What `__all__` names works on arrays of the user's own (`oleander.api`; docs/library.md has examples).

Rooms, importing only downwards: adapters; api; workflow; page; plots; evaluation; attacks, defenses, backdoors;
training, metrics; models, data; io. The package never imports snakemake and is usable by itself.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oleander.api import (
        Decision,
        Estimate,
        Inverse,
        Latent,
        OleanderError,
        Poisoner,
        Square,
        Victims,
        backdoor_autoencoder,
        backdoor_generator,
        error_rates,
        frechet_distance,
        presets,
        sanitize,
        train_poisoner,
        train_victims,
    )

__version__ = "0.1.0"

__all__ = [
    "Decision",
    "Estimate",
    "Inverse",
    "Latent",
    "OleanderError",
    "Poisoner",
    "Square",
    "Victims",
    "backdoor_autoencoder",
    "backdoor_generator",
    "error_rates",
    "frechet_distance",
    "presets",
    "sanitize",
    "train_poisoner",
    "train_victims",
]


def __getattr__(name: str) -> Any:
    """Import `oleander.api`, which brings torch and takes seconds, when one of its names is first asked for."""
    if name in __all__:
        return getattr(importlib.import_module("oleander.api"), name)
    raise AttributeError(f"module 'oleander' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
