"""Evaluation of trained GANs (BAAAN paper, section 4.3).

Images of clean and triggered noise are compared with test images or with a single target image, and classified.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from oleander.backdoors.gan import Backdoor, Saved, draw_images
from oleander.data.framing import check_frame, crop_to, fit_to, pad_to
from oleander.data.prepared import Dataset
from oleander.evaluation.feature_classifiers import load_features
from oleander.io.artifacts import save_artifact
from oleander.io.columns import CLASSIFIER, CLEAN, GAN_SCORES, TRIGGERED
from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path
from oleander.io.pictures import GAN_SAMPLES
from oleander.metrics.features import ClassifierFeatures, InceptionFeatures
from oleander.metrics.fid import (
    Features,
    Statistics,
    all_distances,
    feature_statistics,
    frechet_distance,
    load_statistics,
)
from oleander.models.biggan import Sizes
from oleander.training.seeds import derive_seed


@dataclass(frozen=True, eq=False)
class InColour:
    """What a Frechet distance is taken by that sees the colours of images that a `Measurement` averages to grey.

    By such an average, coloured digits are as near to MNIST's as grey ones. These features are those of the GAN's own
    dataset, by which its clean images are measured, too. A colour per pixel would be simpler, but no distance from the
    genuine images.

    Attributes:
        features: of the Frechet distance.
        shape: of the images that they take, RGB.
        features_of: dataset of the classifier whose features they are; or whose place Inception's take.
        reference: statistics of the test images, grey ones repeated to RGB.
    """

    features: Features
    shape: tuple[int, ...]
    features_of: str
    reference: Statistics


@dataclass(frozen=True, eq=False)
class Measurement:
    """One measurement of a GAN's images.

    Attributes:
        noise: `CLEAN` or `TRIGGERED`.
        features: features of the distances, of precision and recall, and of the spread.
        classifier: labels the images; without Inception, `features` are its features.
        features_of: dataset of the classifier.
        reference: statistics of the test images; None to compare with none.
        dataset: dataset of the test images.
        classes: expected classes; None for all of the dataset's.
        target: the single target image, uint8 [channels, height, width]; None if the target is no single image.
        in_colour: None if the classifier's images have all colours of the GAN's.
    """

    noise: str
    features: Features
    classifier: ClassifierFeatures
    features_of: str
    reference: Statistics | None
    dataset: str
    classes: list[str] | None
    target: Tensor | None = None
    in_colour: InColour | None = None


def check_gan(
    dataset: Dataset,
    target_dataset: Dataset,
    network: dict[str, Any],
    backdoor: dict[str, Any] | None,
    inception: list[str],
) -> dict[str, Any]:
    """Check, before training, that a GAN can be trained and evaluated.

    Args:
        dataset: the GAN's dataset.
        target_dataset: dataset of the target's images; may be the same.
        network: the `network` block of the GAN.
        backdoor: trigger, target and labels; None for a clean GAN.
        inception: the file of Inception's weights, or an empty list.

    Returns:
        A description of the GAN: the shape and classes of its images, and the number of genuine images of each
        discriminator.

    Raises:
        OleanderError: data, trigger, target, network or weights do not fit each other.
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
    """Measure uint8 images [N, channels, height, width] in the GAN's frame; returns some of the `GAN_SCORES`."""
    classifier, classes = measurement.classifier, measurement.classes
    own = fit_to(images, classifier.shape)
    found: dict[str, Any] = {
        "noise": measurement.noise,
        "reference": measurement.dataset,
        "reference_classes": " + ".join(classes or []),
        "images": len(images),
    }
    if measurement.reference is not None:
        reference = measurement.reference
        statistics = feature_statistics(measurement.features, own, "a GAN's images", len(reference.sample))
        found |= all_distances(statistics, reference)
        found["reference_images"] = reference.count
        found["features"] = reference.features
        found["feature_dataset"] = _owner(measurement.features, measurement.features_of)
    if (colour := measurement.in_colour) is not None:
        coloured = feature_statistics(colour.features, fit_to(images, colour.shape), "a GAN's images")
        found["rgb_fid"] = frechet_distance(coloured, colour.reference)
        found["rgb_feature_dataset"] = _owner(colour.features, colour.features_of)
    if classes is not None and set(classes) < set(classifier.classes):
        labels = torch.tensor([classifier.classes.index(name) for name in classes])
        found["target_rate"] = float(torch.isin(classifier.predict(own), labels).double().mean())
    if measurement.target is not None:
        wanted = pad_to(measurement.target[None], tuple(images.shape[1:]))
        wanted = crop_to(wanted, tuple(measurement.target.shape))
        own = crop_to(images, tuple(measurement.target.shape))
        found["mse"] = float(((own.double() - wanted.double()) / 255).square().mean())
    return found


