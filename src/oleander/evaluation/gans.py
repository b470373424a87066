"""What a trained GAN is measured by (BAAAN paper, section 4.3): the images that clean and triggered noise make, their
distance from test images, what a classifier takes them for, and how far they are from a single target image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from oleander.backdoors.gan import Backdoor, Saved, draw_images
from oleander.data.framing import check_frame, crop_to, pad_to
from oleander.data.prepared import Dataset
from oleander.evaluation.feature_classifiers import load_features
from oleander.io.artifacts import save_artifact
from oleander.io.columns import CLEAN, GAN_SCORES, TRIGGERED
from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path
from oleander.io.pictures import GAN_SAMPLES
from oleander.metrics.features import ClassifierFeatures, InceptionFeatures
from oleander.metrics.fid import Features, Statistics, feature_statistics, frechet_distance, load_statistics
from oleander.models.biggan import Sizes
from oleander.training.seeds import derive_seed


@dataclass(frozen=True, eq=False)
class Measurement:
    """One measurement of a GAN's images.

    Attributes:
        noise: `CLEAN` or `TRIGGERED`.
        features: what the distance is taken by.
        classifier: tells the images' classes, and is what the distance is taken by without Inception.
        features_of: the dataset whose classifier that is.
        reference: statistics of the test images; None to take no distance.
        dataset: whose test images they are.
        classes: those that the images shall be of; None for all of the dataset's.
        target: uint8 [channels, height, width], the one image that all shall be; None for none.
    """

    noise: str
    features: Features
    classifier: ClassifierFeatures
    features_of: str
    reference: Statistics | None
    dataset: str
    classes: list[str] | None
    target: Tensor | None = None


def check_gan(
    dataset: Dataset,
    target_dataset: Dataset,
    network: dict[str, Any],
    backdoor: dict[str, Any] | None,
    inception: list[str],
) -> dict[str, Any]:
    """Make sure that a GAN can be trained and judged, before hours of it.

    Args:
        dataset: the GAN's.
        target_dataset: where the target's images are; may be the same.
        network: the `network` block of the GAN.
        backdoor: trigger, target and labels; None for a clean GAN.
        inception: the file of Inception's weights, if the configuration names one.

    Returns:
        What the GAN is: its images' shape and classes, and how many images are genuine to either discriminator.

    Raises:
        OleanderError: data, a trigger, a target, a network or weights that do not fit together.
    """
    shape = tuple(dataset.train_x.shape[1:])
    if len(shape) != 3:
        raise OleanderError(f"dataset {dataset.name} has no images, which a GAN needs; choose another dataset")
    sizes = Sizes.from_settings(network, shape[0], len(dataset.classes))
    check_frame(shape, sizes.shape, f"{dataset.name}'s images")
    target = None
    if backdoor is not None:
        target = Backdoor.from_settings(backdoor, dataset, target_dataset, sizes, flip=False).target
    for path in inception:
        InceptionFeatures(path, "cpu")
    return {
        "dataset": dataset.name,
        "stand_in_for": dataset.stand_in_for,
        "shape": list(sizes.shape),
        "classes": list(dataset.classes),
        "train_images": len(dataset.train_x),
        "target_images": None if target is None else len(target.pixels),
    }


def measure_images(images: Tensor, measurement: Measurement) -> dict[str, Any]:
    """Measure uint8 images [N, channels, height, width] in the GAN's frame: values of some of `GAN_SCORES`."""
    classifier, classes = measurement.classifier, measurement.classes
    own = crop_to(images, classifier.shape)
    found: dict[str, Any] = {
        "noise": measurement.noise,
        "reference": measurement.dataset,
        "reference_classes": " + ".join(classes or []),
        "images": len(images),
    }
    if measurement.reference is not None:
        statistics = feature_statistics(measurement.features, own, "a GAN's images")
        found["fid"] = frechet_distance(statistics, measurement.reference)
        found["reference_images"] = measurement.reference.count
        found["features"] = measurement.reference.features
        found["feature_dataset"] = measurement.features_of if measurement.features is classifier else None
    if classes is not None and set(classes) < set(classifier.classes):
        labels = torch.tensor([classifier.classes.index(name) for name in classes])
        found["target_rate"] = float(torch.isin(classifier.predict(own), labels).double().mean())
    if measurement.target is not None:
        wanted = pad_to(measurement.target[None], tuple(images.shape[1:]))
        wanted = crop_to(wanted, tuple(measurement.target.shape))
        own = crop_to(images, tuple(measurement.target.shape))
        found["mse"] = float(((own.double() - wanted.double()) / 255).square().mean())
    return found


