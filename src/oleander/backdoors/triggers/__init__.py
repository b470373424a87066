"""Triggers of backdoors. Each is one file with a class and a `SETTINGS_SCHEMA`, and one line in `TRIGGERS`."""

from collections.abc import Callable
from typing import Any

from oleander.backdoors.triggers.base import Trigger
from oleander.backdoors.triggers.latent import Latent
from oleander.backdoors.triggers.square import Square
from oleander.io.errors import OleanderError

TRIGGERS: dict[str, Callable[..., Trigger]] = {
    "square": Square,
    "latent": Latent,
}

__all__ = ["TRIGGERS", "Latent", "Square", "Trigger", "build_trigger"]


def build_trigger(settings: dict[str, Any], shape: tuple[int, ...]) -> Trigger:
    """Build the trigger named `settings["name"]` and check it against the shape of one input.

    Raises:
        OleanderError: an unknown trigger, or one that does not fit the shape.
    """
    options = dict(settings)
    name = options.pop("name")
    if name not in TRIGGERS:
        raise OleanderError(f"unknown trigger '{name}' in the configuration; choose one of {sorted(TRIGGERS)}")
    trigger = TRIGGERS[name](**options)
    trigger.check(shape)
    return trigger