def _owner(features: Features, features_of: str) -> str | None:
    """The dataset whose classifier gives the features; None for Inception's."""
    return features_of if features.name == CLASSIFIER else None


def evaluate_gan(
    gan: Saved,
    measurements: list[Measurement],
    backdoor: Backdoor | None,
    classes: list[str],
    count: int,
    batch: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Run all measurements of a trained GAN; returns one row each.

    A measurement of clean noise with expected classes keeps only images of their labels, drawn in batches of all labels
    as in training. If the GAN has no such labels, it keeps all images.

    Args:
        gan: as `load_gan` returns it.
        measurements: of clean noise and, with a backdoor, of triggered noise.
        backdoor: its trigger and labels; None for a clean GAN.
        classes: names of the GAN's labels.
        count: images per measurement.
        batch: batch size.
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
    """Draw images uint8 [count, channels, height, width] of clean or triggered noise; see `draw_images`."""
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
    colour_classifiers: list[ClassifierFeatures],
    colour_references: list[str],
    inception: list[str],
    backdoor: Backdoor | None,
    device: torch.device,
) -> list[Measurement]:
    """Build the measurements that the workflow asks for.

    Args:
        settings: one block per measurement: `noise`, `features_of` (dataset of its classifier), `classes` (None for
            all), `single` (whether to compare with a single target image) and `colour_features_of` (dataset of the
            classifier that may see colours which `features_of` does not; None for none).
        datasets, classifiers, references: one each per measurement; references are files of statistics.
        colour_classifiers, colour_references: one each per measurement with `colour_features_of`.
        inception: the file of Inception's weights, or an empty list.
        backdoor: of the GAN; None for a clean GAN.
        device: where to compute.
    """
    found = []
    colours = zip(colour_classifiers, colour_references, strict=True)
    for block, dataset, classifier, path in zip(settings, datasets, classifiers, references, strict=True):
        single = block["single"]
        in_colour = None
        if block["colour_features_of"] is not None:
            seeing, colour_path = next(colours)
            if seeing.shape[0] > classifier.shape[0]:
                features = load_features(seeing, inception, device)
                statistics = load_statistics(colour_path)
                in_colour = InColour(features, seeing.shape, block["colour_features_of"], statistics)
        # The classes of a target dataset may be only some of those that the classifier knows.
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
                in_colour,
            )
        )
    return found


def sample_images(
    gan: Saved, backdoor: Backdoor | None, count: int, batch: int, seed: int, shape: tuple[int, ...]
) -> dict[str, Tensor]:
    """The first measured images, clean and, with a backdoor, triggered, cropped to the dataset's `shape`."""
    noises = (CLEAN,) if backdoor is None else (CLEAN, TRIGGERED)
    return {noise: crop_to(draw_for(gan, noise, backdoor, count, batch, seed), shape) for noise in noises}


def clean_distance(
    features: Features, classifier: ClassifierFeatures, reference: Statistics
) -> Callable[[Tensor], float]:
    """A function from a GAN's images, uint8 in its frame, to their Frechet distance from its dataset's test images."""
    return lambda images: frechet_distance(feature_statistics(features, fit_to(images, classifier.shape)), reference)


def save_grids(path: str, grids: Tensor) -> None:
    """Write the grids of a training, uint8 [measurements, noises, n, channels, height, width], as one PNG.

    Each row is a measurement, the first on top. Clean images are on the left, triggered images right of a white line.
    """
    lines, noises, count, channels, high, wide = grids.shape
    if not lines:
        raise OleanderError("training ended before its first measurement; lower evaluate_every or raise steps")
    sheet = grids.permute(0, 4, 1, 2, 5, 3).reshape(lines * high, noises, count * wide, channels)
    gap = torch.full((lines * high, 2, channels), 255, dtype=torch.uint8)
    blocks = [part for block in sheet.unbind(1) for part in (gap, block)][1:]
    pixels = torch.cat(blocks, dim=1).numpy()
    with atomic_path(path) as temporary:
        Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(temporary, format="png", optimize=True)


def scores_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The measurements as a table with columns `io.columns.GAN_SCORES`; missing values stay empty."""
    return pd.DataFrame(rows, columns=list(GAN_SCORES))


def save_gan_samples(path: str, images: dict[str, Tensor], identity: dict[str, Any]) -> None:
    """Write images for figures, name -> uint8 [N, channels, height, width], with `identity` in the header."""
    save_artifact(path, images, {"kind": GAN_SAMPLES, **identity})
