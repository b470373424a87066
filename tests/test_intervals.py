"""Intervals and rates against scipy and closed forms."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from oleander.metrics.classification import confusion, error_rates
from oleander.metrics.intervals import mean_interval


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("generators", [2, 5])
def test_interval_over_generators_is_students(confidence, generators):
    draw = np.random.default_rng(generators)
    values = draw.normal(size=(generators, 4))
    frame = pd.DataFrame({"value": values.ravel(), "generator": np.repeat(np.arange(generators), 4)})
    frame = frame.sample(frac=1, random_state=1)
    found = mean_interval(frame["value"], frame["generator"], confidence)
    means = values.mean(1)
    low, high = stats.t.interval(confidence, generators - 1, loc=means.mean(), scale=stats.sem(means))
    assert found == pytest.approx({"mean": means.mean(), "low": low, "high": high, "n": generators}, rel=1e-12)


def test_two_values_by_hand():
    # t(0.975, 1) = tan(0.475 pi), and the standard error of 0 and 2 is 1.
    found = mean_interval(pd.Series([0.0, 2.0]), pd.Series([7, 8]), 0.95)
    half = math.tan(0.475 * math.pi)
    assert found == pytest.approx({"mean": 1, "low": 1 - half, "high": 1 + half, "n": 2})


def test_generators_count_alike_whatever_their_runs():
    found = mean_interval(pd.Series([0.0, 0.0, 0.0, 1.0]), pd.Series([0, 0, 0, 1]), 0.95)
    assert found["mean"] == 0.5
    assert found["n"] == 2


def test_one_generator_is_estimated_over_its_runs():
    runs = [0.1, 0.2, 0.4, 0.4]
    found = mean_interval(pd.Series(runs), pd.Series([3] * 4), 0.95)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(runs), scale=stats.sem(runs))
    assert found == pytest.approx({"mean": np.mean(runs), "low": low, "high": high, "n": 4})


def test_groups_are_matched_by_place_not_by_index():
    values = pd.Series([1.0, 1.0, 3.0, 3.0], index=[5, 6, 7, 8])
    groups = pd.Series([0, 0, 1, 1], index=[8, 7, 6, 5])
    assert mean_interval(values, groups, 0.95)["mean"] == 2
    assert mean_interval(values, groups, 0.95)["n"] == 2


def test_one_value_has_no_interval_and_none_no_mean():
    one = mean_interval(pd.Series([0.25]), pd.Series([0]), 0.95)
    assert (one["mean"], one["n"]) == (0.25, 1)
    assert math.isnan(one["low"])
    assert math.isnan(one["high"])
    nothing = mean_interval(pd.Series([], dtype=float), pd.Series([], dtype=int), 0.95)
    assert nothing["n"] == 0
    assert math.isnan(nothing["mean"])


def test_error_rates_by_hand():
    truth = torch.tensor([0, 0, 0, 0, 1, 1])
    predicted = torch.tensor([[0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1]])
    rates = {name: values.tolist() for name, values in error_rates(predicted, truth).items()}
    assert rates == {
        "error": [2 / 6, 4 / 6, 0],
        "false_positive_rate": [1 / 4, 1, 0],
        "false_negative_rate": [1 / 2, 0, 0],
        "source_as_target": [1 / 4, 1, 0],
    }
    three = torch.tensor([0, 0, 1, 1, 2, 2, 2, 2])
    predicted = torch.tensor([[1, 0, 1, 2, 2, 2, 1, 0]])
    rates = {name: values.tolist() for name, values in error_rates(predicted, three).items()}
    assert rates == {
        "error": [4 / 8],
        "false_positive_rate": [2 / 6],
        "false_negative_rate": [1 / 2],
        "source_as_target": [1 / 2],
    }


def test_confusion_by_hand():
    truth = torch.tensor([0, 0, 1, 1, 3, 3, 3, 3])
    predicted = torch.tensor([[1, 0, 1, 2, 3, 3, 1, 0], [0, 0, 1, 1, 3, 3, 3, 3]])
    first, second = confusion(predicted, truth, 4)
    assert first[[0, 1, 3]].tolist() == [[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0.25, 0.25, 0, 0.5]]
    assert first[2].isnan().all(), "a class without points has no shares"
    assert torch.equal(second[[0, 1, 3]], torch.eye(4, dtype=torch.float64)[[0, 1, 3]])
