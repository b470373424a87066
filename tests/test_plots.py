"""Figures show the numbers and pixels they are given, say what they are, and hide nothing behind a legend."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from scipy import stats

from oleander.io.columns import PGAN_CURVES as CURVES
from oleander.io.columns import RECONSTRUCTION_ERRORS as ERROR_COLUMNS
from oleander.io.columns import TRIALS as COLUMNS
from oleander.io.pictures import Reconstructions
from oleander.metrics.progress import SUMMARY as PROGRESS
from oleander.metrics.summary import SUMMARY
from oleander.plots import style, training_curves
from oleander.plots.attack_comparison import MEASURES, plot_attack_comparison
from oleander.plots.boundaries import plot_boundaries
from oleander.plots.defense_comparison import plot_defense_comparison
from oleander.plots.error_curves import RATES, plot_error_curves, plot_rates
from oleander.plots.heat_maps import draw_heat_map
from oleander.plots.lines import Line, Panel, plot_lines
from oleander.plots.looks import alpha_label, alpha_looks, attack_looks, control_looks, defense_looks, model_looks
from oleander.plots.matrix import CLEAN, matrix_table, plot_matrix
from oleander.plots.multiclass import confusion_difference, plot_multiclass
from oleander.plots.points import plot_points
from oleander.plots.progress import plot_progress, progress_markdown
from oleander.plots.reconstruction_errors import errors_summary, plot_reconstruction_errors
from oleander.plots.reconstruction_samples import plot_reconstructions
from oleander.plots.samples import SamplePanel, plot_genuine_and_poison, plot_sample_sheets, tile
from oleander.plots.sensitivity import plot_sensitivity
from oleander.plots.training_curves import plot_training_curves

ALPHAS = (0.0, 0.1, 0.3)
ALPHA_LOOKS = alpha_looks(ALPHAS)
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
            "evaluation": "effectiveness",
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
            "genuine_relabelled": np.nan,
            "poison_relabelled": np.nan,
            "error": random.uniform(0.02, 0.3),
            "false_positive_rate": random.uniform(0.02, 0.3),
            "false_negative_rate": random.uniform(0, 0.1),
            "source_as_target": random.uniform(0.02, 0.3),
            "status": "ok",
        }
        for experiment in TITLES
        for alpha in ALPHAS
        for generator in range(generators)
        for run in range(runs)
        for fraction in FRACTIONS
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def select(seed: int, **changed) -> pd.DataFrame:
    """MNIST's trials at alpha 0.1 with other errors, and other values of the columns `changed`."""
    trials = make_trials().query("experiment == 'mnist' and alpha == 0.1")
    random = np.random.default_rng(seed)
    errors = {name: random.uniform(0.05, 0.3, len(trials)) for name in ("error", "false_positive_rate")}
    return trials.assign(**errors, **changed)


ATTACKS = {"pgan": "pGAN, α = 0.1", "label_flipping": "label flipping"}
DEFENSES = {"none": "none", "outlier": "outlier detection", "sever_01": "Sever, ε = 0.1"}
ATTACK_LOOKS = attack_looks(ATTACKS)
MODEL_LOOKS = model_looks()
DEFENSE_LOOKS = defense_looks({**DEFENSES, "label_sanitization": "label sanitization", "outlier_090": ""})


def make_attacks() -> pd.DataFrame:
    """pGAN, and an attack that trains nothing."""
    return pd.concat([select(4), select(5, attack="label_flipping", alpha=np.nan, lambda_prime=np.nan)])


CONTROLS = {"mnist": "filler", "fmnist": "other_filler"}
CONTROL = "control: duplicated genuine points"
ERROR_LOOKS = ALPHA_LOOKS | dict.fromkeys(CONTROLS.values(), control_looks(["duplication"])["duplication"])


def make_controlled() -> pd.DataFrame:
    """The trials of `make_trials` and those of their controls, of which the second has one poison fraction."""
    trials, untrained = make_trials(), {"attack": "duplication", "alpha": np.nan, "lambda_prime": np.nan}
    controls = trials[trials["alpha"] == 0.1].assign(**untrained)
    controls = controls.assign(experiment=controls["experiment"].map(CONTROLS), error=controls["error"] / 2)
    controls = controls[(controls["experiment"] == "filler") | (controls["poison_fraction"] == 0.2)]
    return pd.concat([trials, controls], ignore_index=True)


def make_sensitivity() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trials that differ in lambda', in alpha under two defenses, and in their number of points."""
    by_lambda = pd.concat([select(at, alpha=0.2, lambda_prime=value) for at, value in enumerate((0.1, 0.5, 1.0))])
    mnist = make_trials().query("experiment == 'mnist'")
    by_alpha = pd.concat([mnist, mnist.assign(defense="outlier_090", genuine_rejected=mnist["genuine_rejected"] + 0.1)])
    by_size = pd.concat([select(at + 7, train_points=value) for at, value in enumerate((1000, 2000, 10000))])
    return by_lambda, by_alpha, by_size


def make_confusion() -> pd.DataFrame:
    """Confusion matrices of three classes for two generators with one and two runs."""
    identity = select(0).iloc[0].to_dict()
    random = np.random.default_rng(6)
    return pd.DataFrame(
        {
            **identity,
            "generator": generator,
            "run": run,
            "poison_fraction": fraction,
            "true_class": true,
            "predicted_class": predicted,
            "share": random.uniform(0, 1),
        }
        for generator, run in ((0, 0), (1, 0), (1, 1))
        for fraction in FRACTIONS
        for true in ("7", "3", "5")
        for predicted in ("7", "3", "5")
    )


def make_defenses() -> list[tuple[str, dict[str, pd.DataFrame]]]:
    """Three panels that share a line."""
    fmnist = {"dataset": "fmnist", "stand_in_for": "Fashion-MNIST"}
    return [
        ("embedded digits", {"outlier": select(10), "sever_01": select(11, defense="sever_01")}),
        ("embedded digits", {"outlier": select(12, **fmnist)}),
        ("embedded digits", {"outlier": select(10), "label_sanitization": select(13, defense="label_sanitization")}),
    ]


def plot_large_matrix() -> Figure:
    """As many attacks and defenses as the workflow's matrix has, with titles as long as its longest."""
    attacks = {**ATTACKS, "random_flipping": "random flipping", "duplication": "duplication"}
    titles = {f"defense{at}": "spectral signatures, ε = 0.1" for at in range(11)}
    shown = [(dataset, attack, defense) for dataset in TITLES for attack in attacks for defense in titles]
    trials = pd.concat(
        select(at, attack=attack, defense=defense, dataset=dataset, stand_in_for=STAND_INS[dataset])
        for at, (dataset, attack, defense) in enumerate(shown)
    )
    trials.loc[trials["attack"] != "pgan", ["alpha", "lambda_prime"]] = np.nan
    return plot_matrix(trials, 0.2, TITLES, attacks, titles, "demo", 0.95)


