"""Defenses on the representations of a fitted victim, read again in plain NumPy from their papers."""

import warnings
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from itertools import combinations

import numpy as np
import pytest
import torch
from sklearn.decomposition import FastICA
from test_defense_contract import closed_form_fit, points

from oleander.defenses import LastLayer, Points, sanitize, sanitize_cohort
from oleander.io.errors import OleanderError

SPECTRAL = {"name": "spectral", "epsilon": 0.1}
CLUSTERING = {"name": "activation_clustering", "components": 3, "silhouette": 0.1, "largest": 0.35}
DEEP_KNN = {"name": "deep_knn", "neighbours": 5}
TRIMMED = {"name": "trimmed_loss", "epsilon": 0.1, "rounds": 2}
FITTED = {settings["name"]: settings for settings in (SPECTRAL, CLUSTERING, DEEP_KNN, TRIMMED)}


def answering(hidden, outputs=1):
    """A fit whose victim has these hidden units, whatever it is trained on."""
    hidden = torch.as_tensor(hidden)
    return lambda request: LastLayer(hidden, torch.zeros(len(hidden), outputs))


def half_up(number):
    return int(Decimal(number).quantize(Decimal(1), ROUND_HALF_UP))


def planted(counts, away, seed, units=6):
    """Classes of normal activations, and as many points of each as `away` says far off: labels, activations."""
    draw = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    hidden = draw.normal(size=(len(y), units)) @ draw.normal(size=(units, units))
    for label, far in enumerate(away):
        hidden[np.flatnonzero(y == label)[:far]] += 12 * draw.normal(size=units)
    order = draw.permutation(len(y))
    return Points(torch.zeros(len(y), 2), torch.from_numpy(y[order])), hidden[order]


def numpy_spectral(y, hidden, epsilon):
    """Algorithm 1 of Tran et al.: kept and scores."""
    kept, scores = np.ones(len(y), bool), np.zeros(len(y))
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        centred = hidden[rows] - hidden[rows].mean(0)
        direction = np.linalg.svd(centred)[2][0]
        scores[rows] = [np.dot(point, direction) ** 2 for point in centred]
        count = half_up(Decimal("1.5") * Decimal(str(epsilon)) * len(rows))
        kept[sorted(rows, key=lambda at: -scores[at])[:count]] = False
    return kept, scores


@pytest.mark.parametrize("units", [4, 60], ids=["more points than units", "more units than points"])
@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("counts", [(40, 31), (20, 17, 25)], ids=str)
def test_spectral_signatures_are_their_definition(units, epsilon, counts):
    received, hidden = planted(counts, [5] * len(counts), 1, units)
    done = sanitize(received, received, {**SPECTRAL, "epsilon": epsilon}, 0, answering(hidden, len(counts)))
    kept, scores = numpy_spectral(received.y.numpy(), hidden, epsilon)
    assert done.kept.tolist() == kept.tolist()
    assert np.allclose(done.scores.numpy(), scores, rtol=1e-4, atol=1e-5)
    assert torch.equal(done.labels, received.y)


def test_spectral_signatures_find_what_sets_a_minority_apart():
    """Poison that shares a direction has the highest scores; without such a direction some genuine points go."""
    received, hidden = planted((60, 60), (6, 0), 3)
    done = sanitize(received, received, SPECTRAL, 0, answering(hidden))
    far = done.scores.numpy() > np.sort(done.scores.numpy()[received.y.numpy() == 0])[-7]
    assert not done.kept[(received.y == 0) & torch.from_numpy(far)].any()
    assert int((~done.kept[received.y == 0]).sum()) == int((~done.kept[received.y == 1]).sum()) == 9


def silhouette(rows, second):
    """Rousseeuw's coefficient, averaged over the points."""
    found = []
    for at, row in enumerate(rows):
        distances = np.sqrt(((rows - row) ** 2).sum(1))
        own = (second == second[at]) & (np.arange(len(rows)) != at)
        within, beyond = distances[own].mean() if own.any() else 0, distances[second != second[at]].mean()
        found.append((beyond - within) / max(beyond, within) if own.any() else 0)
    return np.mean(found)


def best_of_two(rows):
    """Members of the second of the two clusters with the least variance, from every pair of points as centres."""
    best, found = np.inf, None
    for pair in combinations(range(len(rows)), 2):
        centres = rows[list(pair)]
        for _ in range(50):
            second = ((rows - centres[1]) ** 2).sum(1) < ((rows - centres[0]) ** 2).sum(1)
            if second.all() or not second.any():
                break
            centres = np.stack([rows[~second].mean(0), rows[second].mean(0)])
        else:
            spread = sum(((rows[some] - rows[some].mean(0)) ** 2).sum() for some in (second, ~second))
            if spread < best - 1e-9:
                best, found = spread, second
    return found


