"""Defenses: a contract that every one keeps, and each one's definition read again in plain NumPy."""

import numpy as np
import pytest
import torch

from oleander.defenses import DEFENSES, Points, sanitize
from oleander.io.errors import OleanderError
from oleander.training.seeds import generator_for

SHAPE = (1, 2, 3)
# Settings for small data; a new defense needs an entry here to be tested at all.
SETTINGS = {
    "none": {"name": "none"},
    "outlier": {"name": "outlier", "neighbours": 3, "sample": 8, "quantile": 0.9, "statistic": "kth"},
}

every_defense = pytest.mark.parametrize("name", sorted(DEFENSES))


def points(counts, seed, shift=0.0, shape=SHAPE):
    """`counts[label]` normal points of each label, in mixed order."""
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.repeat(np.arange(len(counts)), counts))
    x = draw.normal(size=(len(y), *shape)) + shift + 2 * y.reshape(-1, *[1] * len(shape))
    return Points(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y))


def test_every_defense_has_settings_here():
    assert set(SETTINGS) == set(DEFENSES)


@every_defense
def test_settings_agree_with_the_defenses_own_schema(name):
    schema = DEFENSES[name].SETTINGS_SCHEMA
    assert set(SETTINGS[name]) - {"name"} == set(schema["properties"])
    assert set(schema["required"]) <= set(schema["properties"])


@every_defense
@pytest.mark.parametrize("shape", [SHAPE, (4,)], ids=["images", "features"])
@pytest.mark.parametrize("counts", [(30, 20), (0, 20), (30, 0), (0, 0), (1, 1)], ids=str)
def test_shapes_types_and_labels(name, counts, shape):
    received, trusted = points(counts, 1, shape=shape), points((25, 25), 2, shape=shape)
    done = sanitize(received, trusted, SETTINGS[name], seed=0)
    total = sum(counts)
    assert (done.kept.shape, done.labels.shape, done.scores.shape) == ((total,), (total,), (total,))
    assert (done.kept.dtype, done.labels.dtype) == (torch.bool, torch.int64)
    assert done.scores.is_floating_point()
    assert set(done.labels.tolist()) <= {0, 1}
    assert not done.scores.isinf().any()


@every_defense
def test_inputs_stay_and_answers_own_their_memory(name):
    received, trusted = points((30, 20), 1), points((25, 25), 2)
    before = [t.clone() for t in (received.x, received.y, trusted.x, trusted.y)]
    done = sanitize(received, trusted, SETTINGS[name], seed=0)
    done.labels.fill_(7)
    done.scores.fill_(7)
    assert all(torch.equal(a, b) for a, b in zip(before, (received.x, received.y, trusted.x, trusted.y), strict=True))


@every_defense
def test_the_same_seed_gives_the_same_bytes(name):
    received, trusted = points((30, 20), 1), points((25, 25), 2)
    state = torch.random.get_rng_state()
    one = sanitize(received, trusted, SETTINGS[name], seed=5)
    torch.rand(3)
    two = sanitize(received, trusted, SETTINGS[name], seed=5)
    for field in ("kept", "labels", "scores"):
        assert getattr(one, field).numpy().tobytes() == getattr(two, field).numpy().tobytes()
    torch.random.set_rng_state(state)
    sanitize(received, trusted, SETTINGS[name], seed=5)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_defense
def test_duplicates_are_no_trouble(name):
    same = Points(torch.ones(20, *SHAPE), torch.arange(20) % 2)
    done = sanitize(same, same, SETTINGS[name], seed=0)
    assert done.kept.all()
    assert torch.equal(done.labels, same.y)


@every_defense
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["received", "trusted"])
def test_points_that_are_not_finite_are_refused(name, value, which):
    sets = {"received": points((30, 20), 1), "trusted": points((25, 25), 2)}
    sets[which].x[4, 0, 1, 1] = value
    with pytest.raises(OleanderError, match=f"'{name}'.*{which} points hold NaN or infinity"):
        sanitize(sets["received"], sets["trusted"], SETTINGS[name], seed=0)


def test_unknown_defenses_are_one_sentence():
    with pytest.raises(OleanderError, match=r"unknown defense 'moat'.*none"):
        sanitize(points((2, 2), 1), points((2, 2), 2), {"name": "moat"}, seed=0)


def test_none_keeps_everything():
    received = points((30, 20), 1, shift=1e6)
    done = sanitize(received, points((1, 1), 2), SETTINGS["none"], seed=0)
    assert done.kept.all()
    assert torch.equal(done.labels, received.y)
    assert done.scores.isnan().all()