def make_matrix() -> pd.DataFrame:
    """Both attacks under three defenses on two datasets, without one of the cells."""
    parts = [
        select(at, attack=attack, defense=defense, dataset=dataset, stand_in_for=STAND_INS[dataset])
        for at, (dataset, attack, defense) in enumerate(
            (dataset, attack, defense) for dataset in TITLES for attack in ATTACKS for defense in DEFENSES
        )
    ]
    trials = pd.concat(parts)
    untrained = trials["attack"] == "label_flipping"
    trials.loc[untrained, ["alpha", "lambda_prime"]] = np.nan
    return trials[~(untrained & (trials["defense"] == "sever_01") & (trials["dataset"] == "fmnist"))]


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
    return SamplePanel("embedded digits", "MNIST", "float32", "3", "5", alpha, source, target, poison)


def make_points() -> tuple[np.ndarray, np.ndarray, dict[float, np.ndarray]]:
    """Genuine points near the origin; poison far away for alpha 0, and all but one of 20 points near for 0.2."""
    random = np.random.default_rng(3)
    source, target, near = random.uniform(-1, 1, (3, 20, 2))
    near[0] = (30, 0)
    return source, target, {0.2: near, 0.0: random.uniform(50, 60, (20, 2))}


def make_boundaries() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two alphas; the poisoned boundary of the second is vertical. Generator 1 has the median error of three."""
    source, target, poison = make_points()
    points = pd.concat(
        pd.DataFrame({"alpha": alpha, "generator": generator, "kind": kind, "x0": x[:, 0] - far, "x1": x[:, 1]})
        for generator, far in ((0, 100), (1, 0), (2, 100))
        for alpha in (0.0, 0.2)
        for kind, x in (("source", source), ("target", target), ("poison", poison[alpha]))
    )
    columns = ["alpha", "condition", "weight0", "weight1", "bias", "error"]
    shown = [
        (0.0, "clean", 1.0, 2.0, -0.5, 0.081),
        (0.0, "poisoned", -3.0, 0.5, 0.25, 0.092),
        (0.2, "clean", 1.0, 2.0, -0.5, 0.081),
        (0.2, "poisoned", 2.0, 0.0, -1.0, 0.234),
    ]
    boundaries = pd.DataFrame(shown, columns=columns).assign(generator=1)
    others = [boundaries.assign(generator=at, weight0=9.0, error=boundaries["error"] + (at - 1) / 50) for at in (0, 2)]
    return pd.concat([others[0], boundaries, others[1]], ignore_index=True), points


DATA = "embedded digits in place of MNIST"
DISTANCES = {0.0: (3, 75.25), 0.2: (1, 0.0123)}


def make_progress(trials: bool = True) -> pd.DataFrame:
    """The summary of two experiments, three checkpoints and two alphas; values are told apart by their digits."""
    rows = []

    def add(measure: str, mean: float, half: float = 0.01, **conditions) -> None:
        rows.append({"measure": measure, "mean": mean, "low": mean - half, "high": mean + half, "n": 3, **conditions})

    for experiment in TITLES:
        for measure, mean in (
            ("nearest_distance", 5.0),
            ("nearest_is_source", 0.02),
            ("told_apart", 0.5),
            ("rejected", 0.05),
        ):
            add(measure, mean, points="genuine", experiment=experiment)
        if trials:
            add("error", 0.03, points="genuine", experiment=experiment, poison_fraction=0.0)
        for alpha in (0.1, 0.3):
            for at, iteration in enumerate((1000, 2000, 3000)):
                own = {"points": "poison", "experiment": experiment, "alpha": alpha, "iteration": iteration}
                add("classifier_on_poison", 0.5 + at / 10 + alpha, **own)
                add("discriminator_on_poison", 0.4 - at / 10 + alpha / 10, **own)
                for dropout in (False, True):
                    add("nearest_distance", 4.0 - at + dropout / 2, dropout=dropout, **own)
                    add("nearest_is_source", 0.3 + at / 10 + dropout / 50, dropout=dropout, **own)
                    add("told_apart", 0.6 + at / 10 + dropout / 50, dropout=dropout, **own)
                    add("rejected", 0.2 - at / 20 + dropout / 50, dropout=dropout, **own)
                if trials:
                    add("error", (0.1, 0.2, 0.15)[at] + alpha / 10, poison_fraction=0.3, **own)
    return pd.DataFrame(rows, columns=list(PROGRESS)).astype({"iteration": "Int64", "dropout": "boolean"})


MODELS = [
    ("clean", "clean"),
    ("fixed", "clean"),
    ("inverse", "clean"),
    ("fixed", "triggered"),
    ("inverse", "triggered"),
]


def make_reconstruction_errors(seeds: int = 3) -> pd.DataFrame:
    """Errors of two datasets' autoencoders, in the order in which they are measured, not in that of the figure."""
    random = np.random.default_rng(0)
    rows = [
        {
            "scale": "demo",
            "autoencoder": name,
            "dataset": name,
            "stand_in_for": STAND_INS[name],
            "model": model,
            "seed": seed,
            "images": images,
            "count": 10,
            "mse": random.uniform(0.004, 0.006) if model != "fixed" or images == "clean" else 2e-5,
        }
        for name in TITLES
        for seed in range(seeds)
        for model, images in sorted(MODELS)
    ]
    return pd.DataFrame(rows, columns=list(ERROR_COLUMNS))


def make_reconstructions() -> dict[str, Reconstructions]:
    """Four random images of every kind."""
    generator = torch.Generator().manual_seed(0)
    kinds = ("clean", "clean_decoded", "triggered", "triggered_decoded")
    return {
        name: Reconstructions(
            name,
            STAND_INS[name],
            0,
            {
                model: {kind: torch.rand(4, channels, 6, 6, generator=generator) for kind in kinds}
                for model in ("clean", "fixed", "inverse")
            },
        )
        for name, channels in zip(TITLES, (1, 3), strict=True)
    }