def numpy_clustering(y, hidden, settings):
    """Algorithm 1 of Chen et al. with independent components proper: kept and scores."""
    kept, scores = np.ones(len(y), bool), np.zeros(len(y))
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reduced = FastICA(settings["components"], random_state=0, max_iter=2000).fit_transform(hidden[rows])
        second = best_of_two(reduced)
        if silhouette(reduced, second) < settings["silhouette"]:
            continue
        for some in (second, ~second):
            scores[rows[some]] = 1 - some.mean()
            if some.mean() <= settings["largest"]:
                kept[rows[some]] = False
    return kept, scores


@pytest.mark.parametrize(
    ("away", "settings", "rejected"),
    [
        ((8, 0), {}, 8),
        ((8, 6), {}, 14),
        ((8, 0), {"largest": 0.15}, 0),
        ((8, 0), {"silhouette": 0.95}, 0),
        ((18, 0), {"largest": 0.45}, 18),
        ((8, 0), {"components": 1}, 8),
    ],
    ids=str,
)
def test_activation_clustering_is_its_definition(away, settings, rejected):
    """Whitened components cluster as independent ones do."""
    received, hidden = planted((40, 30), away, 5)
    settings = {**CLUSTERING, "silhouette": 0.3, **settings}
    kept, scores = numpy_clustering(received.y.numpy(), hidden, settings)
    assert int((~kept).sum()) == rejected, "the case shows nothing"
    for seed in range(3):
        done = sanitize(received, received, settings, seed, answering(hidden))
        assert done.kept.tolist() == kept.tolist()
        assert np.allclose(done.scores.numpy(), scores, atol=1e-6)
        assert torch.equal(done.labels, received.y)


def test_activation_clustering_splits_no_class_without_two_clusters():
    received, hidden = planted((2, 12, 30), (0, 0, 0), 1)
    hidden[received.y.numpy() == 1] = 4.0
    done = sanitize(received, received, {**CLUSTERING, "silhouette": 0.9}, 0, answering(hidden, 3))
    assert done.kept.all()
    assert not done.scores.any()


def numpy_deep_knn(y, hidden, k):
    """Peri et al.: kept and scores, one point at a time; a point is its own nearest neighbour."""
    kept, scores = np.ones(len(y), bool), np.zeros(len(y))
    for at, row in enumerate(hidden):
        distances = np.sqrt(((hidden - row) ** 2).sum(1))
        near = Counter(y[distances <= np.sort(distances)[k - 1]].tolist())
        others = max((count for label, count in near.items() if label != y[at]), default=0)
        kept[at] = others <= near[y[at]]
        scores[at] = others / sum(near.values())
    return kept, scores


@pytest.mark.parametrize("k", [1, 4, 5, 40])
@pytest.mark.parametrize("counts", [(40, 31), (20, 17, 25)], ids=str)
def test_deep_knn_is_its_definition(k, counts):
    received = points(counts, 1, shape=(3,))
    fit = closed_form_fit(received, outputs=1 if len(counts) == 2 else len(counts))
    hidden = fit(type("Asked", (), {"kept": torch.ones(len(received.y), dtype=torch.bool)})).hidden.numpy()
    done = sanitize(received, received, {**DEEP_KNN, "neighbours": k}, 0, fit)
    kept, scores = numpy_deep_knn(received.y.numpy(), hidden.astype(float), k)
    assert done.kept.tolist() == kept.tolist()
    assert np.allclose(done.scores.numpy(), scores, atol=1e-6)
    assert torch.equal(done.labels, received.y)
    assert (k == 1) == bool(done.kept.all())


def test_deep_knn_by_hand():
    """On a line: the 1 among zeros goes, the zero at the border does not, and equally near points all count."""
    hidden = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0], [9.0], [10.0], [11.0]])
    y = torch.tensor([0, 0, 1, 0, 0, 1, 1, 1])
    received = Points(torch.zeros(8, 1), y)
    done = sanitize(received, received, {**DEEP_KNN, "neighbours": 3}, 0, answering(hidden))
    assert done.kept.tolist() == [True, True, False, True, True, True, True, True]
    # Of the two nearest to a point on the grid both are as far, with k = 2, too.
    two = sanitize(received, received, {**DEEP_KNN, "neighbours": 2}, 0, answering(hidden))
    assert two.scores[2] == pytest.approx(2 / 3)


