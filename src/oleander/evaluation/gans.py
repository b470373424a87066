"""What a trained GAN is measured by (BAAAN paper, section 4.3): the images that clean and triggered noise make, their
distance from test images, what a classifier takes them for, and how far they are from a single target image."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from oleander.backdoors.gan import Saved, draw_images
from oleander.backdoors.triggers.base import Trigger
from oleander.data.framing import crop_to, pad_to
from oleander.data.prepared import Dataset
from oleander.io.artifacts import load_artifact, save_artifact
from oleander.io.errors import OleanderError
from oleander.metrics.features import ClassifierFeatures
from oleander.metrics.fid import Features, Statistics, feature_statistics, frechet_distance
from oleander.training.seeds import derive_seed

COLUMNS = (
    "scale",
    "gan",
    "dataset",
    "stand_in_for",
    "target",
    "triggered_labels",
    "seed",
    "checkpoint",
    "step",
    "status",
    "noise",
    "reference",
    "reference_classes",
    "images",
    "reference_images",
    "features",
    "feature_dataset",
    "fid",
    "target_rate",
    "mse",
)
"""One row a measurement. `noise` is clean or triggered; `reference` the dataset whose test images of
`reference_classes` (empty: all) the FID is taken against; `target_rate` the share of the images that the classifier
puts into those classes, empty where it has not got them or they are all; `mse` the mean squared error against a single
target image, values in [0, 1]."""

CLEAN, TRIGGERED = "clean", "triggered"
KIND = "gan samples"


@dataclass(frozen=True, eq=False)
class Judge:
    """What images are compared with.

    Attributes:
        features: what FIDs are taken by; None to take none.
        classifier: what tells the images' classes; None to tell none.
        classes: the classes that it knows, in label order.
        shape: of the images that both take.
        reference: of the test images; None to take no FID.
    """

    features: Features | None
    classifier: ClassifierFeatures | None
    classes: list[str]
    shape: tuple[int, ...]
    reference: Statistics | None


def measure_images(images: Tensor, judge: Judge, classes: list[str] | None, target: Tensor | None) -> dict[str, Any]:
    """The measures of some images, as they stand in `COLUMNS`.

    Args:
        images: uint8 [N, channels, height, width], in the frame of the GAN.
        judge: what they are compared with.
        classes: names of the classes that they shall be of; None for all.
        target: uint8 [channels, height, width], the one image that each shall be; None for none.
    """
    own = crop_to(images, judge.shape)
    found: dict[str, Any] = {"images": len(images)}
    if judge.reference is not None:
        statistics = feature_statistics(judge.features, own)
        found["fid"] = frechet_distance(statistics, judge.reference)
        found["reference_images"] = judge.reference.count
        found["features"] = judge.reference.features
    if classes is not None and judge.classifier is not None and set(classes) < set(judge.classes):
        labels = torch.tensor([judge.classes.index(name) for name in classes])
        found["target_rate"] = float(torch.isin(judge.classifier.predict(own), labels).double().mean())
    if target is not None:
        wanted = crop_to(pad_to(target[None], tuple(images.shape[1:])), judge.shape)
        found["mse"] = float(((own.double() - wanted.double()) / 255).square().mean())
    return found


def measured_images(
    gan: Saved,
    noise: str,
    count: int,
    seed: int,
    batch: int,
    trigger: Trigger | None = None,
    labels: Tensor | None = None,
    keep: Tensor | None = None,
) -> Tensor:
    """Images of a saved GAN, drawn as `draw_images` says; every measurement of a kind of noise begins with the same."""
    images, _ = draw_images(
        gan.generator,
        count,
        derive_seed("measured", seed, noise),
        latent=gan.sizes.latent,
        classes=gan.sizes.classes,
        batch=batch,
        trigger=trigger if noise == TRIGGERED else None,
        labels=labels,
        keep=keep,
    )
    return images


def scores_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The measurements as a table of `COLUMNS`; what was not measured stays empty."""
    return pd.DataFrame(rows, columns=list(COLUMNS))


def labels_of(dataset: Dataset, classes: list[str] | None) -> Tensor | None:
    """Labels of the named classes, int64 [k]; None where they are all, or where the dataset has not got them all."""
    if classes is None or not set(classes) <= set(dataset.classes):
        return None
    return torch.tensor([dataset.classes.index(name) for name in classes])


def save_gan_samples(path: str, images: dict[str, Tensor], identity: dict[str, Any]) -> None:
    """Write images for figures: name -> uint8 [N, channels, height, width]; `identity` goes into the header."""
    save_artifact(path, images, {"kind": KIND, **identity})


def load_gan_samples(path: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_gan_samples` wrote: name -> images in [0, 1], and the identity.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    tensors, header = load_artifact(path)
    if not isinstance(header, dict) or header.get("kind") != KIND:
        raise OleanderError(f"{path} holds no samples of a GAN; delete it and run again")
    return {name: images.float() / 255 for name, images in tensors.items()}, header
