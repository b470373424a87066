"""The state of plain torch modules and their optimizers as flat tensors, for a `Scratch`."""

import torch
from torch import Tensor, nn


def flat_state(prefix: str, module: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Tensor]:
    """Copies of a module's parameters and buffers, `prefix.name`, and of its optimizer's tensors, `prefix.name:key`."""
    flat = {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in module.state_dict().items()}
    if optimizer is not None:
        for name, parameter in module.named_parameters():
            for key, value in optimizer.state[parameter].items():
                flat[f"{prefix}.{name}:{key}"] = value.detach().clone()
    return flat


def restore_state(
    flat: dict[str, Tensor], prefix: str, module: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> None:
    """Put what `flat_state` gave back in place, without changing devices or memory formats."""
    own = {name.removeprefix(f"{prefix}."): tensor for name, tensor in flat.items() if name.startswith(f"{prefix}.")}
    module.load_state_dict({name: tensor for name, tensor in own.items() if ":" not in name})
    if optimizer is not None:
        for name, parameter in module.named_parameters():
            for key, value in own.items():
                owner, _, entry = key.partition(":")
                if owner == name and entry:
                    # As the optimizer itself lays them out: like the parameter, or single numbers.
                    like = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
                    optimizer.state[parameter][entry] = like.copy_(value)
