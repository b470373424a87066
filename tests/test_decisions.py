"""How sure a range is, and how many measurements would decide it: against scipy's own tests, one count at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from oleander.metrics.decisions import (
    MOST,
    confidence_outside,
    confidence_within,
    needed_for_interval,
    needed_for_tests,
    share_level,
)
from oleander.metrics.trend import needed_for_trend, trend_confidence

VALUES = st.lists(st.integers(-40, 40), min_size=2, max_size=6, unique=True).map(np.array)


def like(mean, spread, n):
    """n values with this mean and standard deviation."""
    ladder = np.arange(n, dtype=float)
    return mean + (ladder - ladder.mean()) / ladder.std(ddof=1) * spread


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(-30, 30), st.integers(0, 40))
def test_confidences_are_one_sided_t_tests(values, low, width):
    high = low + width
    above, below = (
        1 - stats.ttest_1samp(values, bound, alternative=side).pvalue
        for bound, side in ((low, "greater"), (high, "less"))
    )
    summary = values.mean(), values.std(ddof=1), len(values)
    assert confidence_within(*summary, low, high) == pytest.approx(min(above, below))
    assert confidence_outside(*summary, low, high) == pytest.approx(max(1 - above, 1 - below))
    assert confidence_within(*summary, low, math.inf) == pytest.approx(above)
    assert confidence_outside(*summary, -math.inf, high) == pytest.approx(1 - below)
    assert confidence_within(*summary, low, high) + confidence_outside(*summary, low, high) == pytest.approx(1)


def test_equal_values_leave_no_doubt_and_a_single_one_leaves_all():
    assert confidence_within(0.2, 0.0, 3, 0, math.inf) == 1
    assert confidence_within(-0.2, 0.0, 3, 0, math.inf) == 0
    assert confidence_outside(-0.2, 0.0, 3, 0, math.inf) == 1
    # Without any difference there is neither an order nor its reverse.
    assert confidence_within(0.0, 0.0, 3, 0, math.inf) == confidence_outside(0.0, 0.0, 3, 0, math.inf) == 0
    assert math.isnan(confidence_within(0.2, math.nan, 1, 0, math.inf))
    assert math.isnan(needed_for_tests([0.2], [math.nan], 1, 0, math.inf, 0.95))
    assert math.isnan(needed_for_interval(0.2, math.nan, 1, 0, 1, 0.95))


def test_tests_share_their_level():
    assert share_level(0.99, 1) == pytest.approx(0.99)
    assert share_level(0.99, 4) == pytest.approx(0.96)
    assert share_level(0.5, 4) == 0
    # No more than 5 % of families of four are refuted where nothing is there.
    random = np.random.default_rng(0)
    samples = random.normal(size=(2000, 4, 3))
    refuted = 0
    for family in samples:
        sure = [confidence_outside(one.mean(), one.std(ddof=1), 3, 0, math.inf) for one in family]
        refuted += share_level(max(sure), 4) >= 0.95
    assert stats.binom.ppf(0.001, 2000, 0.04) <= refuted <= stats.binom.ppf(0.999, 2000, 0.05)


@settings(max_examples=40, deadline=None)
@given(VALUES, st.sampled_from([(0, math.inf), (-math.inf, 5), (-10, 10)]), st.integers(0, 30))
def test_needed_is_the_first_count_at_which_the_tests_decide(values, accepted, shift):
    low, high = accepted
    means, spreads = [values.mean(), values.mean() + shift], [values.std(ddof=1), 2 * values.std(ddof=1)]

    def decided(n):
        samples = [like(mean, spread, n) for mean, spread in zip(means, spreads, strict=True)]
        ps = [
            [stats.ttest_1samp(one, bound, alternative=side).pvalue if math.isfinite(bound) else 0.0 for one in samples]
            for bound, side in ((low, "greater"), (high, "less"))
        ]
        # Both surely inside; or one of the two surely outside, at half the level each.
        return np.max(ps) <= 0.05 or np.max(ps) >= 1 - 0.05 / 2

    found = needed_for_tests(means, spreads, len(values), low, high, 0.95)
    for n in range(len(values) + 1, 40):
        if decided(n):
            assert found == n
            return
    assert found >= 40


@settings(max_examples=40, deadline=None)
@given(VALUES, st.integers(1, 30))
def test_needed_is_the_first_count_at_which_the_interval_decides(values, tolerance):
    mean, spread = values.mean(), values.std(ddof=1)
    found = needed_for_interval(mean, spread, len(values), -tolerance, tolerance, 0.95)
    for n in range(len(values) + 1, 40):
        low, high = stats.t.interval(0.95, n - 1, mean, spread / math.sqrt(n))
        if (low >= -tolerance and high <= tolerance) or low > tolerance or high < -tolerance:
            assert found == n
            return
    assert found >= 40


def test_what_more_than_a_thousand_would_not_decide_is_infinite():
    assert needed_for_tests([0.0], [1.0], 3, 0, math.inf, 0.95) == math.inf
    assert needed_for_interval(1.0, 1.0, 3, 0, 1, 0.95) == math.inf
    # About (1.645 / 0.1)^2 and, beyond the limit, (1.645 / 0.05)^2.
    assert needed_for_tests([0.1], [1.0], 3, 0, math.inf, 0.95) == pytest.approx(271, abs=2)
    assert needed_for_tests([0.05], [1.0], 3, 0, math.inf, 0.95) == math.inf
    assert MOST < (1.645 / 0.05) ** 2


@pytest.mark.parametrize("seed", range(6))
def test_a_trend_needs_the_blocks_at_which_pages_score_reaches_the_level(seed):
    random = np.random.default_rng(seed)
    blocks = random.normal(size=(3, 4)) + 0.2 * np.arange(4)
    needed = needed_for_trend(blocks, 0.95)
    assert needed > 3

    def sure(times):
        p = stats.page_trend_test(np.tile(blocks, (times, 1)), method="asymptotic").pvalue
        return not 0.05 < p < 0.95

    times = next((times for times in range(1, 400) if sure(times)), 400)
    if needed < math.inf and times > 1:
        assert 3 * (times - 1) < needed <= 3 * times
    elif needed == math.inf:
        assert times > MOST / 3


def test_a_level_trend_needs_no_number_of_blocks():
    """The middle column beats the outer ones: the ranks have no slope."""
    blocks = np.array([[1.0, 3.0, 2.0], [2.0, 3.0, 1.0]])
    assert needed_for_trend(blocks, 0.95) == math.inf
    assert trend_confidence(blocks) < 0.95
