"""A trigger that sets one entry of the latent vector to a value that noise never reaches (BAAAN paper, section 4.2)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {"position": {"type": "integer"}, "value": {"type": "number"}},
    "required": ["position", "value"],
}


@dataclass(frozen=True)
class Latent:
    """A trigger that sets one entry of a latent vector.

    Attributes:
        position: index of the entry; negative counts from the end. The paper uses the last.
        value: its new value. The paper uses -100.
    """

    position: int
    value: float

    def check(self, shape: tuple[int, ...]) -> None:
        """Check that `shape` is that of a vector [latent] with the position."""
        if len(shape) != 1 or not -shape[0] <= self.position < shape[0]:
            raise OleanderError(
                f"a latent trigger at position {self.position} does not fit inputs of shape {list(shape)}; "
                "change its position in the configuration"
            )

    def __call__(self, batch: Tensor) -> Tensor:
        """A copy of `batch` [N, latent] with the entry set in every row."""
        self.check(tuple(batch.shape[1:]))
        triggered = batch.clone()
        triggered[:, self.position] = self.value
        return triggered
