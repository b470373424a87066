"""Interface of triggers."""

from typing import Protocol

from torch import Tensor


class Trigger(Protocol):
    """A change to a model's input that activates its backdoor."""

    def check(self, shape: tuple[int, ...]) -> None:
        """Check that the trigger fits inputs of `shape`, without the batch axis.

        Raises:
            OleanderError: it does not.
        """
        ...

    def __call__(self, batch: Tensor) -> Tensor:
        """A copy of `batch` [N, *shape] with the trigger on every row; `batch` is not changed."""
        ...
