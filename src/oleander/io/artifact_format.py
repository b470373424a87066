"""The artifact file format: a safetensors file with settings and a checksum in its header.

Nothing is ever unpickled: a file that is not valid safetensors, or lacks Oleander's header, is rejected. This module
does not import torch, so plotting jobs can read artifacts quickly with `load_arrays`.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jsonschema.exceptions import best_match
from safetensors import SafetensorError, safe_open

from oleander.io.errors import OleanderError
from oleander.io.files import open_regular
from oleander.io.schemas import Validator

METADATA_KEY = "oleander"
# JSON schemas of header entries.
TEXT: dict[str, Any] = {"type": "string"}
TEXT_OR_NONE: dict[str, Any] = {"type": ["string", "null"]}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
SEED: dict[str, Any] = {"type": "integer", "minimum": 0}
SHAPE: dict[str, Any] = {"type": "array", "items": COUNT, "minItems": 1, "maxItems": 3}
MAPPING: dict[str, Any] = {"type": "object"}
BLOCK_BYTES = 2**20
HEADER_BYTES = 2**22
"""Maximum length of an artifact's header; the project's longest is below 2**13."""
WIDTHS = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "F32": 4,
    "F64": 8,
    "I64": 8,
}
"""safetensors type name -> bytes per value. safetensors writes tensors in the reverse of this order, widest first."""
NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "F32": "float32",
    "F64": "float64",
    "I64": "int64",
}
"""safetensors type name -> torch's name; NumPy's is the same, but it has no bfloat16."""


class Form(NamedTuple):
    """Type and shape of a tensor.

    Attributes:
        type: a key of `WIDTHS`.
        shape: the tensor's shape.
    """

    type: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Size of the tensor in bytes."""
        return math.prod(self.shape) * WIDTHS[self.type]


def canonical_json(value: Any) -> str:
    """Canonical JSON of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`: equal settings have equal fingerprints."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], Any]:
    """Read an artifact's tensors as NumPy arrays, and its settings.

    Raises:
        OleanderError: the file is missing, truncated, corrupt or not an Oleander artifact.
    """
    with reading(path):
        arrays, metadata = read_safetensors(path, "numpy")
        codes = {name: code for code, name in NAMES.items()}
        forms = {name: Form(codes[str(array.dtype)], array.shape) for name, array in arrays.items()}
        return arrays, checked_settings(path, metadata, forms)


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Context in which errors from reading a missing or invalid artifact at `path` become an `OleanderError`.

    Raises:
        OleanderError: the file is missing or invalid.
    """
    try:
        yield
    except FileNotFoundError:
        raise OleanderError(f"{path} does not exist; run the rule that creates it") from None
    # RecursionError: deeply nested JSON.
    except (KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        raise OleanderError(f"{path} is not a complete Oleander artifact ({error}); delete it and run again") from error


def checked_settings(path: str | os.PathLike[str], metadata: Mapping[str, str], forms: Mapping[str, Form]) -> Any:
    """The settings in an artifact's metadata, after checking that the whole file is exactly as written.

    Raises:
        KeyError, TypeError, ValueError, OSError, RecursionError: the file is invalid.
    """
    settings = json.loads(metadata[METADATA_KEY])["settings"]
    if not isinstance(settings, dict):
        raise TypeError("its settings are not a mapping")
    if not _is_as_written(path, forms, settings):
        raise ValueError("its checksum does not match its contents")
    return settings


def read_safetensors(path: str | os.PathLike[str], framework: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the tensors and the metadata of any safetensors file.

    Args:
        path: the file.
        framework: "pt" for memory-mapped torch tensors, "numpy" for arrays.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
        ValueError: it is not a safetensors file, or its header is longer than `HEADER_BYTES`.
    """
    with open_regular(path) as stream:
        length = int.from_bytes(stream.read(8), "little")
    if length > HEADER_BYTES:
        raise ValueError(f"its header has {length:,} bytes, more than {HEADER_BYTES:,}")
    try:
        with safe_open(Path(path), framework=framework) as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    # TypeError: a dimension beyond 2**63, or a type that NumPy lacks.
    except (SafetensorError, TypeError) as error:
        raise ValueError(str(error)) from error


@contextlib.contextmanager
def expecting(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Context in which errors because the artifact at `path` is not `what` (another or an old one) become one sentence.

    Use it only around reading the header and building networks from it. It catches the exceptions that unexpected JSON
    causes there, and torch's RuntimeError for tensors of the wrong shape.

    Raises:
        OleanderError: the artifact is not `what`.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, OleanderError) as error:
        raise OleanderError(f"{path} holds no {what} ({error!r}); delete it and run again") from error


def check_header(header: Any, properties: dict[str, Any]) -> None:
    """Check that an artifact's settings have the entries that its reader needs.

    Args:
        header: the settings.
        properties: name of each required entry -> its JSON schema.

    Raises:
        ValueError: an entry is missing or does not match its schema.
    """
    schema = {"required": list(properties), "properties": properties}
    error = best_match(Validator(schema).iter_errors(header))
    if error is not None:
        raise ValueError(f"{error.json_path.removeprefix('$.')}: {error.message[:200]}")


def offsets(forms: Mapping[str, Form]) -> dict[str, int]:
    """Byte offset of each tensor from the header's end, in file order."""
    order = list(WIDTHS)
    places, end = {}, 0
    for name in sorted(forms, key=lambda name: (-order.index(forms[name].type), name)):
        places[name] = end
        end += forms[name].bytes
    return places


def header(forms: Mapping[str, Form], settings: Any, sha256: str) -> bytes:
    """The file's header: its length, then JSON, padded so that tensors start at a multiple of 8.

    All metadata is one entry, because safetensors writes several entries in random order, and equal content must give
    equal bytes.
    """
    entries: dict[str, Any] = {"__metadata__": {METADATA_KEY: canonical_json({"settings": settings, "sha256": sha256})}}
    for name, offset in offsets(forms).items():
        form = forms[name]
        place = [offset, offset + form.bytes]
        entries[name] = {"dtype": form.type, "shape": list(form.shape), "data_offsets": place}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


# The checksum covers settings, names, types, shapes and bytes; safetensors itself does not detect a flipped bit.
def start_digest(settings: Any) -> Any:
    """Start the running checksum with the settings."""
    return hashlib.sha256(f"{canonical_json(settings)}\n".encode())


def line(name: str, form: Form) -> bytes:
    """The checksum's input before a tensor's bytes."""
    return f"{name} torch.{NAMES[form.type]} {tuple(form.shape)}\n".encode()


def _is_as_written(path: str | os.PathLike[str], forms: Mapping[str, Form], settings: Any) -> bool:
    """Whether the file is, bit for bit, what would be written for this content.

    It is read in blocks; the pages of a memory map would stay in memory.
    """
    running, block = start_digest(settings), memoryview(bytearray(BLOCK_BYTES))
    places = offsets(forms)
    with Path(path).open("rb", buffering=0) as stream:
        start = 8 + int.from_bytes(stream.read(8), "little")
        for name in sorted(forms):
            running.update(line(name, forms[name]))
            stream.seek(start + places[name])
            left = forms[name].bytes
            while left and (count := stream.readinto(block[:left])):
                running.update(block[:count])
                left -= count
        # Compare the whole header: a flipped bit can keep its meaning, such as 1e-05 and 1E-05.
        stream.seek(0)
        return stream.read(start) == header(forms, settings, running.hexdigest())