MAKERS = {
    "autoencoders": lambda: plot_reconstruction_errors(
        make_reconstruction_errors(), TITLES, "demo", 0.95, model_looks()
    ),
    "reconstructions": lambda: plot_reconstructions(make_reconstructions(), TITLES, 4, "demo"),
    "errors": lambda: plot_error_curves(make_trials(), TITLES, "demo", 0.95, ALPHA_LOOKS),
    "controlled": lambda: plot_error_curves(make_controlled(), TITLES, "demo", 0.95, ERROR_LOOKS, CONTROLS),
    "rates": lambda: plot_rates(make_controlled(), TITLES, "demo", 0.95, ERROR_LOOKS, CONTROLS),
    "sensitivity": lambda: plot_sensitivity(
        *make_sensitivity(),
        0.2,
        "embedded digits",
        {"outlier": "outlier detection", "outlier_090": "outlier detection, 0.90"},
        "demo",
        0.95,
        alpha_looks([0.1, 0.2]),
        DEFENSE_LOOKS,
        "The largest set has fewer genuine 5s than 3s.",
    ),
    "attacks": lambda: plot_attack_comparison(make_attacks(), ATTACKS, "embedded digits", "demo", 0.95, ATTACK_LOOKS),
    "multiclass": lambda: plot_multiclass(select(0), make_confusion(), ("3", "5"), "embedded digits", "demo", 0.95),
    "defenses": lambda: plot_defense_comparison("pGAN against defenses", make_defenses(), "demo", 0.95, DEFENSE_LOOKS),
    "matrix": lambda: plot_matrix(make_matrix(), 0.2, TITLES, ATTACKS, DEFENSES, "demo", 0.95),
    "large matrix": plot_large_matrix,
    "samples": lambda: plot_genuine_and_poison([make_panel(0.3), make_panel(0.1)], 2, 3, "demo"),
    "sheets": lambda: plot_sample_sheets({alpha: make_panel(alpha) for alpha in ALPHAS}, 3, 4, "demo"),
    "points": lambda: plot_points(*make_points(), DISTANCES, 10, ("blue", "green"), DATA, "demo"),
    "boundaries": lambda: plot_boundaries(*make_boundaries(), ("blue", "green"), DATA, "demo", 0.95),
    "progress": lambda: plot_progress(
        make_progress(), {name: f"{DATA} - demo scale" for name in TITLES}, 0.95, ALPHA_LOOKS, "outliers", False
    ),
    "curves": lambda: plot_training_curves(make_curves(5), {"mnist": DATA, "fmnist": DATA}, "demo", ALPHA_LOOKS),
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


def expect_bar(values: pd.Series, generators: pd.Series) -> tuple[float, float, float]:
    """The interval as it is drawn: a share is between nothing and all."""
    mean, low, high = expect_interval(values, generators)
    return mean, max(low, 0), min(high, 100)


def drawn_line(axes, name: float | str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, lows and highs of a panel's line, which is named by its alpha or its label."""
    label = name if isinstance(name, str) else alpha_label(name)
    container = next(c for c in axes.containers if c.get_label() == label)
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
            expected.append(expect_bar(cell[measure], cell["generator"]))
        drawn = np.stack(drawn_line(axes, alpha), axis=1)
        np.testing.assert_allclose(drawn, expected, rtol=1e-9)


def check_line(axes, label: str, trials: pd.DataFrame, x: str, measure: str, factor: float = 1) -> None:
    """A line's means and bars are those of the trials at each of their places, which its points are nearest to."""
    places = sorted(trials[x].unique())
    cells = [trials[trials[x] == place] for place in places]
    expected = [expect_bar(cell[measure], cell["generator"]) for cell in cells]
    np.testing.assert_allclose(np.stack(drawn_line(axes, label), axis=1), expected, rtol=1e-9)
    (drawn,) = (container[0].get_xdata() for container in axes.containers if container.get_label() == label)
    nearest = np.abs(drawn[:, None] - factor * np.array(places)).argmin(1)
    assert nearest.tolist() == list(range(len(places)))


def test_error_curves_show_means_and_intervals_over_generators():
    trials = make_trials()
    figure = plot_error_curves(trials, TITLES, "demo", 0.95, ALPHA_LOOKS)
    for axes, experiment in zip(panels_of(figure), TITLES, strict=True):
        check_panel(axes, trials[trials["experiment"] == experiment], "error", FRACTIONS)
        assert axes.get_ylabel() == "Test error (%)"
        assert axes.get_xlabel() == "Poison fraction (%)"


def test_rates_have_a_row_a_measure_and_leave_out_what_was_not_measured():
    trials = make_trials()
    panels = panels_of(plot_rates(trials, TITLES, "demo", 0.95, ALPHA_LOOKS))
    assert len(panels) == len(RATES) * len(TITLES)
    for at, axes in enumerate(panels):
        measure, experiment = list(RATES)[at // 2], list(TITLES)[at % 2]
        # Without poison, none can be rejected.
        fractions = FRACTIONS[1:] if measure == "poison_rejected" else FRACTIONS
        check_panel(axes, trials[trials["experiment"] == experiment], measure, fractions)


def test_the_control_is_a_line_of_its_own_in_every_panel():
    trials = make_controlled()
    for kind, measures in (("controlled", ["error"]), ("rates", list(RATES))):
        figure = MAKERS[kind]()
        panels = panels_of(figure)
        assert len(panels) == len(measures) * len(TITLES)
        for at, axes in enumerate(panels):
            measure, control = measures[at // 2], list(CONTROLS.values())[at % 2]
            own = trials[trials["experiment"] == control].dropna(subset=[measure])
            # The second control has a single point.
            assert own["poison_fraction"].nunique() == 1 + (control == "filler") * (2 - (measure == "poison_rejected"))
            check_line(axes, CONTROL, own, "poison_fraction", measure, 100)
            lines = {container.get_label(): container[0] for container in axes.containers}
            assert len(lines) == len(ALPHAS) + 1
            looks = {(line.get_color(), line.get_marker()) for label, line in lines.items() if label != CONTROL}
            assert (lines[CONTROL].get_color(), lines[CONTROL].get_marker()) not in looks
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()].count(CONTROL) == 1


def test_lines_of_alphas_are_the_same_beside_a_control_and_without():
    plain, controlled = panels_of(MAKERS["errors"]())[0], panels_of(MAKERS["controlled"]())[0]
    for alpha in ALPHAS:
        np.testing.assert_array_equal(drawn_line(plain, alpha), drawn_line(controlled, alpha))
    switched_off = plot_error_curves(make_controlled(), TITLES, "demo", 0.95, ERROR_LOOKS)
    for axes in panels_of(switched_off):
        assert [container.get_label() for container in axes.containers] == [alpha_label(alpha) for alpha in ALPHAS]


def test_a_control_that_was_not_measured_is_not_in_the_legend():
    trials = make_controlled()
    for gone in (trials[trials["attack"] == "pgan"], trials.assign(status=trials["attack"].replace("pgan", "ok"))):
        figure = plot_error_curves(gone, TITLES, "demo", 0.95, ERROR_LOOKS, CONTROLS)
        assert all(len(axes.containers) == len(ALPHAS) for axes in panels_of(figure))
        assert CONTROL not in [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_panels_follow_the_order_of_titles():
    figure = plot_error_curves(make_trials(), dict(reversed(TITLES.items())), "demo", 0.95, ALPHA_LOOKS)
    assert ["Fashion-MNIST" in axes.get_title() for axes in panels_of(figure)] == [True, False]


def test_diverged_trials_change_nothing_but_the_note():
    trials = make_trials()
    diverged = trials.iloc[:4].assign(status="diverged", error=0.99, run=9)
    plain = plot_error_curves(trials, TITLES, "demo", 0.95, ALPHA_LOOKS)
    figure = plot_error_curves(pd.concat([trials, diverged]), TITLES, "demo", 0.95, ALPHA_LOOKS)
    for alpha in ALPHAS:
        before, after = (drawn_line(panels_of(each)[0], alpha) for each in (plain, figure))
        np.testing.assert_array_equal(before, after)
    assert f"4 of {len(trials) + 4} trials diverged" in figure.get_supxlabel()
    assert "diverged" not in plain.get_supxlabel()


def test_one_measurement_is_drawn_without_a_bar():
    trials = make_trials(generators=1, runs=1)
    means, low, high = drawn_line(panels_of(plot_error_curves(trials, TITLES, "demo", 0.95, ALPHA_LOOKS))[0], 0.1)
    own = trials[(trials["experiment"] == "mnist") & (trials["alpha"] == 0.1)]
    np.testing.assert_allclose(means, own["error"] * 100)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@pytest.mark.parametrize("kind", ["errors", "controlled", "rates", "sensitivity", "attacks", "multiclass", "defenses"])
@pytest.mark.parametrize("scale", [1, 0.1])
def test_intervals_are_shown_inside_the_panel(monkeypatch, kind, scale):
    """Of two generators they are twelve times as wide as of many."""
    few = make_trials(generators=2, runs=1)
    few["error"] *= scale
    monkeypatch.setattr("test_plots.make_trials", lambda: few)
    bars = 0
    for axes in panels_of(MAKERS[kind]()):
        low, high = axes.get_ylim()
        for container in axes.containers:
            ends = np.concatenate([segment[:, 1] for segment in container[2][0].get_segments() if len(segment)] or [[]])
            assert ((low < ends) & (ends < high)).all()
            bars += len(ends)
    assert bars


def test_an_interval_ends_where_a_share_does():
    trials = make_trials(generators=2, runs=1)
    trials["error"] = 0.05 + 0.03 * trials["generator"]
    figure = plot_error_curves(trials, TITLES, "demo", 0.95, ALPHA_LOOKS)
    # Student's quantile of one degree of freedom is 12.706: 6.5 % with 19.1 % at either side.
    mean, low, high = (ends[0] for ends in drawn_line(panels_of(figure)[0], 0.1))
    assert (mean, low, high) == pytest.approx((6.5, 0, 6.5 + 1.5 * np.tan(0.475 * np.pi)))
    assert "cut at 0 and 100 %" in figure.get_supxlabel()
    trials["error"] = 0.5 + 0.001 * trials["generator"]
    assert "cut" not in plot_error_curves(trials, TITLES, "demo", 0.95, ALPHA_LOOKS).get_supxlabel()
    trials["error"] = 0.9 + 0.1 * trials["generator"]
    figure = plot_error_curves(trials, TITLES, "demo", 0.95, ALPHA_LOOKS)
    assert drawn_line(panels_of(figure)[0], 0.1)[2] == pytest.approx([100] * len(FRACTIONS))
    assert panels_of(figure)[0].get_ylim()[1] == pytest.approx(105)
    assert "cut at 0 and 100 %" in figure.get_supxlabel()


def test_no_finished_trial_leaves_a_panel_that_says_so():
    trials = make_trials()
    trials.loc[trials["experiment"] == "fmnist", "status"] = "diverged"
    axes = panels_of(plot_error_curves(trials, TITLES, "demo", 0.95, ALPHA_LOOKS))[1]
    assert [text.get_text() for text in axes.texts] == ["no trial was measured"]


def test_several_defenses_in_a_panel_are_refused():
    trials = make_trials()
    with pytest.raises(ValueError, match="several"):
        plot_error_curves(pd.concat([trials, trials.assign(defense="none")]), TITLES, "demo", 0.95, ALPHA_LOOKS)


def test_real_data_are_drawn_as_a_csv_brings_them(tmp_path):
    make_trials().assign(stand_in_for="").to_csv(tmp_path / "trials.csv", index=False)
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert trials["stand_in_for"].isna().all()
    titles = [
        axes.get_title()
        for axes in panels_of(plot_error_curves(trials, {"mnist": "MNIST"}, "laptop", 0.95, ALPHA_LOOKS))
    ]
    assert titles == ["MNIST - laptop scale"]


def test_an_attack_without_alpha_has_no_line_of_an_alpha():
    with pytest.raises(ValueError, match="without alpha"):
        plot_error_curves(make_trials().assign(alpha=np.nan), TITLES, "demo", 0.95, ALPHA_LOOKS)


def test_sensitivity_shows_lambda_rejections_and_sizes():
    by_lambda, by_alpha, by_size = make_sensitivity()
    left, centre, right = panels_of(MAKERS["sensitivity"]())
    poisoned = [trials[trials["poison_fraction"] == 0.2] for trials in (by_lambda, by_alpha, by_size)]
    check_line(left, "α = 0.2, 20 % poison", poisoned[0], "lambda_prime", "error")
    for defense, quantile in (("outlier", ""), ("outlier_090", ", 0.90")):
        own = poisoned[1][poisoned[1]["defense"] == defense]
        for kind in ("genuine", "poison"):
            check_line(centre, f"{kind}, outlier detection{quantile}", own, "alpha", f"{kind}_rejected")
    check_line(right, "clean", by_size[by_size["poison_fraction"] == 0], "train_points", "error")
    check_line(right, "α = 0.1, 20 % poison", poisoned[2], "train_points", "error")
    for axes, count in ((left, 1), (centre, 4), (right, 2)):
        assert len(axes.containers) == len(axes.get_legend().get_texts()) == count


def test_attacks_are_compared_by_three_measures():
    trials = make_attacks()
    panels = panels_of(MAKERS["attacks"]())
    for axes, measure in zip(panels, MEASURES, strict=True):
        assert axes.get_ylabel() == MEASURES[measure]
        for attack, title in ATTACKS.items():
            check_line(axes, title, trials[trials["attack"] == attack], "poison_fraction", measure, 100)
    (legend,) = MAKERS["attacks"]().legends
    assert [text.get_text() for text in legend.get_texts()] == list(ATTACKS.values())


def test_defenses_keep_their_look_from_panel_to_panel():
    panels = make_defenses()
    figure = MAKERS["defenses"]()
    looks = set()
    for axes, (_title, lines) in zip(panels_of(figure), panels, strict=True):
        labels = [DEFENSE_LOOKS[defense]["label"] for defense in lines]
        assert [container.get_label() for container in axes.containers] == labels
        for label, trials in zip(labels, lines.values(), strict=True):
            check_line(axes, label, trials, "poison_fraction", "error", 100)
        line = axes.containers[0][0]
        looks.add((line.get_color(), line.get_marker(), line.get_linestyle()))
    assert len(looks) == 1
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3
    assert ["Fashion-MNIST" in axes.get_title() for axes in panels_of(figure)] == [False, True, False]


@pytest.mark.parametrize(
    ("column", "value"),
    [("defense", "none"), ("attack", "label_flipping"), ("alpha", 0.3), ("lambda_prime", np.nan), ("train_points", 7)],
)
def test_a_line_of_several_kinds_of_trials_is_refused(column, value):
    # At another place, too, where it would not show by two means at one place.
    trials = select(0)
    trials.loc[trials["poison_fraction"] == 0.4, column] = value
    with pytest.raises(ValueError, match=f"several values of {column}"):
        plot_defense_comparison("Sever", [("embedded digits", {"sever_01": trials})], "demo", 0.95, DEFENSE_LOOKS)


def test_lines_that_cannot_be_told_apart_are_refused():
    trials = select(0)
    look = ALPHA_LOOKS["0.1"]

    def compare(more: pd.DataFrame) -> Figure:
        trials = pd.concat([make_attacks(), more])
        return plot_attack_comparison(trials, ATTACKS, "MNIST", "demo", 0.95, ATTACK_LOOKS)

    with pytest.raises(ValueError, match="several experiments or evaluations"):
        plot_lines("", [Panel("", [Line(look, pd.concat([trials, trials.assign(evaluation="other")]))])], 0.95)
    with pytest.raises(ValueError, match="one label"):
        plot_lines("", [Panel("", [Line(look, trials), Line(look, trials)])], 0.95)
    untrained = trials[trials["poison_fraction"] == 0.2].assign(lambda_prime=np.nan)
    with pytest.raises(ValueError, match="without lambda_prime"):
        plot_lines("", [Panel("", [Line(look, untrained)], x="lambda_prime")], 0.95)
    with pytest.raises(ValueError, match="several datasets"):
        plot_attack_comparison(
            pd.concat([make_attacks(), trials.assign(dataset="x")]), ATTACKS, "MNIST", "demo", 0.95, ATTACK_LOOKS
        )
    with pytest.raises(ValueError, match="stand-in"):
        plot_attack_comparison(
            pd.concat([make_attacks(), trials.assign(stand_in_for="")]), ATTACKS, "", "demo", 0.95, ATTACK_LOOKS
        )


def test_a_line_without_finished_trials_leaves_the_others():
    trials = make_attacks()
    trials.loc[trials["attack"] == "label_flipping", "status"] = "diverged"
    figure = plot_attack_comparison(trials, ATTACKS, "embedded digits", "demo", 0.95, ATTACK_LOOKS)
    assert [len(axes.containers) for axes in panels_of(figure)] == [1, 1, 1]
    # Three panels show three measures of the same 18 + 18 trials.
    assert "18 of 36 trials diverged" in figure.legends[0].get_title().get_text().replace("\n", " ")


def test_an_experiment_without_trials_has_an_empty_panel():
    titles = {**TITLES, "cifar": "CIFAR-10"}
    axes = panels_of(plot_error_curves(make_trials(), titles, "demo", 0.95, ALPHA_LOOKS))[2]
    assert [text.get_text() for text in axes.texts] == ["no trial was measured"]


def test_the_bars_are_explained_by_the_generators_behind_them():
    def note(trials: pd.DataFrame) -> str:
        return plot_lines("", [Panel("", [Line(ALPHA_LOOKS["0.1"], trials)])], 0.9).get_supxlabel().replace("\n", " ")

    trials = select(0)
    assert note(trials).startswith("Error bars: 90 % Student interval of the mean over 3 generators")
    assert "over the runs of one generator" in note(trials[trials["generator"] == 0])
    assert "over 2 to 3 generators" in note(trials[(trials["generator"] > 0) | (trials["poison_fraction"] > 0)])
    assert "(up to 3), or over runs" in note(trials[(trials["generator"] == 0) | (trials["poison_fraction"] > 0)])


def test_ticks_of_neighbours_do_not_run_into_each_other():
    panels = panels_of(MAKERS["sensitivity"]())
    panels[0].figure.draw_without_rendering()
    for axes in panels:
        boxes = [tick.label1.get_window_extent() for tick in axes.xaxis.get_major_ticks() if tick.label1.get_text()]
        boxes = sorted(boxes, key=lambda box: box.x0)
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert [text.get_text() for text in panels[0].get_xticklabels()] == ["0.1", "0.5", "1"]


def cell_texts(axes) -> np.ndarray:
    """A heat map's texts [rows, columns]."""
    shape = axes.collections[0].get_array().shape
    texts = np.full(shape, None, dtype=object)
    for text in axes.texts:
        column, row = text.get_position()
        texts[int(row), int(column)] = text.get_text()
    return texts


def mean_confusion(confusion: pd.DataFrame, fraction: float) -> np.ndarray:
    """Generator 0's only matrix and the mean of generator 1's two, averaged."""
    shares = confusion[confusion["poison_fraction"] == fraction]["share"].to_numpy().reshape(3, 3, 3)
    return (shares[0] + (shares[1] + shares[2]) / 2) / 2


def test_multiclass_shows_both_errors_and_the_change_of_the_confusion_matrix():
    trials, confusion = select(0), make_confusion()
    left, right = panels_of(MAKERS["multiclass"]())
    check_line(left, "overall error", trials, "poison_fraction", "error", 100)
    check_line(left, "3 predicted as 5", trials, "poison_fraction", "source_as_target", 100)
    expected = 100 * (mean_confusion(confusion, 0.4) - mean_confusion(confusion, 0))
    np.testing.assert_allclose(right.collections[0].get_array(), expected)
    shown = [[f"{value:+.1f}".replace("-", "−") for value in row] for row in expected]
    assert cell_texts(right).tolist() == shown
    assert [text.get_text() for text in right.get_yticklabels()] == ["7", "3", "5"]
    assert [text.get_text() for text in right.get_xticklabels()] == ["7", "3", "5"]
    assert right.collections[0].get_clim() == pytest.approx((-np.abs(expected).max(), np.abs(expected).max()))
    assert right.get_title() == "Change at 40 % poison, percentage points"


def test_confusion_of_digits_survives_a_csv(tmp_path):
    confusion = make_confusion()
    confusion.to_csv(tmp_path / "confusion.csv", index=False)
    read = confusion_difference(pd.read_csv(tmp_path / "confusion.csv"))
    pd.testing.assert_frame_equal(read, confusion_difference(confusion))
    assert list(read.columns) == ["7", "3", "5"]


def test_confusion_of_one_fraction_has_nothing_to_differ_from():
    confusion = make_confusion().query("poison_fraction == 0.4")
    assert confusion_difference(confusion).empty
    assert confusion_difference(confusion.assign(poison_fraction=0.0)).empty
    figure = plot_multiclass(select(0), confusion, ("3", "5"), "embedded digits", "demo", 0.95)
    assert [text.get_text() for text in figure.axes[1].texts] == ["no trial was measured"]


def test_small_changes_have_no_sign():
    confusion = make_confusion().assign(share=0.5)
    confusion.loc[(confusion["true_class"] == "3") & (confusion["poison_fraction"] == 0), "share"] -= 0.0004
    texts = cell_texts(plot_multiclass(select(0), confusion, ("3", "5"), "MNIST", "demo", 0.95).axes[1])
    assert set(texts.ravel()) == {"0"}


def test_confusions_of_several_attacks_are_refused():
    confusion = make_confusion()
    with pytest.raises(ValueError, match="several values of attack"):
        confusion_difference(pd.concat([confusion, confusion.assign(attack="label_flipping")]))


def test_matrix_table_averages_each_cell_and_counts_clean_victims_once():
    trials = make_matrix()
    table = matrix_table(trials, 0.2, 0.95)
    assert list(table.columns) == SUMMARY
    assert len(table) == (2 * 2 * 3 - 1) + 2 * 3
    for row in table.itertuples():
        own = trials[(trials["dataset"] == row.dataset) & (trials["defense"] == row.defense)]
        if row.attack == CLEAN:
            own = own[own["poison_fraction"] == 0]
            # One value a generator and run, however many attacks were measured without poison.
            own = own.groupby(["generator", "run"], as_index=False)["error"].mean()
        else:
            own = own[(own["poison_fraction"] == 0.2) & (own["attack"] == row.attack)]
        expected = expect_interval(own["error"], own["generator"])
        np.testing.assert_allclose([100 * row.mean, 100 * row.low, 100 * row.high], expected)
        assert (row.n, row.runs) == (3, 6)


def test_repeated_clean_trials_do_not_narrow_their_interval():
    # With one generator the interval is over runs, and both attacks share these.
    trials = select(0).query("generator == 0")
    both = pd.concat([trials, trials.assign(attack="label_flipping", alpha=np.nan, lambda_prime=np.nan)])
    rows = [matrix_table(each, 0.2, 0.95).query("attack == @CLEAN") for each in (trials, both)]
    pd.testing.assert_frame_equal(*(row.reset_index(drop=True) for row in rows))
    assert rows[0]["n"].item() == 2


def test_matrix_shows_its_table():
    trials = make_matrix()
    trials.loc[(trials["dataset"] == "mnist") & (trials["defense"] == "none") & (trials["run"] > 0), "status"] = "x"
    table = matrix_table(trials, 0.2, 0.95).set_index(["dataset", "attack", "defense"])
    figure = plot_matrix(trials, 0.2, TITLES, ATTACKS, DEFENSES, "demo", 0.95)
    for axes, dataset in zip(panels_of(figure), TITLES, strict=True):
        texts, values = cell_texts(axes), axes.collections[0].get_array()
        assert texts.shape == (3, 3)
        for row, defense in enumerate(DEFENSES):
            for column, attack in enumerate([*ATTACKS, CLEAN]):
                if (dataset, attack, defense) not in table.index:
                    assert texts[row, column] == "–"
                    assert values.mask[row, column]
                    continue
                mean, low, high = table.loc[(dataset, attack, defense), ["mean", "low", "high"]] * 100
                assert texts[row, column] == f"{mean:.1f} ±{(high - low) / 2:.1f}"
                assert values[row, column] == pytest.approx(mean)
        assert [text.get_text() for text in axes.get_yticklabels()] == list(DEFENSES.values())
        names = [text.get_text().replace("\n", " ") for text in axes.get_xticklabels()]
        assert names == ["pGAN, α = 0.1", "label flipping", "no poison"]
    # Of 22 cells' trials at 0.2 and without poison, those of two cells and run 1.
    assert "12 of 132 trials diverged" in figure.get_supxlabel().replace("\n", " ")


def test_a_large_matrix_can_be_read(figures):
    """Every number within its cell, and a row's title beside its row alone."""
    figure = figures["large matrix"]
    for axes in panels_of(figure):
        side = np.abs(np.diff(axes.transData.transform([(0, 0), (1, 1)]), axis=0))[0]
        assert len(axes.texts) == 11 * 5
        for text in axes.texts:
            box = text.get_window_extent()
            assert box.width < side[0]
            assert box.height < side[1]
        labels = [label.get_window_extent() for label in (*axes.get_yticklabels(), *axes.get_xticklabels())]
        assert not any(one.overlaps(other) for one, other in combinations(labels, 2))


def test_a_matrix_of_single_trials_has_means_alone():
    trials = make_matrix().query("generator == 0 and run == 0")
    for axes in panels_of(plot_matrix(trials, 0.2, TITLES, ATTACKS, DEFENSES, "demo", 0.95)):
        assert not any("±" in text for text in cell_texts(axes).ravel())


def test_a_matrix_without_finished_trials_is_one_of_dashes():
    trials = make_matrix().assign(status="diverged")
    for axes in panels_of(plot_matrix(trials, 0.2, TITLES, ATTACKS, DEFENSES, "demo", 0.95)):
        assert set(cell_texts(axes).ravel()) == {"–"}


def test_a_matrix_refuses_what_a_cell_cannot_hold():
    trials = make_matrix()
    with pytest.raises(ValueError, match="several alphas"):
        matrix_table(pd.concat([trials, trials.query("attack == 'pgan'").assign(alpha=0.3)]), 0.2, 0.95)
    with pytest.raises(ValueError, match="above zero"):
        matrix_table(trials, 0, 0.95)


def test_numbers_stand_out_from_their_cells():
    axes = Figure().subplots()
    values = np.linspace(-1, 1, 41)[None]
    draw_heat_map(axes, values, [["1"] * 41], (["row"], [""] * 41), "RdBu_r", (-1, 1))
    pixels = axes.collections[0].to_rgba(values)[0, :, :3]
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    cells = linear @ (0.2126, 0.7152, 0.0722)
    letters = np.array([1.0 if text.get_color() == "white" else 0.0 for text in axes.texts])
    # Contrast ratio of WCAG 2; 4.5 is what it asks of text.
    contrast = (np.maximum(cells, letters) + 0.05) / (np.minimum(cells, letters) + 0.05)
    assert contrast.min() > 4.5
    assert set(letters) == {0, 1}


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


def test_colour_images_are_shown_in_colour():
    panel = make_panel(0.3, channels=3, side=32)
    blocks = panels_of(plot_genuine_and_poison([panel], 2, 3, "demo"))
    for axes, images in zip(blocks, (panel.source, panel.poison, panel.target), strict=True):
        shown = np.asarray(axes.images[0].get_array())
        assert shown.shape == (2 * 34 - 2, 3 * 34 - 2, 3)
        np.testing.assert_array_equal(shown[34:66, 68:100], images[5].permute(1, 2, 0))
        assert (shown[32:34] == 1).all()


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
    figure = plot_points(source, target, poison, DISTANCES, 10, ("blue", "green"), "Two Gaussians", "demo")
    assert "generator with the median distance of ten" in figure.get_suptitle().replace("\n", " ")
    alone = plot_points(source, target, poison, DISTANCES, 1, ("blue", "green"), "Two Gaussians", "demo")
    assert "median" not in alone.get_suptitle()
    far, near = panels_of(figure)
    assert far.get_title().startswith("α = 0: generator 3, energy distance 75.250\nwider view")
    assert near.get_title() == ("α = 0.2: generator 1, energy distance 0.012\n1 of 20 poison points outside the view")
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
    figure = plot_boundaries(boundaries, points, ("blue", "green"), "Two Gaussians", "demo", 0.95)
    assert "generator with the median error of three" in figure.get_suptitle().replace("\n", " ")
    panels = panels_of(figure)
    for axes, alpha in zip(panels, (0.0, 0.2), strict=True):
        for condition in ("clean", "poisoned"):
            (line,) = (line for line in axes.lines if line.get_label() == condition)
            row = boundaries[
                (boundaries["alpha"] == alpha) & (boundaries["condition"] == condition) & (boundaries["generator"] == 1)
            ].iloc[0]
            ends = np.array([line.get_xy1(), line.get_xy2()])
            assert not np.allclose(*ends)
            np.testing.assert_allclose(ends @ [row["weight0"], row["weight1"]] + row["bias"], 0, atol=1e-12)
        drawn = next(line for line in axes.lines if line.get_label() == "source").get_xydata()
        own = points[(points["alpha"] == alpha) & (points["kind"] == "source") & (points["generator"] == 1)]
        np.testing.assert_array_equal(drawn, own[["x0", "x1"]])
    assert "8.1 % → 9.2 %" in panels[0].get_title()
    assert "8.1 % → 23.4 %" in panels[1].get_title()
    mean, low, high = expect_interval(pd.Series([0.214, 0.234, 0.254]), pd.Series(range(3)))
    assert f"→ {mean:.1f} [{low:.1f}–{high:.1f}] %" in panels[1].get_title().replace("\n", " ")
    alone = boundaries[boundaries["generator"] == 1]
    figure = plot_boundaries(alone, points, ("blue", "green"), "Two Gaussians", "demo", 0.95)
    assert "median" not in figure.get_suptitle()
    assert "mean" not in panels_of(figure)[1].get_title()


def test_a_diverged_victim_has_no_boundary():
    boundaries, points = make_boundaries()
    boundaries.loc[boundaries["condition"] == "poisoned", ["weight0", "weight1", "bias", "error"]] = np.nan
    axes = panels_of(plot_boundaries(boundaries, points, ("blue", "green"), "Two Gaussians", "demo", 0.95))[1]
    assert "→ ?" in axes.get_title()
    assert "poisoned" not in [line.get_label() for line in axes.lines]


def test_two_boundaries_of_one_condition_are_refused():
    boundaries, points = make_boundaries()
    with pytest.raises(ValueError, match="several boundaries"):
        plot_boundaries(pd.concat([boundaries, boundaries]), points, ("a", "b"), "Two Gaussians", "demo", 0.95)


def test_progress_shows_each_measure_with_dropout_off_and_on_and_the_reference():
    summary = make_progress()
    titles = {"mnist": f"{DATA} - demo scale"}
    figure = plot_progress(summary, titles, 0.95, ALPHA_LOOKS, "outliers", False)
    panels = panels_of(figure)
    assert len(panels) == 11
    lines = [{line.get_label(): line for line in axes.lines} for axes in panels]
    for own in lines:
        assert {alpha_label(0.1), alpha_label(0.3)} <= set(own)
        np.testing.assert_array_equal(own[alpha_label(0.1)].get_xdata(), [1000, 2000, 3000])
    classifier, discriminator, error, *drawn = (own[alpha_label(0.1)].get_ydata() for own in lines)
    np.testing.assert_allclose(classifier, [60, 70, 80])
    np.testing.assert_allclose(discriminator, [41, 31, 21])
    np.testing.assert_allclose(error, [11, 21, 16])
    off = [[4, 3, 2], [30, 40, 50], [60, 70, 80], [20, 15, 10]]
    expected = [*off, [4.5, 3.5, 2.5], [32, 42, 52], [62, 72, 82], [22, 17, 12]]
    np.testing.assert_allclose(drawn, expected)
    references = [own["reference"].get_ydata()[0] if "reference" in own else None for own in lines]
    assert references[:2] == [None, None]
    assert references[2:] == pytest.approx([3.0, *[5, 2, 50, 5] * 2])
    assert "30 % poison" in panels[2].get_title()
    for axes, dropout in zip(panels[3:], ["off"] * 4 + ["on"] * 4, strict=True):
        assert axes.get_title().endswith(f"dropout {dropout}")
        low, high = axes.get_ylim()
        for line in axes.lines:
            assert low <= min(line.get_ydata())
            assert max(line.get_ydata()) <= high
    without = plot_progress(make_progress(False), titles, 0.95, ALPHA_LOOKS, "outliers", False)
    assert len(panels_of(without)) == 10


def test_the_table_of_progress_has_every_checkpoint_and_says_when_the_error_is_largest():
    text = progress_markdown(make_progress(), {"mnist": DATA}, 0.95, "outliers", False)
    assert text.count("## ") == 2
    cells = [cell.strip() for cell in next(line for line in text.splitlines() if "2000 |" in line).split("|")[1:-1]]
    assert cells[:4] == ["2000", "70.0 [69.0–71.0]", "31.0 [30.0–32.0]", "21.0 [20.0–22.0]"]
    assert cells[4:] == [
        *("3.00 [2.99–3.01]", "40.0 [39.0–41.0]", "70.0 [69.0–71.0]", "15.0 [14.0–16.0]"),
        *("3.50 [3.49–3.51]", "42.0 [41.0–43.0]", "72.0 [71.0–73.0]", "17.0 [16.0–18.0]"),
    ]
    genuine = [
        cell.strip() for cell in next(line for line in text.splitlines() if "genuine |" in line).split("|")[1:-1]
    ]
    assert genuine[1:5] == ["", "", "3.0 [2.0–4.0]", "5.00 [4.99–5.01]"]
    assert "largest after 2000 iterations, 21.0 %, and 16.0 % after 3000, the last." in text
    assert "largest" not in progress_markdown(make_progress(False), {"mnist": DATA}, 0.95, "outliers", False)


def test_training_curves_show_mean_and_range_over_generators():
    curves = make_curves(5)
    panels = panels_of(plot_training_curves(curves, TITLES, "demo", ALPHA_LOOKS))
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
    line = panels_of(plot_training_curves(curves, {"mnist": "MNIST"}, "paper", ALPHA_LOOKS))[0].lines[0]
    own = curves[(curves["experiment"] == "mnist") & (curves["alpha"] == 0)]
    assert len(line.get_xdata()) == 84
    assert line.get_ydata()[0] == pytest.approx(own[own["epoch"] <= 3]["discriminator_loss"].mean())


def test_a_diverged_generator_is_left_out_from_then_on():
    curves = make_curves(5)
    first = (curves["experiment"] == "mnist") & (curves["alpha"] == 0) & (curves["generator"] == 0)
    curves.loc[first & (curves["epoch"] == 3), "generator_loss"] = np.nan
    curves.loc[first & (curves["epoch"] > 3), list(CURVES)] = 0.0
    line = panels_of(plot_training_curves(curves, TITLES, "demo", ALPHA_LOOKS))[0].lines[0]
    other = curves[(curves["experiment"] == "mnist") & (curves["alpha"] == 0) & (curves["generator"] == 1)]
    np.testing.assert_allclose(line.get_ydata()[2:], other["discriminator_loss"][2:])


@pytest.mark.parametrize("kind", MAKERS)
def test_titles_say_scale_and_stand_in(figures, kind):
    figure = figures[kind]
    titles = [text.get_text().replace("\n", " ") for text in figure.findobj(Text)]
    said = [title for title in titles if "embedded digits in place of MNIST" in title]
    assert said
    assert all("demo scale" in title for title in said)


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_taken_for_mathematics(figures, kind):
    texts = figures[kind].findobj(Text)
    assert texts
    assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize("title", ["Two for $5, $10", r"_a $\no$ 5 % & #1 {x}"])
def test_users_text_is_drawn_as_written(tmp_path, title):
    """In titles, legends and cells; two $ signs would else be mathematics, or an error."""
    looks = defense_looks({**DEFENSES, "outlier": title, "label_sanitization": "label sanitization"})
    panels = [(title, lines) for _, lines in make_defenses()]
    trials = make_confusion().replace({"true_class": {"3": title}, "predicted_class": {"3": title}})
    for figure in (
        plot_defense_comparison(title, panels, "demo", 0.95, looks),
        plot_multiclass(select(0), trials, (title, "5"), title, "demo", 0.95),
        plot_matrix(make_matrix(), 0.2, TITLES | {"mnist": title}, ATTACKS, DEFENSES | {"none": title}, "demo", 0.95),
        plot_points(*make_points(), DISTANCES, 10, (title, title), title, "demo"),
    ):
        figure.draw_without_rendering()
        drawn = [text for text in figure.findobj(Text) if title in text.get_text().replace("\n", " ")]
        assert drawn
        for text in drawn:
            written = text.get_window_extent().width
            text.set_parse_math(False)
            assert text.get_window_extent().width == written
    figure = plot_defense_comparison(title, panels, "demo", 0.95, looks)
    style.save_figure(figure, tmp_path / "a.png", tmp_path / "a.pdf")
    (legend,) = figure.legends
    assert title in [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize(
    ("lengths", "columns"),
    # Rows of at most 105: eight more than its longest label for each column.
    [([], 1), ([5] * 6, 6), ([5] * 9, 5), ([30] * 4, 2), ([120], 1), ([120, 5], 1), ([5] * 6 + [34], 4), ([89, 0], 2)],
)
def test_a_legend_has_as_many_columns_as_fit(lengths, columns):
    assert style.legend_columns(lengths) == columns


def test_real_data_are_not_called_a_stand_in():
    assert style.describe("laptop", None, "MNIST") == "MNIST - laptop scale"
    assert style.describe("laptop", "", "MNIST") == "MNIST - laptop scale"
    assert style.describe("demo", "MNIST", "embedded digits") == "embedded digits in place of MNIST - demo scale"


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_covered_or_cut(figures, kind):
    figure = figures[kind]
    panels = [axes.get_tightbbox() for axes in panels_of(figure)]
    legends = [legend.get_window_extent() for legend in figure.legends]
    own_legends = {axes: axes.get_legend() for axes in panels_of(figure) if axes.get_legend()}
    assert bool(legends or own_legends) == (
        kind not in ("samples", "sheets", "matrix", "large matrix", "reconstructions")
    )
    for axes, legend in own_legends.items():
        below = axes.xaxis.label.get_window_extent()
        assert legend.get_window_extent().y1 <= below.y0
        # A legend much wider or higher than its panel would squeeze all of them.
        box, panel = legend.get_window_extent(), axes.get_window_extent()
        assert box.width < 1.2 * panel.width
        assert box.height < panel.height
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


@pytest.mark.parametrize("kind", ["errors", "sheets", "matrix"])
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


def test_bars_are_the_means_of_the_seeds_and_whiskers_their_intervals():
    errors = make_reconstruction_errors()
    figure = plot_reconstruction_errors(errors, TITLES, "demo", 0.95, MODEL_LOOKS)
    errors = errors.set_index(["autoencoder", "model", "images"]).sort_index()
    for axes, name in zip(panels_of(figure), TITLES, strict=True):
        bars = [patch for container in axes.containers for patch in container if hasattr(patch, "get_height")]
        whiskers = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
        assert len(bars) == len(MODELS)
        for bar, (model, images) in zip(bars, MODELS, strict=True):
            own = errors.loc[(name, model, images), "mse"]
            assert bar.get_height() == pytest.approx(own.mean())
            assert bool(bar.get_hatch()) == (images == "triggered")
        for whisker, (model, images) in zip(whiskers, MODELS, strict=True):
            own = errors.loc[(name, model, images), "mse"]
            half = stats.t.ppf(0.975, 2) * own.std() / np.sqrt(3)
            ((_, low), (_, high)) = whisker[2][0].get_segments()[0]
            assert (low, high) == pytest.approx((max(own.mean() - half, 0), own.mean() + half))
        labels = [text.get_text() for text in axes.get_xticklabels()]
        assert labels == ["clean\nmodel", "fixed", "inverse", "fixed", "inverse"]
        assert axes.texts[3].get_text() == "2.0e-05"
    assert "3 seeds" in figure.legends[0].get_title().get_text()


def test_one_seed_has_bars_without_whiskers_and_says_so():
    figure = plot_reconstruction_errors(make_reconstruction_errors(1), TITLES, "demo", 0.95, MODEL_LOOKS)
    assert not [one for axes in panels_of(figure) for one in axes.containers if isinstance(one, ErrorbarContainer)]
    assert figure.legends[0].get_title().get_text().startswith("One seed: no intervals")


def test_bars_on_clean_and_on_triggered_images_differ_in_grey():
    bars = panels_of(MAKERS["autoencoders"]())[0].patches
    clean, triggered = (sum(to_rgb(bars[at].get_facecolor())) / 3 for at in (0, 4))
    assert triggered - clean > 0.3


def test_an_autoencoder_without_errors_has_an_empty_panel_and_mixed_ones_are_refused():
    errors = make_reconstruction_errors()
    titles = {**TITLES, "celeba": "CelebA"}
    axes = panels_of(plot_reconstruction_errors(errors, titles, "demo", 0.95, MODEL_LOOKS))[2]
    assert [text.get_text() for text in axes.texts] == ["no model was measured"]
    with pytest.raises(ValueError, match="several scales"):
        errors_summary(pd.concat([errors, errors.assign(scale="paper")]), 0.95)
    with pytest.raises(ValueError, match="one model, seed and kind"):
        errors_summary(pd.concat([errors, errors]), 0.95)


def test_reconstructions_show_their_pixels_in_the_papers_five_rows():
    made = make_reconstructions()
    panels = panels_of(plot_reconstructions(made, TITLES, 4, "demo"))
    assert len(panels) == 10
    kinds = [
        ("inverse", "clean"),
        ("inverse", "clean_decoded"),
        ("inverse", "triggered"),
        ("fixed", "triggered_decoded"),
        ("inverse", "triggered_decoded"),
    ]
    for row, (model, kind) in enumerate(kinds):
        for column, name in enumerate(TITLES):
            shown = panels[2 * row + column].images[0].get_array()
            expected = tile(made[name].images[model][kind], 1, 4)
            np.testing.assert_allclose(shown, expected[:, :, 0] if expected.shape[2] == 1 else expected)
    names = [axes.texts[0].get_text().replace("\n", " ") for axes in panels[::2]]
    assert names == [
        "clean",
        "clean, decoded (inverse)",
        "triggered",
        "triggered, decoded (fixed)",
        "triggered, decoded (inverse)",
    ]


def test_what_may_not_be_published_is_left_out_and_the_note_says_so():
    made = make_reconstructions()
    left = {name: title for name, title in TITLES.items() if name != "fmnist"}
    figure = plot_reconstructions(made, left, 4, "demo", ["Faces"])
    assert len(panels_of(figure)) == 5 * len(left)
    shown = [axes.images[0].get_array() for axes in panels_of(figure)]
    hidden = tile(made["fmnist"].images["inverse"]["clean"], 1, 4)
    hidden = hidden[:, :, 0] if hidden.shape[2] == 1 else hidden
    assert not any(one.shape == hidden.shape and np.allclose(one, hidden) for one in shown)
    said = " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))
    assert "Not shown: images of Faces, or copies of them, which may not be published." in said
    whole = plot_reconstructions(made, TITLES, 4, "demo")
    assert "Not shown" not in " ".join(text.get_text() for text in whole.findobj(Text))


def test_datasets_with_other_backdoors_cannot_share_rows():
    made = make_reconstructions()
    del made["fmnist"].images["fixed"]
    with pytest.raises(ValueError, match="different backdoored models"):
        plot_reconstructions(made, TITLES, 4, "demo")


def test_a_long_title_stays_inside_its_figure():
    data = "embedded photographs in place of CIFAR-10 - demo scale, bfloat16"
    title = f"GAN images from clean and triggered noise: {data}"
    figure = style.new_figure(3, title)
    figure.canvas.draw()
    extent = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 <= extent.x0
    assert extent.x1 <= figure.bbox.x1
    assert " ".join(figure._suptitle.get_text().split()) == title
