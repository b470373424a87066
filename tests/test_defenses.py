"""Each defense's definition read again in plain NumPy, and its closed-form cases."""

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier
from test_defense_contract import SETTINGS, closed_form_fit, points

from oleander.defenses import FitRequest, LastLayer, Points, label_sanitization, sanitize, sanitize_cohort
from oleander.defenses.filtering import centred, largest, share_of
from oleander.io.errors import OleanderError
from oleander.training.seeds import derive_seed, generator_for


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


def half_up(number):
    return int(number.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("share", "size", "steps", "count"),
    [(0.1, 500, 2, 25), (0.05, 500, 2, 13), (0.29, 50, 1, 15), (0.05, 500, 1, 25), (0.1, 4, 1, 0), (0.1, 5, 1, 1)],
)
def test_shares_are_rounded_half_up_as_decimals(share, size, steps, count):
    """0.29 * 50 is 14.499... in floating point and 14.5 in the configuration."""
    assert share_of(share, size, steps) == count


def test_largest_takes_earlier_points_first_and_never_without_reason():
    assert largest(torch.tensor([1.0, 3.0, 2.0, 3.0]), 3).tolist() == [1, 3, 2]
    assert largest(torch.ones(200), 50).tolist() == list(range(50))
    assert largest(torch.tensor([0.0, 3.0, 0.0]), 2).tolist() == [1]
    assert largest(torch.tensor([2.0, 3.0]), 2).tolist() == [1]
    assert largest(torch.tensor([2.0]), 1).tolist() == largest(torch.tensor([]), 1).tolist() == []


def test_centred_rows_have_no_mean_and_equal_rows_no_rest():
    x = points((40,), 1, shift=1e3, shape=(5,)).x
    assert torch.allclose(centred(x), torch.from_numpy(x.double().numpy() - x.double().numpy().mean(0)), atol=1e-12)
    assert not centred(torch.full((37, 3), 0.1)).any()


def numpy_gradients(layer, y):
    """Gradients of the last layer's cross-entropy, one point at a time: float64 [n, outputs * (units + 1)]."""
    rows = []
    for hidden, logits, label in zip(layer.hidden.double().numpy(), layer.logits.double().numpy(), y, strict=True):
        if len(logits) == 1:
            error = 1 / (1 + np.exp(-logits)) - label
        else:
            error = np.exp(logits) / np.exp(logits).sum() - np.eye(len(logits))[label]
        rows.append(np.outer(error, np.append(hidden, 1)).ravel())
    return np.array(rows)


def numpy_sever(received, settings, fit):
    """Sever from its definition, by a full SVD."""
    y = received.y.numpy()
    kept, scores = np.ones(len(y), bool), np.zeros(len(y))
    part = Decimal(str(settings["epsilon"])) / settings["filterings"]
    for _ in range(settings["filterings"]):
        gradients = numpy_gradients(fit(torch.from_numpy(kept.copy())), y)
        for label in np.unique(y):
            here = np.flatnonzero(kept & (y == label))
            difference = gradients[here] - gradients[here].mean(0)
            direction = np.linalg.svd(difference)[2][0]
            scores[here] = np.abs(difference @ direction)
            worst_first = here[np.argsort(-scores[here], kind="stable")]
            kept[worst_first[: half_up(part * (y == label).sum())]] = False
    return kept, scores


@pytest.mark.parametrize("units", [3, 200], ids=["more points than units", "more units than points"])
@pytest.mark.parametrize(("counts", "outputs"), [((40, 30), 1), ((40, 30), 2), ((25, 30, 20, 15), 4)], ids=str)
@pytest.mark.parametrize(("epsilon", "filterings"), [(0.2, 2), (0.05, 1), (0.3, 3)])
def test_sever_is_its_definition(units, counts, outputs, epsilon, filterings):
    settings = {"name": "sever", "epsilon": epsilon, "filterings": filterings}
    sets = [points(counts, seed) for seed in range(3)]
    fits = [closed_form_fit(received, outputs, units) for received in sets]
    asked = []

    def fit(requests):
        asked.append([request.kept.numpy().copy() for request in requests])
        return [one(request) for one, request in zip(fits, requests, strict=True)]

    done = sanitize_cohort(sets, sets, settings, [0, 1, 2], fit)
    assert len(asked) == filterings
    for at, received in enumerate(sets):
        wanted = []

        def record(kept, at=at, wanted=wanted):
            wanted.append(kept.numpy().copy())
            return fits[at](FitRequest(kept))

        kept, scores = numpy_sever(received, settings, record)
        assert np.array_equal(done[at].kept.numpy(), kept)
        assert np.allclose(done[at].scores.numpy(), scores, rtol=1e-5, atol=1e-7)
        assert torch.equal(done[at].labels, received.y)
        assert np.array_equal([asked_once[at] for asked_once in asked], wanted)


