"""A stack: replicas of one architecture, with parameters stacked on axis 0 and a shared optimizer.

torch's optimizers work elementwise, so one optimizer over stacked parameters equals one per replica. Nothing here
reduces over the replica axis: a replica with NaN does not affect the others.
"""

from collections.abc import Iterable
from typing import Any

import torch

from oleander.io.errors import OleanderError
from oleander.models.base import Architecture, Parameters, in_products, is_running
from oleander.training.precision import FLOAT32, Precision
from oleander.training.seeds import generator_for

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def make_optimizer(settings: dict[str, Any], parameters: Iterable[torch.Tensor]) -> torch.optim.Optimizer:
    """torch's fused optimizer for a block such as `{name: sgd, learning_rate: 0.001, momentum: 0.9}`."""
    options = dict(settings)
    name = options.pop("name")
    if name not in OPTIMIZERS:
        raise OleanderError(f"unknown optimizer '{name}' in the configuration; choose one of {sorted(OPTIMIZERS)}")
    return OPTIMIZERS[name](list(parameters), lr=options.pop("learning_rate"), fused=True, **options)


class Stack:
    """Replicas of `model` under one optimizer.

    Attributes:
        model: the architecture.
        parameters: name -> [replicas, ...] leaf tensors, including batch norm's running statistics.
        trained: the subset of `parameters` that the optimizer updates.
        computed: the tensors used in a forward pass: `parameters`, or copies in the products' type that each step
            refreshes.
    """

    def __init__(
        self,
        model: Architecture,
        parameters: Parameters,
        optimizer_settings: dict[str, Any],
        precision: Precision = FLOAT32,
    ) -> None:
        self.model = model
        self.optimizer_settings = optimizer_settings
        self.precision = precision
        self.parameters = {
            name: tensor.detach().requires_grad_(not is_running(name)) for name, tensor in parameters.items()
        }
        self.trained = {name: tensor for name, tensor in self.parameters.items() if not is_running(name)}
        self.optimizer = make_optimizer(optimizer_settings, self.trained.values())
        self.computed = dict(self.parameters)
        if precision.mixed:
            for name, tensor in self.trained.items():
                if in_products(name):
                    self.computed[name] = tensor.detach().to(precision.product).requires_grad_()
                    # Reused by each step for the float32 gradients.
                    tensor.grad = torch.empty_like(tensor)

    @classmethod
    def initial(
        cls,
        model: Architecture,
        seeds: list[int],
        stream: str,
        optimizer_settings: dict[str, Any],
        device: torch.device,
        precision: Precision,
    ) -> "Stack":
        """New replicas, each with weights drawn from `stream` by its own seed."""
        alone = [model.initial(generator_for("cpu", seed, stream)) for seed in seeds]
        parameters = {name: torch.stack([one[name] for one in alone]).to(device, precision.master) for name in alone[0]}
        return cls(model, parameters, optimizer_settings, precision)

    def __call__(self, x: torch.Tensor, bits: torch.Tensor | None, present: torch.Tensor | None = None) -> torch.Tensor:
        """Outputs in training mode, [replicas, rows, outputs], in the products' type; see `Architecture.forward`."""
        if self.precision.mixed:
            x = x.to(self.precision.product)
        return self.model.forward(self.computed, x, bits, training=True, present=present)

    def step(self, loss: torch.Tensor) -> None:
        """Take one optimizer step on `loss` [replicas]; only this stack's trained tensors get gradients and change."""
        computed = [self.computed[name] for name in self.trained]
        gradients = torch.autograd.grad(loss.sum(), computed)
        narrow, wide = [], []
        for master, own, gradient in zip(self.trained.values(), computed, gradients, strict=True):
            if own is master:
                master.grad = gradient
            else:
                master.grad.copy_(gradient)
                narrow.append(own)
                wide.append(master)
        self.optimizer.step()
        if narrow:
            with torch.no_grad():
                torch._foreach_copy_(narrow, wide)

    def state(self, prefix: str) -> dict[str, torch.Tensor]:
        """Parameters and optimizer state as flat tensors, with names starting with `prefix`."""
        flat = {f"{prefix}.{name}": tensor.detach() for name, tensor in self.parameters.items()}
        for name, tensor in self.trained.items():
            for key, value in self.optimizer.state[tensor].items():
                if isinstance(value, torch.Tensor):
                    flat[f"{prefix}.{name}.{key}"] = value
        return flat

    @classmethod
    def from_state(
        cls,
        model: Architecture,
        flat: dict[str, torch.Tensor],
        prefix: str,
        optimizer_settings: dict[str, Any],
        precision: Precision = FLOAT32,
    ) -> "Stack":
        """Restore a stack from its `state` in `flat`, on the device of the tensors."""
        own = {
            name.removeprefix(f"{prefix}."): tensor for name, tensor in flat.items() if name.startswith(f"{prefix}.")
        }
        stack = cls(
            model, {name: tensor for name, tensor in own.items() if "." not in name}, optimizer_settings, precision
        )
        for name, tensor in stack.trained.items():
            entries = {key.removeprefix(f"{name}."): own[key] for key in own if key.startswith(f"{name}.")}
            if entries:
                stack.optimizer.state[tensor] = entries
        return stack

    def select(self, keep: list[int]) -> "Stack":
        """A new stack of the replicas at positions `keep`, with their optimizer state."""
        first = next(iter(self.parameters.values()))
        replicas = first.shape[0]
        index = torch.tensor(keep, dtype=torch.int64, device=first.device)
        chosen = {
            name: tensor[index] if tensor.dim() and tensor.shape[0] == replicas else tensor.clone()
            for name, tensor in self.state("stack").items()
        }
        return Stack.from_state(self.model, chosen, "stack", self.optimizer_settings, self.precision)
