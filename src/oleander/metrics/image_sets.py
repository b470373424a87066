"""Measures that tell what a Frechet distance mixes: whether generated images look genuine, and how much they vary.

torch-fidelity computes distance, precision and recall from given features. All are of equally many images of either
side, since precision and recall depend on these numbers.
"""

import math

import torch
from torch import Tensor

from oleander.io.errors import OleanderError

NEIGHBOURS = 3
"""Kynkaanniemi et al. 2019: the radius around an image is the distance to its third neighbour."""
FEWEST = NEIGHBOURS + 2
"""Fewest images of a set: the neighbours, the image itself, and one that is beyond."""


def compare_sets(generated: Tensor, genuine: Tensor) -> dict[str, float]:
    """Compare two sets of images by their features, of which the larger set's first ones are used.

    Args:
        generated, genuine: [N, length] and [M, length], in random order. Memory grows with the square of the smaller
            number: about 1 GB at 5,000.

    Returns:
        `compared_images`: the number of images of either set.
        `kernel_distance`: the squared maximum mean discrepancy under the kernel (x y / length + 1)^3, unbiased, which
            with Inception's features is the KID (Binkowski et al. 2018). 0 is expected of equal distributions; a
            negative value means no measurable distance. Over all images at once: the mean over random subsets, which
            others report, has the same expectation and more noise.
        `knn_precision`: share of the generated images that lie within the radius of a genuine one.
        `knn_recall`: share of the genuine images that lie within the radius of a generated one.
        `spread`: mean distance of two generated images, divided by that of two genuine ones; NaN if all genuine images
            are alike.

    Raises:
        OleanderError: fewer than `FEWEST` images in a set.
    """
    # Imported here, since it takes half a second and most users of this package compare nothing.
    from torch_fidelity import metric_kid, metric_prc

    count = min(len(generated), len(genuine))
    if count < FEWEST:
        raise OleanderError(f"{count} images are too few for precision and recall; use at least {FEWEST}")
    # In double precision, since torch-fidelity takes distances by products, which lose the digits of near-copies.
    one, other = (features[:count].double() for features in (generated, genuine))
    kernel = metric_kid.kid_features_to_metric(one, other, kid_subsets=1, kid_subset_size=count, verbose=False)
    shares = metric_prc.prc_features_to_metric(one, other, prc_neighborhood=NEIGHBOURS, verbose=False)
    apart, genuine_apart = (float(torch.pdist(features).mean()) for features in (one, other))
    return {
        "compared_images": count,
        "kernel_distance": kernel[metric_kid.KEY_METRIC_KID_MEAN],
        # Of whole images again: torch-fidelity takes the mean in single precision.
        "knn_precision": round(count * shares[metric_prc.KEY_METRIC_PRECISION]) / count,
        "knn_recall": round(count * shares[metric_prc.KEY_METRIC_RECALL]) / count,
        "spread": apart / genuine_apart if genuine_apart else math.nan,
    }
