"""Defenses: which of the received points a victim trains on, and with which labels.

One defense, one file with a `sanitize` function and a `SETTINGS_SCHEMA`, one line in `DEFENSES`.
"""

from types import ModuleType
from typing import Any

from oleander.defenses import none, outlier
from oleander.defenses.base import Points, Sanitized
from oleander.io.errors import OleanderError

DEFENSES: dict[str, ModuleType] = {"none": none, "outlier": outlier}

__all__ = ["DEFENSES", "Points", "Sanitized", "sanitize"]


def sanitize(received: Points, trusted: Points, settings: dict[str, Any], seed: int) -> Sanitized:
    """Apply the defense that `settings["name"]` names.

    Args:
        received: points to be trained on, genuine and poison alike; never mutated.
        trusted: genuine points that the defender is sure of, for defenses that assume some; never mutated.
        settings: the defense's name and its own settings.
        seed: the same seed gives the same answer.

    Returns:
        What was done to each received point.

    Raises:
        OleanderError: an unknown defense, points that are not finite, or data that the defense cannot work with.
    """
    if settings["name"] not in DEFENSES:
        raise OleanderError(
            f"unknown defense '{settings['name']}' in the configuration; choose one of {sorted(DEFENSES)}"
        )
    for name, points in (("received", received), ("trusted", trusted)):
        if not points.x.isfinite().all():
            raise OleanderError(f"defense '{settings['name']}': {name} points hold NaN or infinity; clean them first")
    return DEFENSES[settings["name"]].sanitize(received, trusted, settings, seed)
