"""Features that compare images: Inception's if its weights are given, else those of a small classifier.

Distances of the two kinds are not comparable, so results name their features.
"""

import os
from collections.abc import Callable

import pytorch_fid.inception
import torch
from torch import Tensor
from torch.nn import functional as F

from oleander.io.artifacts import read_safetensors
from oleander.io.columns import CLASSIFIER, INCEPTION
from oleander.io.errors import OleanderError
from oleander.io.files import sha256_of
from oleander.models.base import Architecture, Parameters

ROWS_AT_ONCE = 250


class InceptionFeatures:
    """The 2048 features of pytorch-fid's Inception, which define FID. Images may have any size; grey becomes RGB."""

    name = INCEPTION

    def __init__(self, path: str | os.PathLike[str], device: torch.device | str) -> None:
        """Read the weights.

        Args:
            path: safetensors file with the state dict that pytorch-fid publishes as
                pt_inception-2015-12-05-6726825d.pth. That file is a pickle; `inception_weights` fetches and converts
                it, and the README explains how to do so by hand.
            device: where to compute.

        Raises:
            OleanderError: the file is missing, is not a safetensors file, or holds another network.
        """
        try:
            weights, _ = read_safetensors(path)
        except FileNotFoundError:
            raise OleanderError(
                f"{path}, features.inception_weights in the configuration, does not exist; convert pytorch-fid's "
                "weights as the README says, have them fetched by allow_download=True, or set null"
            ) from None
        except (ValueError, OSError) as error:
            raise OleanderError(
                f"{path}, features.inception_weights in the configuration, is not a safetensors file ({error}); "
                "convert pytorch-fid's weights as the README says"
            ) from error
        self.source = sha256_of(path)
        self.device = torch.device(device)
        try:
            self.network = _with_weights(weights).to(self.device).eval()
        except RuntimeError as error:
            raise OleanderError(
                f"{path}, features.inception_weights in the configuration, does not hold the weights of pytorch-fid's "
                "Inception; convert that file as the README says, or set null"
            ) from error

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """float32 [N, 2048] of uint8 images [N, 1 or 3, height, width]."""
        found = []
        for part in images.split(ROWS_AT_ONCE):
            x = part.to(self.device).float() / 255
            found.append(self.network(x.expand(-1, 3, -1, -1))[0].flatten(1).cpu())
        return torch.cat(found)


def _with_weights(weights: dict[str, Tensor]) -> torch.nn.Module:
    """Build pytorch-fid's network with `weights`, in place of the file that it would download."""
    theirs: Callable = pytorch_fid.inception.load_state_dict_from_url
    pytorch_fid.inception.load_state_dict_from_url = lambda *_arguments, **_options: weights
    try:
        return pytorch_fid.inception.InceptionV3()
    finally:
        pytorch_fid.inception.load_state_dict_from_url = theirs


class ClassifierFeatures:
    """Features and labels of a small convolutional classifier; a feature is a channel's mean before the last layer."""

    name = CLASSIFIER

    def __init__(
        self,
        model: Architecture,
        parameters: Parameters,
        side: int,
        shape: tuple[int, ...],
        classes: list[str],
        source: str,
    ) -> None:
        """Wrap a trained classifier of one replica.

        Args:
            model: its architecture, convolutions with a fully connected last layer.
            parameters: name -> [1, ...].
            side: height and width to which larger images are averaged down.
            shape: of its training images.
            classes: names of the classes, in label order.
            source: identifies the classifier, e.g. its file's SHA-256.
        """
        self.model, self.parameters, self.side = model, parameters, side
        self.shape, self.classes, self.source = shape, classes, source
        self.device = next(iter(parameters.values())).device

    def __call__(self, images: Tensor) -> Tensor:
        """float32 [N, channels] of uint8 images [N, channels of the dataset, height, width]."""
        channels = self.model.hidden[-1].channels
        return torch.cat([units.view(len(units), channels, -1).mean(2).cpu() for units, _ in self._pass(images)])

    def predict(self, images: Tensor) -> Tensor:
        """Predicted labels, int64 [N], of uint8 images."""
        labels = [
            (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1) for _, logits in self._pass(images)
        ]
        return torch.cat(labels).cpu()

    @torch.no_grad()
    def _pass(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        parts = [classifier_rows(part, self.side).to(self.device) for part in images.split(ROWS_AT_ONCE)]
        outputs = [self.model.last_layer(self.parameters, part[None]) for part in parts]
        return [(units[0], logits[0]) for units, logits in outputs]


def classifier_shape(shape: tuple[int, ...], side: int) -> tuple[int, int, int]:
    """The shape of an image after `classifier_rows`, for images of `shape`."""
    return (shape[0], min(shape[1], side), min(shape[2], side))


def classifier_rows(images: Tensor, side: int) -> Tensor:
    """Inputs of the classifier: float [N, channels x height x width] in [-1, 1], larger images averaged down."""
    x = images.float() / 127.5 - 1
    wanted = classifier_shape(tuple(images.shape[1:]), side)[1:]
    return (x if tuple(x.shape[2:]) == wanted else F.adaptive_avg_pool2d(x, wanted)).flatten(1)
