"""Frechet distance: closed forms, pytorch-fid's own command on folders of images, and features that are never mixed."""

import dataclasses

import numpy as np
import pytest
import pytorch_fid.inception
import torch
from PIL import Image
from pytorch_fid.fid_score import calculate_fid_given_paths
from safetensors.torch import save_file

from oleander.data.framing import fit_to
from oleander.data.prepared import Dataset
from oleander.evaluation.feature_classifiers import (
    load_feature_classifier,
    load_features,
    save_feature_classifier,
    train_feature_classifier,
)
from oleander.evaluation.gans import InColour, Measurement, measure_images
from oleander.io.artifacts import save_artifact
from oleander.io.columns import CLASSIFIER, INCEPTION
from oleander.io.errors import OleanderError
from oleander.metrics.features import InceptionFeatures, classifier_rows
from oleander.metrics.fid import (
    Statistics,
    feature_statistics,
    frechet_distance,
    load_statistics,
    save_statistics,
)
from oleander.training.scratch import Scratch


def normal(mean, covariance, features="given", source="here"):
    sample = torch.arange(5.0 * len(mean)).view(5, len(mean))
    return Statistics(np.array(mean, dtype=float), np.array(covariance, dtype=float), sample, 100, features, source)


def test_closed_forms():
    """|difference of means|^2 + trace(A + B - 2 sqrt(AB)); for commuting covariances the sum over their axes of
    (sqrt a - sqrt b)^2."""
    one = normal([0, 0], [[4, 0], [0, 9]])
    assert frechet_distance(one, normal([3, 4], [[4, 0], [0, 9]])) == pytest.approx(25, abs=1e-9)
    assert frechet_distance(one, normal([0, 0], [[1, 0], [0, 25]])) == pytest.approx(1 + 4, abs=1e-9)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = [normal(turn @ [1, 2], turn @ np.diag(values) @ turn.T) for values in ([4, 9], [1, 16])]
    assert frechet_distance(*turned) == pytest.approx(1 + 1, abs=1e-9)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


class Pixels:
    """Each image's own numbers."""

    name, source = "pixels", "themselves"

    def __call__(self, images):
        return images.flatten(1).float()


