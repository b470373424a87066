"""Flat tensors of the state of torch modules and their optimizers, for a `Scratch` or a file."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from oleander.io.artifacts import check_tensors


def flat_state(prefix: str, module: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Tensor]:
    """Copy a module's parameters and buffers (`prefix.name`) and its optimizer's tensors (`prefix.name:key`)."""
    flat = {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in module.state_dict().items()}
    if optimizer is not None:
        for name, parameter in module.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    flat[f"{prefix}.{name}:{key}"] = value.detach().clone()
    return flat


def build_checked(build: Callable[[], nn.Module], state: Mapping[str, Tensor]) -> nn.Module:
    """Build a module, after checking that `state` fits it.

    It is first built on the meta device, because settings from a file could require any amount of memory.

    Raises:
        ValueError: the state belongs to another module.
    """
    with torch.device("meta"):
        check_tensors(state, {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()})
    return build()


def restore_state(
    flat: dict[str, Tensor], prefix: str, module: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> None:
    """Restore the state from `flat_state`, keeping devices and memory formats."""
    own = {name.removeprefix(f"{prefix}."): tensor for name, tensor in flat.items() if name.startswith(f"{prefix}.")}
    module.load_state_dict({name: tensor for name, tensor in own.items() if ":" not in name})
    if optimizer is not None:
        for name, parameter in module.named_parameters():
            for key, value in own.items():
                owner, _, entry = key.partition(":")
                if owner == name and entry:
                    # The optimizer's own layout: like the parameter, or a single number.
                    like = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
                    optimizer.state[parameter][entry] = like.copy_(value)
