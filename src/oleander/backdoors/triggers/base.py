"""What every trigger offers."""

from typing import Protocol

from torch import Tensor


class Trigger(Protocol):
    """A change of a model's input that switches its backdoor on."""

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse inputs of a shape (without the batch) that the trigger does not fit.

        Raises:
            OleanderError: it does not.
        """
        ...

    def __call__(self, batch: Tensor) -> Tensor:
        """A copy of `batch` [N, *shape] with the trigger on every row; `batch` itself is never changed."""
        ...
