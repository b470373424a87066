"""Kernel distance, precision, recall and spread: closed forms, brute force, and what each of them tells of a GAN."""

import math

import numpy as np
import pytest
import torch

from oleander.io.errors import OleanderError
from oleander.metrics.image_sets import FEWEST, compare_sets


def random_features(count, length=4, seed=0):
    return torch.randn(count, length, generator=torch.Generator().manual_seed(seed))


def by_brute_force(generated, genuine):
    """All four as their papers define them, pair by pair."""
    one, other = generated.double().numpy(), genuine.double().numpy()
    n = min(len(one), len(other))
    one, other = one[:n], other[:n]

    def kernel(x, y):
        return (float(x @ y) / len(x) + 1) ** 3

    def apart(x, y):
        return math.dist(x, y)

    def mean_of_pairs(points, function):
        return np.mean([function(points[i], points[j]) for i in range(n) for j in range(n) if i != j])

    def share_within(points, centres):
        radii = [
            sorted(apart(centre, x) for at, x in enumerate(centres) if at != own)[2]
            for own, centre in enumerate(centres)
        ]
        near = [any(apart(x, centre) <= r for centre, r in zip(centres, radii, strict=True)) for x in points]
        return np.mean(near)

    across = np.mean([kernel(x, y) for x in one for y in other])
    return {
        "compared_images": n,
        "kernel_distance": mean_of_pairs(one, kernel) + mean_of_pairs(other, kernel) - 2 * across,
        "knn_precision": share_within(one, other),
        "knn_recall": share_within(other, one),
        "spread": mean_of_pairs(one, apart) / mean_of_pairs(other, apart),
    }


@pytest.mark.parametrize(("counts", "scale", "shift"), [((20, 20), 1, 0), ((30, 17), 0.3, 0.5), ((9, 40), 3, -1)])
def test_all_four_are_as_their_papers_define_them(counts, scale, shift):
    generated, genuine = scale * random_features(counts[0]) + shift, random_features(counts[1], seed=1)
    found, expected = compare_sets(generated, genuine), by_brute_force(generated, genuine)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


def test_kernel_distance_of_two_points_is_a_closed_form():
    """Of sets that are one point each, many times over: k(x, x) + k(y, y) - 2 k(x, y)."""
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    found = compare_sets(x.repeat(6, 1), y.repeat(6, 1))
    assert found["kernel_distance"] == pytest.approx(1.5**3 + 3**3 - 2)
    assert (found["knn_precision"], found["knn_recall"]) == (0, 0)
    assert math.isnan(found["spread"]), "two alike genuine images have no distance to compare with"


def test_kernel_distance_has_no_bias():
    """Its mean over draws of one distribution is 0, where the biased estimate's is far above."""
    found = [
        compare_sets(random_features(10, 8, seed), random_features(10, 8, 1000 + seed))["kernel_distance"]
        for seed in range(400)
    ]
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    # The biased one adds the means of both diagonals, each at least k(x, x) / 10 > 0.1.
    assert error < 0.02
    assert min(found) < 0


def test_equal_sets_are_alike_in_everything():
    features = random_features(50)
    found = compare_sets(features, features)
    assert (found["knn_precision"], found["knn_recall"], found["spread"]) == (1, 1, 1)


def test_each_measure_tells_its_own_flaw():
    """Near-copies are precise but recall nothing; images far off are neither; a scaled set has that spread."""
    genuine = random_features(300)
    copies = genuine[:1] + 1e-3 * random_features(300, seed=2)
    found = compare_sets(copies, genuine)
    assert found["knn_precision"] == 1
    assert found["knn_recall"] < 0.02
    assert found["spread"] < 0.01
    half = compare_sets(genuine[genuine[:, 0] > 0], genuine)
    assert half["knn_precision"] > 0.95
    assert 0.4 < half["knn_recall"] < 0.75
    far = compare_sets(genuine + 100, genuine)
    assert (far["knn_precision"], far["knn_recall"]) == (0, 0)
    assert far["spread"] == pytest.approx(1, abs=1e-5)
    assert far["kernel_distance"] > 100 * abs(found["kernel_distance"])
    assert compare_sets(2.5 * genuine, genuine)["spread"] == pytest.approx(2.5)


def test_near_copies_keep_their_distances():
    """Distances by products of numbers this large would lose theirs in single precision."""
    genuine = 100 + 1e-4 * random_features(60)
    shifted = 100 + 1e-4 * random_features(60, seed=1)
    found, expected = compare_sets(shifted, genuine), by_brute_force(shifted, genuine)
    assert found["knn_recall"] == pytest.approx(expected["knn_recall"])
    assert found["knn_recall"] > 0.3
    assert found["spread"] == pytest.approx(expected["spread"], rel=1e-6)


def test_the_same_features_give_the_same_numbers_and_too_few_none():
    generated, genuine = random_features(40), random_features(60, seed=1)
    assert compare_sets(generated, genuine) == compare_sets(generated.clone(), genuine.clone())
    # Of the larger set the first count, and nothing of the rest.
    assert compare_sets(generated, genuine) == compare_sets(generated, genuine[:40])
    with pytest.raises(OleanderError, match=f"4 images are too few for precision and recall; use at least {FEWEST}"):
        compare_sets(generated[:4], genuine)
    assert compare_sets(generated[:FEWEST], genuine)["compared_images"] == FEWEST
