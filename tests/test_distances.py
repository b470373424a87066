"""Energy distances: closed forms, and what the table says of them."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from oleander.evaluation.distances import measure_distances
from oleander.io.columns import DISTANCES
from oleander.io.errors import OleanderError
from oleander.io.pictures import Samples
from oleander.metrics.energy import energy_distance
from oleander.metrics.representative import median_generator
from oleander.plots.distance_table import (
    COLUMNS,
    distance_latex,
    distance_markdown,
    distance_table,
    drawn_generators,
    genuine_limit,
    verdict,
)

IDENTITY = {
    "scale": "demo",
    "precision": "float32",
    "experiment": "synthetic",
    "dataset": "gaussians",
    "stand_in_for": "",
    "attack": "pgan",
}


def test_two_point_masses_are_twice_their_distance_apart():
    assert energy_distance(np.zeros((3, 2)), np.full((5, 2), 3.0)) == pytest.approx(2 * np.sqrt(18))
    # Half of the mass in common: 2 d/2 - 0 - d/2.
    assert energy_distance(np.array([[0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 8.0]])) == pytest.approx(4)


def test_in_one_dimension_it_is_scipys_squared():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 1)), random.normal(1, 2, size=(25, 1))
    assert energy_distance(x, y) == pytest.approx(stats.energy_distance(x[:, 0], y[:, 0]) ** 2)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 12))
def test_it_is_symmetric_not_negative_and_zero_for_equal_samples(seed, n, m):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(n, 2)), random.normal(size=(m, 2))
    assert energy_distance(x, y) == pytest.approx(energy_distance(y, x))
    assert energy_distance(x, y) > -1e-12
    assert energy_distance(x, np.concatenate([x, x])) == pytest.approx(0, abs=1e-12)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert energy_distance(x @ turn + 5, y @ turn + 5) == pytest.approx(energy_distance(x, y), abs=1e-9)


def test_samples_of_one_distribution_are_on_average_as_far_apart_as_is_said():
    """(1 / n + 1 / m) E|X - X'|; of standard normal points in the plane E|X - X'| is the root of pi."""
    random = np.random.default_rng(0)
    found = [energy_distance(*random.normal(size=(2, 30, 2))) for _ in range(400)]
    assert np.mean(found) == pytest.approx(2 / 30 * np.sqrt(np.pi), rel=0.05)


def test_the_generator_in_the_middle_is_shown():
    assert median_generator(pd.Series([0.3, 0.1, 0.2]), pd.Series([7, 8, 9])) == 9
    assert median_generator(pd.Series([0.4, 0.1, 0.2, 0.3]), pd.Series([0, 1, 2, 3])) == 2
    assert median_generator(pd.Series([0.1, 0.1, 0.1]), pd.Series([2, 1, 0])) == 1


def make_samples(shifts, count=60):
    random = np.random.default_rng(1)
    poison = {
        (alpha, at): random.normal(size=(count, 2)) + shift
        for alpha, own in shifts.items()
        for at, shift in enumerate(own)
    }
    nothing = np.zeros((count, 2))
    return Samples("synthetic", "blue", "green", None, "float32", nothing, nothing, poison)


def measure(shifts, genuine=120):
    return measure_distances(make_samples(shifts), np.random.default_rng(2).normal(size=(genuine, 2)), IDENTITY)


def test_every_generator_and_genuine_pairs_are_measured():
    found = measure({0.0: [4, 5, 6], 1.0: [0, 0, 2]})
    assert tuple(found.columns) == DISTANCES
    assert set(found["count"]) == {60}
    poison = found[found["points"] == "poison"].set_index(["alpha", "generator"])["energy_distance"]
    genuine = found.loc[found["points"] == "genuine", "energy_distance"]
    assert found.loc[found["points"] == "genuine", "alpha"].isna().all()
    assert poison[0.0, 0] < poison[0.0, 1] < poison[0.0, 2]
    assert poison[1.0, 2] > genuine.max() > poison[1.0, 0]
    # Far away, it is twice the distance less what the points of a sample are apart, about the root of pi in each.
    far = measure({0.0: [100]}).iloc[0]["energy_distance"]
    assert far == pytest.approx(2 * 100 * np.sqrt(2) - 2 * np.sqrt(np.pi), rel=0.01)
    assert drawn_generators(found) == {0.0: 1, 1.0: int(poison[1.0].sort_values().index[1])}
    pd.testing.assert_frame_equal(found, measure({0.0: [4, 5, 6], 1.0: [0, 0, 2]}))


def test_too_few_points_are_one_sentence():
    with pytest.raises(OleanderError, match=r"3 genuine test points .* too few for a distance; use more"):
        measure({1.0: [0]}, genuine=3)
    with pytest.raises(OleanderError, match="poison of 0 generators"):
        measure({})


def make_distances(at_one, genuine=(0.01, 0.02, 0.03, 0.04, 0.05)):
    rows = [("poison", 0.0, at, 1.0 + at) for at in range(3)]
    rows += [("poison", 1.0, at, distance) for at, distance in enumerate(at_one)]
    rows += [("genuine", np.nan, at, distance) for at, distance in enumerate(genuine)]
    frame = pd.DataFrame(rows, columns=["points", "alpha", "generator", "energy_distance"])
    return frame.assign(count=50, **IDENTITY)[list(DISTANCES)]


@pytest.mark.parametrize(
    ("at_one", "sentence"),
    [
        (
            [0.02, 0.01, 0.03],
            "of 3 of 3 generators .* about 2.85 would be .* p = 1\\). .* distance is 0.020; 4 of 5 pairs .* median "
            "generator's poison matches .* as the paper says of a standard GAN.$",
        ),
        ([0.02, 0.01, 0.3], "of 2 of 3 generators .* p = 0.14\\). .* as the paper says of a standard GAN.$"),
        (
            [0.01, 0.01, 0.02, 0.3, 0.4],
            "of 3 of 5 generators .* p = 0.023\\). .* of a standard GAN, but not every generator does.$",
        ),
        (
            [0.2, 0.01, 0.3],
            "of 1 of 3 generators .* is 0.200; 0 of 5 .* does not match genuine points, where the paper says that it "
            "does.$",
        ),
    ],
)
def test_whether_alpha_1_is_a_standard_gan_is_said_from_the_numbers(at_one, sentence):
    distances = make_distances(at_one)
    assert genuine_limit(distances, 0.95) == pytest.approx(0.048)
    assert re.search(sentence, verdict(distances, 0.95))
    assert verdict(distances[distances["alpha"] != 1], 0.95) == ""


def test_the_tables_have_every_distance():
    distances = make_distances([0.02, 0.01, 0.3])
    table = distance_table(distances)
    assert tuple(table.columns) == COLUMNS
    assert len(table) == len(distances)
    shown = table[table["drawn"].fillna(False)]
    assert list(zip(shown["alpha"], shown["generator"], strict=True)) == [(0.0, 1), (1.0, 0)]
    assert table.loc[table["points"] == "genuine", "drawn"].isna().all()
    text = distance_markdown(distances, "Two Gaussians", None, "demo", 0.95)
    low, high = stats.t.interval(0.95, 2, loc=2, scale=stats.sem([1, 2, 3]))
    assert f"| 2.000 [{low:.3f}–{high:.3f}] | 1.000 | 2.000 | 3.000 | 0 of 3 |".replace(" ", "") in text.replace(
        " ", ""
    )
    assert "Two Gaussians - demo scale" in text
    assert "2.000(drawn)" in text.replace(" ", "")
    assert verdict(distances, 0.95) in text
    latex = distance_latex(distances, "Two Gaussians", None, "demo", 0.95)
    assert latex.count("\\begin{table}") == 2
    assert "0.300" in latex
