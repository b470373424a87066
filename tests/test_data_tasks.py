"""Tasks: narrowing, labels, scaling, and splits that are disjoint and repeatable."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from oleander.data import Dataset, make_task, split_task, to_display
from oleander.data.tasks import class_sizes
from oleander.io.errors import OleanderError


def dataset(train_y, test_y=(0, 1, 2), value_range=(0.0, 255.0)):
    """Images of 1 x 1 x 2 whose first pixel is the row number."""

    def images(count):
        x = torch.full((count, 1, 1, 2), 255, dtype=torch.uint8)
        x[:, 0, 0, 0] = torch.arange(count)
        return x if value_range else x.float().flatten(1)

    return Dataset(
        name="d",
        train_x=images(len(train_y)),
        train_y=torch.tensor(train_y),
        test_x=images(len(test_y)),
        test_y=torch.tensor(test_y),
        classes=["a", "b", "c"],
        value_range=value_range,
        source="embedded",
        stand_in_for="other",
        sha256="0" * 64,
    )


def row_numbers(x):
    return ((x[:, 0, 0, 0] + 1) / 2 * 255).round().long().tolist()


def test_narrowing_keeps_order_and_labels_the_target_one():
    task = make_task(dataset([2, 0, 1, 2, 0, 0]), source_class="c", target_class="a")
    assert row_numbers(task.train_x) == [0, 1, 3, 4, 5]
    assert task.train_y.tolist() == [0, 1, 0, 1, 1]
    assert task.test_y.tolist() == [1, 0]
    assert row_numbers(task.target_x) == [1, 4, 5]
    assert row_numbers(task.source_x) == [0, 3]
    assert task.prior == pytest.approx(3 / 5)
    assert (task.dataset, task.source_class, task.target_class) == ("d", "c", "a")
    assert (task.shape, task.value_range, task.stand_in_for) == ((1, 1, 2), (0.0, 255.0), "other")
    assert (task.train_x.dtype, task.train_y.dtype) == (torch.float32, torch.int64)


def test_images_scale_to_the_closed_interval_and_back():
    task = make_task(dataset([0, 1] * 128), "a", "b")
    assert task.train_x.min() == -1
    assert task.train_x.max() == 1
    shown = to_display(task.train_x, task.value_range)
    assert torch.equal((shown * 255).round().to(torch.uint8)[:, 0, 0, 0], torch.arange(256).to(torch.uint8))
    assert to_display(torch.tensor([-3.0, 0.0, 3.0]), (0.0, 255.0)).tolist() == [0.0, 0.5, 1.0]


def test_points_are_not_scaled():
    task = make_task(dataset([0, 1, 0], value_range=None), "a", "b")
    assert task.train_x.tolist() == [[0.0, 255.0], [1.0, 255.0], [2.0, 255.0]]
    with pytest.raises(ValueError, match="value range"):
        to_display(task.train_x, task.value_range)


def test_classes_that_are_absent_or_the_same():
    with pytest.raises(OleanderError, match=r"d has no class 'z'; choose one of a, b, c"):
        make_task(dataset([0, 1, 2]), "a", "z")
    with pytest.raises(OleanderError, match=r"no class 'y'"):
        make_task(dataset([0, 1, 2]), "y", "a")
    with pytest.raises(OleanderError, match=r"two different classes.*'a'; change one"):
        make_task(dataset([0, 1, 2]), "a", "a")


def test_task_moves_whole():
    task = make_task(dataset([0, 1, 2]), "a", "b")
    moved = task.to("meta")
    assert {getattr(moved, name).device.type for name in ("train_x", "train_y", "test_x", "test_y")} == {"meta"}
    assert task.train_x.device.type == "cpu"
    assert moved.shape == task.shape


def test_all_classes_follow_the_two_in_the_datasets_order():
    task = make_task(dataset([2, 0, 1, 2, 0, 0]), "c", "a", all_classes=True)
    assert task.classes == ("c", "a", "b")
    assert (task.outputs, make_task(dataset([0, 1]), "a", "b").outputs) == (3, 1)
    assert row_numbers(task.train_x) == [0, 1, 2, 3, 4, 5]
    assert [task.classes[label] for label in task.train_y.tolist()] == ["c", "a", "b", "c", "a", "a"]
    assert [task.classes[label] for label in task.test_y.tolist()] == ["a", "b", "c"]
    assert task.prior == pytest.approx(3 / 6)
    assert row_numbers(task.target_x) == [1, 4, 5]
    assert row_numbers(task.source_x) == [0, 3]


@given(available=st.lists(st.integers(0, 30), min_size=1, max_size=6), data=st.data())
def test_classes_share_as_equally_as_they_can(available, data):
    total = data.draw(st.integers(0, sum(available)))
    sizes = class_sizes(available, total)
    assert sum(sizes) == total
    assert all(0 <= size <= own for size, own in zip(sizes, available, strict=True))
    # Nobody could take a point from a class that gives at least two more.
    for size, own in zip(sizes, available, strict=True):
        assert size == own or size >= max(sizes) - 1


def test_the_papers_largest_training_set():
    """10,000 points of 5,631 genuine 3s and 4,921 genuine 5s, once 500 of each are set aside."""
    assert class_sizes([5631, 4921], 10_000) == [5079, 4921]
    assert class_sizes([5631, 4921], 1000) == [500, 500]
    assert class_sizes([10, 10, 10], 10) == [4, 3, 3]


@given(
    labels=st.lists(st.integers(0, 2), min_size=1, max_size=60),
    trusted=st.integers(0, 12),
    train=st.integers(0, 24),
    everything=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_splits_are_disjoint_rows_of_the_right_class(labels, trusted, train, everything, seed):
    task = make_task(dataset(labels), "a", "b", everything)
    sizes = [labels.count(label) for label in range(len(task.classes))]
    short = [name for name, size in zip(task.classes, sizes, strict=True) if size < trusted]
    if short:
        with pytest.raises(OleanderError, match=rf"class '{short[0]}' of d .* {trusted} trusted"):
            split_task(task, trusted, train, seed)
        return
    left = [size - trusted for size in sizes]
    if sum(left) < train:
        with pytest.raises(OleanderError, match=rf"d has {sum(left)} train points of a, b.*but {train} are needed"):
            split_task(task, trusted, train, seed)
        return
    split = split_task(task, trusted, train, seed)
    trusted_rows, train_rows = split.trusted_rows.tolist(), split.train_rows.tolist()
    assert len({*trusted_rows, *train_rows}) == len(sizes) * trusted + train
    assert task.train_y[split.trusted_rows].tolist() == [label for label in range(len(sizes)) for _ in range(trusted)]
    drawn = [label for label, size in enumerate(class_sizes(left, train)) for _ in range(size)]
    assert task.train_y[split.train_rows].tolist() == drawn
    everyone = [*trusted_rows, *train_rows, *split.unused_rows.tolist()]
    assert sorted(everyone) == list(range(len(task.train_y)))
    again = split_task(task, trusted, train, seed)
    assert torch.equal(split.trusted_rows, again.trusted_rows)
    assert torch.equal(split.train_rows, again.train_rows)


def test_more_train_points_contain_the_fewer():
    task = make_task(dataset([0, 1] * 20), "a", "b")
    for seed in range(5):
        small, large = split_task(task, 4, 10, seed), split_task(task, 4, 24, seed)
        assert torch.equal(small.trusted_rows, large.trusted_rows)
        assert set(small.train_rows.tolist()) < set(large.train_rows.tolist())


def test_split_depends_on_the_seed_and_is_uniform():
    task = make_task(dataset([0, 1] * 20), "a", "b")
    hits = torch.zeros(40)
    for seed in range(500):
        hits[split_task(task, 2, 6, seed).trusted_rows] += 1
    # Each row is trusted with probability 0.1; five standard deviations are 0.067.
    assert ((hits / 500 - 0.1).abs() < 0.067).all()


def test_a_class_is_drawn_without_regard_to_the_other():
    small = make_task(dataset([0] * 10 + [1] * 10), "a", "b")
    large = make_task(dataset([0] * 10 + [1] * 30), "a", "b")
    for seed in range(5):
        left, right = split_task(small, 3, 8, seed), split_task(large, 3, 8, seed)
        assert torch.equal(left.trusted_rows[:3], right.trusted_rows[:3])
        assert torch.equal(left.train_rows[:4], right.train_rows[:4])
