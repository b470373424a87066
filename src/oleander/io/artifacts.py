"""Artifacts: safetensors files that carry the resolved settings they were made with.

Nothing is ever unpickled: a file that is not valid safetensors, or whose header is not ours, is refused.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jsonschema.exceptions import best_match
from safetensors import SafetensorError, safe_open
from torch import Tensor

from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path, open_regular
from oleander.io.settings import Validator

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
# The format's names of types, in the order in which safetensors itself lays tensors out: widest last, written first.
TYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int32: "I32",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
}


@dataclass(frozen=True, eq=False)
class Rows:
    """A tensor that is made piece by piece while it is written: the whole need not fit in memory.

    Attributes:
        dtype, shape: of the whole.
        pieces: gives tensors that are the whole when concatenated along the first axis; called once a writing.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    pieces: Callable[[], Iterator[Tensor]]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)


def canonical_json(value: Any) -> str:
    """The one JSON text of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`: equal settings, equal fingerprint."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def save_artifact(path: str | os.PathLike[str], tensors: Mapping[str, Tensor | Rows], settings: Any) -> None:
    """Write `tensors` (moved to the CPU) with `settings` (JSON values) in the header, atomically.

    The file is the one that safetensors itself would write, which takes whole tensors alone, never `Rows`.

    Raises:
        OleanderError: the file cannot be written, the settings are too long for a header, or the pieces of some `Rows`
            cannot be made; no file is left.
        ValueError: pieces of another type or shape than their `Rows` say.
    """
    # A checksum is as long as another: the header can be written before it is known.
    header, offsets = _header(tensors, settings, "0" * 64), _offsets(tensors)
    if len(header) > HEADER_BYTES:
        raise OleanderError(
            f"cannot write {path}: its settings and names come to {len(header):,} bytes, more than {HEADER_BYTES:,}; "
            "use fewer or shorter ones"
        )
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(header)
        running = _start_digest(settings)
        for name in sorted(tensors):
            tensor = tensors[name]
            running.update(_line(name, tensor.dtype, tensor.shape))
            stream.seek(len(header) + offsets[name])
            for piece in _pieces(name, tensor):
                content = piece.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy()
                running.update(content)
                stream.write(content)
        stream.seek(0)
        stream.write(_header(tensors, settings, running.hexdigest()))


def load_artifact(
    path: str | os.PathLike[str], device: str | torch.device = "cpu", mapped: bool = False
) -> tuple[dict[str, Tensor], Any]:
    """Read what `save_artifact` wrote: the tensors on `device`, and the settings.

    Tensors are copied out of the file's mapping, so that their memory is aligned as torch aligns its own
    and results do not depend on where in the file they stood.

    Args:
        path: the file.
        device: where the tensors go.
        mapped: leave uint8 tensors, which need no alignment, in the file's mapping: what of them is used is read then.
            The mapping is private, so that writing to one does not change the file.

    Raises:
        OleanderError: the file is missing, truncated, corrupt or not one of ours.
    """
    try:
        tensors, metadata = read_safetensors(path)
        settings = json.loads(metadata[METADATA_KEY])["settings"]
        if not isinstance(settings, dict):
            raise TypeError("its settings are no mapping")
        if not _is_as_written(path, tensors, settings):
            raise ValueError("its checksum does not match its contents")
    except FileNotFoundError:
        raise OleanderError(f"{path} does not exist; run the rule that makes it") from None
    # RecursionError: JSON in JSON in JSON.
    except (KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        raise OleanderError(f"{path} is not a complete Oleander artifact ({error}); delete it and run again") from error
    for name, tensor in tensors.items():
        stays = mapped and tensor.dtype == torch.uint8
        tensors[name] = (tensor if stays else tensor.clone()).to(device)
    return tensors, settings


def read_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of any safetensors file, in its mapping, and its metadata.

    Raises:
        OSError: the file is missing, cannot be read, or is no regular file.
        ValueError: it is no safetensors file, or one with a header of more than `HEADER_BYTES`.
    """
    with open_regular(path) as stream:
        length = int.from_bytes(stream.read(8), "little")
    if length > HEADER_BYTES:
        raise ValueError(f"its header says that it is {length:,} bytes long, more than {HEADER_BYTES:,}")
    try:
        with safe_open(Path(path), framework="pt", device="cpu") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    # TypeError: a side beyond 2**63.
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


