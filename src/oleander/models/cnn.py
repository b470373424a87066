"""Convolutional networks for images (pGAN paper, Tables 4 and 5), computed for a stack of replicas.

`cnn` maps an image to logits, `transposed_cnn` maps noise to an image. A hidden layer is a convolution, batch norm or a
bias, max pooling, (leaky) ReLU and dropout. Pooling before the activation gives the same result with less work. Outputs
are as in `mlp`: logits, or a generator's image after tanh.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from oleander.io.errors import OleanderError
from oleander.models.base import Layer, Parameters, activation_name
from oleander.models.batch_norm import batch_norm
from oleander.models.dropout import integers_needed, layer_factors
from oleander.models.mlp import OUTPUTS

REPLICAS_AT_ONCE = {"cpu": 1}
"""Replicas per convolution call, by device type; all of them on devices not listed.

On a CPU, replicas run through the whole network one after another, channels last. A training step of Table 5's network
then takes 42 ms per replica (batch 100, 8 replicas, 1 thread of a Zen 4 core). Channels first takes 74 ms, one grouped
convolution over all replicas 73 ms (channels last) or 104 ms (channels first), torch.func.vmap 165 ms. Other devices
use one grouped convolution for all replicas, so that the number of kernels does not grow with the cohort; this was not
measured.
"""

PRODUCTS_ABOVE = {"cpu": 2**18}
"""Convolutions with more weights than this are computed as one matrix product, by device type; never on devices not
listed.

