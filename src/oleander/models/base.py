"""What every architecture offers to the cohort engine."""

from typing import Protocol

import torch

Parameters = dict[str, torch.Tensor]


class Architecture(Protocol):
    """A network whose replicas are computed together: parameters carry the replica axis first."""

    dropout_words: int
    """How many 64-bit words of random bits one row of a batch needs for its dropout masks."""

    def initial(self, generator: torch.Generator) -> Parameters:
        """One replica's initial parameters (no replica axis), float32 on the CPU, drawn from `generator`."""
        ...

    def forward(self, parameters: Parameters, x: torch.Tensor, words: torch.Tensor | None) -> torch.Tensor:
        """Outputs of shape [replicas, rows, outputs] for inputs of shape [replicas, rows, *features].

        `words` (int64, [replicas, rows, dropout_words]) are uniform random bits; None turns dropout off.
        """
        ...
