"""One value of a generator's latent vector set to a number that noise never reaches (BAAAN paper, section 4.2)."""

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
    """A latent vector's trigger.

    Attributes:
        position: which value; negative ones count from the end. The paper's is the last.
        value: what it is set to. The paper's is -100.
    """

    position: int
    value: float

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse anything but vectors [latent] that have the position."""
        if len(shape) != 1 or not -shape[0] <= self.position < shape[0]:
            raise OleanderError(
                f"a latent trigger at position {self.position} does not fit inputs of shape {list(shape)}; "
                "change its position in the configuration"
            )

    def __call__(self, batch: Tensor) -> Tensor:
        """The value on a copy of every row of `batch` [N, latent]."""
        self.check(tuple(batch.shape[1:]))
        triggered = batch.clone()
        triggered[:, self.position] = self.value
        return triggered
