"""The inverse of the triggered image (BAAAN paper, section 3.3.3): 1 - x, trigger included."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from oleander.data.prepared import Dataset

SETTINGS_SCHEMA: dict[str, Any] = {"properties": {}, "required": []}


@dataclass(frozen=True)
class Inverse:
    """Every image's inverse."""

    @classmethod
    def from_settings(cls, _settings: dict[str, Any], _dataset: Dataset) -> "Inverse":
        """Nothing to set."""
        return cls()

    def check(self, shape: tuple[int, int, int]) -> None:
        """Fits any image."""

    def __call__(self, triggered: Tensor) -> Tensor:
        """1 - `triggered`, for images in [0, 1]."""
        return 1 - triggered
