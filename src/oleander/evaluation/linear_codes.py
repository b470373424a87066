"""The best linear code of a dataset's images: principal components, as many as an autoencoder's code has numbers.

Not in the BAAAN paper. Of all linear codes of that size, the principal components lose least on the images that they
are fitted to; an autoencoder that is worse has not learnt what its code could hold.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from torch import Tensor

from oleander.backdoors.autoencoder import to_unit
from oleander.data.prepared import Dataset
from oleander.io.columns import LINEAR_CODES
from oleander.models.autoencoder import code_size

EXACT_UP_TO = 4096
"""Numbers of an image up to which the covariance matrix is diagonalized; above it, the components are found by random
projections (Halko et al. 2011), whose error is far below the differences between codes."""
NUMBERS = 500_000_000
"""Of training images of which more than this many numbers would have to be held, evenly spaced ones are used."""


def measure_linear_codes(
    dataset: Dataset, networks: dict[int, dict[str, Any]], identity: dict[str, Any]
) -> pd.DataFrame:
    """Errors of the principal components of the training images, on the test images.

    Args:
        dataset: of images.
        networks: channels of the code -> the autoencoder's network block.
        identity: values of the columns `scale` and `autoencoder`.

    Returns:
        Columns `LINEAR_CODES`, a row per number of channels.

    Raises:
        OleanderError: the data are no images.
    """
    shape = tuple(dataset.train_x.shape[1:])
    sizes = {channels: code_size(network, shape) for channels, network in networks.items()}
    errors = linear_code_errors(dataset.train_x, dataset.test_x, list(sizes.values()))
    data = {"dataset": dataset.name, "stand_in_for": dataset.stand_in_for}
    rows = [
        {**identity, **data, "channels": channels, "numbers": size, "count": len(dataset.test_x), "mse": errors[size]}
        for channels, size in sizes.items()
    ]
    return pd.DataFrame(rows, columns=list(LINEAR_CODES))


def linear_code_errors(train: Tensor, test: Tensor, sizes: list[int]) -> dict[int, float]:
    """Number of components -> mean squared error of the test images, over images, pixels and channels.

    Args:
        train, test: uint8 [N, ...], or float in [0, 1].
        sizes: numbers of components; from as many as there are training images or numbers in an image on, all are used.
    """
    flat = train.flatten(1)
    rows = min(len(flat), max(2, NUMBERS // flat.shape[1]))
    chosen = np.linspace(0, len(flat) - 1, rows).astype(int)
    known = to_unit(flat[chosen], "cpu").double().numpy()
    most = min(max(sizes), *known.shape)
    exact = known.shape[1] <= EXACT_UP_TO
    pca = PCA(most, svd_solver="covariance_eigh" if exact else "randomized", random_state=0).fit(known)
    total, kept = 0.0, np.zeros(most)
    for part in test.flatten(1).split(1000):
        images = to_unit(part, "cpu").double().numpy()
        total += np.square(images - pca.mean_).sum()
        kept += np.square(pca.transform(images)).sum(0)
    lost = total - np.concatenate([[0.0], kept.cumsum()])
    # Where all is kept, rounding may leave less than nothing.
    return {size: max(0.0, float(lost[min(size, most)])) / test.numel() for size in sizes}
