"""Data sources: one module each, registered in `_MODULES`.

A source has a function `read(settings, data_root, allow_download) -> RawDataset` and a `SETTINGS_SCHEMA`, the JSON
schema of its settings; other settings are rejected. A source that reads the user's files also has a function
`check(settings, data_root)`, which checks the files without decoding them and returns a summary, and `FILES`, the paths
of what it reads in the data folder, in which {key} stands for a setting: by these it is noticed that data have changed,
and by the folder that holds all of them whether data are absent.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from oleander.data.raw import RawDataset
from oleander.data.sources import celeba, embedded, gaussians, image_folder, torchvision_source

Source = Callable[[dict[str, Any], Path | None, bool], RawDataset]
Check = Callable[[dict[str, Any], Path | None], str]

_MODULES = {
    "torchvision": torchvision_source,
    "image_folder": image_folder,
    "embedded": embedded,
    "gaussians": gaussians,
    "celeba": celeba,
}
SOURCES: dict[str, Source] = {name: module.read for name, module in _MODULES.items()}
SETTINGS_SCHEMAS: dict[str, dict[str, Any]] = {name: module.SETTINGS_SCHEMA for name, module in _MODULES.items()}
CHECKS: dict[str, Check] = {name: module.check for name, module in _MODULES.items() if hasattr(module, "check")}
SOURCE_FILES: dict[str, tuple[str, ...]] = {name: getattr(module, "FILES", ()) for name, module in _MODULES.items()}

__all__ = ["CHECKS", "SETTINGS_SCHEMAS", "SOURCES", "SOURCE_FILES", "Check", "Source"]
