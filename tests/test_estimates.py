"""Estimates with few generators against scipy, closed forms and simulation; Page's test against enumeration."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from oleander.metrics.intervals import estimate_mean, estimate_ratio
from oleander.metrics.trend import trend_confidence


def hierarchical(random, generators, runs, between, within, level=0.0):
    """Values [generators * runs] around a level and their groups."""
    levels = random.normal(level, between, generators)
    values = levels[:, None] + random.normal(0, within, (generators, runs))
    return values.ravel(), np.repeat(np.arange(generators), runs)


@pytest.mark.parametrize("generators", [2, 3, 5])
@pytest.mark.parametrize("runs", [1, 4])
def test_a_mean_is_scipys_t_test_of_the_generators_means(generators, runs):
    values, groups = hierarchical(np.random.default_rng(5), generators, runs, 1.0, 2.0)
    found = estimate_mean(values, groups, 0.9)
    theirs = stats.ttest_1samp(values.reshape(generators, runs).mean(1), 0, alternative="greater")
    assert found.confidence() == pytest.approx(1 - theirs.pvalue, rel=1e-12)
    two_sided = stats.ttest_1samp(values.reshape(generators, runs).mean(1), 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx(tuple(two_sided), rel=1e-12)
    assert (found.n, found.over_groups) == (generators, True)


@pytest.mark.parametrize("runs", [1, 4])
def test_a_difference_is_scipys_paired_t_test(runs):
    random = np.random.default_rng(7)
    left, groups = hierarchical(random, 4, runs, 1.0, 0.5, level=0.5)
    right, _ = hierarchical(random, 4, runs, 1.0, 0.5)
    found = estimate_mean(left - right, groups, 0.95)
    means = [side.reshape(4, runs).mean(1) for side in (left, right)]
    assert found.confidence() == pytest.approx(1 - stats.ttest_rel(*means, alternative="greater").pvalue, rel=1e-12)
    interval = stats.ttest_rel(*means).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-12)


def test_pairs_take_out_what_both_sides_share():
    random = np.random.default_rng(2)
    shared = random.normal(0, 5, 20)
    left = shared + 1 + random.normal(0, 0.1, 20)
    groups = np.repeat(np.arange(5), 4)
    assert estimate_mean(left - shared, groups, 0.95).confidence() > 0.99
    assert estimate_mean(left, groups, 0.95).confidence() < 0.95
    shared = np.exp(shared / 10)
    found = estimate_ratio(1.25 * shared, shared, groups, 0.95)
    assert found.value == pytest.approx(0.25)
    assert found.high - found.low < 1e-12


def test_generators_weigh_alike_whatever_their_runs():
    random = np.random.default_rng(3)
    groups = random.permutation(np.repeat([5, 7, 9], [1, 4, 2]))
    above, below = random.uniform(1, 2, (2, 7))
    means = np.array([[side[groups == group].mean() for group in (5, 7, 9)] for side in (above, below)])
    mean, ratio = estimate_mean(above, groups, 0.95), estimate_ratio(above, below, groups, 0.95)
    assert mean.value == pytest.approx(means[0].mean(), rel=1e-12)
    assert mean.error == pytest.approx(stats.sem(means[0]), rel=1e-12)
    assert ratio.value == pytest.approx(means[0].mean() / means[1].mean() - 1, rel=1e-12)
    assert (mean.n, ratio.n) == (3, 3)


def test_a_ratios_error_is_that_of_a_jackknife_of_many_generators():
    random = np.random.default_rng(4)
    below = random.uniform(1, 2, 400)
    above = 0.8 * below + random.normal(0, 0.2, 400)
    found = estimate_ratio(above, below, np.arange(400), 0.95)
    left_out = (above.sum() - above) / (below.sum() - below)
    jackknife = math.sqrt(399 / 400 * ((left_out - left_out.mean()) ** 2).sum())
    assert found.error == pytest.approx(jackknife, rel=0.01)


@pytest.mark.parametrize("factor", [-3.0, 0.01, 100.0])
def test_a_ratio_has_no_unit(factor):
    above, below = np.random.default_rng(5).uniform(1, 2, (2, 6))
    one, other = (estimate_ratio(k * above, k * below, np.arange(6) // 2, 0.95) for k in (1, factor))
    assert (one.low, one.value, one.high) == pytest.approx((other.low, other.value, other.high), rel=1e-12)
    # Of a constant that is known, it is the mean's interval.
    mean = estimate_mean(above, np.arange(6) // 2, 0.95)
    ratio = estimate_ratio(above, np.full(6, 2.0), np.arange(6) // 2, 0.95)
    assert (ratio.low, ratio.high) == pytest.approx((mean.low / 2 - 1, mean.high / 2 - 1), rel=1e-12)


def test_a_ratio_to_nothing_has_no_interval():
    for above, expected in (([1.0, 2.0], math.inf), ([-1.0, -2.0], -math.inf)):
        found = estimate_ratio(np.array(above), np.zeros(2), np.arange(2), 0.95)
        assert found.value == expected
        assert math.isnan(found.low)
        assert math.isnan(found.confidence())
    assert math.isnan(estimate_ratio(np.zeros(2), np.zeros(2), np.arange(2), 0.95).value)


def test_one_generator_is_estimated_over_its_runs():
    values = np.array([0.1, 0.2, 0.4, 0.4])
    found = estimate_mean(values, np.zeros(4), 0.95)
    low, high = stats.t.interval(0.95, 3, loc=0.275, scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert (found.n, found.over_groups) == (4, False)
    ratio = estimate_ratio(values, np.ones(4), np.zeros(4), 0.95)
    assert (ratio.low + 1, ratio.high + 1, ratio.over_groups) == pytest.approx((low, high, False))


def test_one_value_has_no_interval_and_none_no_value():
    one, nothing = np.array([0.25]), np.empty(0)
    for found, value in (
        (estimate_mean(one, np.array([0]), 0.95), 0.25),
        (estimate_ratio(one, np.array([0.5]), np.array([0]), 0.95), -0.5),
    ):
        assert (found.value, found.n) == (value, 1)
        assert math.isnan(found.low)
        assert math.isnan(found.confidence())
    for found in (estimate_mean(nothing, nothing, 0.95), estimate_ratio(nothing, nothing, nothing, 0.95)):
        assert found.n == 0
        assert math.isnan(found.value)
        assert math.isnan(found.confidence())


@pytest.mark.parametrize("groups", [[0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2], [0] * 6])
def test_what_never_varies_is_sure_but_zero_is_not_above_zero(groups):
    for value, expected in ((0.1, 1.0), (0.0, 0.0), (-0.1, 0.0)):
        found = estimate_mean(np.full(6, value), np.array(groups), 0.95)
        assert found.low == found.high == found.value == value
        assert found.confidence() == expected
    found = estimate_ratio(np.full(6, 0.1), np.full(6, 0.3), np.array(groups), 0.95)
    assert found.low == found.high == found.value == pytest.approx(-2 / 3)
    assert found.confidence() == 0


@pytest.mark.parametrize(
    ("generators", "runs", "between"), [(3, 3, 1.0), (5, 10, 1.0), (3, 3, 0.0), (5, 10, 0.0), (5, 1, 1.0)]
)
def test_coverage_with_few_generators(generators, runs, between):
    """For a true value of 0, about 95 % of 1000 intervals contain it, and about 5 % of the tests call it positive with
    95 % confidence. By chance, counts exceed the limits once in a thousand."""
    random = np.random.default_rng(generators * runs)
    inside = above = of_ratio = 0
    for _ in range(1000):
        values, groups = hierarchical(random, generators, runs, between, 1.0)
        found = estimate_mean(values, groups, 0.95)
        inside += found.low <= 0 <= found.high
        above += found.confidence() >= 0.95
        # Both sides err by a tenth of their level.
        left, right = (10 + side for side in (values, hierarchical(random, generators, runs, between, 1.0)[0]))
        ratio = estimate_ratio(left, right, groups, 0.95)
        of_ratio += ratio.low <= 0 <= ratio.high
    for count in (inside, of_ratio):
        assert stats.binom.ppf(0.0005, 1000, 0.95) <= count <= stats.binom.ppf(0.9995, 1000, 0.95)
    assert stats.binom.ppf(0.0005, 1000, 0.05) <= above <= stats.binom.ppf(0.9995, 1000, 0.05)


def test_coverage_with_unequal_runs():
    """Generators count alike whatever their number of runs, if generators differ more than runs."""
    random = np.random.default_rng(11)
    groups = np.repeat(np.arange(4), [1, 2, 5, 10])
    inside = 0
    for _ in range(1000):
        found = estimate_mean(random.normal(0, 1, 4)[groups] + random.normal(0, 0.3, 18), groups, 0.95)
        inside += found.low <= 0 <= found.high
    assert stats.binom.ppf(0.0005, 1000, 0.95) <= inside <= stats.binom.ppf(0.9995, 1000, 0.95)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.floats(0.01, 100), st.floats(-10, 10))
def test_an_interval_moves_and_stretches_with_its_values(values, factor, shift):
    values, groups = np.array(values), np.repeat([0, 1, 2], 2)
    one, other = estimate_mean(values, groups, 0.95), estimate_mean(factor * values + shift, groups, 0.95)
    for name in ("value", "low", "high"):
        expected = factor * getattr(one, name) + shift
        assert getattr(other, name) == pytest.approx(expected, rel=1e-6, abs=1e-6 * factor + 1e-9)


def enumerated_confidence(blocks):
    """1 - the share of all rearrangements within the blocks with a Page statistic at least as large."""
    places = np.arange(1, blocks.shape[1] + 1)
    observed = sum(stats.rankdata(block) @ places for block in blocks)
    orders = [np.array(order) @ places for order in itertools.permutations(places)]
    reached = [sum(parts) for parts in itertools.product(orders, repeat=len(blocks))]
    return 1 - np.mean([value >= observed - 1e-9 for value in reached])


@pytest.mark.parametrize("seed", range(5))
def test_trend_is_pages_by_enumeration(seed):
    random = np.random.default_rng(seed)
    blocks = random.normal(size=(3, 4)) + 0.5 * np.arange(4)
    assert trend_confidence(blocks) == pytest.approx(enumerated_confidence(blocks))


def test_a_trend_has_a_direction_and_enough_data():
    rising = np.arange(12.0).reshape(3, 4)
    assert trend_confidence(rising) > 0.99
    assert trend_confidence(-rising) < 0.01
    assert trend_confidence(np.ones((3, 4))) < 0.95
    for few in (rising[:1], rising[:, :2]):
        with pytest.raises(ValueError, match="too few"):
            trend_confidence(few)
