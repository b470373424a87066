"""Fully connected networks (pGAN paper, Tables 1, 3, 5 and 6), computed for a stack of replicas at once.

Discriminators and classifiers return logits: the tables' sigmoid or softmax is part of the loss, for numerical
stability. A generator applies its output activation itself.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch

from oleander.io.errors import OleanderError
from oleander.models.base import Layer, Parameters, activation_name
from oleander.models.dropout import integers_needed, layer_factors, leaky_relu_dropout

OUTPUTS = {"logits": lambda x: x, "linear": lambda x: x, "tanh": torch.tanh}


@dataclass(frozen=True)
class Mlp:
    """Linear layers of `widths`, with leaky ReLU and dropout after every hidden layer.

    Attributes:
        widths: input features, hidden units, outputs; at least two numbers.
        negative_slope: slope of the leaky ReLU below zero.
        dropout: probability to drop a unit of each hidden layer, in [0, 1).
        output: "logits", "linear" or "tanh".
    """

    widths: tuple[int, ...]
    negative_slope: float
    dropout: tuple[float, ...]
    output: str

    @classmethod
    def from_settings(cls, settings: dict[str, Any], inputs: tuple[int, ...], outputs: tuple[int, ...]) -> "Mlp":
        """Build from a block of the configuration and the shapes of the data.

        Raises:
            OleanderError: `dropout` lists more or fewer probabilities than there are hidden layers.
        """
        hidden, dropout = settings["hidden"], settings["dropout"]
        if not isinstance(dropout, list):
            dropout = [dropout] * len(hidden)
        if len(dropout) != len(hidden):
            raise OleanderError(
                f"a network in the configuration has {len(hidden)} hidden layers, but {len(dropout)} probabilities of "
                "dropout; give one a layer, or a single number for all"
            )
        return cls(
            widths=(math.prod(inputs), *hidden, math.prod(outputs)),
            negative_slope=settings["negative_slope"],
            dropout=tuple(dropout),
            output=settings["output"],
        )

    @property
    def dropout_integers(self) -> int:
        """Number of 64-bit integers of random bits that one row's masks need."""
        return sum(map(integers_needed, self.widths[1:-1], self.dropout))

    @property
    def batch_norm(self) -> bool:
        """Always False: there is no batch norm."""
        return False

    @property
    def activations(self) -> int:
        """Number of units of all layers."""
        return sum(self.widths[1:])

    def initial(self, generator: torch.Generator) -> Parameters:
        """Initial weights [in, out] and biases [1, out], uniform in +-1/sqrt(in): torch.nn.Linear's default."""
        parameters = {}
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(self.widths)):
            bound = 1 / math.sqrt(fan_in)
            parameters[f"weight{layer}"] = torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)
            parameters[f"bias{layer}"] = torch.empty(1, fan_out).uniform_(-bound, bound, generator=generator)
        return parameters

    def forward(
        self,
        parameters: Parameters,
        x: torch.Tensor,
        bits: torch.Tensor | None = None,
        training: bool = False,
        present: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Outputs [replicas, rows, outputs] for `x` [replicas, rows, inputs]; see `Architecture.forward`."""
        return self._outputs(parameters, self._hidden(parameters, x, bits))

    def last_layer(self, parameters: Parameters, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The last hidden layer's units (the inputs if there is none), and the outputs."""
        hidden = self._hidden(parameters, x, None)
        return hidden, self._outputs(parameters, hidden)

    def _hidden(self, parameters: Parameters, x: torch.Tensor, bits: torch.Tensor | None) -> torch.Tensor:
        factors = layer_factors(bits, zip(self.widths[1:-1], self.dropout, strict=True), x.dtype)
        for layer, factor in enumerate(factors):
            x = torch.baddbmm(parameters[f"bias{layer}"], x, parameters[f"weight{layer}"])
            x = leaky_relu_dropout(x, factor, self.negative_slope)
        return x

    def _outputs(self, parameters: Parameters, hidden: torch.Tensor) -> torch.Tensor:
        last = len(self.widths) - 2
        return OUTPUTS[self.output](torch.baddbmm(parameters[f"bias{last}"], hidden, parameters[f"weight{last}"]))

    def describe(self) -> list[Layer]:
        """The linear layers."""
        layers = []
        for number, (fan_in, fan_out) in enumerate(itertools.pairwise(self.widths), start=1):
            kind = [f"fully connected, {fan_in} -> {fan_out}"]
            if number == len(self.widths) - 1:
                kind.append(self.output)
            else:
                kind.append(activation_name(self.negative_slope))
                dropout = self.dropout[number - 1]
                kind += [f"dropout {dropout:g}"] if dropout else []
            layers.append(
                Layer(f"layer {number}", ", ".join(kind), (fan_out,), (fan_in + 1) * fan_out, fan_in * fan_out)
            )
        return layers
