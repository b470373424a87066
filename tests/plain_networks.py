"""One replica as plain torch modules: what the tests of the cohort engine compare it with."""

import torch
from torch import nn

from oleander.models import Mlp
from oleander.models.dropout import dropout_factor, words_needed


def as_modules(model: Mlp, parameters: dict[str, torch.Tensor]) -> nn.ModuleList:
    """The linear layers of one replica (no replica axis) as torch's own, in float64."""
    layers = []
    for layer in range(len(model.widths) - 1):
        weight, bias = parameters[f"weight{layer}"].double(), parameters[f"bias{layer}"].double()
        linear = nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(weight.T)
            linear.bias.copy_(bias[0])
        layers.append(linear)
    return nn.ModuleList(layers)


def as_stacked(layers: nn.ModuleList) -> dict[str, torch.Tensor]:
    """The modules' parameters under the library's names, with a replica axis of one."""
    weights = {f"weight{at}": layer.weight.detach().T.unsqueeze(0) for at, layer in enumerate(layers)}
    return weights | {f"bias{at}": layer.bias.detach().view(1, 1, -1) for at, layer in enumerate(layers)}


def masks_of(model: Mlp, words: torch.Tensor) -> list[torch.Tensor] | None:
    """The dropout factors of every hidden layer from the words [rows, dropout_words]; None without dropout."""
    if model.dropout == 0:
        return None
    hidden = model.widths[1:-1]
    parts = words.split([words_needed(width, model.dropout) for width in hidden], dim=-1)
    return [
        dropout_factor(own.contiguous(), width, model.dropout, torch.float64)
        for own, width in zip(parts, hidden, strict=True)
    ]


def plain_forward(model: Mlp, layers: nn.ModuleList, x: torch.Tensor, masks: list[torch.Tensor] | None) -> torch.Tensor:
    """Linear, leaky ReLU, dropout, ..., linear, and tanh where the model ends so."""
    for at, layer in enumerate(layers):
        x = layer(x)
        if at < len(layers) - 1:
            x = nn.functional.leaky_relu(x, model.negative_slope)
            if masks is not None:
                x = x * masks[at]
    return x.tanh() if model.output == "tanh" else x
