"""Validate untrusted settings: plain, finite values that match a JSON schema.

Imports nothing heavy, so that dry runs are fast.
"""

import datetime
import math
import unicodedata
from typing import Any

import jsonschema

from oleander.io.errors import OleanderError

DEPTH = 20
"""Maximum nesting depth of settings."""
ENTRIES = 1000
"""Maximum entries of one list or mapping; jsonschema compares all pairs of a list's entries."""
CHARACTERS = 500_000
"""Maximum size of settings with aliases expanded: one per entry, plus the characters of its text."""
LARGEST = 2**53
"""Largest absolute value of an integer: beyond it, JSON readers may lose precision."""

DEFINITIONS: dict[str, Any] = {
    "count": {"type": "integer", "minimum": 1},
    "seed": {"type": "integer", "minimum": 0, "description": "seed of every random choice"},
    "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
}
"""Definitions that every `SETTINGS_SCHEMA` may refer to, as in {"$ref": "#/$defs/count"}."""

Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)
"""JSON schema 2020-12, except that 2.0 is not an integer."""


def check_plain(settings: Any, what: str) -> None:
    """Raise an error for settings that JSON cannot represent, or that are too large to process.

    YAML allows dates, sets, multi-line text and infinity. It also allows NaN, which passes every bound in a schema, and
    aliases, with which a few lines expand to billions of entries.

    Args:
        settings: any value.
        what: name of the settings in the error message.

    Raises:
        OleanderError: names the first invalid entry.
    """
    left = CHARACTERS
    # An entry's place is a chain of keys, joined only for the message.
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
            problem = f"makes the settings, with aliases expanded, longer than {CHARACTERS:,} characters"
        if problem is not None:
            where = f"{what}, {_dotted(place)}" if place else what
            raise OleanderError(
                f"{where}: {problem}; settings must be finite numbers, one-line text, lists and mappings of these"
            )


def _problem(value: Any) -> str | None:
    """What is wrong with one entry, apart from its children; None if nothing."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) <= LARGEST else f"an integer beyond {LARGEST}"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is not finite"
    if isinstance(value, str):
        return None if _is_line(value) else f"{value[:60]!r} has unprintable characters"
    if isinstance(value, datetime.date):
        return f'YAML reads this text as the date {value}; write it in quotes, as in "{value}"'
    if isinstance(value, dict | list) and len(value) > ENTRIES:
        return f"has {len(value):,} entries, more than {ENTRIES:,}"
    if isinstance(value, dict):
        wrong = next((key for key in value if not isinstance(key, str) or not key or not _is_line(key)), None)
        sound = wrong is None and None not in value
        return None if sound else f"{str(wrong)[:60]!r} cannot be a name; write it in quotes"
    return None if isinstance(value, list) else f"a {type(value).__name__} is not allowed"


def _is_line(text: str) -> bool:
    return not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") for one in text)


def _dotted(place: tuple[Any, Any]) -> str:
    keys = []
    while place:
        place, key = place
        keys.append(str(key))
    return ".".join(reversed(keys))
