"""Backdoors in autoencoders and GANs (BAAAN paper): triggers, targets and training.

A trigger changes a model's input. A target defines the output that the backdoored model learns for triggered inputs.
Each trigger or target is one file with a `SETTINGS_SCHEMA` and one line in its registry, `TRIGGERS` or `TARGETS`.
"""

from oleander.backdoors.autoencoder import Backdoor, backdoor_autoencoder
from oleander.backdoors.gan import backdoor_generator
from oleander.backdoors.targets import TARGETS, Distribution, FixedImage, Inverse
from oleander.backdoors.triggers import TRIGGERS, Latent, Square

__all__ = [
    "TARGETS",
    "TRIGGERS",
    "Backdoor",
    "Distribution",
    "FixedImage",
    "Inverse",
    "Latent",
    "Square",
    "backdoor_autoencoder",
    "backdoor_generator",
]
