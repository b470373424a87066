"""The configuration: config.yaml, one scale's overrides merged over it, checked against the schema.

Imports nothing heavy, so that a dry run is quick.
"""

import copy
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from oleander.io.errors import OleanderError


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `over` in place of its own; mappings are merged, all else is replaced."""
    merged = copy.deepcopy(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def resolve(config: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The configuration at its chosen scale, without the `scales` block.

    Every scale is checked, not only the chosen one.

    Args:
        config: as in config.yaml.
        schema: JSON schema of a resolved configuration.

    Raises:
        OleanderError: an unknown scale, an unknown key, a value of the wrong kind, or a name that is defined nowhere.
    """
    scales = config.get("scales") or {}
    if config.get("scale") not in scales:
        raise OleanderError(
            f"unknown scale '{config.get('scale')}'; choose one of {', '.join(scales)} with --config scale=..."
        )
    base = {key: value for key, value in config.items() if key != "scales"}
    resolved = {name: merge(base, {**(over or {}), "scale": name}) for name, over in scales.items()}
    for name, one in resolved.items():
        _check(name, one, schema)
    return resolved[config["scale"]]


def load_configuration(path: str | Path, schema_path: str | Path, scale: str | None = None) -> dict[str, Any]:
    """Read and resolve a configuration file; `scale` replaces the one it chooses."""
    config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    return resolve(config if scale is None else {**config, "scale": scale}, schema)


def _check(scale: str, config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Schema first, then references from one block to another."""
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(config))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "the top level"
        raise OleanderError(
            f"configuration at scale {scale}, {where}: {error.message}; see config.yaml for what is known"
        )
    references = [
        ("tasks", "dataset", "datasets"),
        ("experiments", "task", "tasks"),
        ("experiments", "attack", "attacks"),
        ("evaluations", "defense", "defenses"),
        ("evaluations", "victim", "victims"),
        ("figures", "experiment", "experiments"),
        ("figures", "experiments", "experiments"),
        ("figures", "evaluation", "evaluations"),
    ]
    for block, key, target in references:
        for name, entry in config[block].items():
            wanted = entry.get(key, [])
            for reference in wanted if isinstance(wanted, list) else [wanted]:
                if reference not in config[target]:
                    raise OleanderError(
                        f"configuration at scale {scale}, {block}.{name}.{key}: '{reference}' is not one of "
                        f"{target}: {', '.join(config[target])}"
                    )
