"""How far a generator's poison in the plane is from genuine points, beside how far genuine samples are from each other.

pGAN paper, section 4.1: at alpha 1 the distribution of the poison is to match that of the target class.
"""

from typing import Any

import numpy as np
import pandas as pd

from oleander.io.columns import DISTANCES, GENUINE, POISON
from oleander.io.errors import OleanderError
from oleander.io.pictures import Samples
from oleander.io.seeds import derive_seed
from oleander.metrics.energy import energy_distance

GENUINE_DRAWS = 200
"""Pairs of genuine samples. Their quantiles of 95 % and of 99 % are then known well enough."""


def measure_distances(samples: Samples, genuine: np.ndarray, identity: dict[str, Any]) -> pd.DataFrame:
    """Measure every generator's poison, and pairs of genuine samples of the same size.

    Each time the genuine points are halved at random: poison is compared with one half, and for the reference the two
    halves are compared with each other.

    Args:
        samples: poison of every generator, points [n, features].
        genuine: points [m, features] of the target class that no generator has seen.
        identity: values of the constant columns before `points` of `io.columns.DISTANCES`.

    Returns:
        One row per generator and per pair of genuine samples, columns `io.columns.DISTANCES`.

    Raises:
        OleanderError: no poison, or too few genuine points.
    """
    count = min([len(genuine) // 2, *map(len, samples.poison.values())])
    if count < 2 or not samples.poison:
        raise OleanderError(
            f"experiment {samples.experiment}: {len(genuine)} genuine test points and poison of {len(samples.poison)} "
            "generators are too few for a distance; use more test points and more epochs or generators"
        )

    def halves(purpose: str, number: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng(derive_seed("distances", purpose, number)).permutation(len(genuine))
        return genuine[order[:count]], genuine[order[count : 2 * count]]

    rows = [
        {"points": POISON, "alpha": alpha, "generator": generator, "energy_distance": distance}
        for (alpha, generator), points in sorted(samples.poison.items())
        for distance in [energy_distance(points[:count], halves(POISON, generator)[0])]
    ]
    rows += [
        {"points": GENUINE, "generator": number, "energy_distance": energy_distance(*halves(GENUINE, number))}
        for number in range(GENUINE_DRAWS)
    ]
    return pd.DataFrame([{**identity, "count": count, **row} for row in rows], columns=list(DISTANCES))
