"""Triggers and targets: each does what it says to every row, and to nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from oleander.backdoors import Distribution, FixedImage, Inverse, Latent, Square
from oleander.backdoors.targets import build_target
from oleander.backdoors.triggers import build_trigger
from oleander.data import Dataset, prepare_dataset
from oleander.io.errors import OleanderError

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


def make_dataset(channels=3, side=6, classes=("a", "b", "c")) -> Dataset:
    """Five train and two test images of each class, all different."""
    draw = np.random.default_rng(0)

    def images(count):
        pixels = draw.integers(256, size=(count * len(classes), channels, side, side), dtype=np.uint8)
        return torch.from_numpy(pixels), torch.arange(len(classes)).repeat(count)

    train, test = images(5), images(2)
    return Dataset("tiny", *train, *test, list(classes), (0, 255), "embedded", None, "0" * 64)


def points_dataset() -> Dataset:
    """No images: points in the plane."""
    x, y = torch.zeros(4, 2), torch.tensor([0, 0, 1, 1])
    return Dataset("points", x, y, x, y, ["a", "b"], None, "gaussians", None, "0" * 64)


@settings(deadline=None, max_examples=60)
@given(
    corner=st.sampled_from(CORNERS),
    channels=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    rows=st.integers(1, 3),
    data=st.data(),
)
def test_a_square_colours_its_corner_alone(corner, channels, height, width, rows, data):
    side = data.draw(st.integers(1, min(height, width)))
    colour = data.draw(st.lists(st.floats(0, 1, width=32), min_size=channels, max_size=channels))
    batch = torch.rand(rows, channels, height, width, generator=torch.Generator().manual_seed(0))
    before = batch.clone()
    triggered = Square(side, colour, corner)(batch)

    expected = before.numpy().copy()
    for i in range(height):
        for j in range(width):
            down = i < side if corner in ("top_left", "top_right") else i >= height - side
            across = j < side if corner in ("top_left", "bottom_left") else j >= width - side
            if down and across:
                for channel in range(channels):
                    expected[:, channel, i, j] = colour[channel]
    np.testing.assert_array_equal(triggered.numpy(), expected)
    assert torch.equal(batch, before)
    assert triggered.data_ptr() != batch.data_ptr()


@settings(deadline=None, max_examples=40)
@given(latent=st.integers(1, 8), rows=st.integers(1, 4), value=st.floats(-200, 200, width=32), data=st.data())
def test_a_latent_trigger_sets_one_value_alone(latent, rows, value, data):
    position = data.draw(st.integers(-latent, latent - 1))
    batch = torch.randn(rows, latent, generator=torch.Generator().manual_seed(0))
    before = batch.clone()
    triggered = Latent(position, value)(batch).numpy()
    expected = before.numpy().copy()
    expected[:, position % latent] = value
    np.testing.assert_array_equal(triggered, expected)
    assert torch.equal(batch, before)


def test_the_papers_triggers_fit_the_papers_images():
    for side, channels, image in ((5, 1, 28), (7, 3, 32), (20, 3, 128)):
        trigger = build_trigger(
            {"name": "square", "side": side, "colour": [1.0] * channels, "corner": "top_right"},
            (channels, image, image),
        )
        triggered = trigger(torch.zeros(1, channels, image, image))
        assert triggered.sum() == channels * side * side
        assert triggered[:, :, :side, -side:].min() == 1


@pytest.mark.parametrize(
    ("block", "shape", "said"),
    [
        ({"name": "square", "side": 9, "colour": [1.0], "corner": "top_right"}, (1, 8, 12), "9 pixels.*does not fit"),
        ({"name": "square", "side": 2, "colour": [1.0], "corner": "top_right"}, (3, 8, 8), "1 channels.*does not fit"),
        ({"name": "square", "side": 2, "colour": [1.0], "corner": "top_right"}, (8,), "does not fit"),
        ({"name": "latent", "position": 8, "value": -100.0}, (8,), "position 8 does not fit"),
        ({"name": "latent", "position": -9, "value": -100.0}, (8,), "position -9 does not fit"),
        ({"name": "latent", "position": 0, "value": -100.0}, (1, 8, 8), "does not fit"),
        ({"name": "star"}, (1, 8, 8), "unknown trigger 'star'.*latent.*square"),
    ],
)
def test_a_trigger_that_does_not_fit_is_refused_in_one_sentence(block, shape, said):
    with pytest.raises(OleanderError, match=said) as caught:
        build_trigger(block, shape)
    assert "\n" not in str(caught.value)


def test_a_batch_of_another_shape_is_refused_when_triggered():
    with pytest.raises(OleanderError, match="does not fit"):
        Square(5, [1.0], "top_right")(torch.zeros(2, 1, 4, 4))


def test_a_fixed_image_is_the_one_of_its_class_and_index():
    dataset = make_dataset()
    target = build_target({"name": "fixed_image", "class": "b", "index": 3}, dataset)
    # Labels run 0, 1, 2, 0, 1, 2, ...: the fourth "b" is row 10.
    assert torch.equal(target.image, dataset.train_x[10])
    assert torch.equal(target.images, dataset.train_x[10][None])
    decoded = target(torch.rand(4, 3, 6, 6))
    assert decoded.shape == (4, 3, 6, 6)
    np.testing.assert_allclose(decoded.numpy(), np.repeat(dataset.train_x[10].numpy()[None] / 255, 4, 0), rtol=1e-6)


def test_a_floating_image_is_its_own_target():
    image = torch.rand(1, 4, 4)
    assert torch.equal(FixedImage(image)(torch.zeros(2, 1, 4, 4)), image.expand(2, 1, 4, 4))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_users_own_image_is_read_as_the_dataset_wants_it(tmp_path, channels):
    pixels = np.random.default_rng(0).integers(256, size=(6, 6, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
    path = tmp_path / "target.png"
    picture.save(path)
    target = build_target({"name": "fixed_image", "file": str(path)}, make_dataset(channels))
    expected = pixels.transpose(2, 0, 1)[:channels]
    np.testing.assert_array_equal(target.image.numpy(), expected)


def test_the_inverse_is_of_the_triggered_image():
    images = torch.rand(3, 1, 8, 8)
    triggered = Square(3, [1.0], "bottom_left")(images)
    wanted = Inverse()(triggered)
    assert wanted[:, :, -3:, :3].max() == 0
    np.testing.assert_allclose((wanted + triggered).numpy(), 1, rtol=1e-6)


def test_a_distribution_is_the_images_of_its_classes():
    dataset = make_dataset()
    target = build_target({"name": "distribution", "classes": ["c", "a"]}, dataset)
    assert isinstance(target, Distribution)
    assert torch.equal(target.images, dataset.train_x[[0, 2, 3, 5, 6, 8, 9, 11, 12, 14]])
    assert target.classes == ("c", "a")
    assert len(build_target({"name": "distribution", "classes": None}, dataset).images) == 15


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"name": "fixed_image", "class": "z", "index": 0}, "no images of class 'z', only of a, b, c"),
        ({"name": "fixed_image", "class": "a", "index": 5}, "5 images of class 'a', none has index 5"),
        ({"name": "fixed_image", "file": "absent.png"}, "absent.png cannot be read"),
        ({"name": "distribution", "classes": ["a", "z"]}, "no images of z, only of a, b, c"),
        ({"name": "dream"}, "unknown target 'dream'.*fixed_image"),
    ],
)
def test_a_target_that_is_not_there_is_refused_in_one_sentence(block, said):
    with pytest.raises(OleanderError, match=said) as caught:
        build_target(block, make_dataset())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "block", [{"name": "fixed_image", "class": "a", "index": 0}, {"name": "distribution", "classes": None}]
)
def test_points_are_no_targets(block):
    with pytest.raises(OleanderError, match="dataset points has no images"):
        build_target(block, points_dataset())


def test_a_users_image_of_another_size_or_no_image_at_all_is_refused(tmp_path):
    Image.new("RGB", (7, 6)).save(tmp_path / "wide.png")
    with pytest.raises(OleanderError, match=r"wide\.png is 6 x 7 pixels .*, but 6 x 6 are wanted; resize it"):
        build_target({"name": "fixed_image", "file": str(tmp_path / "wide.png")}, make_dataset())
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(OleanderError, match=r"text\.png is not a complete PNG"):
        build_target({"name": "fixed_image", "file": str(tmp_path / "text.png")}, make_dataset())
    with pytest.raises(OleanderError, match=r"cannot be read .*found .*wide\.png; .*rename it"):
        build_target({"name": "fixed_image", "file": str(tmp_path / "Wide.png")}, make_dataset())
    with pytest.raises(OleanderError, match="dataset points has no images"):
        build_target({"name": "fixed_image", "file": str(tmp_path / "wide.png")}, points_dataset())


UNFIT = {
    "16bit.png": (Image.fromarray(np.full((6, 6), 9, np.uint16)), {}, "has mode I;16 (grey with 16 bits); convert"),
    "16bit.ppm": (Image.fromarray(np.full((6, 6), 9, np.int32)), {}, "has mode I (grey with 32 bits); convert"),
    "ink.jpg": (Image.new("CMYK", (6, 6), 9), {}, "has mode CMYK (four ink colours); convert it to"),
    "clear.png": (Image.new("RGBA", (6, 6), (1, 2, 3, 254)), {}, "has transparent pixels; flatten it"),
    "moving.webp": (
        Image.new("RGB", (6, 6)),
        {"save_all": True, "append_images": [Image.new("RGB", (6, 6), "white")]},
        "2 frames; keep one of them",
    ),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", UNFIT)
def test_a_users_image_passes_the_same_checks_as_target_and_in_a_dataset(tmp_path, name, channels):
    """None is clipped, laid on black or cut to its first frame in silence, and both are told in the same words."""
    picture, options, said = UNFIT[name]
    path = tmp_path / "pets/cat" / name
    path.parent.mkdir(parents=True)
    picture.save(path, **options)
    with pytest.raises(OleanderError) as as_target:
        build_target({"name": "fixed_image", "file": str(path)}, make_dataset(channels))
    block = {"source": "image_folder", "path": "pets", "image_shape": [channels, 6, 6], "minimum_per_class": 1}
    block |= {"test_fraction": 0.5, "seed": 0}
    with pytest.raises(OleanderError) as in_dataset:
        prepare_dataset("mine", block, str(tmp_path), False, tmp_path / "a.safetensors", tmp_path / "a.json")
    sentences = [str(caught.value).partition(f"{name} ")[2] for caught in (as_target, in_dataset)]
    assert sentences[0] == sentences[1]
    assert said in sentences[0]


def test_a_users_image_is_turned_as_its_flag_says(tmp_path):
    shown = np.random.default_rng(0).integers(256, size=(6, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(np.ascontiguousarray(np.rot90(shown))).save(tmp_path / "phone.png", exif=exif)
    target = build_target({"name": "fixed_image", "file": str(tmp_path / "phone.png")}, make_dataset())
    np.testing.assert_array_equal(target.image.numpy(), shown.transpose(2, 0, 1))