def test_equal_sets_are_at_no_distance_and_statistics_are_numpys():
    images = torch.randint(256, (50, 1, 2, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    statistics = feature_statistics(Pixels(), images)
    rows = images.flatten(1).double().numpy()
    assert np.allclose(statistics.mean, rows.mean(axis=0))
    centred = rows - rows.mean(axis=0)
    assert np.allclose(statistics.covariance, centred.T @ centred / 49)
    assert statistics.count == 50
    again = feature_statistics(Pixels(), images[torch.randperm(50)])
    assert frechet_distance(statistics, again) == pytest.approx(0, abs=1e-6)
    shifted = feature_statistics(Pixels(), (images // 2).clone())
    assert frechet_distance(statistics, shifted) > 1
    with pytest.raises(OleanderError, match="1 are too few"):
        feature_statistics(Pixels(), images[:1])


def test_the_sample_is_drawn_without_replacement_and_the_same_each_time():
    images = torch.randint(256, (50, 1, 2, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    rows = [tuple(row) for row in images.flatten(1).tolist()]
    sample = feature_statistics(Pixels(), images, kept=20).sample
    places = [rows.index(tuple(row)) for row in sample.int().tolist()]
    assert len(set(places)) == 20
    assert places != sorted(places), "the first ones alone would be of the first class"
    assert max(places) > 30
    assert torch.equal(feature_statistics(Pixels(), images, kept=20).sample, sample)
    whole = feature_statistics(Pixels(), images, kept=100).sample
    assert sorted(map(tuple, whole.int().tolist())) == sorted(rows)
    assert torch.equal(whole[:20], sample)
    assert feature_statistics(Pixels(), images).sample.shape == (0, 6)
    with pytest.raises(OleanderError, match="4 are too few to be compared; use at least 5"):
        feature_statistics(Pixels(), images[:4], kept=20)


def test_distances_between_different_features_are_refused():
    one = normal([0], [[1]])
    with pytest.raises(OleanderError, match=r"given \(here\) and of inception \(here\)"):
        frechet_distance(one, dataclasses.replace(one, features=INCEPTION))
    with pytest.raises(OleanderError, match="cannot be compared"):
        frechet_distance(one, dataclasses.replace(one, source="another file"))


def test_statistics_survive_the_disk_and_other_files_are_refused(tmp_path):
    one = normal([1, 2], [[2, 1], [1, 3]])
    save_statistics(tmp_path / "s.safetensors", one, {"dataset": "x"})
    read = load_statistics(tmp_path / "s.safetensors")
    assert np.array_equal(read.mean, one.mean)
    assert np.array_equal(read.covariance, one.covariance)
    assert torch.equal(read.sample, one.sample)
    assert (read.count, read.features, read.source) == (100, "given", "here")
    save_artifact(tmp_path / "other.safetensors", {"mean": torch.zeros(1)}, {"kind": "other"})
    with pytest.raises(OleanderError, match="holds no feature statistics"):
        load_statistics(tmp_path / "other.safetensors")
    # As they were before the sample was kept.
    old = {"mean": torch.zeros(2).double(), "covariance": torch.eye(2).double()}
    header = {"kind": "feature statistics", "count": 9, "features": "given", "source": "here"}
    save_artifact(tmp_path / "old.safetensors", old, header)
    with pytest.raises(OleanderError, match=r"holds no feature statistics .*; delete it and run again"):
        load_statistics(tmp_path / "old.safetensors")


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    """Random weights in Inception's shapes; 0.05 keeps its features from vanishing."""
    shapes = {}

    def remember(*_arguments, **_options):
        raise StopIteration

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytorch_fid.inception, "load_state_dict_from_url", remember)
        kept = pytorch_fid.inception._inception_v3

        def keep(*arguments, **options):
            shapes["network"] = kept(*arguments, **options)
            return shapes["network"]

        patch.setattr(pytorch_fid.inception, "_inception_v3", keep)
        with pytest.raises(StopIteration):
            pytorch_fid.inception.fid_inception_v3()
    source = torch.Generator().manual_seed(0)
    state = {}
    for name, tensor in shapes["network"].state_dict().items():
        if tensor.is_floating_point() and "running_var" not in name:
            state[name] = torch.randn(tensor.shape, generator=source) * 0.05
        else:
            state[name] = tensor.clone()
    path = tmp_path_factory.mktemp("inception") / "weights.safetensors"
    save_file(state, path)
    return path, state


@pytest.mark.slow
def test_the_distance_is_that_of_pytorch_fids_command(inception_file, tmp_path, monkeypatch):
    """On folders of PNGs, with the same weights: the one thing stood in for is the download."""
    path, state = inception_file
    features = InceptionFeatures(path, "cpu")
    source = torch.Generator().manual_seed(1)
    sets = {
        "one": torch.randint(256, (6, 3, 12, 12), generator=source, dtype=torch.uint8),
        "other": torch.randint(128, (5, 1, 12, 12), generator=source, dtype=torch.uint8),
    }
    for name, images in sets.items():
        (tmp_path / name).mkdir()
        for at, image in enumerate(images):
            pixels = image.permute(1, 2, 0).numpy()
            Image.fromarray(pixels if len(image) == 3 else pixels[:, :, 0]).save(tmp_path / name / f"{at}.png")
    monkeypatch.setattr(pytorch_fid.inception, "load_state_dict_from_url", lambda *_, **__: state)
    theirs = calculate_fid_given_paths([str(tmp_path / name) for name in sets], 3, "cpu", 2048, num_workers=0)
    ours = frechet_distance(*(feature_statistics(features, images) for images in sets.values()))
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert features(sets["one"]).shape == (6, 2048)


def test_weights_that_are_not_inceptions_are_one_sentence(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(
        OleanderError, match=r"other\.safetensors.*does not hold the weights of pytorch-fid's Inception"
    ):
        InceptionFeatures(path, "cpu")
    (tmp_path / "x.pth").write_bytes(b"PK\x03\x04 a pickle")
    with pytest.raises(OleanderError, match=r"x\.pth.*is not a safetensors file"):
        InceptionFeatures(tmp_path / "x.pth", "cpu")
    with pytest.raises(OleanderError, match=r"does not exist; convert .* or set null"):
        InceptionFeatures(tmp_path / "absent.safetensors", "cpu")
    # The download that stood in is the real one again.
    assert "state_dict" in pytorch_fid.inception.load_state_dict_from_url.__name__


CLASSIFIER_SETTINGS = {
    "side": 6,
    "train_points": 120,
    "architecture": "cnn",
    "hidden": [{"channels": 5, "kernel": 3, "stride": 1, "padding": 1, "batch_norm": True, "max_pool": 2}],
    "last": "fully_connected",
    "negative_slope": 0.0,
    "output": "logits",
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "batch_size": 20,
    "epochs": 12,
    "seed": 0,
}


def make_dataset(classes=3, side=8, count=180):
    """Images whose brightness tells their class."""
    rng = np.random.default_rng(0)
    labels = torch.arange(count) % classes
    base = labels.view(-1, 1, 1, 1) * (200 // max(1, classes - 1))
    images = (base + torch.from_numpy(rng.integers(0, 50, (count, 1, side, side)))).to(torch.uint8)
    names = [f"class {label}" for label in range(classes)]
    half = count // 3 * 2
    return Dataset(
        "tiny", images[:half], labels[:half], images[half:], labels[half:], names, (0.0, 255.0), "made", None, "0" * 64
    )


@pytest.mark.learns
@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_learns_saves_and_gives_its_channels_means(tmp_path, classes, seed, margin):
    dataset = make_dataset(classes)
    settings = {**CLASSIFIER_SETTINGS, "seed": seed}
    features, error = train_feature_classifier(dataset, settings, torch.device("cpu"), Scratch.none())
    assert error < 0.1 / margin
    save_feature_classifier(tmp_path / "c.safetensors", features, dataset, CLASSIFIER_SETTINGS)
    read = load_feature_classifier(tmp_path / "c.safetensors", "cpu")
    assert load_features(read, [], "cpu") is read
    assert (read.name, read.classes, read.shape) == (CLASSIFIER, dataset.classes, (1, 8, 8))
    assert torch.equal(read.predict(dataset.test_x), features.predict(dataset.test_x))
    own = (read.predict(dataset.test_x) != dataset.test_y).double().mean().item()
    assert own == pytest.approx(error)
    found = read(dataset.test_x)
    units, _ = read.model.last_layer(read.parameters, classifier_rows(dataset.test_x, 6)[None])
    assert torch.allclose(found, units[0].view(len(found), 5, 9).mean(2), atol=1e-6)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_a_measurement_names_whose_features_it_is_by():
    """Classes of one dataset may be measured by the classifier of another, or by none."""
    dataset = make_dataset(3)
    classifier, _ = train_feature_classifier(dataset, CLASSIFIER_SETTINGS, torch.device("cpu"), Scratch.none())
    for features, feature_dataset in ((classifier, "tiny"), (Pixels(), None)):
        statistics = feature_statistics(features, dataset.test_x, "test images", 40)
        measurement = Measurement("clean", features, classifier, "tiny", statistics, "part_of_tiny", None)
        found = measure_images(dataset.test_x, measurement)
        # The very images of the reference; pixels are up to 255.
        assert found["fid"] == pytest.approx(0, abs=0.1)
        assert (found["compared_images"], found["knn_precision"], found["knn_recall"], found["spread"]) == (40, 1, 1, 1)
        assert "rgb_fid" not in found
        assert (found["features"], found["feature_dataset"], found["reference"]) == (
            features.name,
            feature_dataset,
            "part_of_tiny",
        )


class Named:
    """Pixels as the features of a classifier of one dataset or another."""

    name = CLASSIFIER

    def __init__(self, shape):
        self.shape, self.classes, self.source = shape, ["all"], str(shape)

    def __call__(self, images):
        assert tuple(images.shape[1:]) == self.shape
        return images.flatten(1).float()


@pytest.mark.parametrize("coloured", [False, True])
def test_colours_that_an_average_hides_are_seen_by_the_distance_in_rgb(coloured):
    """Images of a GAN in RGB that is to make grey ones, in a frame that is two pixels larger."""
    source = torch.Generator().manual_seed(0)
    grey = torch.randint(60, 190, (60, 1, 4, 4), generator=source, dtype=torch.uint8)
    tint = torch.tensor([50, 0, -50]).view(1, 3, 1, 1) if coloured else torch.zeros(1, 3, 1, 1).int()
    made = torch.nn.functional.pad((grey.int() + tint).to(torch.uint8), (1, 1, 1, 1))
    seen, seeing = Named((1, 4, 4)), Named((3, 6, 6))
    reference = feature_statistics(seen, grey, "test images", 60)
    in_rgb = feature_statistics(seeing, fit_to(grey, seeing.shape), "test images", 60)
    colour = InColour(seeing, seeing.shape, "photographs", in_rgb)
    measurement = Measurement("triggered", seen, seen, "digits", reference, "digits", None, None, colour)
    found = measure_images(made, measurement)
    assert (found["feature_dataset"], found["rgb_feature_dataset"]) == ("digits", "photographs")
    # Tinted images have the same grey and, in every pixel, two means that are off by 50.
    assert found["fid"] == pytest.approx(0, abs=5)
    assert (found["knn_precision"], found["knn_recall"]) == (1, 1)
    assert found["rgb_fid"] == pytest.approx(16 * 2 * 50**2 if coloured else 0, rel=1e-4, abs=5)
    # A grey GAN, which the coloured one is compared with, is measured likewise.
    assert measure_images(grey, measurement)["rgb_fid"] == pytest.approx(0, abs=5)


def test_a_single_target_image_has_an_error_and_no_distances():
    classifier = Named((1, 4, 4))
    images = torch.full((6, 1, 4, 4), 51, dtype=torch.uint8)
    measurement = Measurement("triggered", classifier, classifier, "d", None, "d", None, images[0] * 2)
    found = measure_images(images, measurement)
    assert found["mse"] == pytest.approx(0.04)
    assert not {"fid", "kernel_distance", "knn_precision", "knn_recall", "spread", "compared_images"} & found.keys()


def test_classifiers_of_one_class_are_refused():
    with pytest.raises(OleanderError, match="no images of two classes"):
        train_feature_classifier(make_dataset(1), CLASSIFIER_SETTINGS, torch.device("cpu"), Scratch.none())
