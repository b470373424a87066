"""Data that a scale can do without: which of them are absent, decided before any job.

`if_absent` maps a dataset to settings that lie over the scale's own where its data are nowhere. Data are there if what
their source looks for is in the folder of data, however damaged, or if they have been prepared: what was begun with
them is never continued with others.
"""

from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError
from oleander.io.places import expand_home, resolve_data_root
from oleander.workflow.blocks import nothing
from oleander.workflow.declared import looked_for
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
        wanted = datasets[name].get(looked_for().get(str(datasets[name].get("source")), ""))
        if not isinstance(wanted, str):
            raise OleanderError(f"{place}: nothing of this dataset is looked for in a folder of data; remove it")
        if (root / "results" / settings["scale"] / "data" / f"{name}.safetensors").exists():
            continue
        folder, path = resolve_data_root(data_root if isinstance(data_root, str) else None), expand_home(wanted)
        if folder is None and not path.is_absolute():
            found[name] = f"{wanted}, but neither data_root nor OLEANDER_DATA is set"
        elif not _is_there(Path(folder or "", path)):
            found[name] = str(Path(folder or "", path))
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
