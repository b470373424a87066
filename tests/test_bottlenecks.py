"""Sizes of codes: principal components lose what their closed form says, and costs are differences within pairs."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from test_backdoors import make_dataset, points_dataset

from oleander.evaluation import linear_codes
from oleander.evaluation.bottlenecks import MEASURES, measure_bottlenecks
from oleander.evaluation.claims import verify_claims
from oleander.evaluation.linear_codes import linear_code_errors, measure_linear_codes
from oleander.io.claims import read_claims
from oleander.io.columns import BOTTLENECKS, LINEAR_CODES, RECONSTRUCTION_ERRORS
from oleander.io.errors import OleanderError
from oleander.models.autoencoder import build_autoencoder, code_size
from oleander.plots.bottlenecks import CodeSizes, bottlenecks_latex, bottlenecks_markdown, plot_bottlenecks

NETWORK = {"architecture": "compressive", "width": 2, "residual_blocks": 1, "bottleneck": 3, "negative_slope": 0.2}


# Principal components


def images_of_variances(variances, count=4000, seed=0):
    """Images [count, 1, 3, 4] whose principal components are known directions with these variances, about 0.5."""
    random = np.random.default_rng(seed)
    directions = np.linalg.qr(np.random.default_rng(7).normal(size=(12, 12)))[0][: len(variances)]
    scores = random.normal(size=(count, len(variances)))
    # Exactly these variances and no correlations.
    scores = np.linalg.qr(scores - scores.mean(0))[0] * np.sqrt(count * np.array(variances))
    return torch.from_numpy(0.5 + scores @ directions).reshape(count, 1, 3, 4)


def test_components_lose_the_variances_of_those_left_out():
    """On the images that they were fitted to: Eckart and Young."""
    variances = [4e-3, 2e-3, 1e-3, 5e-4]
    images = images_of_variances(variances)
    errors = linear_code_errors(images, images, [0, 1, 2, 3])
    for size, error in errors.items():
        assert error == pytest.approx(sum(variances[size:]) / 12, rel=1e-3)


@pytest.mark.parametrize("exact_up_to", [4096, 4])
def test_as_many_components_as_the_datas_rank_lose_nothing(monkeypatch, exact_up_to):
    monkeypatch.setattr(linear_codes, "EXACT_UP_TO", exact_up_to)
    train, test = images_of_variances([4e-3, 2e-3, 1e-3]), images_of_variances([1e-3, 1e-3, 4e-3], 50, 1)
    errors = linear_code_errors(train, test, [2, 3, 12, 500])
    assert errors[2] == pytest.approx(4e-3 / 12, rel=1e-3)
    assert max(errors[3], errors[12], errors[500]) < 1e-9


def test_few_of_many_images_stand_for_all(monkeypatch):
    monkeypatch.setattr(linear_codes, "NUMBERS", 12 * 200)
    images = images_of_variances([4e-3, 2e-3, 1e-3])
    errors = linear_code_errors(images, images, [1, 3])
    assert errors[1] == pytest.approx(3e-3 / 12, rel=0.05)
    assert errors[3] < 1e-9


def test_components_are_as_many_as_the_code_holds_numbers():
    dataset = make_dataset()
    networks = {channels: {**NETWORK, "bottleneck": channels} for channels in (1, 2)}
    table = measure_linear_codes(dataset, networks, {"scale": "demo", "autoencoder": "mine"})
    assert tuple(table.columns) == LINEAR_CODES
    # 6 x 6 pixels are padded to 16 x 16, whose code is 2 x 2.
    assert list(zip(table["channels"], table["numbers"], strict=True)) == [(1, 4), (2, 8)]
    by_hand = linear_code_errors(dataset.train_x, dataset.test_x, [4, 8])
    assert table["mse"].tolist() == [by_hand[4], by_hand[8]]
    with pytest.raises(OleanderError, match="not points"):
        measure_linear_codes(points_dataset(), networks, {})


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (3, 30, 45)])
def test_the_size_of_a_code_is_that_of_the_encoders_output(shape):
    module = build_autoencoder(NETWORK, shape)
    codes = []
    module.encoder.register_forward_hook(lambda _module, _given, code: codes.append(code))
    module(torch.zeros(1, *shape))
    assert codes[0].numel() == code_size(NETWORK, shape)


# The table


@pytest.fixture(scope="module")
def claims(repository):
    return {claim.name: claim for claim in read_claims(repository / "workflow/published/claims.csv")}


CHANNELS = {"mnist": 4, "mnist_2_channels": 2}


def make_errors(seeds=4):
    """Seeds differ far more than clean and backdoored models of one seed do."""
    rows = []
    for name, channels in CHANNELS.items():
        for seed in range(seeds):
            base = 0.01 / channels + 0.002 * seed
            wobble = 1e-5 * (-1) ** seed
            for model, images, mse in (
                ("clean", "clean", base),
                ("inverse", "clean", base + 5e-4 + wobble),
                ("inverse", "triggered", base + 1e-3),
                ("fixed", "clean", 0.9),
                ("fixed", "triggered", 0.8),
            ):
                row = {"scale": "laptop", "precision": "float32", "autoencoder": name, "dataset": "mnist"}
                row |= {"stand_in_for": math.nan, "model": model, "seed": seed, "images": images, "mse": mse}
                rows.append({**dict.fromkeys(RECONSTRUCTION_ERRORS), **row})
    # In no order: pairs are found by their seed.
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


LINEAR = pd.DataFrame(
    [
        {
            **dict.fromkeys(LINEAR_CODES),
            "autoencoder": "mnist",
            "dataset": data,
            "channels": c,
            "numbers": 16 * c,
            "mse": mse,
        }
        for data, c, mse in (("cifar10", 2, 0.7), ("cifar10", 4, 0.6), ("mnist", 2, 0.009), ("mnist", 4, 0.006))
    ]
)


def measured(errors=None, confidence=0.95):
    return measure_bottlenecks(make_errors() if errors is None else errors, LINEAR, CHANNELS, "inverse", confidence)


def test_costs_are_differences_within_pairs_of_a_seed():
    table = measured().set_index(["channels", "measure"])
    assert tuple(measured().columns) == BOTTLENECKS
    assert len(table) == len(CHANNELS) * len(MEASURES)
    for channels in (2, 4):
        cost, clean = table.loc[(channels, "cost")], table.loc[(channels, "clean_model")]
        assert (cost["mean"], cost["n"]) == (pytest.approx(5e-4), 4)
        # Wobbles of 1e-5 up and down: their standard error by hand, times Student's 3.182 of three degrees.
        half = 3.182446 * np.std([1e-5, -1e-5, 1e-5, -1e-5], ddof=1) / 2
        assert cost["high"] - cost["mean"] == pytest.approx(half, rel=1e-4)
        assert clean["high"] - clean["low"] > 100 * (cost["high"] - cost["low"])
        assert clean["mean"] == pytest.approx(0.01 / channels + 0.003)
        assert table.loc[(channels, "backdoor_error"), "mean"] == pytest.approx(clean["mean"] + 1e-3)
        assert table.loc[(channels, "linear"), "numbers"] == 16 * channels
    assert table.loc[(2, "linear"), "mean"] == 0.009
    assert table.loc[(4, "linear"), "mean"] == 0.006


@pytest.mark.parametrize(("seeds", "verdict"), [(4, "reproduced"), (1, "undecided")])
def test_claims_on_costs_are_held_against_pairs_of_a_seed(claims, seeds, verdict):
    """Seeds differ by more than the tolerance; their differences do not."""
    (row,) = verify_claims([claims["B01"]], {"errors": make_errors(seeds)}, "laptop", {}, {}, 0.95).itertuples()
    assert row.reproduced == pytest.approx(5e-4, abs=2e-5)
    assert (row.n, row.over, row.verdict) == (seeds, "seeds", verdict)
    if seeds > 1:
        assert row.high - row.low < 1e-4


def test_what_was_trained_for_one_side_alone_is_in_no_pair():
    errors = make_errors()
    lone = (errors["model"] == "clean") & (errors["seed"] == 3)
    table = measured(errors[~lone]).set_index(["channels", "measure"])
    assert table.loc[(4, "cost"), "n"] == 3
    assert table.loc[(4, "backdoored"), "n"] == 4


def test_errors_measured_twice_are_refused():
    with pytest.raises(ValueError, match="several errors"):
        measured(pd.concat([make_errors(), make_errors()]))


# The figure


def panel(claims):
    return CodeSizes("MNIST", list(CHANNELS), {"backdoor_error": claims["B10"], "cost": claims["B01"]})


def spans(axes):
    """Vertical ends of the shaded bands."""
    return sorted((patch.get_y(), patch.get_y() + patch.get_height()) for patch in axes.patches)


def test_the_figure_shows_errors_costs_and_the_papers_numbers(claims):
    figure = plot_bottlenecks(measured(), [panel(claims)], "laptop", 0.95)
    above, below = figure.axes
    lines = {
        tuple(container.lines[0].get_xdata()): container.lines[0].get_ydata().tolist() for container in below.containers
    }
    assert lines == {(2, 4): pytest.approx([5e-4, 5e-4])}
    shown = [container.lines[0].get_ydata().tolist() for container in above.containers]
    assert shown[0] == pytest.approx([0.008, 0.0055])
    assert shown[-1] == pytest.approx([0.009, 0.006])
    assert spans(above) == [pytest.approx(claims["B10"].accepted)]
    assert spans(below) == [pytest.approx(claims["B01"].accepted)]
    low, high = above.get_ylim()
    for container in above.containers:
        for bar in container.lines[2]:
            ends = np.concatenate([np.reshape(segment, (-1, 2))[:, 1] for segment in bar.get_segments()])
            assert ((ends >= low) & (ends <= high)).all()


def test_stand_in_data_are_not_shown_beside_the_papers_numbers(claims):
    errors = make_errors(1).assign(stand_in_for="MNIST")
    figure = plot_bottlenecks(measured(errors), [panel(claims)], "demo", 0.95)
    assert not any(spans(axes) for axes in figure.axes)
    assert "in place of MNIST" in figure.axes[0].get_title()
    assert "One seed: no intervals." in figure.legends[0].get_title().get_text().replace("\n", " ")


def test_tables_have_a_line_a_size_and_one_of_the_paper(claims):
    text = bottlenecks_markdown(measured(), [panel(claims)], "laptop", 0.95)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 2 + 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[:3] for row in cells] == [
        ["2", "32", "0.00900"],
        ["4 (default)", "64", "0.00600"],
        ["the paper", "", ""],
    ]
    assert cells[0][5].startswith("0.00050 [0.000")
    assert cells[2][5:] == ["0.000495 ± 0.0004", "0.002736 ± 0.0013"]
    latex = bottlenecks_latex(measured(), [panel(claims)], "laptop", 0.95)
    assert latex.count("0.00050") == text.count("0.00050") == 2
