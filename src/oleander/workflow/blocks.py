"""What the models of the configuration are made of: types of settings, and `Block`, a mapping of the configuration."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    Strict,
    model_validator,
)

from oleander.workflow.declared import spoken
from oleander.workflow.mistakes import MistakeError, unknown_key, wrong_type


def _number(value: Any) -> int | float:
    """As written: 5 stays 5, and is not 5.0."""
    value = spoken(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MistakeError(wrong_type(value, ["number"]))
    return value


def matching(pattern: str, words: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise MistakeError(f"'{text[:60]}' is not {words}")
        return text

    return AfterValidator(check)


def unique(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise MistakeError("has an entry twice; remove one")
    return values


def nothing(value: Any) -> Any:
    """`--config` says null in words."""
    return None if value in ("null", "~") else value


Text = Annotated[str, Strict()]
Filled = Annotated[str, Strict(), Field(min_length=1)]
Name = Annotated[str, Strict(), matching("[a-z0-9_]+", "a name of small letters, digits and _")]
Switch = Annotated[bool, Strict(), BeforeValidator(spoken)]
Whole = Annotated[int, Strict(), BeforeValidator(spoken), Field(ge=0)]
Count = Annotated[int, Strict(), BeforeValidator(spoken), Field(ge=1)]
Number = Annotated[Any, PlainValidator(_number)]
Positive = Annotated[Number, Field(gt=0)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Fractions = Annotated[list[Fraction], Field(min_length=1), AfterValidator(unique)]
PoisonFractions = Annotated[list[Annotated[Number, Field(ge=0, le=0.5)]], Field(min_length=1), AfterValidator(unique)]
Grid = Annotated[list[Positive], Field(min_length=1), AfterValidator(unique)]
BackdooredModels = Annotated[dict[Name, Text], Field(min_length=1)]
Names = Annotated[list[Text], Field(min_length=1)]


class Block(BaseModel):
    """A mapping of the configuration. Keys that it does not know are refused; those not given read as None."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    _keys: tuple[str, ...] = PrivateAttr(())

    def plain(self) -> dict[str, Any]:
        """The block as it was written, once all layers were merged: keys that were not given are absent."""
        return {key: _plain(getattr(self, key)) for key in self._keys}

    @classmethod
    def known(cls) -> list[str]:
        """Keys that the block may have."""
        return list(cls.model_fields)

    @classmethod
    def checked(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """`settings`, if it has no other keys than these.

        Raises:
            MistakeError: names the first key at fault.
        """
        known = cls.known()
        for key in settings:
            if key not in known:
                raise MistakeError(unknown_key(key, known), [key])
        return settings

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, settings: Any, handler: Callable[[Any], Any]) -> Any:
        if not isinstance(settings, dict):
            raise MistakeError(wrong_type(settings, ["object"]))
        block = handler(cls.checked(settings))
        block._keys = tuple(settings)
        return block


def _plain(value: Any) -> Any:
    if isinstance(value, Block):
        return value.plain()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