def check_tensors(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Make sure that an artifact holds the tensors wanted, floating, and no others.

    Raises:
        ValueError: it does not.
    """
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != dict(shapes) or not all(tensor.is_floating_point() for tensor in tensors.values()):
        raise ValueError(f"its tensors are not the {len(shapes)} wanted")


def _offsets(tensors: Mapping[str, Tensor | Rows]) -> dict[str, int]:
    """Where each tensor begins, counted from the header's end; in the order in which they lie in the file."""
    order = list(TYPES)
    offsets, end = {}, 0
    for name in sorted(tensors, key=lambda name: (-order.index(tensors[name].dtype), name)):
        offsets[name] = end
        end += _bytes_of(tensors[name])
    return offsets


def _bytes_of(tensor: Tensor | Rows) -> int:
    return math.prod(tensor.shape) * tensor.dtype.itemsize


def _header(tensors: Mapping[str, Tensor | Rows], settings: Any, sha256: str) -> bytes:
    """What a file begins with: the length of the rest, which is JSON, padded so that tensors begin at a multiple of 8.

    All of the metadata is one entry: safetensors writes several in random order, and equal content must be equal bytes.
    """
    entries: dict[str, Any] = {"__metadata__": {METADATA_KEY: canonical_json({"settings": settings, "sha256": sha256})}}
    for name, offset in _offsets(tensors).items():
        tensor = tensors[name]
        place = [offset, offset + _bytes_of(tensor)]
        entries[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": place}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _pieces(name: str, tensor: Tensor | Rows) -> Iterator[Tensor]:
    """The pieces of a tensor; a whole one is a piece of itself."""
    if isinstance(tensor, Tensor):
        yield tensor
        return
    count = 0
    for piece in tensor.pieces():
        count += len(piece)
        if piece.dtype != tensor.dtype or tuple(piece.shape[1:]) != tuple(tensor.shape[1:]) or count > len(tensor):
            raise ValueError(f"{name}: a piece is {piece.dtype} {list(piece.shape)}, of {tensor.dtype} {tensor.shape}")
        yield piece
    if count < len(tensor):
        raise ValueError(f"{name}: the pieces are {count} rows, not {len(tensor)}")


# The checksum is over settings, names, types, shapes and bytes: safetensors itself would not notice a flipped bit.
def _start_digest(settings: Any) -> Any:
    return hashlib.sha256(f"{canonical_json(settings)}\n".encode())


def _line(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> bytes:
    return f"{name} {dtype} {tuple(shape)}\n".encode()


def _is_as_written(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], settings: Any) -> bool:
    """Whether the file is, bit by bit, the one that `save_artifact` writes of this content.

    It is read block by block: a mapping's pages would stay in memory.
    """
    running, block = _start_digest(settings), memoryview(bytearray(BLOCK_BYTES))
    offsets = _offsets(tensors)
    with Path(path).open("rb", buffering=0) as stream:
        start = 8 + int.from_bytes(stream.read(8), "little")
        for name in sorted(tensors):
            running.update(_line(name, tensors[name].dtype, tensors[name].shape))
            stream.seek(start + offsets[name])
            left = _bytes_of(tensors[name])
            while left and (count := stream.readinto(block[:left])):
                running.update(block[:count])
                left -= count
        # Not the checksum alone: a flipped bit can leave the header's meaning as it is, 1e-05 as 1E-05.
        stream.seek(0)
        return stream.read(start) == _header(tensors, settings, running.hexdigest())
