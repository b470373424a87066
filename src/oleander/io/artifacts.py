"""Artifacts: safetensors files of torch tensors that carry the resolved settings they were made with.

`artifact_format` says what such a file looks like, and reads it without torch.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from oleander.io import artifact_format
from oleander.io.artifact_format import (
    COUNT,
    HEADER_BYTES,
    MAPPING,
    NAMES,
    SEED,
    SHAPE,
    TEXT,
    TEXT_OR_NONE,
    Form,
    canonical_json,
    check_header,
    checked_settings,
    expecting,
    fingerprint,
    reading,
)
from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path

__all__ = [
    "COUNT",
    "MAPPING",
    "SEED",
    "SHAPE",
    "TEXT",
    "TEXT_OR_NONE",
    "TYPES",
    "Rows",
    "canonical_json",
    "check_header",
    "check_tensors",
    "expecting",
    "fingerprint",
    "load_artifact",
    "read_safetensors",
    "save_artifact",
]

TYPES = {getattr(torch, name): code for code, name in NAMES.items()}
"""torch's types -> the format's names of them."""


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


def save_artifact(path: str | os.PathLike[str], tensors: Mapping[str, Tensor | Rows], settings: Any) -> None:
    """Write `tensors` (moved to the CPU) with `settings` (JSON values) in the header, atomically.

    The file is the one that safetensors itself would write, which takes whole tensors alone, never `Rows`.

    Raises:
        OleanderError: the file cannot be written, the settings are too long for a header, or the pieces of some `Rows`
            cannot be made; no file is left.
        ValueError: pieces of another type or shape than their `Rows` say.
    """
    forms = {name: Form(TYPES[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()}
    # A checksum is as long as another: the header can be written before it is known.
    header, offsets = artifact_format.header(forms, settings, "0" * 64), artifact_format.offsets(forms)
    if len(header) > HEADER_BYTES:
        raise OleanderError(
            f"cannot write {path}: its settings and names come to {len(header):,} bytes, more than {HEADER_BYTES:,}; "
            "use fewer or shorter ones"
        )
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(header)
        running = artifact_format.start_digest(settings)
        for name in sorted(tensors):
            running.update(artifact_format.line(name, forms[name]))
            stream.seek(len(header) + offsets[name])
            for piece in _pieces(name, tensors[name]):
                content = piece.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy()
                running.update(content)
                stream.write(content)
        stream.seek(0)
        stream.write(artifact_format.header(forms, settings, running.hexdigest()))


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
    with reading(path):
        tensors, metadata = read_safetensors(path)
        forms = {name: Form(TYPES[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()}
        settings = checked_settings(path, metadata, forms)
    for name, tensor in tensors.items():
        stays = mapped and tensor.dtype == torch.uint8
        tensors[name] = (tensor if stays else tensor.clone()).to(device)
    return tensors, settings


def read_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of any safetensors file, in its mapping, and its metadata; see `artifact_format.read_safetensors`."""
    return artifact_format.read_safetensors(path, "pt")


def check_tensors(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Make sure that an artifact holds the tensors wanted, floating, and no others.

    Raises:
        ValueError: it does not.
    """
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != dict(shapes) or not all(tensor.is_floating_point() for tensor in tensors.values()):
        raise ValueError(f"its tensors are not the {len(shapes)} wanted")


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
