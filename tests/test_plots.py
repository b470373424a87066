"""Figures show the numbers and pixels they are given, say what they are, and hide nothing behind a legend."""

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from scipy import stats

from oleander.attacks.pgan import CURVES
from oleander.evaluation.trials import COLUMNS
from oleander.metrics.summary import SUMMARY, summarize
from oleander.plots import style, training_curves
from oleander.plots.boundaries import plot_boundaries
from oleander.plots.error_curves import RATES, plot_error_curves, plot_rates
from oleander.plots.points import plot_points
from oleander.plots.samples import SamplePanel, plot_genuine_and_poison, plot_sample_sheets, tile
from oleander.plots.training_curves import plot_training_curves

ALPHAS = (0.0, 0.1, 0.3)
FRACTIONS = (0.0, 0.2, 0.4)
TITLES = {"mnist": "embedded digits", "fmnist": "embedded digits"}
STAND_INS = {"mnist": "MNIST", "fmnist": "Fashion-MNIST"}


def make_trials(generators: int = 3, runs: int = 2) -> pd.DataFrame:
    """Trials of two experiments with random measurements; nothing is rejected where there is no poison."""
    random = np.random.default_rng(0)
    rows = [
        {
            "scale": "demo",
            "experiment": experiment,
            "dataset": experiment,
            "stand_in_for": STAND_INS[experiment],
            "attack": "pgan",
            "alpha": alpha,
            "lambda_prime": 0.9,
            "generator": generator,
            "run": run,
            "poison_fraction": fraction,
            "defense": "outlier",
            "train_points": 100,
            "kept_points": 95,
            "genuine_rejected": random.uniform(0, 0.1),
            "poison_rejected": random.uniform(0.2, 0.9) if fraction else np.nan,
            "error": random.uniform(0.02, 0.3),
            "false_positive_rate": random.uniform(0.02, 0.3),
            "false_negative_rate": random.uniform(0, 0.1),
            "status": "ok",
        }
        for experiment in TITLES
        for alpha in ALPHAS
        for generator in range(generators)
        for run in range(runs)
        for fraction in FRACTIONS
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def make_curves(epochs: int) -> pd.DataFrame:
    """Curves of two experiments, three alphas and two generators."""
    random = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([TITLES, ALPHAS, range(2), range(1, epochs + 1)])
    curves = index.to_frame(index=False, name=["experiment", "alpha", "generator", "epoch"])
    return curves.assign(**{name: random.uniform(0, 1, len(curves)) for name in CURVES})


def make_panel(alpha: float, channels: int = 1, side: int = 8) -> SamplePanel:
    """Random images of one dataset."""
    random = torch.Generator().manual_seed(2)
    source, target, poison = (torch.rand(12, channels, side, side, generator=random) for _ in range(3))
    return SamplePanel("embedded digits", "MNIST", "3", "5", alpha, source, target, poison)


def make_points() -> tuple[np.ndarray, np.ndarray, dict[float, np.ndarray]]:
    """Genuine points near the origin; poison far away for alpha 0, and all but one of 20 points near for 0.2."""
    random = np.random.default_rng(3)
    source, target, near = random.uniform(-1, 1, (3, 20, 2))
    near[0] = (30, 0)
    return source, target, {0.2: near, 0.0: random.uniform(50, 60, (20, 2))}


def make_boundaries() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two alphas; the poisoned boundary of the second is vertical."""
    source, target, poison = make_points()
    points = pd.concat(
        pd.DataFrame({"alpha": alpha, "kind": kind, "x0": x[:, 0], "x1": x[:, 1]})
        for alpha in (0.0, 0.2)
        for kind, x in (("source", source), ("target", target), ("poison", poison[alpha]))
    )
    columns = ["alpha", "condition", "weight0", "weight1", "bias", "error"]
    rows = [
        (0.0, "clean", 1.0, 2.0, -0.5, 0.081),
        (0.0, "poisoned", -3.0, 0.5, 0.25, 0.092),
        (0.2, "clean", 1.0, 2.0, -0.5, 0.081),
        (0.2, "poisoned", 2.0, 0.0, -1.0, 0.234),
    ]
    return pd.DataFrame(rows, columns=columns), points


DATA = "embedded digits in place of MNIST"
MAKERS = {
    "errors": lambda: plot_error_curves(make_trials(), TITLES, "demo", 0.95),
    "rates": lambda: plot_rates(make_trials(), TITLES, "demo", 0.95),
    "samples": lambda: plot_genuine_and_poison([make_panel(0.3), make_panel(0.1)], 2, 3, "demo"),
    "sheets": lambda: plot_sample_sheets({alpha: make_panel(alpha) for alpha in ALPHAS}, 3, 4, "demo"),
    "points": lambda: plot_points(*make_points(), ("blue", "green"), DATA, "demo"),
    "boundaries": lambda: plot_boundaries(*make_boundaries(), ("blue", "green"), DATA, "demo"),
    "curves": lambda: plot_training_curves(make_curves(5), {"mnist": DATA, "fmnist": DATA}, "demo"),
}
"""One figure of every kind, with stand-in data."""


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    """Every kind of figure, laid out."""
    made = {kind: make() for kind, make in MAKERS.items()}
    for figure in made.values():
        figure.draw_without_rendering()
    return made


def expect_interval(values: pd.Series, generators: pd.Series) -> tuple[float, float, float]:
    """Mean and Student interval over the generators' means, in per cent, by scipy."""
    means = [100 * values[generators == generator].mean() for generator in sorted(set(generators))]
    low, high = stats.t.interval(0.95, len(means) - 1, loc=np.mean(means), scale=stats.sem(means))
    return float(np.mean(means)), float(low), float(high)


def drawn_line(axes, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, lows and highs of one alpha's line in a panel."""
    container = next(c for c in axes.containers if c.get_label() == style.alpha_label(alpha))
    assert isinstance(container, ErrorbarContainer)
    line, _caps, (bars,) = container
    # Without an interval a bar has no end points.
    ends = [segment[:, 1] if len(segment) else (np.nan, np.nan) for segment in bars.get_segments()]
    low, high = np.array(ends, dtype=float).reshape(-1, 2).T
    return line.get_ydata(), low, high


def panels_of(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_visible()]


def check_panel(axes, trials: pd.DataFrame, measure: str, fractions: tuple[float, ...]) -> None:
    for alpha in ALPHAS:
        expected = []
        for fraction in fractions:
            cell = trials[(trials["alpha"] == alpha) & (trials["poison_fraction"] == fraction)]
            expected.append(expect_interval(cell[measure], cell["generator"]))
        drawn = np.stack(drawn_line(axes, alpha), axis=1)
        np.testing.assert_allclose(drawn, expected, rtol=1e-9)


def test_error_curves_show_means_and_intervals_over_generators():
    trials = make_trials()
    figure = plot_error_curves(trials, TITLES, "demo", 0.95)
    for axes, experiment in zip(panels_of(figure), TITLES, strict=True):
        check_panel(axes, trials[trials["experiment"] == experiment], "error", FRACTIONS)
        assert axes.get_ylabel() == "Test error (%)"
        assert axes.get_xlabel() == "Poison fraction (%)"


def test_rates_have_a_row_a_measure_and_leave_out_what_was_not_measured():
    trials = make_trials()
    panels = panels_of(plot_rates(trials, TITLES, "demo", 0.95))
    assert len(panels) == len(RATES) * len(TITLES)
    for at, axes in enumerate(panels):
        measure, experiment = list(RATES)[at // 2], list(TITLES)[at % 2]
        # Without poison, none can be rejected.
        fractions = FRACTIONS[1:] if measure == "poison_rejected" else FRACTIONS
        check_panel(axes, trials[trials["experiment"] == experiment], measure, fractions)


def test_panels_follow_the_order_of_titles():
    figure = plot_error_curves(make_trials(), dict(reversed(TITLES.items())), "demo", 0.95)
    assert ["Fashion-MNIST" in axes.get_title() for axes in panels_of(figure)] == [True, False]


def test_diverged_trials_change_nothing_but_the_note():
    trials = make_trials()
    diverged = trials.iloc[:4].assign(status="diverged", error=0.99, run=9)
    plain = plot_error_curves(trials, TITLES, "demo", 0.95)
    figure = plot_error_curves(pd.concat([trials, diverged]), TITLES, "demo", 0.95)
    for alpha in ALPHAS:
        before, after = (drawn_line(panels_of(each)[0], alpha) for each in (plain, figure))
        np.testing.assert_array_equal(before, after)
    assert f"4 of {len(trials) + 4} trials diverged" in figure.get_supxlabel()
    assert "diverged" not in plain.get_supxlabel()


def test_one_measurement_is_drawn_without_a_bar():
    trials = make_trials(generators=1, runs=1)
    means, low, high = drawn_line(panels_of(plot_error_curves(trials, TITLES, "demo", 0.95))[0], 0.1)
    own = trials[(trials["experiment"] == "mnist") & (trials["alpha"] == 0.1)]
    np.testing.assert_allclose(means, own["error"] * 100)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_wide_intervals_do_not_flatten_the_means():
    trials = make_trials(generators=2, runs=1)
    trials["error"] = 0.05 + 0.03 * trials["generator"]
    figure = plot_error_curves(trials, TITLES, "demo", 0.95)
    low, high = panels_of(figure)[0].get_ylim()
    assert drawn_line(panels_of(figure)[0], 0.1)[2].max() > high
    assert (low, high) == pytest.approx((-0.03 * 13.65, 13.65))
    assert "cut at a panel's edge" in figure.get_supxlabel()


def test_no_finished_trial_leaves_a_panel_that_says_so():
    trials = make_trials()
    trials.loc[trials["experiment"] == "fmnist", "status"] = "diverged"
    axes = panels_of(plot_error_curves(trials, TITLES, "demo", 0.95))[1]
    assert [text.get_text() for text in axes.texts] == ["no trial was measured"]


def test_several_defenses_in_a_panel_are_refused():
    trials = make_trials()
    with pytest.raises(ValueError, match="several"):
        plot_error_curves(pd.concat([trials, trials.assign(defense="none")]), TITLES, "demo", 0.95)


def test_summary_counts_generators_and_runs_and_keeps_fractions():
    trials = make_trials()
    summary = summarize(trials, ["error", "poison_rejected"], 0.95)
    assert list(summary.columns) == SUMMARY
    assert len(summary) == len(TITLES) * len(ALPHAS) * len(FRACTIONS) * 2
    row = summary.query("experiment == 'mnist' and alpha == 0.3 and poison_fraction == 0.4 and measure == 'error'")
    cell = trials.query("experiment == 'mnist' and alpha == 0.3 and poison_fraction == 0.4")
    expected = np.array(expect_interval(cell["error"], cell["generator"])) / 100
    np.testing.assert_allclose(row[["mean", "low", "high"]].to_numpy()[0], expected)
    assert (row["n"].item(), row["runs"].item()) == (3, 6)
    unmeasured = summary.query("poison_fraction == 0 and measure == 'poison_rejected'")
    assert unmeasured["mean"].isna().all()
    assert (unmeasured[["n", "runs"]] == 0).all(axis=None)


def test_summary_takes_real_data_as_a_csv_brings_it(tmp_path):
    make_trials().assign(stand_in_for="").to_csv(tmp_path / "trials.csv", index=False)
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert trials["stand_in_for"].isna().all()
    assert set(summarize(trials, ["error"], 0.95)["stand_in_for"]) == {""}
    titles = [axes.get_title() for axes in panels_of(plot_error_curves(trials, {"mnist": "MNIST"}, "laptop", 0.95))]
    assert titles == ["MNIST - laptop scale"]


@pytest.mark.parametrize(("column", "value"), [("scale", "paper"), ("lambda_prime", 0.5)])
def test_summary_refuses_to_mix(column, value):
    trials = make_trials()
    trials.loc[trials["run"] == 0, column] = value
    with pytest.raises(ValueError, match="several"):
        summarize(trials, ["error"], 0.95)


def test_sample_blocks_show_the_pixels_given():
    panel = make_panel(0.3)
    blocks = panels_of(plot_genuine_and_poison([panel], 2, 3, "demo"))
    for axes, images in zip(blocks, (panel.source, panel.poison, panel.target), strict=True):
        (image,) = axes.images
        shown = np.asarray(image.get_array())
        assert image.get_interpolation() == "nearest"
        assert image.get_clim() == (0, 1)
        assert shown.shape == (2 * 9 - 1, 3 * 9 - 1)
        for at in range(6):
            top, left = at // 3 * 9, at % 3 * 9
            np.testing.assert_array_equal(shown[top : top + 8, left : left + 8], images[at, 0])
        np.testing.assert_array_equal(shown[8], 1)


def test_sheets_begin_with_both_classes_and_ascend_in_alpha():
    panels = {alpha: make_panel(alpha, channels=3) for alpha in (0.9, 0.1)}
    panels[0.1].poison[:] = 0.5
    blocks = panels_of(plot_sample_sheets(panels, 3, 4, "demo"))
    assert [axes.get_title() for axes in blocks] == [
        "genuine 3 (source)",
        "genuine 5 (target)",
        "poison, α = 0.1",
        "poison, α = 0.9",
    ]
    shown = [axes.images[0].get_array()[:8, :8] for axes in blocks]
    for pixels, images in zip(shown[:2], (panels[0.1].source, panels[0.1].target), strict=True):
        np.testing.assert_array_equal(pixels, images[0].permute(1, 2, 0))
    assert (shown[2] == 0.5).all()
    assert not (shown[3] == 0.5).any()


def test_places_without_an_image_are_white():
    block = tile(torch.zeros(1, 1, 8, 8), 1, 2)
    assert block[:, :8].max() == 0
    assert block[:, 8:].min() == 1


@pytest.mark.parametrize("images", [torch.rand(2, 8, 8), torch.rand(2, 2, 8, 8), torch.rand(2, 1, 8, 8) * 2 - 1])
def test_images_of_another_shape_or_range_are_refused(images):
    with pytest.raises(ValueError, match="images must"):
        tile(images, 1, 2)


def test_points_share_a_view_unless_most_poison_lies_beyond_it():
    source, target, poison = make_points()
    panels = panels_of(plot_points(source, target, poison, ("blue", "green"), "Two Gaussians", "demo"))
    far, near = panels
    assert far.get_title().startswith("α = 0\nwider view")
    assert near.get_title() == "α = 0.2\n1 of 20 poison points outside the view"
    genuine = np.concatenate([source, target])
    for limits, axis in ((near.get_xlim(), 0), (near.get_ylim(), 1)):
        spread = np.ptp(genuine[:, axis])
        assert limits == pytest.approx((genuine[:, axis].min() - 0.15 * spread, genuine[:, axis].max() + 0.15 * spread))
    for axes, alpha in ((far, 0.0), (near, 0.2)):
        drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
        for kind, points in (("source", source), ("target", target), ("poison", poison[alpha])):
            np.testing.assert_array_equal(drawn[kind], points)
    (left, right), (bottom, top) = far.get_xlim(), far.get_ylim()
    everything = np.concatenate([genuine, poison[0.0]])
    assert ((everything > (left, bottom)) & (everything < (right, top))).all()


def test_boundaries_lie_where_the_classifier_is_undecided():
    boundaries, points = make_boundaries()
    panels = panels_of(plot_boundaries(boundaries, points, ("blue", "green"), "Two Gaussians", "demo"))
    for axes, alpha in zip(panels, (0.0, 0.2), strict=True):
        for condition in ("clean", "poisoned"):
            (line,) = (line for line in axes.lines if line.get_label() == condition)
            row = boundaries[(boundaries["alpha"] == alpha) & (boundaries["condition"] == condition)].iloc[0]
            ends = np.array([line.get_xy1(), line.get_xy2()])
            assert not np.allclose(*ends)
            np.testing.assert_allclose(ends @ [row["weight0"], row["weight1"]] + row["bias"], 0, atol=1e-12)
    assert "8.1 % → 9.2 %" in panels[0].get_title()
    assert "8.1 % → 23.4 %" in panels[1].get_title()


def test_a_diverged_victim_has_no_boundary():
    boundaries, points = make_boundaries()
    boundaries.loc[boundaries["condition"] == "poisoned", ["weight0", "weight1", "bias", "error"]] = np.nan
    axes = panels_of(plot_boundaries(boundaries, points, ("blue", "green"), "Two Gaussians", "demo"))[1]
    assert "8.1 % → ?" in axes.get_title()
    assert "poisoned" not in [line.get_label() for line in axes.lines]


def test_two_boundaries_of_one_condition_are_refused():
    boundaries, points = make_boundaries()
    with pytest.raises(ValueError, match="several boundaries"):
        plot_boundaries(pd.concat([boundaries, boundaries]), points, ("a", "b"), "Two Gaussians", "demo")


def test_training_curves_show_mean_and_range_over_generators():
    curves = make_curves(5)
    panels = panels_of(plot_training_curves(curves, TITLES, "demo"))
    assert set(training_curves.LABELS) == set(CURVES)
    assert len(panels) == len(TITLES) * len(CURVES)
    for at, axes in enumerate(panels):
        experiment, curve = list(TITLES)[at // len(CURVES)], CURVES[at % len(CURVES)]
        factor = 100 if curve.endswith("on_poison") else 1
        for line, band, alpha in zip(axes.lines, axes.collections, ALPHAS, strict=True):
            own = curves[(curves["experiment"] == experiment) & (curves["alpha"] == alpha)]
            table = own.pivot(index="epoch", columns="generator", values=curve) * factor
            np.testing.assert_allclose(line.get_xdata(), table.index)
            np.testing.assert_allclose(line.get_ydata(), table.mean(axis=1))
            (outline,) = band.get_paths()
            corners = {tuple(np.round(corner, 9)) for corner in outline.vertices}
            for epoch, values in table.iterrows():
                assert {(epoch, round(values.min(), 9)), (epoch, round(values.max(), 9))} <= corners


def test_long_training_is_thinned_to_means_over_epochs():
    curves = make_curves(250)
    line = panels_of(plot_training_curves(curves, {"mnist": "MNIST"}, "paper"))[0].lines[0]
    own = curves[(curves["experiment"] == "mnist") & (curves["alpha"] == 0)]
    assert len(line.get_xdata()) == 84
    assert line.get_ydata()[0] == pytest.approx(own[own["epoch"] <= 3]["discriminator_loss"].mean())


def test_a_diverged_generator_is_left_out_from_then_on():
    curves = make_curves(5)
    first = (curves["experiment"] == "mnist") & (curves["alpha"] == 0) & (curves["generator"] == 0)
    curves.loc[first & (curves["epoch"] == 3), "generator_loss"] = np.nan
    curves.loc[first & (curves["epoch"] > 3), list(CURVES)] = 0.0
    line = panels_of(plot_training_curves(curves, TITLES, "demo"))[0].lines[0]
    other = curves[(curves["experiment"] == "mnist") & (curves["alpha"] == 0) & (curves["generator"] == 1)]
    np.testing.assert_allclose(line.get_ydata()[2:], other["discriminator_loss"][2:])


@pytest.mark.parametrize("kind", MAKERS)
def test_titles_say_scale_and_stand_in(figures, kind):
    figure = figures[kind]
    titles = [text.get_text().replace("\n", " ") for text in figure.findobj(Text)]
    said = [title for title in titles if "embedded digits in place of MNIST" in title]
    assert said
    assert all("demo scale" in title for title in said)


def test_real_data_are_not_called_a_stand_in():
    assert style.describe("laptop", None, "MNIST") == "MNIST - laptop scale"
    assert style.describe("laptop", "", "MNIST") == "MNIST - laptop scale"
    assert style.describe("demo", "MNIST", "embedded digits") == "embedded digits in place of MNIST - demo scale"


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_covered_or_cut(figures, kind):
    figure = figures[kind]
    panels = [axes.get_tightbbox() for axes in panels_of(figure)]
    legends = [legend.get_window_extent() for legend in figure.legends]
    assert bool(legends) == (kind not in ("samples", "sheets"))
    heads = [part._suptitle for part in (figure, *figure.subfigs) if part._suptitle] + [figure._supxlabel]
    heads = [text.get_window_extent() for text in heads if text is not None and text.get_text()]
    boxes = panels + legends + heads
    for at, box in enumerate(boxes):
        assert figure.bbox.x0 - 1 <= box.x0, "cut at the left"
        assert box.x1 <= figure.bbox.x1 + 1, "cut at the right"
        assert figure.bbox.y0 - 1 <= box.y0, "cut below"
        assert box.y1 <= figure.bbox.y1 + 1, "cut above"
        for other in boxes[at + 1 :]:
            assert not box.padded(-1).overlaps(other.padded(-1))


def test_every_alpha_has_a_look_that_survives_grey_print():
    styles = style.alpha_styles([0.9, 0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0]).values()
    grey = [np.dot(look["color"][:3], (0.299, 0.587, 0.114)) for look in styles]
    assert (np.diff(grey) > 0.02).all()
    assert len({look["marker"] for look in styles}) == len(styles)
    assert len({(str(look["linestyle"]), look["marker"]) for look in styles}) == len(styles)


@pytest.mark.parametrize("kind", ["errors", "sheets"])
def test_the_same_input_gives_the_same_bytes(tmp_path, kind):
    written = []
    for name in ("first", "second"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        style.save_figure(MAKERS[kind](), png, pdf)
        assert png.read_bytes()[:4] == b"\x89PNG"
        assert pdf.read_bytes()[:4] == b"%PDF"
        assert b"/CreationDate" not in pdf.read_bytes()
        written.append((png.read_bytes(), pdf.read_bytes()))
    assert written[0] == written[1]
    assert len(list(tmp_path.iterdir())) == 4


def test_large_sheets_stay_below_a_megabyte_and_grey_ones_have_no_colour(tmp_path):
    # Coloured noise does not compress: the first resolution takes too much.
    big = {alpha: make_panel(alpha, 3, 160) for alpha in ALPHAS}
    style.save_figure(plot_sample_sheets(big, 3, 4, "paper"), tmp_path / "big.png", tmp_path / "big.pdf")
    assert (tmp_path / "big.png").stat().st_size < style.PNG_BYTES
    assert Image.open(tmp_path / "big.png").width < style.WIDTH * style.RESOLUTIONS[0]
    grey = plot_sample_sheets({0.3: make_panel(0.3)}, 3, 4, "paper")
    style.save_figure(grey, tmp_path / "grey.png", tmp_path / "grey.pdf")
    assert Image.open(tmp_path / "grey.png").mode == "L"
