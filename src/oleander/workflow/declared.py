"""What methods declare of themselves, read from their source, and settings held against it.

A dry run of the workflow checks every setting of every method, but must not wait seconds for the methods' libraries.
"""

import ast
import contextlib
import copy
import functools
import re
import sys
from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError
from oleander.io.schemas import DEFINITIONS, LARGEST, Validator
from oleander.workflow.mistakes import MistakeError, of_jsonschema, one_of, wrong_type

SOURCE = Path(__file__).resolve().parents[1]
SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "null": None, "~": None}

COUNT, SHARE = {"$ref": "#/$defs/count"}, {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
WHOLE = {"type": "integer", "minimum": 0}
SLOPE = {"type": "number", "minimum": 0, "maximum": 1}
COMMON = {
    "architecture": {"enum": ["mlp", "cnn", "transposed_cnn"]},
    "negative_slope": SLOPE,
    "output": {"enum": ["linear", "logits", "tanh"]},
    "optimizer": {"$ref": "#/$defs/optimizer"},
}
WINDOW = {"kernel": COUNT, "stride": COUNT, "padding": WHOLE}
LAYER = {"channels": COUNT, **WINDOW, "batch_norm": {"type": "boolean"}}
SHARED: dict[str, Any] = {
    **DEFINITIONS,
    "optimizer": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "learning_rate"],
        "properties": {
            "name": {"enum": ["adam", "sgd"]},
            "learning_rate": {"type": "number", "exclusiveMinimum": 0},
            "momentum": SHARE,
        },
        "if": {"properties": {"name": {"const": "adam"}}},
        "then": {"properties": {"momentum": {"not": {}}}},
        "else": {"required": ["momentum"]},
    },
    "network": {
        "type": "object",
        "required": list(COMMON),
        "properties": COMMON,
        "if": {"properties": {"architecture": {"const": "mlp"}}},
        "then": {
            "required": ["hidden", "dropout"],
            "properties": {
                "hidden": {"type": "array", "items": COUNT},
                "dropout": {"if": {"type": "array"}, "then": {"items": SHARE}, "else": SHARE},
            },
        },
        "else": {
            "required": ["hidden", "last"],
            "properties": {
                "hidden": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": list(LAYER),
                        "properties": {**LAYER, "max_pool": COUNT, "dropout": SHARE},
                    },
                },
                "last": {
                    "if": {"type": "object"},
                    "then": {"additionalProperties": False, "required": list(WINDOW), "properties": WINDOW},
                    "else": {"const": "fully_connected"},
                },
            },
        },
    },
}
"""What the workflow's blocks and each `SETTINGS_SCHEMA` may refer to, as in {"$ref": "#/$defs/network"}."""


def literals(package: str, name: str) -> dict[str, Any]:
    """Module's name -> the literal that it gives `name`, for every module of a package that does.

    Args:
        package: name of a folder of src/oleander, such as "defenses".
        name: what stands at the left of the module's assignment.

    Raises:
        OleanderError: it is no literal.
    """
    found = {}
    for path in sorted((SOURCE / package).glob("*.py")):
        # To the next line that begins something else: parsing whole modules takes as long as all the rest.
        text = re.search(rf"^{name}(?:: .*)? = (.*\n(?:[ \t)\]}}].*\n|\n)*)", path.read_text("utf-8"), re.MULTILINE)
        if text is not None:
            try:
                found[path.stem] = ast.literal_eval(text[1].strip())
            except (ValueError, SyntaxError) as error:
                raise OleanderError(
                    f"{path}: {name} must be written out, without names from elsewhere, since it is read without "
                    f"importing the module ({error})"
                ) from error
    return found


def _of_methods(package: str, name: str) -> dict[str, Any]:
    """As `literals`, by the names that methods have in the configuration."""
    # torchvision_source.py is named so as not to be taken for the library.
    return {module.removesuffix("_source"): literal for module, literal in literals(package, name).items()}


@functools.cache
def declared_settings(package: str) -> dict[str, dict[str, Any]]:
    """Method's name -> its `SETTINGS_SCHEMA`, of a package of this project such as "defenses" or "data/sources".

    Raises:
        OleanderError: a `SETTINGS_SCHEMA` that is not a literal.
    """
    return _of_methods(package, "SETTINGS_SCHEMA")


