"""The contract that every registered defense keeps. A new one is tested with its own block of config.yaml."""

import inspect
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
import torch
import yaml

from oleander.defenses import DEFENSES, FitRequest, LastLayer, Points, Sanitized, sanitize, sanitize_cohort
from oleander.io.errors import OleanderError

SHAPE = (1, 2, 3)
FIELDS = ("kept", "labels", "scores")
CONFIGURED = yaml.safe_load((Path(__file__).resolve().parents[1] / "config.yaml").read_text())["defenses"].values()
# Each defense's first block of config.yaml, but for those that want less than its sizes on the small data here.
SETTINGS = {
    **{block["name"]: {k: v for k, v in block.items() if k != "title"} for block in reversed(CONFIGURED)},
    "outlier": {"name": "outlier", "neighbours": 3, "sample": 8, "quantile": 0.9, "statistic": "kth"},
    "sever": {"name": "sever", "epsilon": 0.2, "filterings": 2},
    "pca": {"name": "pca", "epsilon": 0.1, "variance": 0.6},
    "activation_clustering": {"name": "activation_clustering", "components": 2, "silhouette": 0.1, "largest": 0.4},
    "deep_knn": {"name": "deep_knn", "neighbours": 7},
    "partition": {"name": "partition", "parts": 4, "changes": 1},
    "detector": {"name": "detector", "trees": 8, "folds": 3, "quantile": 0.9},
}
# Defenses whose draws go to points, clusters or trees in the order in which points were received.
DRAWS_IN_ORDER = {"outlier", "activation_clustering", "detector"}

every_defense = pytest.mark.parametrize("name", sorted(DEFENSES))


def points(counts, seed, shift=0.0, shape=SHAPE, dtype=np.float32):
    """`counts[label]` normal points of each label, in mixed order."""
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.repeat(np.arange(len(counts)), counts))
    x = draw.normal(size=(len(y), *shape)) + shift + 2 * y.reshape(-1, *[1] * len(shape))
    return Points(torch.from_numpy(x.astype(dtype)), torch.from_numpy(y))


def closed_form_fit(received, outputs=1, units=5):
    """A stand-in for a trained victim: fixed hidden units, and weights that are a mean over the points kept."""
    x = received.x.flatten(1).double()
    mix = torch.from_numpy(np.random.default_rng(0).normal(size=(x.shape[1], units))).to(x.device)
    hidden = torch.tanh(x @ mix / x.shape[1])
    targets = (received.y.unsqueeze(1) == torch.arange(2 if outputs == 1 else outputs).to(x.device)).double() - 0.5

    def fit(request):
        weights = hidden[request.kept].T @ targets[request.kept][:, -outputs:] / max(int(request.kept.sum()), 1)
        return LastLayer(hidden.to(received.x.dtype), (20 / units * hidden @ weights).to(received.x.dtype))

    return fit


def defend(name, received, trusted, seed=0):
    return sanitize(received, trusted, SETTINGS[name], seed, closed_form_fit(received))


def same(one, two):
    pairs = [(getattr(one, f), getattr(two, f)) for f in FIELDS]
    pairs += [(one.ensemble.parts, two.ensemble.parts)] if one.ensemble and two.ensemble else []
    return (one.ensemble is None) == (two.ensemble is None) and all(
        a.numpy().tobytes() == b.numpy().tobytes() for a, b in pairs
    )


def test_every_defense_has_settings_here():
    assert set(SETTINGS) == set(DEFENSES)
    assert set(DRAWS_IN_ORDER) <= set(DEFENSES)


@every_defense
def test_settings_agree_with_the_defenses_own_schema(name):
    schema = {**DEFENSES[name].SETTINGS_SCHEMA, "type": "object", "additionalProperties": False}
    jsonschema.Draft202012Validator.check_schema(schema)
    own = {key: value for key, value in SETTINGS[name].items() if key != "name"}
    jsonschema.validate(own, schema)
    assert set(schema["required"]) <= set(schema["properties"])
    for key in schema["required"]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({other: value for other, value in own.items() if other != key}, schema)


@every_defense
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [SHAPE, (4,)], ids=["images", "features"])
@pytest.mark.parametrize("counts", [(30, 20), (0, 20), (30, 0), (0, 0), (20, 1)], ids=str)
def test_shapes_types_and_labels(name, counts, shape, dtype):
    received, trusted = points(counts, 1, shape=shape, dtype=dtype), points((25, 25), 2, shape=shape, dtype=dtype)
    done = defend(name, received, trusted)
    total = sum(counts)
    assert (done.kept.shape, done.labels.shape, done.scores.shape) == ((total,), (total,), (total,))
    assert (done.kept.dtype, done.labels.dtype, done.scores.dtype) == (torch.bool, torch.int64, received.x.dtype)
    assert set(done.labels.tolist()) <= set(received.y.tolist())
    assert not done.scores.isinf().any()
    assert done.diverged is False
    if done.ensemble is not None:
        assert (done.ensemble.parts.shape, done.ensemble.parts.dtype) == ((total,), torch.int64)
        assert set(done.ensemble.parts.tolist()) <= set(range(done.ensemble.count))


