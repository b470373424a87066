"""Network architectures of the papers' tables, written for stacks of replicas.

One architecture, one file, one line in `ARCHITECTURES`.
"""

from collections.abc import Callable
from typing import Any

from oleander.io.errors import OleanderError
from oleander.models.base import Architecture, Parameters
from oleander.models.mlp import Mlp

ARCHITECTURES: dict[str, Callable[..., Architecture]] = {"mlp": Mlp.from_settings}

__all__ = ["ARCHITECTURES", "Architecture", "Mlp", "Parameters", "build_model"]


def build_model(settings: dict[str, Any], inputs: int, outputs: int) -> Architecture:
    """Build the network that `settings` describe for rows of `inputs` features and `outputs` outputs.

    Raises:
        OleanderError: `settings["architecture"]` is not registered.
    """
    name = settings["architecture"]
    if name not in ARCHITECTURES:
        raise OleanderError(
            f"unknown architecture '{name}' in the configuration; choose one of {sorted(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name](settings, inputs, outputs)