def test_deep_knn_needs_enough_points_and_does_not_depend_on_how_many_rows_go_at_once(monkeypatch):
    received = points((30, 20), 1)
    with pytest.raises(OleanderError, match="50 points were received, but at least neighbours=51 are needed"):
        sanitize(received, received, {**DEEP_KNN, "neighbours": 51}, 0, closed_form_fit(received))
    whole = sanitize(received, received, DEEP_KNN, 0, closed_form_fit(received))
    monkeypatch.setattr("oleander.defenses.deep_knn.ROWS_AT_ONCE", 7)
    parts = sanitize(received, received, DEEP_KNN, 0, closed_form_fit(received))
    assert torch.equal(whole.kept, parts.kept)
    assert torch.equal(whole.scores, parts.scores)


def numpy_trimmed(received, settings, fit):
    """Algorithm 1 of Shen and Sanghavi: kept and losses."""
    y = received.y.numpy()
    count = half_up(Decimal(str(settings["epsilon"])) * len(y))
    kept = np.ones(len(y), bool)
    for _ in range(settings["rounds"]):
        layer = fit(type("Asked", (), {"kept": torch.from_numpy(kept)}))
        losses = []
        for logits, label in zip(layer.logits.double().numpy(), y, strict=True):
            every = np.array([0.0, logits[0]]) if len(logits) == 1 else logits
            losses.append(np.log(np.exp(every - every.max()).sum()) + every.max() - every[label])
        kept = np.ones(len(y), bool)
        kept[sorted(range(len(y)), key=lambda at: -losses[at])[:count]] = False
    return kept, np.array(losses)


@pytest.mark.parametrize(("counts", "outputs"), [((40, 30), 1), ((40, 30), 2), ((25, 30, 20), 3)], ids=str)
@pytest.mark.parametrize(("epsilon", "rounds"), [(0.1, 1), (0.25, 3), (0.05, 2)])
def test_trimmed_loss_is_its_definition(counts, outputs, epsilon, rounds):
    received = points(counts, 2)
    settings = {**TRIMMED, "epsilon": epsilon, "rounds": rounds}
    done = sanitize(received, received, settings, 0, closed_form_fit(received, outputs))
    kept, losses = numpy_trimmed(received, settings, closed_form_fit(received, outputs))
    assert done.kept.tolist() == kept.tolist()
    assert np.allclose(done.scores.numpy(), losses, rtol=1e-4, atol=1e-6)
    assert torch.equal(done.labels, received.y)


def test_trimmed_loss_takes_points_back_and_regards_no_class():
    """Each round chooses among all points; both points with the largest loss are of one class."""
    received = Points(torch.zeros(6, 1), torch.tensor([0, 0, 0, 1, 1, 1]))
    losing = [
        torch.tensor([[0.0], [9.0], [9.0], [9.0], [9.0], [9.0]]),
        torch.tensor([[0.0]] * 3 + [[-9.0]] * 2 + [[9.0]]),
    ]
    asked = []

    def fit(request):
        asked.append(request.kept.tolist())
        return LastLayer(torch.zeros(6, 1), losing[len(asked) - 1])

    done = sanitize(received, received, {**TRIMMED, "epsilon": 0.34, "rounds": 2}, 0, fit)
    assert asked == [[True] * 6, [True, False, False, True, True, True]]
    assert done.kept.tolist() == [True, True, True, False, False, True]


@pytest.mark.parametrize("name", sorted(FITTED))
def test_a_victim_that_diverges_spoils_its_own_set_alone(name):
    received = [points((30, 20), at) for at in range(2)]
    fits = [closed_form_fit(one) for one in received]

    def fit(requests):
        layers = [one(request) for one, request in zip(fits, requests, strict=True)]
        layers[0] = LastLayer(torch.full_like(layers[0].hidden, torch.nan), layers[0].logits)
        return layers

    lost, fine = sanitize_cohort(received, received, FITTED[name], [0, 1], fit)
    alone = sanitize(received[1], received[1], FITTED[name], 1, fits[1])
    assert lost.diverged
    assert not fine.diverged
    assert torch.equal(fine.kept, alone.kept)


@pytest.mark.parametrize("name", sorted(FITTED))
def test_answers_that_do_not_fit_are_refused(name):
    received = points((30, 20), 1)
    with pytest.raises(OleanderError, match=r"fit returned hidden units \[49, 5\] and logits \[49, 1\] for 50"):
        sanitize(received, received, FITTED[name], 0, answering(torch.zeros(49, 5)))
    many = points((10, 10, 10), 1)
    with pytest.raises(OleanderError, match="received labels go up to 2, but the fitted victim has 1 outputs"):
        sanitize(many, many, FITTED[name], 0, answering(torch.zeros(30, 5)))
