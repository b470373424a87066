"""Artifacts: safetensors files of torch tensors that also contain the resolved settings they were made with.

`artifact_format` defines the format and reads it without torch.
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
"""torch type -> safetensors type name."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A tensor that is produced in pieces while it is written, so it need not fit in memory.

    Attributes:
        dtype, shape: type and shape of the whole tensor.
        pieces: yields tensors to be concatenated along the first axis; called once per write.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    pieces: Callable[[], Iterator[Tensor]]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


def save_artifact(path: str | os.PathLike[str], tensors: Mapping[str, Tensor | Rows], settings: Any) -> None:
    """Write `tensors` and, in the header, `settings` (JSON values), atomically.

    The file is byte-identical to what safetensors writes; safetensors itself cannot write `Rows`.

    Raises:
        OleanderError: the file cannot be written, the settings are too long for a header, or the pieces of `Rows`
            cannot be produced; no file is left behind.
        ValueError: the pieces do not match the type or shape of their `Rows`.
    """
    forms = {name: Form(TYPES[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()}
    # The checksum's length is fixed, so the header can be written before the checksum is known.
    header, offsets = artifact_format.header(forms, settings, "0" * 64), artifact_format.offsets(forms)
    if len(header) > HEADER_BYTES:
        raise OleanderError(
            f"cannot write {path}: its settings and tensor names take {len(header):,} bytes, more than "
            f"{HEADER_BYTES:,}; use fewer or shorter ones"
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

    Tensors are copied out of the memory map, so that they have torch's own alignment and results do not depend on their
    position in the file.

    Args:
        path: the file.
        device: device of the returned tensors.
        mapped: keep uint8 tensors, which need no alignment, memory-mapped and read on use. The map is private: writing
            to such a tensor does not change the file.

    Raises:
        OleanderError: the file is missing, truncated, corrupt or not an Oleander artifact.
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
    """Memory-mapped tensors and metadata of any safetensors file; see `artifact_format.read_safetensors`."""
    return artifact_format.read_safetensors(path, "pt")


def check_tensors(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check that an artifact's tensors are floating point and have exactly these names and shapes.

    Raises:
        ValueError: they are not.
    """
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != dict(shapes) or not all(tensor.is_floating_point() for tensor in tensors.values()):
        raise ValueError(f"its tensors are not the {len(shapes)} expected")


def _pieces(name: str, tensor: Tensor | Rows) -> Iterator[Tensor]:
    """The pieces of a tensor; one piece for a plain tensor."""
    if isinstance(tensor, Tensor):
        yield tensor
        return
    count = 0
    for piece in tensor.pieces():
        count += len(piece)
        if piece.dtype != tensor.dtype or tuple(piece.shape[1:]) != tuple(tensor.shape[1:]) or count > len(tensor):
            raise ValueError(f"{name}: a piece of {tensor.dtype} {tensor.shape} is {piece.dtype} {list(piece.shape)}")
        yield piece
    if count < len(tensor):
        raise ValueError(f"{name}: the pieces have {count} rows, not {len(tensor)}")
