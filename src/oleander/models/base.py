"""What every architecture offers to the cohort engine."""

from dataclasses import dataclass
from typing import Protocol

import torch

Parameters = dict[str, torch.Tensor]
"""All tensors of a network by name. Those that `is_running` are statistics of batch norm: kept, saved and selected with
the others, but moved by forward passes in training and never by an optimizer."""


def is_running(name: str) -> bool:
    """Whether the tensor of this name is a running statistic, which no optimizer may see."""
    return name.startswith("running_")


def in_products(name: str) -> bool:
    """Whether the tensor of this name takes the products' precision: weights and biases do, batch norm's tensors keep
    float32."""
    return name.startswith(("weight", "bias"))


@dataclass(frozen=True)
class Layer:
    """One layer as a line of the papers' tables.

    Attributes:
        name: "layer 1", "layer 2", ...
        kind: what it is and does, such as "conv 3x3, 3 -> 32, stride 1, padding 0, no bias, batch norm, ReLU".
        output_shape: of one row, after pooling.
        parameters: how many numbers are trained.
        products: multiplications of one row's forward pass in the layer's matrix product or convolution.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    products: int


class Architecture(Protocol):
    """A network whose replicas are computed together: parameters carry the replica axis first.

    Rows are flat whatever the network makes of them: an image is channels x height x width numbers.
    """

    dropout_words: int
    """How many 64-bit words of random bits one row of a batch needs for its dropout masks."""

    batch_norm: bool
    """Whether the rows of one forward pass in training see each other."""

    activations: int
    """How many numbers all layers make of one row: what a training step has to remember."""

    def initial(self, generator: torch.Generator) -> Parameters:
        """One replica's initial parameters (no replica axis), float32 on the CPU, drawn from `generator`."""
        ...

    def forward(
        self,
        parameters: Parameters,
        x: torch.Tensor,
        words: torch.Tensor | None = None,
        training: bool = False,
        present: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Outputs of shape [replicas, rows, outputs] for inputs of shape [replicas, rows, features].

        Args:
            parameters: name -> [replicas, ...].
            x: the inputs.
            words: int64 [replicas, rows, dropout_words], uniform random bits; None turns dropout off.
            training: whether batch norm takes the batch's own statistics and moves the running ones, in place;
                otherwise it takes the running ones.
            present: bool [replicas, rows], False for rows that only fill a replica's batch up: they leave the batch's
                statistics alone. None where all are present.
        """
        ...

    def last_layer(self, parameters: Parameters, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the last layer takes and makes, dropout off and batch norm in evaluation: [replicas, rows, units] and
        [replicas, rows, outputs]."""
        ...

    def describe(self) -> list[Layer]:
        """The layers in their order; the sum of their `parameters` is the number of trained parameters."""
        ...


def check_parameters(model: Architecture, parameters: Parameters, replicas: int, inputs: int, outputs: int) -> None:
    """Make sure that parameters from a file are the model's, by a forward pass that computes and stores nothing.

    Args:
        model: whose they should be.
        parameters: name -> [replicas, ...].
        replicas: how many there should be.
        inputs, outputs: numbers of a row.

    Raises:
        KeyError, RuntimeError: one is missing, or of another shape or type than the model's.
        ValueError: together they make other outputs.
    """
    shapes = {name: tensor.to("meta") for name, tensor in parameters.items()}
    dtype = next((tensor.dtype for tensor in shapes.values()), torch.float32)
    made = model.forward(shapes, torch.empty(replicas, 1, inputs, dtype=dtype, device="meta"))
    if tuple(made.shape) != (replicas, 1, outputs):
        raise ValueError(f"the network makes {list(made.shape)} outputs, not {[replicas, 1, outputs]}")


def activation_name(negative_slope: float) -> str:
    """ReLU or leaky ReLU, as the papers' tables put it."""
    return f"leaky ReLU {negative_slope:g}" if negative_slope else "ReLU"
