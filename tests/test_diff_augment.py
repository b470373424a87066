"""Differentiable augmentation against a slow reading of its description, pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from oleander.training.diff_augment import DRAWS, diff_augment


def slow(image, draws, translation, cutout):
    """One image [channels, side, side] as NumPy; the draws as `diff_augment` documents them."""
    side = image.shape[1]
    most, covered = round(side * translation), round(side * cutout)
    shift = [int(np.floor(draws[axis] * (2 * most + 1))) - most for axis in range(2)]
    places = side + 1 - covered % 2
    corner = [int(np.floor(draws[2 + axis] * places)) - covered // 2 for axis in range(2)]
    result = np.zeros_like(image)
    for row in range(side):
        for column in range(side):
            source = row + shift[0], column + shift[1]
            inside = all(0 <= place < side for place in source)
            under = all(corner[axis] <= place < corner[axis] + covered for axis, place in enumerate((row, column)))
            if inside and not under:
                result[:, row, column] = image[:, source[0], source[1]]
    return result


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 13), st.sampled_from([0.0, 0.125, 0.3]), st.sampled_from([0.0, 0.5, 0.34]), st.integers(0, 10**6))
def test_each_image_is_shifted_and_covered_by_its_own_numbers(side, translation, cutout, seed):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(5, 2, side, side)).astype(np.float32)
    draws = rng.random((5, DRAWS)).astype(np.float32)
    found = diff_augment(torch.from_numpy(images), torch.from_numpy(draws), translation, cutout)
    for image, own, augmented in zip(images, draws, found.numpy(), strict=True):
        assert np.array_equal(augmented, slow(image, own, translation, cutout))


def test_shifts_are_uniform_up_to_an_eighth_and_centres_over_the_image():
    side, count = 16, 20_000
    marks = torch.arange(1.0, side + 1).view(1, 1, side, 1).expand(count, 1, side, side)
    draws = torch.rand(count, DRAWS, generator=torch.Generator().manual_seed(0))
    shifted = diff_augment(marks, draws, 0.125, 0.0)
    shifts = (shifted[:, 0, 8].amax(1) - 9).long()
    frequencies = torch.bincount(shifts + 2, minlength=5) / count
    assert frequencies.tolist() == pytest.approx([0.2] * 5, abs=0.015)
    covered = (diff_augment(torch.ones(count, 1, side, side), draws, 0.0, 0.5)[:, 0] == 0).sum((1, 2))
    assert covered.max() == 64
    # An eight-pixel square whose centre may be any of 17 places covers (4 + 5 + ... + 8 + ... + 4) / 17 on average.
    mean_side = (2 * sum(range(4, 8)) + 9 * 8) / 17
    assert covered.double().mean().item() == pytest.approx(mean_side**2, rel=0.02)


def test_gradients_come_from_what_is_left_to_see():
    x = torch.randn(3, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    draws = torch.rand(3, DRAWS, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(lambda images: diff_augment(images, draws, 0.25, 0.5), (x,))


def test_nothing_changes_without_shift_and_square_and_the_input_never_does():
    x = torch.randn(3, 1, 6, 6)
    before = x.clone()
    draws = torch.rand(3, DRAWS)
    assert torch.equal(diff_augment(x, draws, 0.0, 0.0), x)
    diff_augment(x, draws, 0.125, 0.5)
    assert torch.equal(x, before)
