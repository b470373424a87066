"""Settings from files of anybody's: read from YAML, plain and finite, and held against a JSON schema.

Imports nothing heavy, so that a dry run is quick.
"""

import os
from dataclasses import dataclass
from typing import Any

import yaml

from oleander.io.errors import OleanderError
from oleander.io.files import read_bounded
from oleander.io.schemas import DEPTH, ENTRIES, Validator, check_plain

__all__ = ["Untracked", "Validator", "check_plain", "read_yaml"]

BYTES = 1_000_000
"""A longer file is no configuration."""
ALIASES = 1000
"""How many aliases a file may use."""


@dataclass(frozen=True)
class Untracked:
    """A rule's param that changes nothing in its outputs. Snakemake compares plain values alone, so that another value
    of it is no reason to run the job again."""

    value: Any


class _Loader(yaml.SafeLoader):
    """Plain YAML. PyYAML composes by recursion, copies what `<<` merges, takes the last of two entries of one name, and
    has no error for misplaced tags."""

    depth = aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        self.aliases += isinstance(event, yaml.AliasEvent)
        if getattr(event, "tag", None) is not None:
            raise yaml.composer.ComposerError(None, None, "tags are not known here", event.start_mark)
        if self.depth > DEPTH or self.aliases > ALIASES:
            raise yaml.composer.ComposerError(None, None, "too deep, or too many aliases", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        names = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in names:
                    message = f"'{key.value[:60]}' stands twice in one mapping"
                    raise yaml.composer.ComposerError(None, None, message, key.start_mark)
                names.add((key.tag, key.value))
        return node

    def flatten_mapping(self, node: Any) -> None:
        super().flatten_mapping(node)
        if len(node.value) > ENTRIES:
            raise yaml.constructor.ConstructorError(None, None, "merges too many entries", node.start_mark)


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file; what is in it need not be plain (`check_plain`).

    Raises:
        OleanderError: the file is missing, larger than `BYTES`, or no YAML.
    """
    try:
        return yaml.load(read_bounded(path, BYTES).decode("utf-8"), Loader=_Loader)
    # PyYAML leaves it to Python to refuse the 99th of a month, and numbers of too many digits.
    except (OSError, yaml.YAMLError, ValueError, OverflowError) as error:
        raise OleanderError(
            f"{path} cannot be read ({error}); correct it, or restore it from the repository"
        ) from error
