"""Frechet distance between two sets of images, from means and covariances of their features (Heusel et al. 2017).

With Inception's features it is the FID. pytorch-fid computes the distance.
"""

import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from torch import Tensor

from oleander.io.artifacts import COUNT, TEXT, check_header, check_tensors, expecting, load_artifact, save_artifact
from oleander.io.errors import OleanderError

KIND = "feature statistics"
HEADER = {"kind": {"const": KIND}, "count": COUNT, "features": TEXT, "source": TEXT}


class Features(Protocol):
    """Features that compare images.

    Attributes:
        name: value of the CSVs' column `features`.
        source: distinguishes features of the same name, e.g. a file's SHA-256.
    """

    name: str
    source: str

    def __call__(self, images: Tensor) -> Tensor:
        """Features [N, length], on the CPU, of uint8 images [N, channels, height, width]."""
        ...


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and covariance of the features of a set of images.

    Attributes:
        mean: float64 [length].
        covariance: float64 [length, length], divided by count - 1.
        count: number of images.
        features, source: name and source of the features.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int
    features: str
    source: str


def feature_statistics(features: Features, images: Tensor, what: str = "images") -> Statistics:
    """Mean and covariance of the features of uint8 images [N, channels, height, width].

    Raises:
        OleanderError: fewer than two images, which have no covariance.
    """
    if len(images) < 2:
        raise OleanderError(f"{what}: {len(images)} are too few for a Frechet distance; use at least 2")
    return statistics_of(features(images).double().numpy(), features.name, features.source)


def statistics_of(found: np.ndarray, features: str, source: str) -> Statistics:
    """Mean and covariance of features float64 [N, length], at least two rows; `features` and `source` name them."""
    return Statistics(found.mean(axis=0), np.atleast_2d(np.cov(found, rowvar=False)), len(found), features, source)


def frechet_distance(one: Statistics, other: Statistics) -> float:
    """The Frechet distance between two normal distributions; 0 for equal statistics, up to rounding.

    Raises:
        OleanderError: the statistics are of different features.
    """
    if (one.features, one.source) != (other.features, other.source):
        raise OleanderError(
            f"statistics of {one.features} ({one.source}) and of {other.features} ({other.source}) cannot be compared; "
            "delete the older file and run again"
        )
    return float(calculate_frechet_distance(one.mean, one.covariance, other.mean, other.covariance))


def save_statistics(path: str | os.PathLike[str], statistics: Statistics, settings: dict[str, Any]) -> None:
    """Write statistics with the resolved `settings` in the header."""
    tensors = {key: torch.from_numpy(getattr(statistics, key)) for key in ("mean", "covariance")}
    header = {"kind": KIND, **{key: getattr(statistics, key) for key in ("count", "features", "source")}}
    save_artifact(path, tensors, {**header, "settings": settings})


def load_statistics(path: str | os.PathLike[str]) -> Statistics:
    """Read what `save_statistics` wrote.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    tensors, header = load_artifact(path)
    with expecting(path, "feature statistics"):
        check_header(header, HEADER)
        features = len(tensors["mean"])
        check_tensors(tensors, {"mean": (features,), "covariance": (features, features)})
        return Statistics(
            tensors["mean"].numpy(),
            tensors["covariance"].numpy(),
            *(header[key] for key in ("count", "features", "source")),
        )
