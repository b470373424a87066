"""Artifacts: safetensors files that carry the resolved settings they were made with.

Nothing is ever unpickled: a file that is not valid safetensors, or whose header is not ours, is refused.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path

METADATA_KEY = "oleander"


def canonical_json(value: Any) -> str:
    """The one JSON text of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`: equal settings, equal fingerprint."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _digest(tensors: dict[str, torch.Tensor], settings: Any) -> str:
    """SHA-256 over settings, names, types, shapes and bytes: safetensors itself would not notice a flipped bit."""
    running = hashlib.sha256(f"{canonical_json(settings)}\n".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        running.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        running.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return running.hexdigest()


def save_artifact(path: str | os.PathLike[str], tensors: dict[str, torch.Tensor], settings: Any) -> None:
    """Write `tensors` (moved to the CPU) with `settings` (JSON values) in the header, atomically."""
    # Copied, since safetensors refuses tensors that share memory.
    on_cpu = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    # One metadata entry alone: safetensors writes several in random order, and equal content must be equal bytes.
    metadata = {METADATA_KEY: canonical_json({"settings": settings, "sha256": _digest(on_cpu, settings)})}
    with atomic_path(path) as temporary:
        try:
            save_file(on_cpu, temporary, metadata=metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_artifact(
    path: str | os.PathLike[str], device: str | torch.device = "cpu"
) -> tuple[dict[str, torch.Tensor], Any]:
    """Read what `save_artifact` wrote: the tensors on `device`, and the settings.

    Tensors are copied out of the file's mapping, so that their memory is aligned as torch aligns its own
    and results do not depend on where in the file they stood.

    Raises:
        OleanderError: the file is missing, truncated, corrupt or not one of ours.
    """
    try:
        with safe_open(Path(path), framework="pt", device="cpu") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name).clone() for name in stream.keys()}  # noqa: SIM118
        header = json.loads(metadata[METADATA_KEY])
        settings = header["settings"]
        if _digest(tensors, settings) != header["sha256"]:
            raise ValueError("its checksum does not match its contents")
    except FileNotFoundError:
        raise OleanderError(f"{path} does not exist; run the rule that makes it") from None
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise OleanderError(f"{path} is not a complete Oleander artifact ({error}); delete it and run again") from error
    return {name: tensor.to(device) for name, tensor in tensors.items()}, settings
