"""Seeds: streams depend on their name alone, and random bits are fair."""

import hashlib

import pytest
import torch

from oleander.training.seeds import derive_seed, generator_for, random_bits


def test_a_seed_is_the_start_of_a_hash_of_its_parts():
    digest = hashlib.sha256(b"'order'\x1f3\x1f0.1").hexdigest()
    assert derive_seed("order", 3, 0.1) == int(digest[:16], 16) // 2


def test_seeds_are_distinct_and_in_range():
    parts = [(seed, stream, block) for seed in range(20) for stream in ("order", "noise") for block in range(20)]
    seeds = {derive_seed(*one) for one in parts}
    assert len(seeds) == len(parts)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("ab", "c"), ("a", "bc")), ((1, 23), (12, 3)), (("1",), (1,)), (("a\x1fb",), ("a", "b")), ((1, 2), (2, 1))],
)
def test_boundaries_types_and_order_of_the_parts_count(one, other):
    assert derive_seed(*one) != derive_seed(*other)


def test_generators_repeat_and_do_not_disturb_each_other():
    before = torch.random.get_rng_state()
    first = torch.rand(5, generator=generator_for("cpu", 1, "a"))
    other = torch.rand(5, generator=generator_for("cpu", 1, "b"))
    again = torch.rand(5, generator=generator_for("cpu", 1, "a"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_random_bit_is_fair():
    count = 20_000
    integers = random_bits((count,), generator_for("cpu", 0, "bits"))
    assert integers.dtype == torch.int64
    ones = ((integers.unsqueeze(1) >> torch.arange(64)) & 1).double().mean(0)
    # Six standard deviations of a fair coin.
    assert (ones - 0.5).abs().max() < 6 * 0.5 / count**0.5
    bits = ((integers.unsqueeze(1) >> torch.arange(64)) & 1).double() - 0.5
    correlation = bits.T @ bits / count * 4
    assert (correlation - torch.eye(64)).abs().max() < 6 / count**0.5 + 6 * 0.5 / count**0.5