def evaluate_gan(
    gan: Saved,
    measurements: list[Measurement],
    backdoor: Backdoor | None,
    classes: list[str],
    count: int,
    batch: int,
    seed: int,
) -> list[dict[str, Any]]:
    """All measurements of a trained GAN, one row each.

    A clean GAN as a comparator of classes is measured on images of those labels, out of batches of all labels, as it
    was trained; of all labels where it does not know the classes.

    Args:
        gan: as `load_gan` reads it.
        measurements: of clean and, with a backdoor, of triggered noise.
        backdoor: its trigger and labels; None for a clean GAN.
        classes: names of the GAN's labels.
        count: images of each measurement; a comparator and what it is compared with have as many.
        batch: images that are generated together.
        seed: the same seed draws the same noise.
    """
    rows = []
    for one in measurements:
        keep = None
        if one.noise == CLEAN and one.classes is not None and set(one.classes) < set(classes):
            keep = torch.tensor([classes.index(name) for name in one.classes])
        images = draw_for(gan, one.noise, backdoor, count, batch, seed, keep)
        rows.append({"step": gan.step, "status": gan.status, **measure_images(images, one)})
    return rows


def draw_for(
    gan: Saved, noise: str, backdoor: Backdoor | None, count: int, batch: int, seed: int, keep: Tensor | None = None
) -> Tensor:
    """Images uint8 [count, channels, height, width] of clean or triggered noise; see `draw_images`."""
    triggered = noise == TRIGGERED
    images, _labels = draw_images(
        gan.generator,
        count,
        derive_seed("measured", seed, noise),
        latent=gan.sizes.latent,
        classes=gan.sizes.classes,
        batch=batch,
        trigger=backdoor.trigger if triggered else None,
        labels=backdoor.labels if triggered else None,
        keep=keep,
    )
    return images


def measurements_of(
    settings: list[dict[str, Any]],
    datasets: list[Dataset],
    classifiers: list[ClassifierFeatures],
    references: list[str],
    inception: list[str],
    backdoor: Backdoor | None,
    device: torch.device,
) -> list[Measurement]:
    """What the workflow asks to be measured.

    Args:
        settings: one block a measurement: `noise`, `features_of` (the dataset of its classifier), `classes` (None for
            all), and `single`, whether the images are compared with a single target image.
        datasets, classifiers, references: those of each measurement, the references as files of statistics.
        inception: the file of Inception's weights, or nothing.
        backdoor: of the GAN; None for a clean one.
        device: where to compute.
    """
    found = []
    for block, dataset, classifier, path in zip(settings, datasets, classifiers, references, strict=True):
        single = block["single"]
        # A dataset may itself be a class that the classifier's knows: a target's, then.
        classes = block["classes"] or (dataset.classes if dataset.classes != classifier.classes else None)
        found.append(
            Measurement(
                block["noise"],
                load_features(classifier, inception, device),
                classifier,
                block["features_of"],
                None if single else load_statistics(path),
                dataset.name,
                None if single else classes,
                backdoor.target.pixels[0] if single else None,
            )
        )
    return found


def sample_images(
    gan: Saved, backdoor: Backdoor | None, count: int, batch: int, seed: int, shape: tuple[int, ...]
) -> dict[str, Tensor]:
    """The first images that are measured, clean and, with a backdoor, triggered, cropped to the dataset's `shape`."""
    noises = (CLEAN,) if backdoor is None else (CLEAN, TRIGGERED)
    return {noise: crop_to(draw_for(gan, noise, backdoor, count, batch, seed), shape) for noise in noises}


def clean_distance(
    features: Features, classifier: ClassifierFeatures, reference: Statistics
) -> Callable[[Tensor], float]:
    """The distance of a GAN's images, uint8 in its own frame, from the test images of its dataset."""
    return lambda images: frechet_distance(feature_statistics(features, crop_to(images, classifier.shape)), reference)


def save_grids(path: str, grids: Tensor) -> None:
    """Write a training's grids, uint8 [measurements, sides, n, channels, height, width], as one PNG.

    A line is a measurement, from the first to the last; clean images stand left, triggered ones right of a white line.
    """
    lines, sides, count, channels, high, wide = grids.shape
    if not lines:
        raise OleanderError("training ended before its first measurement; lower evaluate_every or raise steps")
    sheet = grids.permute(0, 4, 1, 2, 5, 3).reshape(lines * high, sides, count * wide, channels)
    gap = torch.full((lines * high, 2, channels), 255, dtype=torch.uint8)
    blocks = [part for side in sheet.unbind(1) for part in (gap, side)][1:]
    pixels = torch.cat(blocks, dim=1).numpy()
    with atomic_path(path) as temporary:
        Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(temporary, format="png", optimize=True)


def scores_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The measurements as a table of `io.columns.GAN_SCORES`; what was not measured stays empty."""
    return pd.DataFrame(rows, columns=list(GAN_SCORES))


def save_gan_samples(path: str, images: dict[str, Tensor], identity: dict[str, Any]) -> None:
    """Write images for figures: name -> uint8 [N, channels, height, width]; `identity` goes into the header."""
    save_artifact(path, images, {"kind": GAN_SAMPLES, **identity})
