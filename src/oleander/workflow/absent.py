"""Data that a scale can do without: which of them are absent, decided before any job.

`if_absent` maps a dataset to settings that lie over the scale's own where its data are nowhere. Data are there if the
folder with all files that their source reads is there, however damaged, or if they have been prepared: what was begun
with them is never continued with others.
"""

import os.path
from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError
from oleander.io.user_files import resolve_data_root, source_paths
from oleander.workflow.blocks import nothing
from oleander.workflow.declared import source_files
from oleander.workflow.mistakes import nearest

DECIDING = ("if_absent", "scale", "scales", "data_root")
"""Settings that decide what is absent, and so cannot depend on it."""


def absent_data(settings: dict[str, Any], root: Path) -> dict[str, str]:
    """The datasets of `if_absent` whose data are absent: name -> where they were looked for.

    Args:
        settings: all layers merged, of a known scale; nothing else of them needs to have been checked.
        root: the checkout, with the folder `results`.

    Raises:
        OleanderError: `if_absent` is no mapping of settings, names a dataset that is not looked for in the folder of
            data, or changes what decides on it.
    """
    found = {}
    data_root = nothing(settings.get("data_root"))
    for name, over in _mapping(settings, "if_absent").items():
        place = f"configuration at scale {settings['scale']}, if_absent.{name}"
        datasets = _mapping(settings, "datasets")
        if not isinstance(datasets.get(name), dict):
            raise OleanderError(f"{place}: is not one of datasets{nearest(name, datasets)} name one of these")
        if not isinstance(over, dict) or not over.keys().isdisjoint(DECIDING):
            raise OleanderError(f"{place}: must be a mapping of settings without {', '.join(DECIDING)}; correct it")
        # The folder that holds all files of the source, or its only one.
        wanted = os.path.commonpath(source_files().get(str(datasets[name].get("source"))) or [""])
        if not wanted:
            raise OleanderError(f"{place}: nothing of this dataset is looked for in a folder of data; remove it")
        if (root / "results" / settings["scale"] / "data" / f"{name}.safetensors").exists():
            continue
        folder = resolve_data_root(data_root if isinstance(data_root, str) else None)
        try:
            paths = source_paths([wanted], datasets[name], folder)
        except KeyError as missing:
            raise OleanderError(f"{place}: setting {missing} of this dataset is missing; add it") from None
        if paths is None:
            found[name] = f"{wanted.format_map(datasets[name])}, but neither data_root nor OLEANDER_DATA is set"
        elif not _is_there(paths[0]):
            found[name] = str(paths[0])
    return found


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # What may not be looked at is not absent: its source says what is wrong with it.
        return True


def _mapping(settings: dict[str, Any], key: str) -> dict[str, Any]:
    value = settings.get(key) or {}
    if not isinstance(value, dict):
        raise OleanderError(f"configuration, {key}: must be a mapping of names to settings; correct it")
    return value
