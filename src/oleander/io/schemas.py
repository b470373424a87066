"""Settings from files of anybody's: plain and finite, and held against a JSON schema.

Imports nothing heavy, so that a dry run is quick.
"""

import datetime
import math
import unicodedata
from typing import Any

import jsonschema

from oleander.io.errors import OleanderError

DEPTH = 20
"""How deep settings may be nested."""
ENTRIES = 1000
"""How many entries one list or mapping may have; jsonschema compares those of a list each with each."""
CHARACTERS = 500_000
"""How much settings may come to once aliases are written out: an entry counts as one, a text as its characters too."""
LARGEST = 2**53
"""The largest whole number, up to which JSON means the same everywhere."""

DEFINITIONS: dict[str, Any] = {
    "count": {"type": "integer", "minimum": 1},
    "seed": {"type": "integer", "minimum": 0, "description": "seed of every random choice"},
    "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
}
"""What every `SETTINGS_SCHEMA` may refer to, as in {"$ref": "#/$defs/count"}."""

Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)
"""JSON schema, 2020-12, for which 2.0 is no integer: nothing can be counted to it."""


def check_plain(settings: Any, what: str) -> None:
    """Refuse settings that JSON does not have, or that take long to look at.

    YAML has dates and sets, texts of several lines, and infinity. It has a NaN, which no bound in a schema stops, and
    aliases, by which a few lines stand for billions of entries.

    Args:
        settings: anything.
        what: the settings, as the message names them.

    Raises:
        OleanderError: names the first entry at fault.
    """
    left = CHARACTERS
    # Where an entry stands is a chain of keys, which is written out for the message alone.
    entries: list[tuple[Any, int, Any]] = [(settings, 0, None)]
    while entries:
        value, depth, place = entries.pop()
        problem = _problem(value)
        left -= 1 + (len(value) if isinstance(value, str) else 0)
        if problem is None and isinstance(value, dict | list):
            inner = list(value.items() if isinstance(value, dict) else enumerate(value))
            left -= sum(len(key) for key, _ in inner if isinstance(key, str))
            entries += [(one, depth + 1, (place, key)) for key, one in reversed(inner)]
            problem = f"is nested more than {DEPTH} deep" if depth > DEPTH else None
        if problem is None and left < 0:
            problem = f"comes, with all before it and aliases written out, to more than {CHARACTERS:,} characters"
        if problem is not None:
            where = f"{what}, {_dotted(place)}" if place else what
            raise OleanderError(
                f"{where}: {problem}; settings must be finite numbers, text of one line, lists and mappings of these"
            )


def _problem(value: Any) -> str | None:
    """What is wrong with one entry, by itself."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) <= LARGEST else f"a whole number beyond {LARGEST}"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is not finite"
    if isinstance(value, str):
        return None if _is_line(value) else f"{value[:60]!r} has characters that cannot be printed"
    if isinstance(value, datetime.date):
        return f'the date {value} was read, as YAML does with such text; write it in quotes, as in "{value}"'
    if isinstance(value, dict | list) and len(value) > ENTRIES:
        return f"has {len(value):,} entries, more than {ENTRIES:,}"
    if isinstance(value, dict):
        wrong = next((key for key in value if not isinstance(key, str) or not key or not _is_line(key)), None)
        sound = wrong is None and None not in value
        return None if sound else f"{str(wrong)[:60]!r} cannot be a name; write it in quotes"
    return None if isinstance(value, list) else f"a {type(value).__name__} is none of these"


def _is_line(text: str) -> bool:
    return not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") for one in text)


def _dotted(place: tuple[Any, Any]) -> str:
    keys = []
    while place:
        place, key = place
        keys.append(str(key))
    return ".".join(reversed(keys))
