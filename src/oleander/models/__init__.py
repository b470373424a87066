"""Network architectures from the papers' tables, computed for stacks of replicas.

Architectures are registered in `ARCHITECTURES`; each module holds one family.
"""

from collections.abc import Callable
from typing import Any

from oleander.io.errors import OleanderError
from oleander.models.base import Architecture, Layer, Parameters, check_parameters, is_running
from oleander.models.cnn import Cnn
from oleander.models.mlp import Mlp

ARCHITECTURES: dict[str, Callable[..., Architecture]] = {
    "mlp": Mlp.from_settings,
    "cnn": Cnn.from_settings,
    "transposed_cnn": Cnn.transposed_from_settings,
}

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Cnn",
    "Layer",
    "Mlp",
    "Parameters",
    "build_model",
    "check_parameters",
    "is_running",
]


def build_model(
    settings: dict[str, Any], inputs: int | tuple[int, ...], outputs: int | tuple[int, ...]
) -> Architecture:
    """Build the network described by `settings`.

    Args:
        settings: a network's block of the configuration.
        inputs: shape of one input row, or its number of features; convolutions need channels, height and width.
        outputs: shape of one output row, or its number of features.

    Raises:
        OleanderError: `settings["architecture"]` is unknown, or does not fit these shapes.
    """
    name = settings["architecture"]
    if name not in ARCHITECTURES:
        raise OleanderError(
            f"unknown architecture '{name}' in the configuration; choose one of {sorted(ARCHITECTURES)}"
        )
    shapes = [(size,) if isinstance(size, int) else tuple(size) for size in (inputs, outputs)]
    return ARCHITECTURES[name](settings, *shapes)
