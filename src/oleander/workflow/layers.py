"""YAML files and how they are laid over each other."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from oleander.io.errors import OleanderError
from oleander.io.files import read_bounded
from oleander.io.schemas import DEPTH, ENTRIES, check_plain
from oleander.workflow.absent import absent_data
from oleander.workflow.mistakes import one_of

BYTES = 1_000_000
"""A longer file is no configuration."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    def flatten_mapping(self, node: Any) -> None:
        super().flatten_mapping(node)
        if len(node.value) > ENTRIES:
            raise yaml.constructor.ConstructorError(None, None, "merges too many entries", node.start_mark)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML file that holds one mapping of plain settings.

    Raises:
        OleanderError: the file is missing, larger than `BYTES`, no YAML, says one thing twice, or is not plain.
    """
    try:
        loader = _Loader(read_bounded(path, BYTES).decode("utf-8"))
        node = loader.get_single_node()
        _look_at(node, DEPTH, set())
        content = None if node is None else loader.construct_document(node)
    # PyYAML leaves it to Python to refuse the 99th of a month, misplaced tags, and numbers of too many digits.
    except (OSError, yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise OleanderError(
            f"{path} cannot be read ({error}); correct it, or restore it from the repository"
        ) from error
    check_plain(content, str(path))
    if not isinstance(content, dict):
        raise OleanderError(f"{path} holds no blocks such as datasets; restore it from the repository")
    return content


def _look_at(node: Any, depth: int, seen: set[int]) -> None:
    """Refuse names that stand twice in a mapping, of which PyYAML takes the last, and what is nested too deep."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return
    seen.add(id(node))
    if depth < 0:
        raise yaml.composer.ComposerError(None, None, f"nested more than {DEPTH} deep", node.start_mark)
    names = set()
    for entry in node.value:
        key, value = entry if isinstance(entry, tuple) else (None, entry)
        if isinstance(key, yaml.ScalarNode):
            if key.value in names:
                message = f"'{key.value[:60]}' stands twice in one mapping"
                raise yaml.composer.ComposerError(None, None, message, key.start_mark)
            names.add(key.value)
        _look_at(value, depth - 1, seen)


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `over` in place of its own; mappings are merged, all else is replaced.

    A mapping that names its `source` replaces the whole one below: another source has other settings. Neither argument
    is changed; what is not merged is shared with them.
    """
    if "source" in over:
        return over
    merged = dict(base)
    for key, value in over.items():
        below = base.get(key)
        merged[key] = merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def differences(base: dict[str, Any], other: dict[str, Any], where: str = "") -> list[str]:
    """Where `other` says something else than `base`, more or less, as dotted keys.

    Titles do not count: they name, and change nothing.
    """
    found = []
    for key in [*base, *(key for key in other if key not in base)]:
        name = f"{where}.{key}" if where else str(key)
        if key == "title":
            continue
        if isinstance(base.get(key), dict) and isinstance(other.get(key), dict):
            found += differences(base[key], other[key], name)
        elif key not in base or key not in other or other[key] != base[key]:
            found.append(name)
    return found


def layered(
    root: Path, configfiles: Sequence[dict[str, Any]], command_line: dict[str, Any], complete: bool = False
) -> dict[str, Any]:
    """All settings at the chosen scale, later layers over earlier ones.

    config.yaml, workflow/papers/*.yaml in the order of their names, the scale (workflow/scales/*.yaml, then `scales` in
    papers and in each --configfile), what `if_absent` says of each dataset that is absent, each --configfile, the
    command line. `complete`: as if no data were absent, wherever this is asked.

    Raises:
        OleanderError: a file cannot be read, a layer is no mapping of plain settings, nobody knows the scale, or as
            `oleander.workflow.absent.absent_data`.
    """
    papers = [read_yaml(path) for path in sorted((root / "workflow/papers").glob("*.yaml"))]
    said = [*(("a --configfile", one) for one in configfiles), ("the command line", command_line)]
    for name, layer in said:
        check_plain(layer, name)
        if not isinstance(layer, dict):
            raise OleanderError(f"{name} holds no blocks such as datasets; write it as config.yaml is written")
    base = [read_yaml(root / "config.yaml"), *papers]
    own = [layer for _, layer in said]
    files = {path.stem: path for path in sorted((root / "workflow/scales").glob("*.yaml"))}
    overlays = [_scales(layer) for layer in (*base, *own)]
    known = list(dict.fromkeys([*files, "paper", *(name for scales in overlays for name in scales)]))
    scale = next((layer["scale"] for layer in reversed([*base, *own]) if "scale" in layer), None)
    if not isinstance(scale, str) or scale not in known:
        raise OleanderError(f"configuration, scale: {one_of(scale, known)}; choose one with --config scale=...")
    middle = [read_yaml(files[scale])] if scale in files else []
    middle += [scales.get(scale) or {} for scales in overlays]
    settings = {**_merged([*base, *middle, *own]), "scale": scale}
    if complete:
        return settings
    instead = [settings["if_absent"][name] for name in absent_data(settings, root)]
    return {**_merged([*base, *middle, *instead, *own]), "scale": scale} if instead else settings


def _merged(layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = merge(merged, {key: value for key, value in layer.items() if key != "scales"})
    return merged


def _scales(layer: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    scales = layer.get("scales", {})
    if not isinstance(scales, dict) or not all(over is None or isinstance(over, dict) for over in scales.values()):
        raise OleanderError("configuration, scales: must be a mapping of each scale's name to its own settings")
    return scales
