"""The inverse of the triggered image as target (BAAAN paper, section 3.3.3): 1 - x, including the trigger."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from oleander.data.prepared import Dataset

SETTINGS_SCHEMA: dict[str, Any] = {"properties": {}, "required": []}


@dataclass(frozen=True)
class Inverse:
    """A target that inverts each triggered image."""

    @classmethod
    def from_settings(cls, _settings: dict[str, Any], _dataset: Dataset) -> "Inverse":
        """Build the target, which has no settings."""
        return cls()

    def check(self, shape: tuple[int, int, int]) -> None:
        """Accept any shape."""

    def __call__(self, triggered: Tensor) -> Tensor:
        """1 - `triggered`, for images in [0, 1]."""
        return 1 - triggered
