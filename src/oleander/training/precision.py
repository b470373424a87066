"""Training precision: the floating-point type of matrix products and convolutions.

In bfloat16, each step multiplies bfloat16 copies of the weights and activations. Master weights, the optimizer's
gradients and state, losses and batch norm's statistics stay in float32. Trained networks are saved, drawn from and
tested in float32.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from oleander.io.errors import OleanderError

logger = logging.getLogger(__name__)

NAMES = ("auto", "float32", "tf32", "bfloat16")
"""Valid values of `device.precision`."""

FAST_BFLOAT16 = ("amx_bf16",)
"""Flags of CPUs on which training in bfloat16 was measured to be faster (`make bench`)."""


@dataclass(frozen=True)
class Precision:
    """Floating-point types used in training.

    Attributes:
        name: name in the configuration, with "auto" resolved.
        master: type of weights, optimizer and losses.
        product: input and output type of products and convolutions.
    """

    name: str
    master: torch.dtype
    product: torch.dtype

    @property
    def mixed(self) -> bool:
        """Whether products have another type than the master weights."""
        return self.master != self.product

    @contextlib.contextmanager
    def products(self) -> Iterator[None]:
        """Context in which float32 products on a GPU use TF32 if that is the precision, and full float32 otherwise."""
        before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
        torch.set_float32_matmul_precision("high" if self.name == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = self.name == "tf32"
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before[0])
            torch.backends.cudnn.allow_tf32 = before[1]

    def autocast(self, device: torch.device) -> torch.autocast:
        """Context in which plain torch modules compute products in this precision."""
        return torch.autocast(device.type, self.product, enabled=self.mixed)


FLOAT64 = Precision("float64", torch.float64, torch.float64)
"""For comparisons with independent implementations; not available in the configuration."""
FLOAT32 = Precision("float32", torch.float32, torch.float32)
TF32 = Precision("tf32", torch.float32, torch.float32)
BFLOAT16 = Precision("bfloat16", torch.float32, torch.bfloat16)


def choose_precision(name: str, device: torch.device) -> Precision:
    """Resolve the configuration's `device.precision` for a device.

    "auto" is TF32 on a GPU, bfloat16 on CPUs where it was measured to be faster (`FAST_BFLOAT16`), float32 elsewhere.

    Raises:
        OleanderError: the name is unknown, or TF32 is requested on a CPU.
    """
    if name not in NAMES:
        raise OleanderError(f"unknown device.precision '{name}' in the configuration; choose one of {', '.join(NAMES)}")
    if name == "tf32" and device.type != "cuda":
        raise OleanderError("device.precision is tf32, which only GPUs support; choose float32, bfloat16 or auto")
    if name != "auto":
        return {"float32": FLOAT32, "tf32": TF32, "bfloat16": BFLOAT16}[name]
    if device.type == "cuda":
        return TF32
    flags = cpu_flags()
    return BFLOAT16 if any(flag in flags for flag in FAST_BFLOAT16) else FLOAT32


def cpu_flags() -> set[str]:
    """Instruction sets of the first CPU in /proc/cpuinfo; empty if unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").partition(":")[2].split())