@every_defense
@pytest.mark.parametrize("counts", [(1, 0), (1, 1), (2, 1), (2, 2), (3, 3)], ids=str)
def test_a_handful_of_points_works_or_is_one_sentence(name, counts):
    """Fewer points than neighbours, components or places in a sample."""
    received, trusted = points(counts, 1), points((25, 25), 2)
    refusal = ""
    try:
        done = defend(name, received, trusted)
    except OleanderError as error:
        refusal = str(error)
    if refusal:
        assert "are needed" in refusal
        assert "\n" not in refusal
    else:
        assert len(done.kept) == len(done.labels) == len(done.scores) == sum(counts)


@every_defense
def test_inputs_stay_and_answers_own_their_memory(name):
    received, trusted = points((30, 20), 1), points((25, 25), 2)
    before = [t.clone() for t in (received.x, received.y, trusted.x, trusted.y)]
    done = defend(name, received, trusted)
    done.kept.fill_(False)
    done.labels.fill_(7)
    done.scores.fill_(7)
    assert all(torch.equal(a, b) for a, b in zip(before, (received.x, received.y, trusted.x, trusted.y), strict=True))


@every_defense
def test_the_same_seed_gives_the_same_bytes(name):
    received, trusted = points((30, 20), 1), points((25, 25), 2)
    state = torch.random.get_rng_state()
    one = defend(name, received, trusted, seed=5)
    torch.rand(3)
    two = defend(name, received, trusted, seed=5)
    assert same(one, two)
    torch.random.set_rng_state(state)
    defend(name, received, trusted, seed=5)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_defense
@pytest.mark.parametrize("value", [1.0, 0.1, 0.0])
def test_points_that_are_all_the_same_are_kept_as_they_are(name, value):
    alike = Points(torch.full((20, *SHAPE), value), torch.arange(20) // 10)
    # Neighbours among equals are the earliest, which are of class 0.
    expected = torch.zeros(20, dtype=torch.int64) if name == "label_sanitization" else alike.y
    done = defend(name, alike, alike)
    assert done.kept.all()
    assert torch.equal(done.labels, expected)


@every_defense
def test_every_point_twice_is_no_trouble(name):
    once = points((15, 10), 1)
    twice = Points(once.x.repeat(2, 1, 1, 1), once.y.repeat(2))
    done = defend(name, twice, points((25, 25), 2))
    assert done.kept.sum() > 25
    assert set(done.labels.tolist()) <= {0, 1}


@every_defense
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["received", "trusted"])
def test_points_that_are_not_finite_are_refused(name, value, which):
    sets = {"received": points((30, 20), 1), "trusted": points((25, 25), 2)}
    sets[which].x[4, 0, 1, 1] = value
    with pytest.raises(OleanderError, match=f"'{name}'.*{which} points hold NaN or infinity"):
        defend(name, sets["received"], sets["trusted"])
    good = points((30, 20), 1)
    with pytest.raises(OleanderError, match=f"'{name}'.*{which} points hold NaN or infinity"):
        sanitize_cohort([good, sets["received"]], [good, sets["trusted"]], SETTINGS[name], [0, 1])


@pytest.mark.parametrize("name", sorted(set(DEFENSES) - DRAWS_IN_ORDER))
def test_the_order_in_which_points_come_does_not_matter(name):
    for seed in range(5):
        received, trusted = points((30, 20), seed), points((25, 25), 99)
        order = torch.from_numpy(np.random.default_rng(seed).permutation(50))
        done = defend(name, received, trusted)
        moved = defend(name, Points(received.x[order], received.y[order]), trusted)
        assert torch.equal(moved.kept, done.kept[order])
        assert torch.equal(moved.labels, done.labels[order])
        assert torch.allclose(moved.scores, done.scores[order], rtol=1e-4, atol=1e-6, equal_nan=True)


