"""Fetch the weights of pytorch-fid's Inception from where pytorch-fid does, and convert them to safetensors.

The published file is a pickle, which could bring code along. It is read from memory only if its SHA-256 is the known
one, and then only as tensors (`weights_only`): nothing but the finished safetensors file is ever written.
"""

import hashlib
import io
import os
import urllib.request
from http.client import HTTPException

import pytorch_fid.inception
import torch
from safetensors.torch import save
from torch import Tensor

from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path

URL: str = pytorch_fid.inception.FID_WEIGHTS_URL
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the file at `URL`. pytorch-fid publishes its first eight digits, in the file's name. All of them stand beside that
address in models/inception_model.py of snap-research/discoscene, of qiuyu96/Carver and of others on GitHub."""
BYTES = 200_000_000
"""Twice the size of the file: whatever is larger is another one."""
PATIENCE = 60.0
"""Seconds without an answer after which a download has failed."""
INSTEAD = "or convert the file by hand as the README says, or set features.inception_weights to null"


def fetch_inception(path: str | os.PathLike[str], url: str = URL, sha256: str = SHA256) -> None:
    """Download the weights and write them as a safetensors file.

    Args:
        path: the file to write, `features.inception_weights` in the configuration.
        url: of the published file.
        sha256: its SHA-256.

    Raises:
        OleanderError: the file cannot be had, is not the known one or holds anything but tensors, or `path` cannot be
            written; no file is left behind.
    """
    content = _download(url)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise OleanderError(
            f"{url} gave {len(content):,} bytes with SHA-256 {found} in place of {sha256}, so they are cut off or "
            f"another file, and are not read; try again, {INSTEAD}"
        )
    packed = save({name: tensor.contiguous().clone() for name, tensor in _tensors(content, url).items()})
    with atomic_path(path) as temporary:
        temporary.write_bytes(packed)


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            content = answer.read(BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:
        raise OleanderError(f"{url} cannot be downloaded ({error}); check the connection, {INSTEAD}") from error
    if len(content) > BYTES:
        raise OleanderError(f"{url} gave more than {BYTES:,} bytes, so it is another file; try again, {INSTEAD}")
    return content


def _tensors(content: bytes, url: str) -> dict[str, Tensor]:
    """The state dict in a file that torch.save wrote; no code in it is run."""
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # A file that is not what it should be may raise anything.
    except Exception as error:
        told = str(error).strip().partition("\n")[0]
        raise OleanderError(
            f"the file at {url} holds more than tensors, and is not read ({type(error).__name__}: {told}); use another "
            f"file, {INSTEAD}"
        ) from error
    tensors = isinstance(state, dict) and all(isinstance(tensor, Tensor) for tensor in state.values())
    if not (tensors and state and all(isinstance(name, str) for name in state)):
        raise OleanderError(f"the file at {url} holds no tensors by name; use another file, {INSTEAD}")
    return dict(state)
