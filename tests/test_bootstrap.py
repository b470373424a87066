"""Estimates with few generators against scipy, closed forms and simulation; Page's test against enumeration."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from oleander.metrics.bootstrap import bootstrap_estimate, mean_weights
from oleander.metrics.trend import trend_sureness


def mean(means):
    return means[..., 0]


def difference(means):
    return means[..., 0] - means[..., 1]


def hierarchical(random, generators, runs, between, within):
    """Values [generators * runs, 1] around 0 and their groups."""
    levels = random.normal(0, between, generators)
    values = levels[:, None] + random.normal(0, within, (generators, runs))
    return values.reshape(-1, 1), np.repeat(np.arange(generators), runs)


def test_one_run_a_generator_is_what_scipy_bootstraps():
    values = np.random.default_rng(0).exponential(size=12)
    found = bootstrap_estimate(values[:, None], np.arange(12), mean, 0.95, seed=1, resamples=20000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=2).standard_error
    assert found.error == pytest.approx(theirs * math.sqrt(12 / 11), rel=0.03)
    half = stats.t.ppf(0.975, 11) * found.error
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert (found.n, found.over_groups) == (12, True)


def test_without_noise_inside_generators_the_interval_is_students():
    levels = np.array([0.1, 0.4, 0.2, 0.7])
    found = bootstrap_estimate(np.repeat(levels, 5)[:, None], np.repeat(np.arange(4), 5), mean, 0.9, 3, 40000)
    low, high = stats.t.interval(0.9, 3, loc=levels.mean(), scale=stats.sem(levels))
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.03)


@pytest.mark.parametrize("between", [0.0, 1.0])
def test_the_interval_of_a_mean_is_students_over_the_generators_means(between):
    values, groups = hierarchical(np.random.default_rng(5), 4, 6, between, 2.0)
    means = values.reshape(4, 6).mean(1)
    found = bootstrap_estimate(values, groups, mean, 0.95, 0, 40000)
    low, high = stats.t.interval(0.95, 3, loc=means.mean(), scale=stats.sem(means))
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_means_of_generators_means(seed):
    random = np.random.default_rng(seed)
    groups = random.permutation(np.repeat([5, 7, 9], [1, 4, 2]))
    values = random.normal(size=7)
    own, resampled, count = mean_weights(groups, 500, seed)
    assert own @ values == pytest.approx(np.mean([values[groups == group].mean() for group in (5, 7, 9)]))
    np.testing.assert_allclose(resampled.sum(1), 1)
    assert count == 3
    # A generator that is drawn k times of three weighs k / 3.
    for group in (5, 7, 9):
        thirds = 3 * resampled[:, groups == group].sum(1)
        np.testing.assert_allclose(thirds, thirds.round(), atol=1e-9)


def test_one_generator_is_judged_by_its_runs():
    values = np.array([[0.1], [0.2], [0.4], [0.4]])
    found = bootstrap_estimate(values, np.zeros(4), mean, 0.95, 0, 40000)
    low, high = stats.t.interval(0.95, 3, loc=0.275, scale=stats.sem(values[:, 0]))
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.03)
    assert (found.n, found.over_groups) == (4, False)


def test_one_value_has_no_interval_and_none_no_value():
    one = bootstrap_estimate(np.array([[0.25]]), np.array([0]), mean, 0.95, 0)
    assert (one.value, one.n) == (0.25, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.sureness())
    nothing = bootstrap_estimate(np.empty((0, 1)), np.empty(0), mean, 0.95, 0)
    assert nothing.n == 0
    assert math.isnan(nothing.value)


def test_what_never_varies_is_sure_but_zero_is_not_above_zero():
    for value, sure in ((0.1, 1.0), (0.0, 0.0), (-0.1, 0.0)):
        found = bootstrap_estimate(np.full((6, 1), value), np.repeat([0, 1, 2], 2), mean, 0.95, 0)
        assert found.low == found.high == found.value
        assert found.sureness() == sure


@pytest.mark.parametrize(
    ("generators", "runs", "between"), [(3, 3, 1.0), (5, 10, 1.0), (3, 3, 0.0), (5, 10, 0.0), (5, 1, 1.0)]
)
def test_coverage_with_few_generators(generators, runs, between):
    """Of 400 experiments whose true value is 0 about 95 % have it in their interval, and about 5 % are as sure as that
    that they are above it. Counts beyond the limits come by chance once in a thousand."""
    random = np.random.default_rng(generators * runs)
    inside = sure = 0
    for seed in range(400):
        values, groups = hierarchical(random, generators, runs, between, 1.0)
        found = bootstrap_estimate(values, groups, mean, 0.95, seed, 500)
        inside += found.low <= 0 <= found.high
        sure += found.sureness() >= 0.95
    assert stats.binom.ppf(0.0005, 400, 0.95) <= inside <= stats.binom.ppf(0.9995, 400, 0.95)
    assert stats.binom.ppf(0.0005, 400, 0.05) <= sure <= stats.binom.ppf(0.9995, 400, 0.05)


def test_pairs_take_out_what_both_sides_share():
    random = np.random.default_rng(2)
    shared = random.normal(0, 5, 20)
    pairs = np.stack([shared + 1 + random.normal(0, 0.1, 20), shared], axis=1)
    groups = np.repeat(np.arange(5), 4)
    assert bootstrap_estimate(pairs, groups, difference, 0.95, 0).sureness() > 0.99
    assert bootstrap_estimate(pairs[:, :1], groups, mean, 0.95, 0).sureness() < 0.95


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.floats(0.01, 100), st.floats(-10, 10))
def test_an_interval_moves_and_stretches_with_its_values(values, factor, shift):
    values, groups = np.array(values)[:, None], np.repeat([0, 1, 2], 2)
    one = bootstrap_estimate(values, groups, mean, 0.95, 0, 200)
    other = bootstrap_estimate(factor * values + shift, groups, mean, 0.95, 0, 200)
    for name in ("value", "low", "high"):
        expected = factor * getattr(one, name) + shift
        assert getattr(other, name) == pytest.approx(expected, rel=1e-6, abs=1e-6 * factor + 1e-9)


def enumerated_sureness(blocks):
    """One less the share of all rearrangements within the blocks whose Page statistic is as large."""
    places = np.arange(1, blocks.shape[1] + 1)
    observed = sum(stats.rankdata(block) @ places for block in blocks)
    orders = [np.array(order) @ places for order in itertools.permutations(places)]
    reached = [sum(parts) for parts in itertools.product(orders, repeat=len(blocks))]
    return 1 - np.mean([value >= observed - 1e-9 for value in reached])


@pytest.mark.parametrize("seed", range(5))
def test_trend_is_pages_by_enumeration(seed):
    random = np.random.default_rng(seed)
    blocks = random.normal(size=(3, 4)) + 0.5 * np.arange(4)
    assert trend_sureness(blocks) == pytest.approx(enumerated_sureness(blocks))


def test_a_trend_has_a_direction_and_enough_data():
    rising = np.arange(12.0).reshape(3, 4)
    assert trend_sureness(rising) > 0.99
    assert trend_sureness(-rising) < 0.01
    assert trend_sureness(np.ones((3, 4))) < 0.95
    for few in (rising[:1], rising[:, :2]):
        with pytest.raises(ValueError, match="too few"):
            trend_sureness(few)
