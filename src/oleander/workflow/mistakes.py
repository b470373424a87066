"""What is wrong with a setting, said in one sentence: what stands there, what is allowed, the nearest known name.

pydantic and jsonschema find mistakes; here both are put into the same words.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Any

WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of names to settings",
    "null": "null",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "greater_than_equal": "at least",
    "greater_than": "more than",
    "less_than_equal": "at most",
    "less_than": "less than",
}
LENGTHS = ("minLength", "minItems", "minProperties", "maxItems", "too_short", "too_long", "string_too_short")
TYPES = {"string_type": "string", "int_type": "integer", "bool_type": "boolean", "list_type": "array"}
TYPES |= {"dict_type": "object", "model_type": "object"}


class MistakeError(ValueError):
    """What is wrong, and where: keys from the block that was looked at down to the setting."""

    def __init__(self, problem: str, place: Iterable[str | int] = ()) -> None:
        super().__init__(problem)
        self.place = tuple(place)


def show(value: Any) -> str:
    """A value as a sentence quotes it; of lists and mappings no more than that."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return ("a mapping" if isinstance(value, dict) else "a list") if value else "nothing"
    return repr(value[:60]) if isinstance(value, str) else f"{value}"[:60]


def nearest(name: Any, known: Collection[str]) -> str:
    """ "; did you mean 'this'?" of the known name that is most like `name`, or nothing."""
    spelt = {one.lower(): one for one in known}
    close = difflib.get_close_matches(str(name)[:100].lower(), spelt, 1, cutoff=0.65)
    return f"; did you mean '{spelt[close[0]]}'?" if close else ";"


def unknown_key(name: Any, known: Collection[str]) -> str:
    """That a key is none of the known ones."""
    return f"not known{nearest(name, known)} known here: {', '.join(known)}"


def one_of(value: Any, known: Collection[Any]) -> str:
    """That a value is none of the known ones."""
    return f"{show(value)} is not known{nearest(value, list(map(str, known)))} known here: {', '.join(map(str, known))}"


def wrong_type(value: Any, types: Collection[str]) -> str:
    """That a value is of another type than JSON's `types`."""
    if "string" in types and isinstance(value, bool | int | float):
        # YAML takes no, off and y for switches, 0123 for an octal number, 1.0 and 1_000 for numbers.
        kind = "switch" if isinstance(value, bool) else "number"
        quoted = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
        told = f'read as the {kind} {show(value)} where text is wanted; write it in quotes, as in "{quoted}"'
        # YAML makes 83 of 0123, too.
        octal = kind == "number" and isinstance(value, int) and value >= 8
        return f'{told}, or "0{value:o}" if it has a leading zero there' if octal else told
    return f"{show(value)} is not {' or '.join(WORDS[one] for one in types)}"


def worst_of_pydantic(error: Any, settings: Any) -> MistakeError:
    """Of a `ValidationError` that `settings` caused, the mistake to correct first: missing keys come last."""
    ranks = {"missing": 2, "value_error": 0}
    return of_pydantic(min(error.errors(include_url=False), key=lambda one: ranks.get(one["type"], 1)), settings)


def of_pydantic(error: Any, settings: Any) -> MistakeError:
    """One of the errors of a `ValidationError` that `settings` caused."""
    kind, context, place = error["type"], error.get("ctx", {}), []
    # pydantic puts names of types, too, among the keys.
    for part in error["loc"]:
        inside = isinstance(settings, dict) and part in settings
        if inside or (isinstance(settings, list) and isinstance(part, int)):
            settings = settings[part]
            place.append(part)
        elif kind == "missing" and part == error["loc"][-1]:
            place.append(part)
    if isinstance(context.get("error"), MistakeError):
        return MistakeError(str(context["error"]), (*place, *context["error"].place))
    if kind == "missing":
        return MistakeError("missing; add it", place)
    if kind in TYPES:
        return MistakeError(wrong_type(error["input"], [TYPES[kind]]), place)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        known = re.findall(r"'([^']*)'", context.get("expected_tags", ""))
        key = context["discriminator"].strip("'")
        given = error["input"].get(key) if isinstance(error["input"], dict) else None
        return MistakeError("missing; add it" if given is None else one_of(given, known), [*place, key])
    if kind == "literal_error":
        return MistakeError(one_of(error["input"], re.findall(r"'([^']*)'", context["expected"])), place)
    if kind in BOUNDS:
        limit = context[{"greater_than_equal": "ge", "greater_than": "gt", "less_than_equal": "le"}.get(kind, "lt")]
        return MistakeError(_bound(error["input"], kind, limit), place)
    if kind in LENGTHS:
        return MistakeError(_length(error["input"], context.get("min_length", context.get("max_length"))), place)
    return MistakeError(error["msg"], place)


def of_jsonschema(error: Any, known: Collection[str]) -> MistakeError:
    """One error of a JSON schema; `known`: keys that the mapping at fault may have."""
    kind, value, place = error.validator, error.instance, list(error.absolute_path)
    if kind in ("additionalProperties", "unevaluatedProperties"):
        key = next(key for key in value if key not in known)
        return MistakeError(unknown_key(key, known), [*place, key])
    if kind == "required":
        return MistakeError("missing; add it", [*place, next(key for key in error.validator_value if key not in value)])
    if kind == "type":
        types = error.validator_value
        return MistakeError(wrong_type(value, [types] if isinstance(types, str) else types), place)
    if kind in ("enum", "const"):
        # Text that YAML made something else of is told as such.
        allowed = error.validator_value if kind == "enum" else [error.validator_value]
        if not isinstance(value, str) and all(isinstance(one, str) for one in allowed):
            return MistakeError(wrong_type(value, ["string"]), place)
        return MistakeError(one_of(value, allowed), place)
    if kind in BOUNDS:
        return MistakeError(_bound(value, kind, error.validator_value), place)
    if kind in LENGTHS:
        return MistakeError(_length(value, error.validator_value), place)
    if kind == "uniqueItems":
        return MistakeError("has an entry twice; remove one", place)
    if kind == "dependentRequired":
        return MistakeError(error.message, place)
    # oneOf, anyOf and not: which settings go together.
    named = dict.fromkeys(re.findall(r"'required': \['(\w+)'", str(error.validator_value)))
    if kind == "oneOf" and named:
        return MistakeError(f"give exactly one of {', '.join(named)}", place)
    at_fault = [key for key in named if isinstance(value, dict) and key in value]
    told = f"{', '.join(at_fault)} do" if len(at_fault) > 1 else f"{(at_fault or [show(value)])[0]} does"
    return MistakeError(f"{told} not go with the other settings here", place)


def _bound(value: Any, kind: str, limit: float) -> str:
    return f"{show(value)} is out of bounds; it must be {BOUNDS[kind]} {limit:g}"


def _length(value: Any, limit: int) -> str:
    what = "characters" if isinstance(value, str) else "entries"
    return f"has {len(value)} {what}; it must have {'at least' if len(value) < limit else 'at most'} {limit}"
