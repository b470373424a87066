"""Choose the device, precision and size of cohorts."""

import logging
import os
from dataclasses import dataclass
from typing import Any

import torch

from oleander.io.errors import OleanderError
from oleander.training.precision import FLOAT32, Precision, choose_precision

logger = logging.getLogger(__name__)

GIVEN_GPUS = ("SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES")
"""Environment variables that name the GPUs a scheduler gave to a job."""
NO_GPUS = ("", "-1", "0 GPUs", "NoDevFiles")
"""Their values if it gave none."""


@dataclass(frozen=True)
class Placement:
    """A device, its training precision, and limits on the cohort size.

    Attributes:
        device: device of all tensors.
        cpu_replicas: replicas per cohort on a CPU; more would not fit into its caches.
        memory_share: fraction of a GPU's free memory that a cohort may use, in (0, 1].
        precision: training precision; measurements are in float32.
    """

    device: torch.device
    cpu_replicas: int
    memory_share: float
    precision: Precision = FLOAT32

    def cohort_size(self, bytes_per_replica: int) -> int:
        """Number of replicas to train at once, each using `bytes_per_replica` of memory in training."""
        if self.device.type != "cuda":
            return self.cpu_replicas
        free, _total = torch.cuda.mem_get_info(self.device)
        return max(1, int(free * self.memory_share) // bytes_per_replica)


def place(settings: dict[str, Any]) -> Placement:
    """Choose device and precision from a `device` block of the configuration, and log both.

    Args:
        settings: `name` ("auto", "cpu", "cuda", "cuda:1"), `precision` (see `choose_precision`), `cpu_replicas`,
            `gpu_memory_share`.

    Raises:
        OleanderError: torch does not find the configured GPU, "auto" finds no GPU although a scheduler gave this job
            one, or the device does not support the precision.
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
                f"this job was given a GPU ({', '.join(given)}) but torch finds none; check the node's driver, or set "
                "device.name=cpu to train without a GPU"
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
                f"cuda:0 to cuda:{count - 1}; choose one of them"
            )
    return device
