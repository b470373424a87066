"""Source `gaussians`: one normal distribution per class, as in pGAN's synthetic experiment (section 4.1)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from oleander.data.raw import RawDataset
from oleander.data.sources.common import check_settings
from oleander.io.errors import OleanderError

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "means": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number"}, "minItems": 1},
            "minItems": 1,
            "description": "one mean per class, all with equally many features",
        },
        "covariances": {
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "array", "items": {"type": "number"}, "minItems": 1},
                "minItems": 1,
            },
            "minItems": 1,
            "description": "one symmetric positive definite matrix per class",
        },
        "class_names": {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True},
        "train_per_class": {"$ref": "#/$defs/count"},
        "test_per_class": {"$ref": "#/$defs/count"},
        "seed": {"$ref": "#/$defs/seed"},
    },
    "required": ["means", "covariances", "class_names", "train_per_class", "test_per_class", "seed"],
}


def read(settings: dict[str, Any], data_root: Path | None, allow_download: bool) -> RawDataset:
    """Draw float32 points [N, features], ordered by class; train and test use separate generators.

    `data_root` and `allow_download` are ignored: nothing is read.

    Raises:
        OleanderError: settings of unequal lengths, or a covariance that is not symmetric positive definite.
    """
    check_settings(settings, SETTINGS_SCHEMA)
    names = list(settings["class_names"])
    if not len(settings["means"]) == len(settings["covariances"]) == len(names):
        raise OleanderError(
            f"{len(names)} class_names need {len(names)} means and covariances, found {len(settings['means'])} "
            f"and {len(settings['covariances'])}; give one of each for every class"
        )
    features = len(settings["means"][0])
    classes = []
    for name, mean, covariance in zip(names, settings["means"], settings["covariances"], strict=True):
        if len(mean) != features:
            raise OleanderError(f"the mean of class {name!r} must be {features} numbers, not {mean}; correct it")
        classes.append((np.asarray(mean, dtype=np.float64), _cholesky(name, covariance, features)))

    def draw(split: int, per_class: int) -> tuple[torch.Tensor, torch.Tensor]:
        points = [
            mean
            + np.random.default_rng([settings["seed"], label, split]).standard_normal((per_class, features)) @ root.T
            for label, (mean, root) in enumerate(classes)
        ]
        labels = torch.arange(len(classes)).repeat_interleave(per_class)
        return torch.from_numpy(np.concatenate(points).astype(np.float32)), labels

    train_x, train_y = draw(0, settings["train_per_class"])
    test_x, test_y = draw(1, settings["test_per_class"])
    return RawDataset(train_x, train_y, test_x, test_y, names, value_range=None)


def _cholesky(name: str, covariance: list[list[float]], features: int) -> np.ndarray:
    """Lower Cholesky factor of a covariance. numpy reads one triangle only, so symmetry is checked here."""
    problem = OleanderError(
        f"the covariance of class {name!r} must be a symmetric positive definite {features} x {features} "
        f"matrix, not {covariance}; correct it"
    )
    if any(len(row) != features for row in covariance) or len(covariance) != features:
        raise problem
    matrix = np.asarray(covariance, dtype=np.float64)
    if not np.array_equal(matrix, matrix.T):
        raise problem
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise problem from None
