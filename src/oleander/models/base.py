"""The interface between architectures and cohort training."""

from dataclasses import dataclass
from typing import Protocol

import torch

Parameters = dict[str, torch.Tensor]
"""All tensors of a network by name. Those that satisfy `is_running` are batch norm's running statistics: saved and
selected like the others, but updated by forward passes in training, never by an optimizer."""


def is_running(name: str) -> bool:
    """Whether the tensor `name` is a running statistic, which no optimizer updates."""
    return name.startswith("running_")


def in_products(name: str) -> bool:
    """Whether the tensor `name` is cast to the precision of products: weights and biases are, batch norm's tensors stay
    float32."""
    return name.startswith(("weight", "bias"))


@dataclass(frozen=True)
class Layer:
    """Description of one layer, as in the papers' tables.

    Attributes:
        name: "layer 1", "layer 2", ...
        kind: its description, such as "conv 3x3, 3 -> 32, stride 1, padding 0, no bias, batch norm, ReLU".
        output_shape: shape of one output row, after pooling.
        parameters: number of trained parameters.
        products: multiplications in the layer's matrix product or convolution, for one row's forward pass.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    products: int


class Architecture(Protocol):
    """A network whose replicas are computed together: axis 0 of its parameters is the replica.

    Rows are always flat: an image is a row of channels x height x width numbers.
    """

    dropout_integers: int
    """Number of 64-bit integers of random bits that one row needs for its dropout masks."""

    batch_norm: bool
    """Whether it has batch norm, so that the rows of a training batch affect each other."""

    activations: int
    """Number of activations of all layers for one row, which a training step keeps in memory."""

    def initial(self, generator: torch.Generator) -> Parameters:
        """Draw one replica's initial parameters (no replica axis) from `generator`; float32 on the CPU."""
        ...

    def forward(
        self,
        parameters: Parameters,
        x: torch.Tensor,
        bits: torch.Tensor | None = None,
        training: bool = False,
        present: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Outputs of shape [replicas, rows, outputs] for inputs of shape [replicas, rows, features].

        Args:
            parameters: name -> [replicas, ...].
            x: the inputs.
            bits: int64 [replicas, rows, dropout_integers], uniform random bits; None turns dropout off.
            training: whether batch norm uses batch statistics and updates the running ones in place; otherwise it uses
                the running ones.
            present: bool [replicas, rows], False for padding rows, which do not enter batch statistics; None if there
                are none.
        """
        ...

    def last_layer(self, parameters: Parameters, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The last layer's inputs [replicas, rows, units] and outputs [replicas, rows, outputs]; dropout is off and
        batch norm uses running statistics."""
        ...

    def describe(self) -> list[Layer]:
        """The layers in order; their `parameters` sum to the number of trained parameters."""
        ...


def check_parameters(model: Architecture, parameters: Parameters, replicas: int, inputs: int, outputs: int) -> None:
    """Check that parameters from a file fit the model, by a forward pass on the meta device.

    Args:
        model: the expected model.
        parameters: name -> [replicas, ...].
        replicas: expected number of replicas.
        inputs, outputs: length of an input row and an output row.

    Raises:
        KeyError, RuntimeError: a tensor is missing, or has another shape or type than the model's.
        ValueError: the outputs have another shape.
    """
    shapes = {name: tensor.to("meta") for name, tensor in parameters.items()}
    dtype = next((tensor.dtype for tensor in shapes.values()), torch.float32)
    made = model.forward(shapes, torch.empty(replicas, 1, inputs, dtype=dtype, device="meta"))
    if tuple(made.shape) != (replicas, 1, outputs):
        raise ValueError(f"the network's outputs are {list(made.shape)}, not {[replicas, 1, outputs]}")


def activation_name(negative_slope: float) -> str:
    """Name of the ReLU or leaky ReLU, as in the papers' tables."""
    return f"leaky ReLU {negative_slope:g}" if negative_slope else "ReLU"
