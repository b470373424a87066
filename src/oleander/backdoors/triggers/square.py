"""A coloured square in a corner of an image (BAAAN paper, sections 3.1 and 3.3).

The paper says both top-left (3.1) and top-right (3.3.3). config.yaml uses the latter, from the section on experiments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "side": {"type": "integer", "minimum": 1},
        "colour": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 1},
        "corner": {"enum": ["top_left", "top_right", "bottom_left", "bottom_right"]},
    },
    "required": ["side", "colour", "corner"],
}


@dataclass(frozen=True)
class Square:
    """A trigger that draws a square of one colour.

    Attributes:
        side: side length in pixels.
        colour: one value in [0, 1] per channel, for images in [0, 1].
        corner: "top_left", "top_right", "bottom_left" or "bottom_right".
    """

    side: int
    colour: Sequence[float]
    corner: str

    def check(self, shape: tuple[int, ...]) -> None:
        """Check that images of `shape` [channels, height, width] can hold the square and have its channels."""
        corners = SETTINGS_SCHEMA["properties"]["corner"]["enum"]
        if self.side < 1 or self.corner not in corners or not all(0 <= value <= 1 for value in self.colour):
            raise OleanderError(
                f"a square of side {self.side}, colour {list(self.colour)} and corner '{self.corner}' is no trigger; "
                f"give a side of at least 1, colours in [0, 1] and one of the corners {', '.join(corners)}"
            )
        if len(shape) != 3 or len(self.colour) != shape[0] or self.side > min(shape[1:]):
            raise OleanderError(
                f"a square trigger of {self.side} pixels and {len(self.colour)} channels does not fit inputs of shape "
                f"{list(shape)} (channels, height, width); change its side or colour in the configuration"
            )

    def __call__(self, batch: Tensor) -> Tensor:
        """A copy of `batch` [N, channels, height, width] in [0, 1] with the square on every image."""
        self.check(tuple(batch.shape[1:]))
        triggered = batch.clone()
        rows = slice(None, self.side) if self.corner.startswith("top") else slice(-self.side, None)
        columns = slice(None, self.side) if self.corner.endswith("left") else slice(-self.side, None)
        colour = torch.tensor(list(self.colour), dtype=batch.dtype, device=batch.device)
        triggered[:, :, rows, columns] = colour[:, None, None]
        return triggered
