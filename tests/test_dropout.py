"""Dropout masks: exact on known bits, right in scale, share and type."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from oleander.models.dropout import dropout_factor, integers_needed
from oleander.training.seeds import generator_for, random_bits


@pytest.mark.parametrize(
    ("units", "p", "integers"),
    [(1, 0.5, 1), (64, 0.5, 1), (65, 0.5, 2), (1024, 0.5, 16), (1, 0.3, 1), (4, 0.3, 1), (5, 0.3, 2), (784, 0.0, 0)],
)
def test_integers_needed(units, p, integers):
    assert integers_needed(units, p) == integers


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3), st.data())
def test_half_uses_each_bit_once(integers, data):
    units = data.draw(st.integers(1, 64 * len(integers)))
    bits = [(integer >> position) & 1 for integer in integers for position in range(64)]
    factors = dropout_factor(torch.tensor(integers), units, 0.5, torch.float64)
    assert factors.tolist() == [2.0 * bit for bit in bits[:units]]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3), st.data())
def test_other_p_compare_sixteen_bits_with_a_level(integers, data):
    units = data.draw(st.integers(1, 4 * len(integers)))
    p = data.draw(st.sampled_from([0.1, 0.25, 0.3, 0.9]))
    # Two's complement shifts the levels by half their range; which side is kept decides nothing but the share.
    levels = [
        (((integer >> (16 * position)) & 0xFFFF) + 0x8000) & 0xFFFF for integer in integers for position in range(4)
    ]
    kept = [level >= round(p * 0x10000) for level in levels[:units]]
    factors = dropout_factor(torch.tensor(integers), units, p, torch.float64)
    assert factors.tolist() == [k / (1 - p) for k in kept]


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.8])
def test_share_kept_and_scale(p):
    rows, units = 2_000, 100
    bits = random_bits((rows, integers_needed(units, p)), generator_for("cpu", 3, "dropout"))
    factors = dropout_factor(bits, units, p, torch.float64)
    assert factors.shape == (rows, units)
    assert set(factors.unique().tolist()) == {0.0, 1 / (1 - p)}
    spread = math.sqrt(p * (1 - p))
    kept = (factors > 0).double()
    # Five standard deviations of a binomial; the mean over all, each unit, each row.
    assert kept.mean().item() == pytest.approx(1 - p, abs=5 * spread / math.sqrt(rows * units))
    assert (kept.mean(0) - (1 - p)).abs().max() < 5 * spread / math.sqrt(rows)
    assert factors.mean().item() == pytest.approx(1, abs=5 * spread / (1 - p) / math.sqrt(rows * units))


@pytest.mark.parametrize("p", [0.3, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_type_and_leading_shape(p, dtype):
    bits = random_bits((2, 3, integers_needed(70, p)), generator_for("cpu", 1))
    factors = dropout_factor(bits, 70, p, dtype)
    assert factors.dtype == dtype
    assert factors.shape == (2, 3, 70)
    assert torch.equal(factors[1, 2], dropout_factor(bits[1, 2], 70, p, dtype))