@pytest.mark.parametrize("outputs", [1, 3])
def test_severs_gradients_are_those_of_autograd(outputs):
    """Scores of one filtering from torch's own loss of a torch.nn.Linear, differentiated one point at a time."""
    received = points((20, 15), 4)
    hidden = torch.from_numpy(np.random.default_rng(1).normal(size=(35, 6)))
    linear = torch.nn.Linear(6, outputs, dtype=torch.float64)
    gradients = []
    for h, label in zip(hidden, received.y, strict=True):
        logits = linear(h)
        if outputs == 1:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[0], label.double())
        else:
            loss = torch.nn.functional.cross_entropy(logits, label)
        weight, bias = torch.autograd.grad(loss, (linear.weight, linear.bias))
        gradients.append(torch.cat([weight.flatten(), bias]).numpy())
    gradients = np.array(gradients)
    expected = np.zeros(35)
    for label in (0, 1):
        here = received.y.numpy() == label
        difference = gradients[here] - gradients[here].mean(0)
        expected[here] = np.abs(difference @ np.linalg.svd(difference)[2][0])
    layer = LastLayer(hidden, linear(hidden).detach())
    settings = {"name": "sever", "epsilon": 0.1, "filterings": 1}
    done = sanitize(received, received, settings, 0, lambda request: layer)
    assert np.allclose(done.scores.numpy(), expected, rtol=1e-5)