@every_defense
def test_a_set_in_a_cohort_is_filtered_as_alone(name):
    """Sets of different sizes; a defense that asks for fits asks for those of all sets in one call."""
    received = [points((30, 20), 1), points((25, 40), 2, shift=1.0), points((12, 12), 3)]
    trusted = [points((25, 25), 4), points((30, 30), 5), points((20, 20), 6)]
    fits = [closed_form_fit(one) for one in received]
    calls = []

    def fit(requests):
        calls.append(len(requests))
        return [one(request) for one, request in zip(fits, requests, strict=True)]

    together = sanitize_cohort(received, trusted, SETTINGS[name], [7, 8, 9], fit)
    assert len(together) == 3
    for at, done in enumerate(together):
        assert same(done, sanitize(received[at], trusted[at], SETTINGS[name], 7 + at, fits[at]))
    assert set(calls) <= {3}
    assert bool(calls) == inspect.isgeneratorfunction(DEFENSES[name].sanitize)
    assert sanitize_cohort([], [], SETTINGS[name], [], fit) == []


@every_defense
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_cpus_answer(name):
    received, trusted = points((60, 50), 1), points((25, 25), 2)
    there = [Points(one.x.cuda(), one.y.cuda()) for one in (received, trusted)]
    here, done = defend(name, received, trusted), defend(name, *there)
    assert {getattr(done, field).device.type for field in FIELDS} == {"cuda"}
    assert torch.equal(done.kept.cpu(), here.kept)
    assert torch.equal(done.labels.cpu(), here.labels)
    assert torch.allclose(done.scores.cpu(), here.scores, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_unknown_defenses_are_one_sentence():
    for apply in (sanitize, lambda r, t, settings, seed: sanitize_cohort([r], [t], settings, [seed])):
        with pytest.raises(OleanderError, match=r"unknown defense 'moat'.*none"):
            apply(points((2, 2), 1), points((2, 2), 2), {"name": "moat"}, 0)


def asks(times):
    """A defense that asks for `times(received)` fits and keeps what the last one's first hidden unit says."""

    def defense(received, trusted, settings, seed):
        kept = torch.ones(len(received.y), dtype=torch.bool)
        for _ in range(times(received)):
            layer = yield FitRequest(kept.clone())
            kept = layer.hidden[:, 0] > 0
        return Sanitized(kept, received.y.clone(), torch.zeros(len(kept)))

    return SimpleNamespace(SETTINGS_SCHEMA={"properties": {}, "required": []}, sanitize=defense)


def test_fits_go_to_and_fro_in_order(monkeypatch):
    """Every round rejects the first point that is left: answers reach the set that asked."""
    monkeypatch.setitem(DEFENSES, "asking", asks(lambda received: 3))
    received = [points((4, 4), 1), points((10, 0), 2)]
    seen = []

    def fit(requests):
        seen.append([int(request.kept.sum()) for request in requests])
        left = [request.kept.clone() for request in requests]
        for one in left:
            one[one.nonzero()[0]] = False
        return [LastLayer(one.float().unsqueeze(1), one.float().unsqueeze(1)) for one in left]

    done = sanitize_cohort(received, received, {"name": "asking"}, [0, 0], fit)
    assert seen == [[8, 10], [7, 9], [6, 8]]
    assert [one.kept.tolist() for one in done] == [[False] * 3 + [True] * 5, [False] * 3 + [True] * 7]


def test_sets_that_ask_unequally_often_are_refused(monkeypatch):
    monkeypatch.setitem(DEFENSES, "asking", asks(lambda received: 1 + int(len(received.y) > 8)))
    received = [points((4, 4), 1), points((5, 4), 2), points((5, 5), 3)]
    fits = [closed_form_fit(one) for one in received]
    with pytest.raises(OleanderError, match="'asking': 1 of 3 sets finished while others requested another fit"):
        sanitize_cohort(
            received,
            received,
            {"name": "asking"},
            [0, 0, 0],
            lambda requests: [one(request) for one, request in zip(fits, requests, strict=True)],
        )


def test_a_defense_that_needs_a_fit_says_so():
    received = points((6, 6), 1)
    with pytest.raises(OleanderError, match="'sever' fits victims of its own; pass a fit"):
        sanitize(received, received, SETTINGS["sever"], 0)
    with pytest.raises(OleanderError, match="'sever': fit returned 0 results for 1 requests"):
        sanitize_cohort([received], [received], SETTINGS["sever"], [0], lambda requests: [])


def test_a_fit_cannot_change_what_the_defense_keeps():
    received = points((30, 20), 1)
    honest = closed_form_fit(received)

    def meddling(request):
        layer = honest(request)
        request.kept.fill_(False)
        return layer

    assert same(
        sanitize(received, received, SETTINGS["sever"], 0, honest),
        sanitize(received, received, SETTINGS["sever"], 0, meddling),
    )
