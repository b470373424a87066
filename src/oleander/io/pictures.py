"""Read the samples that jobs save for figures: as NumPy arrays, without torch or the models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oleander.io.artifact_format import SEED, TEXT, TEXT_OR_NONE, check_header, expecting, load_arrays
from oleander.io.columns import CLEAN, TRIGGERED

GAN_SAMPLES = "gan samples"
RECONSTRUCTIONS = "reconstructions"
"""Kinds of files."""

SAMPLES_HEADER: dict[str, Any] = {
    **dict.fromkeys(("experiment", "source_class", "target_class", "precision"), TEXT),
    "stand_in_for": TEXT_OR_NONE,
    "poison": {
        "type": "object",
        "additionalProperties": {"type": "array", "prefixItems": [{"type": "number"}, SEED], "minItems": 2},
    },
}
GAN_HEADER: dict[str, Any] = {
    "kind": {"const": GAN_SAMPLES},
    "target": TEXT,
    "seed": SEED,
    "checkpoint": TEXT,
    "status": TEXT,
    "stand_in_for": TEXT_OR_NONE,
}
RECONSTRUCTIONS_HEADER: dict[str, Any] = {
    "kind": {"const": RECONSTRUCTIONS},
    "models": {"type": "array", "items": TEXT, "uniqueItems": True},
    "autoencoder": TEXT,
    "stand_in_for": TEXT_OR_NONE,
    "seed": SEED,
}


@dataclass(frozen=True)
class Samples:
    """Genuine points of both classes, and poison from every generator.

    Attributes:
        experiment: name of the experiment.
        source_class, target_class: names of the two classes.
        stand_in_for: the paper's dataset that the data replace; None if they are the real one.
        precision: training precision of the generators.
        source, target: genuine points [n, *shape]; images in [0, 1].
        poison: (alpha, generator) -> points [n, *shape], scaled like the genuine points.
    """

    experiment: str
    source_class: str
    target_class: str
    stand_in_for: str | None
    precision: str
    source: np.ndarray
    target: np.ndarray
    poison: dict[tuple[float, int], np.ndarray]

    def first_generator(self) -> dict[float, np.ndarray]:
        """alpha -> poison from the first generator at that alpha, in ascending order of alpha."""
        first: dict[float, np.ndarray] = {}
        for alpha, generator in sorted(self.poison):
            first.setdefault(alpha, self.poison[alpha, generator])
        return first


def load_samples(paths: list[str]) -> dict[str, Samples]:
    """Experiment -> the samples of all its cohorts in `paths`, in the given order.

    Raises:
        OleanderError: a file is missing, damaged or of another kind.
    """
    found: dict[str, Samples] = {}
    for path in paths:
        arrays, header = load_arrays(path)
        with expecting(path, "samples"):
            check_header(header, SAMPLES_HEADER)
            experiment = header["experiment"]
            poison = {(alpha, seed): arrays[name] for name, (alpha, seed) in header["poison"].items()}
            names = {key: header[key] for key in ("source_class", "target_class", "stand_in_for", "precision")}
            genuine = {key: arrays[key] for key in ("source", "target")}
            shape = tuple(genuine["source"].shape[1:])
            check_arrays(arrays, {name: (len(array), *shape) for name, array in arrays.items()})
        if experiment in found:
            found[experiment].poison.update(poison)
        else:
            found[experiment] = Samples(experiment=experiment, **names, **genuine, poison=poison)
    return found


def load_gan_samples(path: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `evaluation.gans.save_gan_samples` wrote: name -> images in [0, 1], and the header.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    arrays, header = load_arrays(path)
    with expecting(path, "samples of a GAN"):
        check_header(header, GAN_HEADER)
        wanted = {CLEAN} if header["target"] == CLEAN else {CLEAN, TRIGGERED}
        kinds = {(images.ndim, images.dtype) for images in arrays.values()}
        if set(arrays) != wanted or kinds != {(4, np.dtype(np.uint8))}:
            raise ValueError("its tensors are not images from clean and triggered noise")
    return {name: images.astype(np.float32) / 255 for name, images in arrays.items()}, header


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """The images of one dataset's autoencoders that Figure 2 shows.

    Attributes:
        autoencoder: name of the dataset's autoencoders.
        stand_in_for: the paper's dataset that the data replace; None if they are the real one.
        seed: seed of the models.
        images: model -> what `evaluation.reconstructions.draw_reconstructions` returns: tensors when created, arrays
            when read from a file.
    """

    autoencoder: str
    stand_in_for: str | None
    seed: int
    images: dict[str, dict[str, Any]]


def load_reconstructions(path: Path | str) -> Reconstructions:
    """Read what `evaluation.reconstructions.save_reconstructions` wrote.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    arrays, header = load_arrays(path)
    with expecting(path, "reconstructions"):
        check_header(header, RECONSTRUCTIONS_HEADER)
        images: dict[str, dict[str, np.ndarray]] = {model: {} for model in header["models"]}
        for key, array in sorted(arrays.items()):
            model, name = key.split(".")
            images[model][name] = array
        for model, own in images.items():
            wanted = ("clean", "clean_decoded", *(("triggered", "triggered_decoded") if model != CLEAN else ()))
            check_arrays(own, dict.fromkeys(wanted, tuple(own["clean"].shape)))
        return Reconstructions(images=images, **{key: header[key] for key in ("autoencoder", "stand_in_for", "seed")})


def check_arrays(arrays: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]]) -> None:
    """Check that an artifact's arrays are floating point and have exactly these names and shapes.

    Raises:
        ValueError: they are not.
    """
    found = {name: tuple(array.shape) for name, array in arrays.items()}
    if found != shapes or not all(np.issubdtype(array.dtype, np.floating) for array in arrays.values()):
        raise ValueError(f"its tensors are not the {len(shapes)} expected")
