"""What an artifact's file looks like, byte by byte: a safetensors file with settings and a checksum in its header.

Nothing is ever unpickled: a file that is not valid safetensors, or whose header is not ours, is refused. torch is not
imported, so that a job that only draws can read what others saved: `load_arrays`.
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
# Forms of a header's entries.
TEXT: dict[str, Any] = {"type": "string"}
TEXT_OR_NONE: dict[str, Any] = {"type": ["string", "null"]}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
SEED: dict[str, Any] = {"type": "integer", "minimum": 0}
SHAPE: dict[str, Any] = {"type": "array", "items": COUNT, "minItems": 1, "maxItems": 3}
MAPPING: dict[str, Any] = {"type": "object"}
BLOCK_BYTES = 2**20
HEADER_BYTES = 2**22
"""How long the header of an artifact may be; that of the project's largest has not 2**13."""
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
"""The format's names of types -> bytes of a value, in the order in which safetensors itself lays tensors out: widest
last, written first."""
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
"""The same names -> what torch, and but for bfloat16 NumPy, call these types."""


class Form(NamedTuple):
    """Type and shape of a tensor.

    Attributes:
        type: one of `WIDTHS`.
        shape: of the tensor.
    """

    type: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How long the tensor is."""
        return math.prod(self.shape) * WIDTHS[self.type]


def canonical_json(value: Any) -> str:
    """The one JSON text of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`: equal settings, equal fingerprint."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], Any]:
    """Read an artifact as NumPy arrays, and its settings.

    Raises:
        OleanderError: the file is missing, truncated, corrupt or not one of ours.
    """
    with reading(path):
        arrays, metadata = read_safetensors(path, "numpy")
        codes = {name: code for code, name in NAMES.items()}
        forms = {name: Form(codes[str(array.dtype)], array.shape) for name, array in arrays.items()}
        return arrays, checked_settings(path, metadata, forms)


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """While inside, what fails because the file at `path` is no sound artifact is a sentence.

    Raises:
        OleanderError: something failed.
    """
    try:
        yield
    except FileNotFoundError:
        raise OleanderError(f"{path} does not exist; run the rule that makes it") from None
    # RecursionError: JSON in JSON in JSON.
    except (KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        raise OleanderError(f"{path} is not a complete Oleander artifact ({error}); delete it and run again") from error


def checked_settings(path: str | os.PathLike[str], metadata: Mapping[str, str], forms: Mapping[str, Form]) -> Any:
    """The settings in an artifact's metadata, once the whole file is known to be as it was written.

    Raises:
        KeyError, TypeError, ValueError, OSError, RecursionError: it is not.
    """
    settings = json.loads(metadata[METADATA_KEY])["settings"]
    if not isinstance(settings, dict):
        raise TypeError("its settings are no mapping")
    if not _is_as_written(path, forms, settings):
        raise ValueError("its checksum does not match its contents")
    return settings


def read_safetensors(path: str | os.PathLike[str], framework: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors of any safetensors file and its metadata.

    Args:
        path: the file.
        framework: "pt" for torch tensors, in the file's mapping; "numpy" for arrays.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular file.
        ValueError: it is no safetensors file, or one with a header of more than `HEADER_BYTES`.
    """
    with open_regular(path) as stream:
        length = int.from_bytes(stream.read(8), "little")
    if length > HEADER_BYTES:
        raise ValueError(f"its header says that it is {length:,} bytes long, more than {HEADER_BYTES:,}")
    try:
        with safe_open(Path(path), framework=framework) as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    # TypeError: a side beyond 2**63, or a type that NumPy has not got.
    except (SafetensorError, TypeError) as error:
        raise ValueError(str(error)) from error


@contextlib.contextmanager
def expecting(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """While inside, what fails because the artifact at `path` is not `what`, but another or an old one, is a sentence.

    For looking into its header and for building networks of that, nothing else: these are the exceptions that JSON of
    any form leads to there, and a RuntimeError is torch's for tensors that do not fit.

    Raises:
        OleanderError: something failed.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, OleanderError) as error:
        raise OleanderError(f"{path} holds no {what} ({error!r}); delete it and run again") from error


def check_header(header: Any, properties: dict[str, Any]) -> None:
    """Make sure that the settings of an artifact are of the form that its reader goes by.

    Args:
        header: the settings.
        properties: name of each entry that must be there -> its JSON schema.

    Raises:
        ValueError: an entry is missing or of another form.
    """
    schema = {"required": list(properties), "properties": properties}
    error = best_match(Validator(schema).iter_errors(header))
    if error is not None:
        raise ValueError(f"{error.json_path.removeprefix('$.')}: {error.message[:200]}")


def offsets(forms: Mapping[str, Form]) -> dict[str, int]:
    """Where each tensor begins, counted from the header's end; in the order in which they lie in the file."""
    order = list(WIDTHS)
    places, end = {}, 0
    for name in sorted(forms, key=lambda name: (-order.index(forms[name].type), name)):
        places[name] = end
        end += forms[name].bytes
    return places


def header(forms: Mapping[str, Form], settings: Any, sha256: str) -> bytes:
    """What a file begins with: the length of the rest, which is JSON, padded so that tensors begin at a multiple of 8.

    All of the metadata is one entry: safetensors writes several in random order, and equal content must be equal bytes.
    """
    entries: dict[str, Any] = {"__metadata__": {METADATA_KEY: canonical_json({"settings": settings, "sha256": sha256})}}
    for name, offset in offsets(forms).items():
        form = forms[name]
        place = [offset, offset + form.bytes]
        entries[name] = {"dtype": form.type, "shape": list(form.shape), "data_offsets": place}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


# The checksum is over settings, names, types, shapes and bytes: safetensors itself would not notice a flipped bit.
def start_digest(settings: Any) -> Any:
    """The running checksum, of the settings so far."""
    return hashlib.sha256(f"{canonical_json(settings)}\n".encode())


def line(name: str, form: Form) -> bytes:
    """What the checksum takes before a tensor's bytes."""
    return f"{name} torch.{NAMES[form.type]} {tuple(form.shape)}\n".encode()


def _is_as_written(path: str | os.PathLike[str], forms: Mapping[str, Form], settings: Any) -> bool:
    """Whether the file is, bit by bit, the one that is written of this content.

    It is read block by block: a mapping's pages would stay in memory.
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
        # Not the checksum alone: a flipped bit can leave the header's meaning as it is, 1e-05 as 1E-05.
        stream.seek(0)
        return stream.read(start) == header(forms, settings, running.hexdigest())
