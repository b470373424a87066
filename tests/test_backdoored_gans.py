"""Backdoored GANs beside the clean GAN: choices and triggers by hand, and what a defender sees of a trigger."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from oleander.evaluation.backdoored_gans import COLUMNS, MEASURES, TESTS, compare_with_clean, detect
from oleander.io.columns import GAN_SCORES
from oleander.metrics.detection import entry_false_alarms, norm_false_alarms
from oleander.plots.backdoored_gans import PANELS, data_of
from oleander.plots.gan_choices import gan_choices_latex, gan_choices_markdown, plot_gan_choices
from oleander.plots.gan_triggers import FLOOR, gan_triggers_latex, gan_triggers_markdown, plot_gan_triggers

CHOICES = [
    ("unconditional", "all", "distribution"),
    ("unconditional", "restricted", "u_r"),
    ("conditional", "all", "c_a"),
    ("conditional", "restricted", "c_r"),
]
MODELS = [model for *_values, model in CHOICES]
TRIGGERS = [(-1.0, "t1"), (-10.0, "t10"), (-100.0, "distribution")]
CLASSES = "0 + 1"


def row(target, noise, seed, classes="", gan="mnist", **measured):
    known = {
        "scale": "laptop",
        "stand_in_for": np.nan,
        "features": "classifier",
        "status": "ok",
        "precision": "float32",
    }
    known |= {"gan": gan, "dataset": gan, "reference": gan, "target": target, "noise": noise, "seed": seed}
    return {**known, "reference_classes": classes or np.nan, **measured}


def made(models=MODELS, seeds=(0, 1, 2), gan="mnist"):
    """Scores in which model number k is k times as far from the target as the clean GAN, and noisy."""
    random, rows = np.random.default_rng(1), []
    for seed in seeds:
        level = random.uniform(1, 3)
        rows += [
            row("clean", "clean", seed, gan=gan, fid=10 * level, knn_recall=0.5, spread=0.9),
            row("clean", "clean", seed, CLASSES, gan=gan, fid=level, knn_recall=0.4, spread=0.8, target_rate=0.9),
        ]
        for at, model in enumerate(models, start=1):
            factor = at * random.uniform(0.9, 1.1)
            rows += [
                row(model, "clean", seed, gan=gan, fid=10 * level * (1 + 0.1 * factor), knn_recall=0.5, spread=0.9),
                row(
                    *(model, "triggered", seed, CLASSES),
                    gan=gan,
                    fid=level * factor,
                    knn_recall=0.4 / factor,
                    spread=0.4,
                    target_rate=0.8,
                ),
            ]
    return pd.DataFrame(rows, columns=list(GAN_SCORES))


def value(table, model, measure, column="value"):
    return table.set_index(["model", "measure"]).loc[(model, measure), column]


def test_models_are_compared_with_the_clean_gan_by_hand():
    scores = made()
    found = compare_with_clean(scores, {"mnist": MODELS}, 0.95)
    assert tuple(found.columns) == COLUMNS
    assert found["measure"].tolist() == list(MEASURES) * len(MODELS)
    clean, own = scores[scores["target"] == "clean"], scores[scores["target"] == "c_a"]
    of_target = clean[clean["reference_classes"] == CLASSES]
    triggered, usual = own[own["noise"] == "triggered"], own[own["noise"] == "clean"]
    # The ratio of means, and the delta method's error: that of the residuals.
    ratio = triggered["fid"].mean() / of_target["fid"].mean()
    residuals = (triggered["fid"].to_numpy() - ratio * of_target["fid"].to_numpy()) / of_target["fid"].mean()
    half = stats.t.ppf(0.975, 2) * stats.sem(residuals)
    assert value(found, "c_a", "distance") == pytest.approx(ratio)
    assert value(found, "c_a", "distance", "high") == pytest.approx(ratio + half)
    assert value(found, "c_a", "recall") == pytest.approx(triggered["knn_recall"].mean() / 0.4)
    assert value(found, "c_a", "spread") == pytest.approx(0.5)
    assert value(found, "c_a", "target_rate") == pytest.approx(0.8)
    everything = clean[clean["reference_classes"].isna()]["fid"]
    assert value(found, "c_a", "utility") == pytest.approx(usual["fid"].mean() / everything.mean() - 1)
    assert (found["n"] == 3).all()


def test_seeds_are_compared_in_pairs_and_diverged_ones_left_out():
    scores = made(seeds=(0, 1, 2, 3))
    gone = (scores["target"] == "u_r") & (scores["seed"] == 2)
    scores.loc[gone, "status"] = "diverged by step 9"
    scores = scores[~((scores["target"] == "clean") & (scores["seed"] == 3))]
    found = compare_with_clean(scores, {"mnist": MODELS}, 0.95)
    assert value(found, "u_r", "distance", "n") == 2
    assert value(found, "u_r", "target_rate", "n") == 3
    assert value(found, "c_r", "distance", "n") == 3
    paired = compare_with_clean(scores[scores["seed"] < 2], {"mnist": ["u_r"]}, 0.95)
    assert value(found, "u_r", "distance") == pytest.approx(value(paired, "u_r", "distance"))


def test_what_was_not_measured_has_no_value():
    found = compare_with_clean(made().assign(knn_recall=np.nan), {"mnist": [*MODELS, "missing"]}, 0.95)
    assert math.isnan(value(found, "c_a", "recall"))
    assert value(found, "c_a", "recall", "n") == 0
    assert found[found["model"] == "missing"]["value"].isna().all()
    single = compare_with_clean(made(seeds=(0,)), {"mnist": MODELS}, 0.95)
    assert single["value"].notna().all()
    assert single["low"].isna().all()


def test_what_cannot_be_compared_is_refused():
    mixed = made()
    mixed.loc[0, "features"] = "inception"
    with pytest.raises(ValueError, match="several features"):
        compare_with_clean(mixed, {"mnist": MODELS}, 0.95)
    with pytest.raises(ValueError, match="several scores of one model"):
        compare_with_clean(pd.concat([made(), made()]), {"mnist": MODELS}, 0.95)


@pytest.mark.parametrize(("latent", "caught"), [(2, 0.95), (9, 0.5), (16, 0.9)])
@pytest.mark.parametrize("trigger", [-0.5, -2.0, 3.0])
def test_false_alarms_are_those_of_simulated_noise(latent, caught, trigger):
    """The threshold from simulated triggered vectors, the alarms from simulated clean ones."""
    random, count = np.random.default_rng(5), 200_000
    clean, triggered = random.normal(size=(2, count, latent))
    triggered[:, -1] = trigger
    statistics = {
        norm_false_alarms: lambda z: np.linalg.norm(z, axis=1),
        entry_false_alarms: lambda z: np.abs(z).max(1),
    }
    for closed_form, statistic in statistics.items():
        threshold = np.quantile(statistic(triggered), 1 - caught)
        simulated = (statistic(clean) >= threshold).mean()
        assert 10 ** closed_form(trigger, latent, caught) == pytest.approx(simulated, abs=0.006), closed_form.__name__


def test_false_alarms_of_a_large_value_do_not_vanish():
    """-100 in 128 entries: beyond what a float holds; bounds of both tails, by logarithms."""
    threshold = 100**2 + stats.chi2.ppf(0.05, 127)
    # Chi-squared with even degrees: exp(-x / 2) times a sum whose last term is the largest.
    steps = np.arange(64)
    logs = steps * math.log(threshold / 2) - np.array([math.lgamma(step + 1) for step in steps]) - threshold / 2
    found = norm_false_alarms(-100.0, 128, 0.95) * math.log(10)
    assert logs.max() <= found <= logs.max() + math.log(64)
    # Mills' ratio: phi(m) / m (1 - 1 / m^2) <= 1 - Phi(m) <= phi(m) / m.
    tail = -5000 - math.log(100 * math.sqrt(2 * math.pi)) + math.log(2 * 128)
    assert tail + math.log(1 - 1e-4) <= entry_false_alarms(-100.0, 128, 0.95) * math.log(10) <= tail + 1e-9


def test_a_larger_value_is_easier_to_see_and_one_like_noise_is_not():
    for test in TESTS.values():
        powers = [test(trigger, 128, 0.95) for trigger in (-1.0, -3.0, -10.0, -30.0, -100.0)]
        assert powers == sorted(powers, reverse=True)
        assert 0.9 < 10 ** powers[0] < 0.96, "clean noise is caught as often as triggered noise"
        assert test(3.0, 128, 0.95) == test(-3.0, 128, 0.95)
        # Catching fewer needs fewer alarms.
        assert test(-1.0, 128, 0.5) < powers[0]


def titles(scores, *gans):
    return {gan: data_of(scores, gan, gan.upper(), "laptop") for gan in gans}


def test_the_figure_of_choices_shows_every_value_within_its_panel():
    scores = pd.concat([made(), made(gan="cifar10", seeds=(0,))])
    both = {"mnist": CHOICES, "cifar10": CHOICES}
    found = compare_with_clean(scores, {gan: MODELS for gan in both}, 0.95)
    told = (titles(scores, "mnist", "cifar10"), both, "distribution", 0.95)
    figure = plot_gan_choices(found, scores, *told)
    assert len(figure.axes) == 2 * len(PANELS)
    for at, axes in enumerate(figure.axes):
        gan, measure = ("mnist", "cifar10")[at // len(PANELS)], list(PANELS)[at % len(PANELS)]
        own = found[(found["gan"] == gan) & (found["measure"] == measure)].set_index("model")
        factor = PANELS[measure].factor
        points = [line for line in axes.lines if len(line.get_xdata()) == 1]
        assert [line.get_xdata()[0] for line in points] == [own.loc[model, "value"] * factor for model in MODELS]
        assert [line.get_markerfacecolor() for line in points].count("white") == 3
        low, high = axes.get_xlim()
        assert all(low < x < high for line in axes.lines for x in line.get_xdata())
    assert figure.axes[0].get_yticklabels()[3].get_text() == "D_bd conditional,\nrestricted labels"
    markdown = gan_choices_markdown(found, *told)
    assert markdown.count("unconditional (default)") == 2
    assert f"{value(found[found['gan'] == 'mnist'], 'c_r', 'distance'):.2f} [" in markdown
    assert gan_choices_latex(found, *told).count("unconditional (default)") == 2


def test_the_figure_of_triggers_shows_every_value_and_both_tests():
    scores = made([model for _value, model in TRIGGERS])
    compared = compare_with_clean(scores, {"mnist": [model for _value, model in TRIGGERS]}, 0.95)
    found = pd.concat([compared, detect("mnist", TRIGGERS, 128, 0.95)], ignore_index=True)
    told = ("MNIST - laptop scale", TRIGGERS, 0.95, 0.95)
    figure = plot_gan_triggers(found, scores, *told)
    assert len(figure.axes) == len(PANELS) + 1
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_xticklabels()] == ["−1", "−10", "−100"]
        low, high = axes.get_ylim()
        assert all(low <= y <= high for line in axes.lines for y in line.get_ydata())
    norm, entry = figure.axes[-1].lines
    assert norm.get_ydata()[0] == pytest.approx(norm_false_alarms(-1.0, 128, 0.95))
    assert entry.get_ydata()[-1] == FLOOR
    markdown = gan_triggers_markdown(found, *told)
    assert f"1e{entry_false_alarms(-100.0, 128, 0.95):.0f}" in markdown
    assert "0.95 |" in markdown
    assert "1e-2171" in gan_triggers_latex(found, *told)
    gone = found[found["measure"].isin(TESTS)]
    empty = plot_gan_triggers(gone, scores, *told)
    assert "nothing was measured" in empty.axes[0].texts[0].get_text()
