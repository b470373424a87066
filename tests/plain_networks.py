"""One replica as plain torch modules: what the tests of the cohort engine compare it with."""

import math

import torch
from torch import nn

from oleander.models import Cnn, Mlp
from oleander.models.dropout import dropout_factor, integers_needed
from oleander.training.classifiers import TrainingSets, batches_of, steps_per_block
from oleander.training.seeds import generator_for, random_bits


def only(sets: TrainingSets, replica: int) -> TrainingSets:
    """One replica's data, with the pool that it shares."""
    return TrainingSets(sets.pool, [sets.rows[replica]], [sets.labels[replica]], [sets.seeds[replica]])


class PlainCnn(nn.Module):
    """One replica of a `Cnn` as torch's own layers, in float64, in training mode."""

    def __init__(self, model: Cnn, parameters: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.shape, self.blocks, self.pooled_shapes = model.inputs, nn.ModuleList(), []
        kind = nn.ConvTranspose2d if model.transposed else nn.Conv2d
        channels, probe = model.inputs[0], torch.zeros(2, *model.inputs)
        for block in model.hidden:
            layers = [
                kind(channels, block.channels, block.kernel, block.stride, block.padding, bias=not block.batch_norm)
            ]
            layers += [nn.BatchNorm2d(block.channels)] if block.batch_norm else []
            layers += [nn.LeakyReLU(model.negative_slope)] if model.negative_slope else [nn.ReLU()]
            layers += [nn.MaxPool2d(block.max_pool)] if block.max_pool > 1 else []
            self.blocks.append(nn.Sequential(*layers))
            channels, probe = block.channels, self.blocks[-1](probe)
            self.pooled_shapes.append(probe.shape[1:])
        if model.last is None:
            self.last = nn.Sequential(nn.Flatten(), nn.Linear(probe[0].numel(), math.prod(model.outputs)))
        else:
            last = model.last
            self.last = nn.Sequential(kind(channels, model.outputs[0], last.kernel, last.stride, last.padding))
        if model.output == "tanh":
            self.last.append(nn.Tanh())
        self.double()
        for name, tensor in self.named_tensors().items():
            value = parameters[name].detach().to(tensor)
            with torch.no_grad():
                # Fully connected layers have weights [in, out] and biases [1, out].
                tensor.copy_(value.T if tensor.dim() == 2 else value.view(tensor.shape))

    def named_tensors(self) -> dict[str, torch.Tensor]:
        """Weights and statistics under the library's names, in torch's own shapes."""
        tensors = {}
        for at, layers in enumerate([*self.blocks, self.last]):
            for layer in layers:
                if isinstance(layer, nn.BatchNorm2d):
                    running = {f"running_mean{at}": layer.running_mean, f"running_var{at}": layer.running_var}
                    tensors |= {f"scale{at}": layer.weight, f"shift{at}": layer.bias, **running}
                elif hasattr(layer, "weight"):
                    tensors[f"weight{at}"] = layer.weight
                    tensors |= {} if layer.bias is None else {f"bias{at}": layer.bias}
        return tensors

    def hidden(self, x: torch.Tensor, masks: list[torch.Tensor | None] | None) -> torch.Tensor:
        """[rows, channels, height, width] before the last layer, for flat rows."""
        x = x.view(-1, *self.shape)
        for at, block in enumerate(self.blocks):
            x = block(x)
            if masks is not None and masks[at] is not None:
                x = x * masks[at].view(x.shape)
        return x

    def forward(self, x: torch.Tensor, masks: list[torch.Tensor | None] | None) -> torch.Tensor:
        """Flat outputs."""
        return self.last(self.hidden(x, masks)).flatten(1)


def as_modules(model: Mlp | Cnn, parameters: dict[str, torch.Tensor]) -> nn.Module:
    """The layers of one replica (no replica axis) as torch's own, in float64."""
    if isinstance(model, Cnn):
        return PlainCnn(model, parameters)
    layers = []
    for layer in range(len(model.widths) - 1):
        weight, bias = parameters[f"weight{layer}"].double(), parameters[f"bias{layer}"].double()
        linear = nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(weight.T)
            linear.bias.copy_(bias[0])
        layers.append(linear)
    return nn.ModuleList(layers)


def as_stacked(layers: nn.Module) -> dict[str, torch.Tensor]:
    """The modules' parameters under the library's names and in its shapes, with a replica axis of one."""
    if isinstance(layers, PlainCnn):
        stacked = {name: tensor.detach().unsqueeze(0) for name, tensor in layers.named_tensors().items()}
        if isinstance(layers.last[-1], nn.Linear):
            at = len(layers.blocks)
            stacked[f"weight{at}"] = stacked[f"weight{at}"].transpose(1, 2)
            stacked[f"bias{at}"] = stacked[f"bias{at}"].unsqueeze(1)
        return stacked
    weights = {f"weight{at}": layer.weight.detach().T.unsqueeze(0) for at, layer in enumerate(layers)}
    return weights | {f"bias{at}": layer.bias.detach().view(1, 1, -1) for at, layer in enumerate(layers)}


def masks_of(model: Mlp | Cnn, bits: torch.Tensor) -> list[torch.Tensor | None] | None:
    """The dropout factors of every hidden layer from bits [rows, dropout_integers]; None without dropout."""
    if model.dropout_integers == 0:
        return None
    if isinstance(model, Cnn):
        shapes = as_modules(model, model.initial(torch.Generator())).pooled_shapes
        sizes = [(math.prod(shape), block.dropout) for shape, block in zip(shapes, model.hidden, strict=True)]
    else:
        sizes = list(zip(model.widths[1:-1], model.dropout, strict=True))
    parts = bits.split([integers_needed(width, p) for width, p in sizes], dim=-1)
    return [
        dropout_factor(own.contiguous(), width, p, torch.float64) if p else None
        for own, (width, p) in zip(parts, sizes, strict=True)
    ]


def plain_forward(
    model: Mlp | Cnn, layers: nn.Module, x: torch.Tensor, masks: list[torch.Tensor | None] | None
) -> torch.Tensor:
    """Linear, leaky ReLU, dropout, ..., linear, and tanh where the model ends so; a `PlainCnn`'s own layers."""
    if isinstance(layers, PlainCnn):
        return layers(x, masks)
    for at, layer in enumerate(layers):
        x = layer(x)
        if at < len(layers) - 1:
            x = nn.functional.leaky_relu(x, model.negative_slope)
            if masks is not None and masks[at] is not None:
                x = x * masks[at]
    return x.tanh() if model.output == "tanh" else x


def naive_training(model, pool, rows, labels, seed, epochs, batch_size, make):
    """One classifier by a plain loop of torch modules: only order, initial weights and masks come from the library."""
    layers = as_modules(model, model.initial(generator_for("cpu", seed, "weights")))
    optimizer = make(layers.parameters())
    x_all, y_all, block_size = pool[rows], labels, steps_per_block(model)
    for step in range(epochs * -(-len(rows) // batch_size)):
        places, weights = batches_of(seed, len(rows), batch_size, step, 1)
        real = torch.from_numpy(weights[0] > 0)
        batch = torch.from_numpy(places[0])[real]
        source = generator_for("cpu", seed, "dropout", step // block_size)
        block = random_bits((block_size, batch_size, model.dropout_integers), source)
        masks = masks_of(model, block[step % block_size][real])
        logits = plain_forward(model, layers, x_all[batch], masks)
        if logits.shape[1] == 1:
            loss = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], y_all[batch].double())
        else:
            loss = nn.functional.cross_entropy(logits, y_all[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layers
