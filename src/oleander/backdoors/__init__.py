"""Backdoors in autoencoders and GANs (BAAAN paper): triggers, targets, and the training that joins them.

A trigger changes a model's input; a target says what the backdoored model shall make of it. Each is one file, one
`SETTINGS_SCHEMA` and one line in its registry: `TRIGGERS`, `TARGETS`.
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
