"""The configuration: config.yaml, one scale's overrides merged over it, checked against the schema.

Imports nothing heavy, so that a dry run is quick.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from oleander.io.declared import choose_one, declared_settings
from oleander.io.errors import OleanderError


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `over` in place of its own; mappings are merged, all else is replaced.

    A mapping that names its `source` replaces the whole one below: another source has other settings.
    """
    if "source" in over:
        return copy.deepcopy(over)
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
        schema: JSON schema of a resolved configuration, as it stands in workflow/schemas.

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
    schema = complete(schema)
    for name, one in resolved.items():
        _check(name, one, schema)
    return resolved[config["scale"]]


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the settings that attacks and defenses declare in their own files."""
    schema = copy.deepcopy(schema)
    definitions = schema["$defs"]
    untrained = choose_one(declared_settings("attacks"), {})
    # By name, so that a mistake is told of the attack that is meant.
    definitions["attack"] = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"enum": ["pgan", *untrained["properties"]["name"]["enum"]]}},
        "if": {"properties": {"name": {"const": "pgan"}}},
        "then": definitions["attack"],
        "else": untrained,
    }
    definitions["defense"] = choose_one(declared_settings("defenses"), {"title": {"type": "string", "minLength": 1}})
    return schema


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
        ("tasks", "victim", "victims"),
        ("experiments", "task", "tasks"),
        ("experiments", "attack", "attacks"),
        ("evaluations", "defense", "defenses"),
        ("evaluations", "task", "tasks"),
        ("figures", "experiment", "experiments"),
        ("figures", "experiments", "experiments"),
        ("figures", "evaluation", "evaluations"),
        ("figures", "evaluations", "evaluations"),
    ]
    for block, key, target in references:
        for name, entry in config[block].items():
            for where, reference in _values(entry, key, f"{block}.{name}"):
                if reference not in config[target]:
                    raise OleanderError(
                        f"configuration at scale {scale}, {where}: '{reference}' is not one of "
                        f"{target}: {', '.join(config[target])}"
                    )
    for name, experiment in config["experiments"].items():
        trained = "generator" in config["attacks"][experiment["attack"]]
        if trained != ("epochs" in experiment):
            raise OleanderError(
                f"configuration at scale {scale}, experiments.{name}: epochs, alphas and lambda_primes are "
                f"{'needed, as' if trained else 'not known, as nothing in'} attack '{experiment['attack']}' is trained"
            )


def _values(entry: Any, key: str, where: str) -> Iterator[tuple[str, str]]:
    """Every name that stands under `key` at any depth of `entry`, lists of lists included, and where it stands."""
    if isinstance(entry, dict):
        for inner, value in entry.items():
            if inner == key:
                yield from ((f"{where}.{key}", name) for name in _flat(value))
            else:
                yield from _values(value, key, f"{where}.{inner}")
    elif isinstance(entry, list):
        for value in entry:
            yield from _values(value, key, where)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    elif not isinstance(value, dict):
        yield value
