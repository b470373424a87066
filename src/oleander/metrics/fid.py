"""Frechet distance between two sets of images, from means and covariances of their features (Heusel et al. 2017).

With Inception's features it is the FID. pytorch-fid computes the distance. `image_sets` compares the kept features.
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
from oleander.metrics.image_sets import FEWEST, compare_sets

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
    """Mean and covariance of the features of a set of images, and some of the features themselves.

    Attributes:
        mean: float64 [length].
        covariance: float64 [length, length], divided by count - 1.
        sample: float32 [n, length], features of images drawn without replacement, in random order.
        count: number of images behind mean and covariance.
        features, source: name and source of the features.
    """

    mean: np.ndarray
    covariance: np.ndarray
    sample: Tensor
    count: int
    features: str
    source: str


def feature_statistics(features: Features, images: Tensor, what: str = "images", kept: int = 0) -> Statistics:
    """Statistics of the features of uint8 images [N, channels, height, width].

    Args:
        features: computes them.
        images: the images.
        what: name of the images in error messages.
        kept: size of the sample, if there are as many images; the same images are drawn from the same number.

    Raises:
        OleanderError: fewer than two images, which have no covariance, or fewer than `image_sets.FEWEST` where some are
            kept.
    """
    fewest = FEWEST if kept else 2
    if len(images) < fewest:
        raise OleanderError(f"{what}: {len(images)} are too few to be compared; use at least {fewest}")
    found = features(images)
    rows = np.random.default_rng(0).permutation(len(images))[:kept]
    exact = found.double().numpy()
    return Statistics(
        exact.mean(axis=0),
        np.atleast_2d(np.cov(exact, rowvar=False)),
        found[torch.from_numpy(rows)].float(),
        len(images),
        features.name,
        features.source,
    )


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


def all_distances(generated: Statistics, genuine: Statistics) -> dict[str, float]:
    """`fid`, the Frechet distance, and what `image_sets.compare_sets` returns for the samples.

    Raises:
        OleanderError: the statistics are of different features, or have too small samples.
    """
    distance = frechet_distance(generated, genuine)
    return {"fid": distance, **compare_sets(generated.sample, genuine.sample)}


def save_statistics(path: str | os.PathLike[str], statistics: Statistics, settings: dict[str, Any]) -> None:
    """Write statistics as a safetensors file.

    Its tensors are `mean` and `covariance`, float64, and `sample`, float32, as in `Statistics`. Its header has the
    numbers and names of `Statistics` and the resolved `settings`.
    """
    tensors = {key: torch.from_numpy(getattr(statistics, key)) for key in ("mean", "covariance")}
    tensors["sample"] = statistics.sample
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
        shapes = {
            "mean": (features,),
            "covariance": (features, features),
            "sample": (len(tensors["sample"]), features),
        }
        check_tensors(tensors, shapes)
        return Statistics(
            tensors["mean"].numpy(),
            tensors["covariance"].numpy(),
            tensors["sample"],
            *(header[key] for key in ("count", "features", "source")),
        )