def test_sever_tells_well_fitted_points_apart():
    """At logits of 40 and more sigma - 1 is zero in floating point; the worst fitted of them still goes."""
    y = torch.tensor([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    logits = torch.tensor([50.0, 60, 40, 60, 60, -60, -60, -60, -40, -50]).unsqueeze(1)
    received = Points(torch.zeros(10, 1), y)
    settings = {"name": "sever", "epsilon": 0.2, "filterings": 1}
    for layer in (
        LastLayer(torch.ones(10, 2), logits),
        LastLayer(torch.ones(10, 2), torch.cat([-logits / 2, logits / 2], dim=1)),
    ):
        done = sanitize(received, received, settings, 0, lambda request, layer=layer: layer)
        assert (~done.kept).nonzero()[:, 0].tolist() == [2, 8]


def test_severs_score_is_that_of_the_last_filtering_a_point_took_part_in():
    """One hidden unit that grows tenfold from fit to fit, and the last layer at zero: scores by hand."""
    received = Points(torch.zeros(5, 1), torch.zeros(5, dtype=torch.int64))
    units = iter([1.0, 10.0])

    def fit(request):
        hidden = torch.tensor([[0.0], [0], [0], [1], [9]]) * next(units)
        return LastLayer(hidden, torch.zeros(5, 1))

    done = sanitize(received, received, {"name": "sever", "epsilon": 0.4, "filterings": 2}, 0, fit)
    # Gradients are (0.5 h, 0.5): first 0.5 |h - 2|, then without the last point 0.5 |h - 2.5|.
    assert done.scores.tolist() == pytest.approx([1.25, 1.25, 1.25, 3.75, 3.5])
    assert done.kept.tolist() == [True, True, True, False, False]


def test_a_victim_that_diverges_spoils_its_own_set_alone():
    received = [points((30, 20), 1), points((30, 20), 2)]
    fits = [closed_form_fit(one) for one in received]
    rounds = []

    def fit(requests):
        rounds.append(len(requests))
        layers = [one(request) for one, request in zip(fits, requests, strict=True)]
        if len(rounds) == 2:
            layers[1].logits.fill_(torch.nan)
        return layers

    fine, spoilt = sanitize_cohort(received, received, {**SETTINGS["sever"], "filterings": 3}, [0, 0], fit)
    assert rounds == [2, 2, 2]
    assert (fine.diverged, spoilt.diverged) == (False, True)
    alone = sanitize(received[0], received[0], {**SETTINGS["sever"], "filterings": 3}, 0, fits[0])
    assert torch.equal(fine.kept, alone.kept)
    # A fifteenth of 30 and of 20 was rejected before it diverged: 2 and 1.
    assert (~spoilt.kept).sum() == 3


def test_sever_refuses_answers_that_do_not_fit():
    received = points((5, 5, 5), 1)
    for hidden, logits, said in (
        ((14, 2), (15, 3), r"hidden units \[14, 2\] and logits \[15, 3\] for 15 received points"),
        ((15, 2), (15,), r"hidden units \[15, 2\] and logits \[15\] for 15 received points"),
        ((15, 2), (15, 1), "labels go up to 2, but the fitted victim has 1 outputs"),
    ):
        layer = LastLayer(torch.zeros(hidden), torch.zeros(logits))
        with pytest.raises(OleanderError, match=said):
            sanitize(received, received, SETTINGS["sever"], 0, lambda request, layer=layer: layer)


def numpy_pca(received, settings):
    """The subspace defense from its definition, by a full SVD."""
    x, y = received.x.flatten(1).double().numpy(), received.y.numpy()
    kept, scores = np.ones(len(y), bool), np.zeros(len(y))
    for label in np.unique(y):
        here = np.flatnonzero(y == label)
        difference = x[here] - x[here].mean(0)
        _, lengths, directions = np.linalg.svd(difference, full_matrices=False)
        held = np.cumsum(lengths**2) / (lengths**2).sum()
        k = settings["components"] if "components" in settings else np.flatnonzero(held >= settings["variance"])[0] + 1
        inside = difference @ directions[:k].T @ directions[:k]
        scores[here] = ((difference - inside) ** 2).sum(1)
        worst_first = here[np.argsort(-scores[here], kind="stable")]
        kept[worst_first[: half_up(Decimal(str(settings["epsilon"])) * len(here))]] = False
    return kept, scores


@pytest.mark.parametrize("shape", [(6,), (2, 5, 9)], ids=["more points than features", "more features than points"])
@pytest.mark.parametrize(
    "subspace", [{"variance": 0.95}, {"variance": 0.5}, {"components": 1}, {"components": 4}], ids=str
)
@pytest.mark.parametrize("epsilon", [0.05, 0.21])
def test_pca_is_its_definition(shape, subspace, epsilon):
    for seed in range(5):
        received = points((40, 30, 21), seed, shift=3.0, shape=shape)
        # Unequal axes, so that a few components hold most of the variance.
        received.x.mul_(torch.linspace(1, 0.2, received.x[0].numel()).view(1, *shape))
        settings = {"name": "pca", "epsilon": epsilon, **subspace}
        done = sanitize(received, received, settings, 0)
        kept, scores = numpy_pca(received, settings)
        assert np.array_equal(done.kept.numpy(), kept)
        assert np.allclose(done.scores.numpy(), scores, rtol=1e-5, atol=1e-7)
        assert torch.equal(done.labels, received.y)


PCA = {"name": "pca", "epsilon": 0.1, "variance": 0.95}


def test_pca_rejects_what_leaves_the_line_and_not_what_lies_far_along_it():
    along = torch.linspace(-10, 10, 20)
    x = torch.stack([along, torch.zeros(20)], dim=1)
    x[7, 1], x[8, 1] = 0.5, -0.5
    done = sanitize(Points(x, torch.zeros(20, dtype=torch.int64)), Points(x, along.long()), {**PCA, "epsilon": 0.1}, 0)
    assert (~done.kept).nonzero()[:, 0].tolist() == [7, 8]


@pytest.mark.parametrize("features", [3, 150])
def test_pca_rejects_no_point_of_a_subspace_that_holds_them_all(features):
    """Nothing is left over of points on a line, however long, and rounding is no reason to reject."""
    draw = np.random.default_rng(0)
    line = draw.normal(size=(30, 1)) * draw.normal(size=(1, features)) + 100
    received = Points(torch.from_numpy(line), torch.arange(30) % 2)
    done = sanitize(received, received, PCA, 0)
    assert done.kept.all()
    assert not done.scores.any()


def test_pca_with_as_many_components_as_features_rejects_nothing():
    corners = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).repeat(5, 1)
    received = Points(corners, torch.zeros(20, dtype=torch.int64))
    assert sanitize(received, received, PCA, 0).kept.all()


def test_pca_needs_one_size_of_subspace_that_leaves_something_over():
    received = points((12, 12), 1)
    for wrong in ({"name": "pca", "epsilon": 0.1}, {**PCA, "components": 2}):
        with pytest.raises(OleanderError, match="PCA: set exactly one of variance and components"):
            sanitize(received, received, wrong, 0)
    with pytest.raises(
        OleanderError, match=r"components=6 is too large.*12 points of class 0 with 6 features span at most 6"
    ):
        sanitize(received, received, {"name": "pca", "epsilon": 0.1, "components": 6}, 0)
    wide = points((12, 12), 1, shape=(40,))
    with pytest.raises(OleanderError, match=r"components=11 is too large.*with 40 features span at most 11"):
        sanitize(wide, wide, {"name": "pca", "epsilon": 0.1, "components": 11}, 0)
    # Classes too small for anything to be rejected need no subspace.
    few = points((4, 1), 1)
    assert sanitize(few, few, {"name": "pca", "epsilon": 0.1, "components": 4}, 0).kept.all()


def numpy_label_sanitization(received, neighbours, agreeing):
    """Relabelling from its definition, one point at a time."""
    x, y = received.x.flatten(1).double().numpy(), received.y.numpy()
    labels, scores = y.copy(), np.zeros(len(y))
    for at in range(len(y)):
        others = np.delete(np.arange(len(y)), at)
        distances = np.sqrt(((x[others] - x[at]) ** 2).sum(1))
        nearest = others[np.argsort(distances, kind="stable")[:neighbours]]
        votes = Counter(int(label) for label in y[nearest] if label != y[at])
        if votes:
            winner = min(votes, key=lambda label: (-votes[label], label))
            scores[at] = votes[winner] / neighbours
            if votes[winner] >= agreeing:
                labels[at] = winner
    return labels, scores


@pytest.mark.parametrize(("neighbours", "agreeing"), [(3, 2), (1, 1), (5, 2), (7, 4)])
@pytest.mark.parametrize("counts", [(40, 30), (20, 15, 10, 25)], ids=str)
def test_label_sanitization_is_its_definition(neighbours, agreeing, counts):
    settings = {"name": "label_sanitization", "neighbours": neighbours, "agreeing": agreeing}
    changed = 0
    for seed in range(5):
        received = points(counts, seed)
        received = Points(received.x + 1000, torch.from_numpy(np.random.default_rng(seed).permutation(received.y)))
        done = sanitize(received, received, settings, 0)
        labels, scores = numpy_label_sanitization(received, neighbours, agreeing)
        assert np.array_equal(done.labels.numpy(), labels)
        assert np.allclose(done.scores.numpy(), scores)
        assert done.kept.all()
        changed += int((done.labels != received.y).sum())
    assert changed > 0


def relabelled(x, y, neighbours, agreeing):
    settings = {"name": "label_sanitization", "neighbours": neighbours, "agreeing": agreeing}
    received = Points(torch.tensor(x, dtype=torch.float32).view(len(x), -1), torch.tensor(y))
    return sanitize(received, received, settings, 0).labels.tolist()


def test_label_sanitization_by_hand():
    # Two mislabelled points side by side swap nothing between them: one pass, original labels.
    assert relabelled([0, 1, 2, 3, 10, 11, 12, 13], [0, 0, 0, 1, 1, 1, 1, 1], 3, 2) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert relabelled([0, 1, 2, 3], [0, 1, 0, 1], 1, 1) == [1, 0, 1, 0]
    # Of other labels that both have enough, the more frequent, then the smaller.
    assert relabelled([0, 1, 2, 3, -1, -2], [0, 1, 2, 2, 2, 1], 5, 2)[0] == 2
    assert relabelled([0, 1, 2, -1, -2], [0, 2, 2, 1, 1], 4, 2)[0] == 1


def test_label_sanitization_excludes_a_point_by_its_place_and_counts_its_copies():
    # Three copies with the label 1 of a point labelled 0: it is relabelled, they are not.
    assert relabelled([5, 5, 5, 5, 9, 9, 9], [0, 1, 1, 1, 0, 0, 0], 3, 2) == [1, 1, 1, 1, 0, 0, 0]
    # More copies than neighbours: the earliest of them count, itself left out.
    assert relabelled([5] * 6, [0, 0, 0, 1, 1, 1], 2, 2) == [0, 0, 0, 0, 0, 0]


def test_label_sanitization_sees_copies_as_equally_near_and_loses_no_distance_to_an_offset():
    """Rounding of the quick way to compute distances decides nothing: neither between copies, nor far from zero."""
    draw = np.random.default_rng(3)
    copies = np.tile(draw.normal(size=(11, 53)), (7, 1))
    far = draw.normal(size=(72, 50)) + 1e8
    for x in (copies, far):
        received = Points(torch.from_numpy(x), torch.from_numpy(draw.integers(0, 3, len(x))))
        done = sanitize(received, received, SETTINGS["label_sanitization"], 0)
        labels, scores = numpy_label_sanitization(received, 3, 2)
        assert np.array_equal(done.labels.numpy(), labels)
        assert np.allclose(done.scores.numpy(), scores)


def test_label_sanitization_does_not_depend_on_how_many_rows_go_at_once(monkeypatch):
    received = points((40, 33), 1, shift=500.0)
    received = Points(torch.cat([received.x, received.x]), torch.cat([received.y, 1 - received.y]))
    whole = sanitize(received, received, SETTINGS["label_sanitization"], 0)
    monkeypatch.setattr(label_sanitization, "ROWS_AT_ONCE", 7)
    parts = sanitize(received, received, SETTINGS["label_sanitization"], 0)
    assert torch.equal(whole.labels, parts.labels)
    assert torch.equal(whole.scores, parts.scores)


def test_label_sanitization_needs_enough_points_and_sensible_settings():
    settings = SETTINGS["label_sanitization"]
    few = points((2, 1), 1)
    with pytest.raises(OleanderError, match="3 points were received, but more than neighbours=3 are needed"):
        sanitize(few, few, settings, 0)
    with pytest.raises(OleanderError, match=r"agreeing \(4\) must not exceed neighbours \(3\)"):
        sanitize(few, few, {**settings, "agreeing": 4}, 0)


DETECTOR = {"name": "detector", "trees": 20, "folds": 3, "quantile": 0.9}


def detector_scores(x, is_received, settings, seed):
    """The detector's scores from its definition, one fold at a time; the trees' draws are the library's."""
    key = seed.to_bytes(8, "big")
    digests = [blake2b(row.tobytes(), key=key, digest_size=8).digest() for row in x]
    folds = np.array([int.from_bytes(digest, "big") % settings["folds"] for digest in digests])
    scores = np.zeros(len(x))
    for fold in range(settings["folds"]):
        train = folds != fold
        # Rounded as the library rounds: trees break ties between splits by the last bit.
        kinds = {kind: train.sum() / (2 * (is_received[train] == kind).sum()) for kind in (False, True)}
        weights = np.where(is_received, kinds[True], kinds[False])
        forest = ExtraTreesClassifier(settings["trees"], random_state=derive_seed(seed, fold) % 2**32)
        forest.fit(x[train], is_received[train], sample_weight=weights[train])
        scores[~train] = forest.predict_proba(x[~train])[:, 1]
    return scores


@pytest.mark.parametrize("quantile", [0.5, 0.9, 1.0])
@pytest.mark.parametrize("counts", [(40, 30), (30, 20, 25)], ids=str)
def test_detector_is_its_definition(quantile, counts):
    received, trusted = points(counts, 1, shift=0.3), points([25] * len(counts), 2)
    settings = {**DETECTOR, "quantile": quantile}
    done = sanitize(received, trusted, settings, 4)
    for label in range(len(counts)):
        here = (received.y == label).numpy()
        genuine = trusted.x[trusted.y == label].flatten(1).numpy()
        x = np.concatenate([genuine, received.x.flatten(1).numpy()[here]])
        scores = detector_scores(x, np.arange(len(x)) >= 25, settings, derive_seed(4, "detector", label))
        threshold = np.quantile(scores[:25], quantile)
        assert np.allclose(done.scores.numpy()[here], scores[25:], atol=1e-6)
        assert done.kept.numpy()[here].tolist() == (scores[25:] <= threshold + 1e-12).tolist()
    assert torch.equal(done.labels, received.y)


def test_detector_rejects_the_share_it_should_and_what_is_unlike_the_trusted_points():
    """Genuine points pass as often as the quantile says, be they copied or not; points from elsewhere do not."""
    trusted, genuine = points((300, 300), 1), points((300, 300), 2)
    share = sanitize(genuine, trusted, DETECTOR, 0).kept.float().mean().item()
    assert share == pytest.approx(0.9, abs=0.05)
    half = torch.arange(600) % 2 == 0
    copied = Points(torch.cat([genuine.x[half]] * 2), torch.cat([genuine.y[half]] * 2))
    assert sanitize(copied, trusted, DETECTOR, 0).kept.float().mean().item() == pytest.approx(0.9, abs=0.07)
    poison = (genuine.y == 1) & half
    mixed = Points(torch.where(poison.view(-1, 1, 1, 1), genuine.x - 3, genuine.x), genuine.y)
    done = sanitize(mixed, trusted, DETECTOR, 0)
    assert done.kept[poison].float().mean() < 0.2
    assert done.kept[~poison].float().mean() > 0.8
    assert done.scores[poison].mean() > 0.8


def test_detector_needs_trusted_points_of_every_class_and_learns_nothing_from_one_kind():
    received, trusted = points((30, 20), 1), points((25, 2), 2)
    with pytest.raises(OleanderError, match="class 1 has 2 trusted points, but at least folds=3 are needed"):
        sanitize(received, trusted, DETECTOR, 0)
    single = points((1, 0), 3)
    done = sanitize(single, trusted, DETECTOR, 0)
    assert done.scores.tolist() == [0.5]
