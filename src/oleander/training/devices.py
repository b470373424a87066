"""Where cohorts run, and how large they may be there."""

from dataclasses import dataclass
from typing import Any

import torch

from oleander.io.errors import OleanderError


@dataclass(frozen=True)
class Placement:
    """A device and how many replicas it takes at a time.

    Attributes:
        device: where everything lives.
        cpu_replicas: replicas in one cohort on a CPU, where more would only fall out of its caches.
        memory_share: the share of a GPU's free memory that a cohort may fill, in (0, 1].
    """

    device: torch.device
    cpu_replicas: int
    memory_share: float

    def cohort_size(self, bytes_per_replica: int) -> int:
        """How many replicas of `bytes_per_replica` (parameters, optimizer, gradients, activations) to train at once."""
        if self.device.type != "cuda":
            return self.cpu_replicas
        free, _total = torch.cuda.mem_get_info(self.device)
        return max(1, int(free * self.memory_share) // bytes_per_replica)


def place(settings: dict[str, Any]) -> Placement:
    """Choose the device by `settings["name"]` ("auto", "cpu", "cuda", "cuda:1") and set torch up for it.

    Raises:
        OleanderError: CUDA is asked for and not there.
    """
    name = settings["name"]
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise OleanderError(
            f"device '{name}' is set in the configuration but torch finds no GPU; use device.name=auto or cpu"
        )
    # TF32: ten bits of mantissa in matrix products, several times faster on Ampere and later; no effect on a CPU.
    torch.set_float32_matmul_precision("high")
    return Placement(torch.device(name), settings["cpu_replicas"], settings["gpu_memory_share"])