@functools.cache
def grids() -> dict[str, tuple[str, ...]]:
    """Trained attack -> the lists that an experiment of it gives besides `epochs`."""
    return literals("attacks", "GRID")


@functools.cache
def source_files() -> dict[str, tuple[str, ...]]:
    """Source of data -> its `FILES`, of sources that read the user's files; see `user_files.source_paths`."""
    return _of_methods("data/sources", "FILES")


@functools.cache
def publishes_images() -> dict[str, bool]:
    """Source of data -> whether its images may be published, of sources that say so."""
    return _of_methods("data/sources", "PUBLISH_IMAGES")


def is_trained(attack: str) -> bool:
    """Does an attack train generators? `attack`: its own name, as `name` in its block has it."""
    return attack in grids()


def grid_of(attack: str) -> tuple[str, ...]:
    """The lists that an experiment of an attack gives besides `epochs`; none where nothing is trained."""
    return grids().get(attack, ())


def method_schema(package: str, settings: dict[str, Any], key: str, extra: dict[str, Any], free: dict[str, Any]) -> Any:
    """The JSON schema of the block of a method.

    Args:
        package: where methods of that kind are declared.
        settings: the block; `key` in it names the method.
        extra: properties that every such block must have besides.
        free: properties that it may have besides.

    Raises:
        MistakeError: no method is named, or none that is known.
    """
    declared = declared_settings(package)
    if key not in settings:
        raise MistakeError(f"missing; choose one of {', '.join(declared)}", [key])
    if not isinstance(settings[key], str):
        raise MistakeError(wrong_type(settings[key], ["string"]), [key])
    if settings[key] not in declared:
        raise MistakeError(one_of(settings[key], list(declared)), [key])
    schema = declared[settings[key]]
    properties = {key: True, **extra, **free, **schema["properties"]}
    return {
        **schema,
        "additionalProperties": False,
        "properties": properties,
        "required": [*schema["required"], *extra],
    }


def spoken(value: Any) -> Any:
    """The number or switch that a text stands for, where it stands for one; anything else as it is.

    YAML 1.1 reads 1e-4 as text, and whatever stands within what `--config` says comes as text.
    """
    if not isinstance(value, str):
        return value
    if value.lower() in SWITCHES:
        return SWITCHES[value.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            number = kind(value)
            return number if abs(number) <= (LARGEST if kind is int else sys.float_info.max) else value
    return value


def conform(settings: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A copy of `settings` in which texts are numbers and switches where the schema wants these.

    Raises:
        MistakeError: something that the schema does not allow: unknown names first, missing keys last.
    """
    settings = copy.deepcopy(settings)
    validator = Validator({**schema, "$defs": SHARED})
    errors = list(validator.iter_errors(settings))
    if any([_respeak(settings, error) for error in errors]):
        errors = list(validator.iter_errors(settings))
    if errors:
        ranks = {"enum": 0, "const": 0, "additionalProperties": 1, "unevaluatedProperties": 1, "required": 3}
        error = min(errors, key=lambda error: ranks.get(error.validator, 2))
        raise of_jsonschema(error, _known(validator, error.schema, error.instance))
    return settings


def _respeak(settings: Any, error: Any) -> bool:
    """Put the number or switch that a text stands for in its place; was there one?"""
    value = spoken(error.instance)
    wanted = error.validator == "type" or (error.validator == "enum" and value in error.validator_value)
    if not isinstance(error.instance, str) or isinstance(value, str) or not wanted:
        return False
    *parents, last = error.absolute_path
    for key in parents:
        settings = settings[key]
    settings[last] = value
    return True


def _known(validator: Any, schema: Any, value: Any) -> list[str]:
    """Keys that a schema has for a mapping, in the parts that it refers to as well."""
    if not isinstance(schema, dict) or not isinstance(value, dict):
        return []
    parts = [SHARED[schema["$ref"].rpartition("/")[2]]] if "$ref" in schema else []
    if "if" in schema:
        parts.append(schema.get("then" if validator.evolve(schema=schema["if"]).is_valid(value) else "else"))
    names = [key for key, inner in schema.get("properties", {}).items() if inner != {"not": {}}]
    return list(
        dict.fromkeys(name for part in (names, *(_known(validator, one, value) for one in parts)) for name in part)
    )
