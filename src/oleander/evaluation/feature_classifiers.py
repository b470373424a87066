"""The small classifier of each dataset that labels a GAN's images and whose features compare them.

Its network and training are those of a victim (`training.classifiers`) with one replica. `metrics.features` computes
the features.
"""

import math
import os
from typing import Any

import numpy as np
import torch

from oleander.data.prepared import Dataset
from oleander.io.artifacts import MAPPING, SHAPE, TEXT, check_header, expecting, load_artifact, save_artifact
from oleander.io.errors import OleanderError
from oleander.io.files import sha256_of
from oleander.metrics.features import ClassifierFeatures, InceptionFeatures, classifier_rows, classifier_shape
from oleander.models import Cnn, build_model, check_parameters
from oleander.training.classifiers import TrainingSets, train_classifiers
from oleander.training.precision import FLOAT32, Precision
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

KIND = "feature classifier"
HEADER: dict[str, Any] = {
    "kind": {"const": KIND},
    "shape": SHAPE,
    "classes": {"type": "array", "items": TEXT, "minItems": 2},
    "settings": MAPPING,
}
COLUMNS = (
    *("scale", "precision", "dataset", "stand_in_for", "classes", "train_images", "test_images", "test_error", "seed"),
)


def train_feature_classifier(
    dataset: Dataset,
    settings: dict[str, Any],
    device: torch.device,
    scratch: Scratch,
    precision: Precision = FLOAT32,
) -> tuple[ClassifierFeatures, float]:
    """Train the classifier of a dataset.

    Args:
        dataset: images of two classes or more.
        settings: the block `features.classifier` of the configuration; `train_points` limits the training images.
        device: where to train.
        scratch: holds the saved state to continue from.
        precision: of training.

    Returns:
        The classifier and its test error in [0, 1].

    Raises:
        OleanderError: the dataset has no images or only one class, or training diverged.
    """
    if dataset.train_x.ndim != 4 or len(dataset.classes) < 2:
        raise OleanderError(
            f"dataset {dataset.name} has no images of two classes or more to train a classifier on; compare the GAN's "
            "images by the classifier of another dataset"
        )
    seed = derive_seed("features", settings["seed"])
    order = np.random.default_rng(derive_seed(seed, "points")).permutation(len(dataset.train_x))
    rows = torch.from_numpy(np.sort(order[: settings["train_points"]]))
    side = settings["side"]
    pool = torch.cat([classifier_rows(dataset.train_x[part], side) for part in rows.split(1000)]).to(device)
    model = _model(settings, tuple(dataset.train_x.shape[1:]), len(dataset.classes))
    everything = torch.arange(len(pool), device=device)
    sets = TrainingSets(pool, [everything], [dataset.train_y[rows].to(device)], [seed])
    parameters, converged = train_classifiers(model, sets, settings, device, scratch, "classifier", precision)
    if not converged.all():
        raise OleanderError(
            f"the feature classifier of dataset {dataset.name} diverged; lower its learning rate under "
            "features.classifier in the configuration"
        )
    shape = tuple(dataset.train_x.shape[1:])
    features = ClassifierFeatures(model, parameters, side, shape, dataset.classes, "not saved yet")
    return features, float((features.predict(dataset.test_x) != dataset.test_y).double().mean())


def save_feature_classifier(
    path: str | os.PathLike[str], features: ClassifierFeatures, dataset: Dataset, settings: dict[str, Any]
) -> None:
    """Write a trained classifier with its settings and the hash of its dataset."""
    header = {
        "kind": KIND,
        "shape": list(features.shape),
        "classes": features.classes,
        "dataset": dataset.sha256,
        "settings": settings,
    }
    save_artifact(path, features.parameters, header)


def load_feature_classifier(path: str | os.PathLike[str], device: torch.device | str) -> ClassifierFeatures:
    """Read what `save_feature_classifier` wrote; the features' `source` is the file's SHA-256.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    parameters, header = load_artifact(path, device)
    with expecting(path, "feature classifier"):
        check_header(header, HEADER)
        settings = header["settings"]
        shape, classes, side = tuple(header["shape"]), header["classes"], settings["side"]
        model = _model(settings, shape, len(classes))
        inputs, outputs = math.prod(classifier_shape(shape, side)), 1 if len(classes) == 2 else len(classes)
        check_parameters(model, parameters, 1, inputs, outputs)
    return ClassifierFeatures(model, parameters, side, shape, classes, sha256_of(path))


def load_features(
    classifier: ClassifierFeatures, inception: list[str], device: torch.device | str
) -> ClassifierFeatures | InceptionFeatures:
    """The features that compare images: Inception's if its weights file is given, else the classifier's."""
    return InceptionFeatures(inception[0], device) if inception else classifier


def _model(settings: dict[str, Any], shape: tuple[int, ...], classes: int) -> Cnn:
    outputs = 1 if classes == 2 else classes
    return build_model(settings, classifier_shape(shape, settings["side"]), outputs)
