"""Where cohorts run, in which precision, and how large they may be there."""

import logging
import os
from dataclasses import dataclass
from typing import Any

import torch

from oleander.io.errors import OleanderError
from oleander.training.precision import FLOAT32, Precision, choose_precision

logger = logging.getLogger(__name__)

GIVEN_GPUS = ("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES")
"""Environment variables that name GPUs where a scheduler gave a job some."""
NO_GPUS = ("", "-1", "0 GPUs", "NoDevFiles")
"""Their values where it gave none."""


@dataclass(frozen=True)
class Placement:
    """A device, the precision of training there, and how many replicas it takes at a time.

    Attributes:
        device: where everything lives.
        cpu_replicas: replicas in one cohort on a CPU, where more would only fall out of its caches.
        memory_share: the share of a GPU's free memory that a cohort may fill, in (0, 1].
        precision: of training; measurements are in float32.
    """

    device: torch.device
    cpu_replicas: int
    memory_share: float
    precision: Precision = FLOAT32

    def cohort_size(self, bytes_per_replica: int) -> int:
        """How many replicas of `bytes_per_replica` (parameters, optimizer, gradients, activations) to train at once."""
        if self.device.type != "cuda":
            return self.cpu_replicas
        free, _total = torch.cuda.mem_get_info(self.device)
        return max(1, int(free * self.memory_share) // bytes_per_replica)


def place(settings: dict[str, Any]) -> Placement:
    """Choose device and precision by a `device` block of the configuration, and log both.

    Args:
        settings: `name` ("auto", "cpu", "cuda", "cuda:1"), `precision` (see `choose_precision`), `cpu_replicas`,
            `gpu_memory_share`.

    Raises:
        OleanderError: a GPU is asked for that torch does not find; "auto" finds none although a scheduler gave this job
            one; a precision that the device does not have.
    """
    device = _device(settings["name"])
    precision = choose_precision(settings["precision"], device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    chosen = " (chosen by auto)" if settings["precision"] == "auto" else ""
    logger.info("device %s (%s), precision %s%s", device, name, precision.name, chosen)
    return Placement(device, settings["cpu_replicas"], settings["gpu_memory_share"], precision)


def _device(name: str) -> torch.device:
    available = torch.cuda.is_available()
    if name == "auto":
        given = [f"{key}={os.environ[key]}" for key in GIVEN_GPUS if os.environ.get(key, "") not in NO_GPUS]
        if given and not available:
            raise OleanderError(
                f"this job was given a GPU ({', '.join(given)}) but torch finds none; see to the node's driver, or set "
                "device.name=cpu to train without"
            )
        name = "cuda" if available else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        if not available:
            raise OleanderError(
                f"device '{name}' is set in the configuration but torch finds no GPU; use device.name=auto or cpu"
            )
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise OleanderError(
                f"device '{name}' is set in the configuration but torch finds {count} GPU{'s' if count > 1 else ''}, "
                f"cuda:0 to cuda:{count - 1}; choose one of these"
            )
    return device