On a CPU this speeds up layers with many channels and few pixels, as in Table 4. Forward and backward pass of a batch of
25 on 2 threads: 256 to 512 channels on 4 x 4 pixels take 9 ms instead of 34 in float32 and 8 instead of 32 in bfloat16;
128 to 256 channels on 8 x 8 pixels take 10 instead of 8 and 5.5 instead of 10. Layers with fewer weights gain nothing.
"""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Convolution:
    """Settings of a convolutional layer; kernels, strides, paddings and pools are square.

    Attributes:
        channels: output channels.
        kernel: side of the kernel.
        stride: step of the kernel; in a transposed convolution, the upsampling factor.
        padding: zeros added on each side; in a transposed convolution, rows and columns cut off.
        batch_norm: whether the layer has batch norm instead of a bias.
        max_pool: side of the max pooling, which drops incomplete windows; 1 for none.
        dropout: probability to drop a unit, in [0, 1).
    """

    channels: int
    kernel: int
    stride: int
    padding: int
    batch_norm: bool = False
    max_pool: int = 1
    dropout: float = 0.0


@dataclass(frozen=True)
class Cnn:
    """A convolutional network; its last layer is a convolution or fully connected.

    Attributes:
        inputs: channels, height and width of an input row.
        outputs: channels, height and width of an output row; [outputs, 1, 1] for a classifier.
        hidden: the hidden layers.
        last: the last layer if it is a convolution; None for a fully connected one.
        negative_slope: slope of the leaky ReLU below zero; 0 for ReLU.
        output: "logits", "linear" or "tanh".
        transposed: whether the convolutions are transposed.
    """

    inputs: Shape
    outputs: Shape
    hidden: tuple[Convolution, ...]
    last: Convolution | None
    negative_slope: float
    output: str
    transposed: bool

    def __post_init__(self) -> None:
        made = [pooled for _convolved, pooled in self._shapes]
        if (self.last and made[-1] != self.outputs) or min(map(min, made), default=1) < 1:
            raise OleanderError(
                f"the convolutions in the configuration make {' -> '.join(map(_text, [self.inputs, *made]))}, "
                f"but must end in {_text(self.outputs)} with no side below 1; change their kernels, strides and "
                "paddings to fit the data"
            )

    @classmethod
    def from_settings(cls, settings: dict[str, Any], inputs: tuple[int, ...], outputs: tuple[int, ...]) -> "Cnn":
        """Build a classifier or discriminator of images.

        Args:
            settings: `hidden` (a list of blocks with the attributes of `Convolution`), `last` ("fully_connected" or a
                block with kernel, stride and padding), `negative_slope`, `output`.
            inputs: channels, height and width.
            outputs: one number, as a shape.

        Raises:
            OleanderError: the data are not images, or the layers do not fit their size.
        """
        return cls._build(settings, _image(settings, inputs), (math.prod(outputs), 1, 1), transposed=False)

    @classmethod
    def transposed_from_settings(
        cls, settings: dict[str, Any], inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> "Cnn":
        """Build a generator of images: `inputs` is the length of the noise, `outputs` channels, height and width;
        otherwise like `from_settings`."""
        return cls._build(settings, (math.prod(inputs), 1, 1), _image(settings, outputs), transposed=True)

    @classmethod
    def _build(cls, settings: dict[str, Any], inputs: Shape, outputs: Shape, transposed: bool) -> "Cnn":
        last = settings["last"]
        return cls(
            inputs=inputs,
            outputs=outputs,
            hidden=tuple(Convolution(**block) for block in settings["hidden"]),
            last=None if last == "fully_connected" else Convolution(outputs[0], **last),
            negative_slope=settings["negative_slope"],
            output=settings["output"],
            transposed=transposed,
        )

    @functools.cached_property
    def _convolutions(self) -> tuple[Convolution, ...]:
        return (*self.hidden, self.last) if self.last else self.hidden

    @functools.cached_property
    def _shapes(self) -> list[tuple[Shape, Shape]]:
        """Output shapes of each convolution for one row, before and after pooling."""
        shapes = []
        shape = self.inputs
        for block in self._convolutions:
            sides = [
                (side - 1) * block.stride - 2 * block.padding + block.kernel
                if self.transposed
                else (side + 2 * block.padding - block.kernel) // block.stride + 1
                for side in shape[1:]
            ]
            shape = (block.channels, *(side // block.max_pool for side in sides))
            shapes.append(((block.channels, *sides), shape))
        return shapes

    @functools.cached_property
    def _channels_in(self) -> list[int]:
        """Input channels of each convolution."""
        return [self.inputs[0], *(block.channels for block in self._convolutions)]

    @functools.cached_property
    def _hidden_units(self) -> list[int]:
        """Units of each hidden layer, after pooling."""
        return [math.prod(pooled) for _convolved, pooled in self._shapes[: len(self.hidden)]]

    @property
    def _units(self) -> int:
        """Length of the last layer's input row."""
        return self._hidden_units[-1] if self.hidden else math.prod(self.inputs)

    @property
    def dropout_integers(self) -> int:
        """Number of 64-bit integers of random bits that one row's masks need."""
        return sum(
            integers_needed(units, block.dropout) for units, block in zip(self._hidden_units, self.hidden, strict=True)
        )

    @property
    def batch_norm(self) -> bool:
        """Whether any layer has batch norm."""
        return any(block.batch_norm for block in self.hidden)

    @property
    def activations(self) -> int:
        """Outputs of the convolutions before and after pooling, and the network's outputs."""
        return sum(math.prod(shape) for shapes in self._shapes for shape in shapes) + math.prod(self.outputs)

    def initial(self, generator: torch.Generator) -> Parameters:
        """Initial parameters with torch's defaults.

        Weights are [out, in, kernel, kernel] (transposed: [in, out, kernel, kernel]) and biases [out]; a fully
        connected layer's are [in, out] and [1, out]. Both are uniform in +-1/sqrt(fan in); the fan in is the size of
        weight[0]. Batch norm has scale 1, shift 0, running mean 0 and running variance 1, each [out].
        """
        parameters: Parameters = {}
        for at, (block, channels_in) in enumerate(zip(self._convolutions, self._channels_in, strict=False)):
            channels = (channels_in, block.channels) if self.transposed else (block.channels, channels_in)
            weight = torch.empty(*channels, block.kernel, block.kernel)
            bound = 1 / math.sqrt(weight[0].numel())
            parameters[f"weight{at}"] = weight.uniform_(-bound, bound, generator=generator)
            if block.batch_norm:
                parameters[f"scale{at}"] = torch.ones(block.channels)
                parameters[f"shift{at}"] = torch.zeros(block.channels)
                parameters[f"running_mean{at}"] = torch.zeros(block.channels)
                parameters[f"running_var{at}"] = torch.ones(block.channels)
            else:
                parameters[f"bias{at}"] = torch.empty(block.channels).uniform_(-bound, bound, generator=generator)
        if self.last is None:
            at, bound, outputs = len(self.hidden), 1 / math.sqrt(self._units), math.prod(self.outputs)
            parameters[f"weight{at}"] = torch.empty(self._units, outputs).uniform_(-bound, bound, generator=generator)
            parameters[f"bias{at}"] = torch.empty(1, outputs).uniform_(-bound, bound, generator=generator)
        return parameters

    def forward(
        self,
        parameters: Parameters,
        x: torch.Tensor,
        bits: torch.Tensor | None = None,
        training: bool = False,
        present: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Outputs [replicas, rows, outputs] for `x` [replicas, rows, features]; see `Architecture.forward`."""
        return self._run(parameters, x, bits, training, present)[1]

    def last_layer(self, parameters: Parameters, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The last layer's inputs, flat, and its outputs; see `Architecture.last_layer`."""
        return self._run(parameters, x, None, False, None)

    def _run(
        self,
        parameters: Parameters,
        x: torch.Tensor,
        bits: torch.Tensor | None,
        training: bool,
        present: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The last layer's inputs and outputs, computed in groups of `REPLICAS_AT_ONCE`."""
        size = REPLICAS_AT_ONCE.get(x.device.type, len(x))
        parts = {name: tensor.split(size) for name, tensor in parameters.items()}
        made = [
            self._run_together(
                {name: tensors[at] for name, tensors in parts.items()},
                own,
                None if bits is None else bits[at * size : (at + 1) * size],
                training,
                None if present is None else present[at * size : (at + 1) * size],
            )
            for at, own in enumerate(x.split(size))
        ]
        hidden, outputs = zip(*made, strict=True)
        return torch.cat(hidden), torch.cat(outputs)

    def _run_together(
        self,
        parameters: Parameters,
        x: torch.Tensor,
        bits: torch.Tensor | None,
        training: bool,
        present: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`_run` for one group, with its replicas in the channel axis: [rows, replicas * channels, height, width]."""
        replicas, rows = x.shape[:2]
        x = x.transpose(0, 1).reshape(rows, replicas * self.inputs[0], *self.inputs[1:])
        # Transposed convolutions gain nothing from channels last.
        if replicas == 1 and not self.transposed:
            x = x.contiguous(memory_format=torch.channels_last)
        dropouts = ((units, block.dropout) for units, block in zip(self._hidden_units, self.hidden, strict=True))
        factors = layer_factors(bits, dropouts, x.dtype)
        for at, (block, factor) in enumerate(zip(self.hidden, factors, strict=True)):
            x = self._convolve(parameters, at, x)
            if block.batch_norm:
                names = (f"{name}{at}" for name in ("scale", "shift", "running_mean", "running_var"))
                x = batch_norm(x, *(parameters[name] for name in names), training, present)
            if block.max_pool > 1:
                x = F.max_pool2d(x, block.max_pool)
            x = F.leaky_relu(x, self.negative_slope)
            if factor is not None:
                x = x * factor.transpose(0, 1).reshape(x.shape)
        hidden = _rows_of_replicas(x, replicas)
        if self.last is None:
            at = len(self.hidden)
            outputs = torch.baddbmm(parameters[f"bias{at}"], hidden, parameters[f"weight{at}"])
        else:
            outputs = _rows_of_replicas(self._convolve(parameters, len(self.hidden), x), replicas)
        return hidden, OUTPUTS[self.output](outputs)

    def _convolve(self, parameters: Parameters, at: int, x: torch.Tensor) -> torch.Tensor:
        """Convolution number `at` for all replicas at once, one group per replica."""
        block, weight = self._convolutions[at], parameters[f"weight{at}"]
        bias = None if block.batch_norm else parameters[f"bias{at}"].flatten()
        if len(weight) == 1 and weight.numel() > PRODUCTS_ABOVE.get(x.device.type, math.inf):
            multiply = _transposed_by_product if self.transposed else _convolved_by_product
            return multiply(x, weight[0], bias, block)
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        return convolve(x, weight.flatten(0, 1), bias, stride=block.stride, padding=block.padding, groups=len(weight))

    def describe(self) -> list[Layer]:
        """The convolutions, and the fully connected layer if any."""
        layers = []
        shape = self.inputs
        for at, (block, (convolved, pooled)) in enumerate(zip(self._convolutions, self._shapes, strict=True)):
            weights = shape[0] * block.channels * block.kernel**2
            kind = [
                f"{'transposed ' if self.transposed else ''}conv {block.kernel}x{block.kernel}",
                f"{shape[0]} -> {block.channels}",
                f"stride {block.stride}",
                f"padding {block.padding}",
            ]
            kind += ["no bias", "batch norm"] if block.batch_norm else []
            kind += [f"max pool {block.max_pool}x{block.max_pool}"] if block.max_pool > 1 else []
            kind.append(activation_name(self.negative_slope) if at < len(self.hidden) else self.output)
            kind += [f"dropout {block.dropout:g}"] if block.dropout else []
            # Scale and shift, or a bias.
            trained = weights + block.channels * (2 if block.batch_norm else 1)
            places = math.prod((shape if self.transposed else convolved)[1:])
            layers.append(Layer(f"layer {at + 1}", ", ".join(kind), pooled, trained, weights * places))
            shape = pooled
        if self.last is None:
            outputs = math.prod(self.outputs)
            kind = f"fully connected, {self._units} -> {outputs}, {self.output}"
            name = f"layer {len(self.hidden) + 1}"
            layers.append(Layer(name, kind, (outputs,), (self._units + 1) * outputs, self._units * outputs))
        return layers


def _convolved_by_product(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, block: Convolution
) -> torch.Tensor:
    """F.conv2d of `x` [rows, in, height, width] and `weight` [out, in, kernel, kernel] as one matrix product."""
    places = tuple((side + 2 * block.padding - block.kernel) // block.stride + 1 for side in x.shape[2:])
    patches = _Gather.apply(x.permute(0, 2, 3, 1), places, block)
    if _fewer_than_weights(patches, weight):
        made = patches.transpose(3, 4).flatten(3).flatten(0, 2) @ weight.flatten(1).T
    else:
        made = patches.flatten(3).flatten(0, 2) @ weight.permute(2, 3, 1, 0).reshape(-1, len(weight))
    made = made if bias is None else made + bias
    return made.view(len(x), *places, -1).permute(0, 3, 1, 2)


def _transposed_by_product(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, block: Convolution
) -> torch.Tensor:
    """F.conv_transpose2d of `x` [rows, in, height, width] and `weight` [in, out, kernel, kernel] as one product."""
    sides = tuple((side - 1) * block.stride - 2 * block.padding + block.kernel for side in x.shape[2:])
    pixels = x.permute(0, 2, 3, 1)
    if _fewer_than_weights(pixels, weight):
        patches = (pixels @ weight.flatten(1)).unflatten(-1, (-1, block.kernel**2)).transpose(3, 4)
    else:
        patches = (pixels @ weight.permute(0, 2, 3, 1).flatten(1)).unflatten(-1, (block.kernel**2, -1))
    made = _Scatter.apply(patches, sides, block).permute(0, 3, 1, 2)
    return made if bias is None else made + bias[:, None, None]


def _fewer_than_weights(pixels: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether permuting the patches of all pixels moves less memory than permuting the weights."""
    return math.prod(pixels.shape[:3]) < len(weight)


class _Gather(torch.autograd.Function):
    """The pixels under the kernel at each of its positions; the adjoint of `_Scatter`.

    F.unfold puts channels outermost and copies pixel by pixel; this copies all channels of a pixel at once.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, places: tuple[int, int], block: Convolution) -> torch.Tensor:
        """[rows, *places, kernel^2, channels] from `x` [rows, height, width, channels]."""
        ctx.sides, ctx.block = x.shape[1:3], block
        return _gather(x, places, block)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return _scatter(gradient, ctx.sides, ctx.block), None, None


class _Scatter(torch.autograd.Function):
    """Adds the kernel's contributions at all positions to their pixels; the adjoint of `_Gather`."""

    @staticmethod
    def forward(ctx: Any, patches: torch.Tensor, sides: tuple[int, int], block: Convolution) -> torch.Tensor:
        """[rows, *sides, channels] from `patches` [rows, height, width, kernel^2, channels]."""
        ctx.places, ctx.block = patches.shape[1:3], block
        return _scatter(patches, sides, block)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return _gather(gradient, ctx.places, ctx.block), None, None


def _gather(x: torch.Tensor, places: tuple[int, int], block: Convolution) -> torch.Tensor:
    around = block.padding
    padded = F.pad(x, (0, 0, around, around, around, around))
    patches = x.new_empty(len(x), *places, block.kernel**2, x.shape[3])
    for at, window in enumerate(_windows(padded, places, block)):
        patches[:, :, :, at] = window
    return patches


def _scatter(patches: torch.Tensor, sides: tuple[int, int], block: Convolution) -> torch.Tensor:
    around = block.padding
    padded = patches.new_zeros(len(patches), *(side + 2 * around for side in sides), patches.shape[4])
    for at, window in enumerate(_windows(padded, patches.shape[1:3], block)):
        window += patches[:, :, :, at]
    return padded[:, around : around + sides[0], around : around + sides[1]]


def _windows(padded: torch.Tensor, places: tuple[int, int], block: Convolution) -> Iterator[torch.Tensor]:
    """For each kernel element, row by row: a view [rows, *places, channels] of the pixels under it."""
    for row, column in itertools.product(range(block.kernel), repeat=2):
        rows = slice(row, row + (places[0] - 1) * block.stride + 1, block.stride)
        columns = slice(column, column + (places[1] - 1) * block.stride + 1, block.stride)
        yield padded[:, rows, columns]


def _rows_of_replicas(x: torch.Tensor, replicas: int) -> torch.Tensor:
    """Reshape [rows, replicas * channels, height, width] to [replicas, rows, units]."""
    return x.unflatten(1, (replicas, -1)).transpose(0, 1).flatten(2)


def _image(settings: dict[str, Any], shape: tuple[int, ...]) -> Shape:
    """Return `shape`, or raise an error if it is not an image's."""
    if len(shape) != 3:
        raise OleanderError(
            f"architecture '{settings['architecture']}' in the configuration needs images (channels x height x width), "
            f"not points of shape {_text(shape)}; choose another architecture or other data"
        )
    return shape


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