def numpy_outlier(received, trusted, settings, seed):
    """The detector from its definition, one point at a time; only the lottery numbers are the library's."""
    x, y = received.x.flatten(1).double().numpy(), received.y.numpy()
    kept, scores = np.zeros(len(y), bool), np.zeros(len(y))

    def score(point, reference, lottery):
        sample = reference[np.argsort(lottery)[: settings["sample"]]]
        nearest = np.sort(np.sqrt(((sample - point) ** 2).sum(1)))[: settings["neighbours"]]
        return nearest[-1] if settings["statistic"] == "kth" else nearest.mean()

    for label in np.unique(y):
        reference = trusted.x[trusted.y == label].flatten(1).double().numpy()
        draw = generator_for("cpu", seed, "outlier", int(label))
        n = len(reference)
        lottery = torch.rand(n, n, generator=draw, dtype=torch.float64).numpy()
        own = []
        for at in range(n):
            others = np.arange(n) != at
            own.append(score(reference[at], reference[others], lottery[at][others]))
        threshold = np.quantile(own, settings["quantile"])
        here = np.flatnonzero(y == label)
        lottery = torch.rand(len(here), n, generator=draw, dtype=torch.float64).numpy()
        for at, numbers in zip(here, lottery, strict=True):
            scores[at] = score(x[at], reference, numbers)
            kept[at] = scores[at] <= threshold
    return kept, scores


@pytest.mark.parametrize("statistic", ["kth", "mean"])
@pytest.mark.parametrize(("neighbours", "sample", "quantile"), [(5, 20, 0.95), (1, 1, 0.5), (4, 4, 1.0)])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_outlier_detector_is_its_definition(statistic, neighbours, sample, quantile, shift):
    received, trusted = points((40, 30), 1, shift), points((33, 50), 2)
    settings = {
        "name": "outlier",
        "neighbours": neighbours,
        "sample": sample,
        "quantile": quantile,
        "statistic": statistic,
    }
    for seed in range(3):
        done = sanitize(received, trusted, settings, seed)
        kept, scores = numpy_outlier(received, trusted, settings, seed)
        assert np.allclose(done.scores.numpy(), scores, rtol=1e-5, atol=1e-6)
        assert done.kept.tolist() == kept.tolist()
        assert torch.equal(done.labels, received.y)


def test_outlier_detector_rejects_the_share_it_should():
    """Genuine points pass as often as the quantile says; points far from their class, or of another class, never."""
    trusted, genuine = points((400, 400), 1), points((1000, 1000), 2)
    settings = {"name": "outlier", "neighbours": 5, "sample": 20, "quantile": 0.95, "statistic": "kth"}
    share = sanitize(genuine, trusted, settings, 0).kept.float().mean().item()
    assert share == pytest.approx(0.95, abs=0.03)
    assert not sanitize(Points(genuine.x + 30, genuine.y), trusted, settings, 0).kept.any()
    swapped = sanitize(Points(genuine.x + 10 * (1 - genuine.y.view(-1, 1, 1, 1)), genuine.y), trusted, settings, 0)
    assert not swapped.kept[genuine.y == 0].any()
    assert swapped.kept[genuine.y == 1].any()


def test_outlier_detector_does_not_count_a_trusted_point_for_itself():
    """Trusted points on a grid of spacing 1 against all others: no own score is 0, so neither is the threshold."""
    trusted = Points(torch.arange(5.0).view(5, 1), torch.zeros(5, dtype=torch.int64))
    settings = {"name": "outlier", "neighbours": 1, "sample": 4, "quantile": 1.0, "statistic": "kth"}
    received = Points(torch.tensor([[4.0], [5.0], [6.0]]), torch.zeros(3, dtype=torch.int64))
    for seed in range(10):
        done = sanitize(received, trusted, settings, seed)
        # The nearest of 4 among 5 drawn: at most one further than the nearest of all.
        assert done.kept[0]
        assert done.scores[0] in (0, 1)
        assert done.scores[2] >= 2
        assert not done.kept[2]


def test_outlier_detector_needs_enough_trusted_points_and_sensible_settings():
    received, trusted = points((3, 3), 1), points((9, 8), 2)
    with pytest.raises(OleanderError, match="class 1 has 8 trusted points, but more than sample=8"):
        sanitize(received, trusted, SETTINGS["outlier"], 0)
    with pytest.raises(OleanderError, match=r"neighbours \(9\) must not exceed sample \(8\)"):
        sanitize(received, trusted, {**SETTINGS["outlier"], "neighbours": 9}, 0)
    # A class that was not received needs none.
    only_first = Points(received.x[received.y == 0], received.y[received.y == 0])
    assert len(sanitize(only_first, trusted, SETTINGS["outlier"], 0).kept) == 3
