"""What modules declare of their settings, read from their source.

A dry run of the workflow checks every setting of every method, but must not wait seconds for the methods' libraries.
"""

import ast
from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError

NAME = "SETTINGS_SCHEMA"


def declared_settings(package: str) -> dict[str, dict[str, Any]]:
    """Module name -> its `SETTINGS_SCHEMA`, for every module of a package of this project that has one.

    Args:
        package: name of a folder of src/oleander, such as "defenses".

    Raises:
        OleanderError: a `SETTINGS_SCHEMA` that is not a literal.
    """
    found = {}
    for path in sorted((Path(__file__).resolve().parents[1] / package).glob("*.py")):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            else:
                targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(target, ast.Name) and target.id == NAME for target in targets):
                try:
                    found[path.stem] = ast.literal_eval(statement.value)
                except ValueError as error:
                    raise OleanderError(
                        f"{path}: {NAME} must be written out, without names from elsewhere, since it is read without "
                        f"importing the module ({error})"
                    ) from error
    return found


def choose_one(declared: dict[str, dict[str, Any]], extra: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a block that names one of the declared modules and gives its settings, no others.

    Args:
        declared: what `declared_settings` gives.
        extra: properties that every block has besides `name`; all of them required.
    """
    return {
        "type": "object",
        "required": ["name", *extra],
        "properties": {"name": {"enum": list(declared)}},
        # By name, so that a mistake is told of the module that is meant.
        "allOf": [
            {
                "if": {"properties": {"name": {"const": name}}},
                "then": {
                    **schema,
                    "additionalProperties": False,
                    "properties": {"name": True, **extra, **schema["properties"]},
                },
            }
            for name, schema in declared.items()
        ],
    }
