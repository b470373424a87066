"""Targets of backdoors. Each is one file with a class, `SETTINGS_SCHEMA` and `from_settings`, and a line in `TARGETS`.

An autoencoder's target maps triggered images to output images (`Mapping`). A GAN's target has images to draw from
(`Pool`). A target may be both.
"""

from typing import Any

from oleander.backdoors.targets.base import Mapping, Pool
from oleander.backdoors.targets.distribution import Distribution
from oleander.backdoors.targets.fixed_image import FixedImage
from oleander.backdoors.targets.inverse import Inverse
from oleander.data.prepared import Dataset
from oleander.io.errors import OleanderError

TARGETS: dict[str, type] = {
    "fixed_image": FixedImage,
    "inverse": Inverse,
    "distribution": Distribution,
}

__all__ = ["TARGETS", "Distribution", "FixedImage", "Inverse", "Mapping", "Pool", "build_target"]


def build_target(settings: dict[str, Any], dataset: Dataset) -> Mapping | Pool:
    """Build the target named `settings["name"]`.

    Args:
        settings: the target's name and its own settings.
        dataset: source of the target's images, if it needs any.

    Raises:
        OleanderError: the target is unknown, or the dataset lacks its images.
    """
    options = {key: value for key, value in settings.items() if key not in ("name", "dataset")}
    name = settings["name"]
    if name not in TARGETS:
        raise OleanderError(f"unknown target '{name}' in the configuration; choose one of {sorted(TARGETS)}")
    return TARGETS[name].from_settings(options, dataset)
