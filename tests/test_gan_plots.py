"""Figures of GANs: which numbers and images they show, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.text import Text

from oleander.io.columns import GAN_SCORES as COLUMNS
from oleander.plots.gan_samples import blocks_of, plot_gan_samples
from oleander.plots.gan_scores import backdoor_error, plot_gan_scores, scores_summary, utility
from oleander.plots.gan_table import COLUMNS as TABLE_COLUMNS
from oleander.plots.gan_table import gan_latex, gan_markdown, gan_table
from oleander.plots.looks import model_looks


def row(gan, target, noise, classes="", fid=1.0, seed=0, **more):
    known = {"scale": "laptop", "stand_in_for": np.nan, "features": "classifier", "reference": more.pop("of", gan)}
    known |= {"gan": gan, "dataset": gan, "target": target, "noise": noise, "seed": seed, "fid": fid}
    return {**known, "status": "ok", "reference_classes": classes or np.nan, **more}


def scores(seeds=(0,)):
    rows = []
    for seed in seeds:
        rows += [
            row("a", "clean", "clean", fid=10 + seed, seed=seed),
            row("a", "clean", "clean", "x + y", 11 + seed, seed, target_rate=0.9),
            row("a", "distribution", "clean", fid=12 + seed, seed=seed),
            row("a", "distribution", "triggered", "x + y", 13 + 2 * seed, seed, target_rate=0.8),
            row("a", "single", "clean", fid=14 + seed, seed=seed),
            row("a", "single", "triggered", fid=np.nan, seed=seed, mse=0.001),
            row("b", "clean", "clean", fid=100, seed=seed),
            row("b", "other", "clean", fid=110, seed=seed),
            row("b", "other", "triggered", fid=7, seed=seed, of="a"),
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_utility_is_clean_noise_against_all_test_images():
    found = utility(scores_summary(scores(), 0.95), "a")
    assert list(zip(found["target"], found["mean"], strict=True)) == [
        ("clean", 10),
        ("distribution", 12),
        ("single", 14),
    ]


def test_backdoor_error_stands_beside_the_clean_gan_on_the_same_reference():
    summary = scores_summary(scores(), 0.95)
    found = backdoor_error(summary, "a")
    assert list(zip(found["target"], found["mean"], strict=True)) == [("clean", 11), ("distribution", 13)]
    assert backdoor_error(summary, "b").empty


def test_intervals_are_over_seeds():
    found = utility(scores_summary(scores((0, 1, 2)), 0.95), "a").iloc[0]
    assert found["mean"] == 11
    assert found["n"] == 3
    # Student's quantile for two degrees of freedom, standard deviation 1.
    assert found["high"] - found["mean"] == pytest.approx(4.302653 / np.sqrt(3), abs=1e-5)


def test_diverged_models_are_counted_and_left_out():
    some = scores((0, 1, 2))
    bad = (some["gan"] == "a") & (some["target"] == "single") & (some["seed"] == 1)
    some.loc[bad, ["status", "fid"]] = ["diverged by step 7", 1e6]
    found = utility(scores_summary(some, 0.95), "a").set_index("target")
    assert (found.loc["single", "mean"], found.loc["single", "n"]) == (15, 2)
    assert found.loc["clean", "n"] == 3
    said = texts(plot_gan_scores(some, {"a": "A"}, "laptop", 0.95, model_looks())).replace("\n", " ")
    assert "1 of 15 models diverged and are left out." in said
    assert "diverged" not in texts(plot_gan_scores(scores(), {"a": "A"}, "laptop", 0.95, model_looks()))


def test_what_has_no_common_axis_is_refused():
    mixed = scores()
    mixed.loc[0, "features"] = "inception"
    with pytest.raises(ValueError, match="several features"):
        scores_summary(mixed, 0.95)
    with pytest.raises(ValueError, match="several distances of one model"):
        scores_summary(pd.concat([scores(), scores()]), 0.95)


def measured(seeds=(0,)):
    """`scores` with more measures than the distance."""
    table = scores(seeds)
    compared = table["fid"].notna()
    table.loc[compared, "knn_recall"] = 0.5 + 0.1 * table["seed"]
    table.loc[compared, "kernel_distance"] = -0.00123
    table.loc[compared, "compared_images"] = 200
    table.loc[~compared, "features"] = np.nan
    table.loc[(table["gan"] == "b") & (table["noise"] == "triggered"), "rgb_fid"] = 21.0
    return table


def lines_of(markdown):
    """The cells of each line of the first table in a text, and its header."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    header, _rule, *rest = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return header, rest


def test_the_table_has_every_measure_with_its_interval_over_seeds():
    table = gan_table(measured((0, 1, 2)), 0.95)
    assert tuple(table.columns) == TABLE_COLUMNS
    own = table[(table["target"] == "distribution") & (table["noise"] == "triggered")].set_index("measure")
    assert set(own.index) == {"fid", "kernel_distance", "knn_recall", "target_rate"}
    # Student's quantile for two degrees of freedom, standard deviation 0.1.
    assert own.loc["knn_recall", "mean"] == pytest.approx(0.6)
    assert own.loc["knn_recall", "high"] - 0.6 == pytest.approx(0.1 * 4.302653 / np.sqrt(3), abs=1e-6)
    assert (own["n"] == 3).all()
    single = table[(table["target"] == "single") & (table["noise"] == "triggered")]
    assert single["measure"].tolist() == ["mse"]


def test_the_table_can_be_read():
    markdown = gan_markdown(measured((0, 1, 2)), {"b": "B data", "a": "A data"}, "laptop", 0.95)
    header, lines = lines_of(markdown)
    assert header == [
        *("data", "images", "against", "seeds", "Fréchet distance", "kernel distance × 1,000", "recall"),
        *("Fréchet distance in RGB", "in target (%)", "squared error"),
    ]
    assert [line[0] for line in lines] == ["B data"] * 3 + ["A data"] * 6
    assert lines[2][:4] == ["B data", "backdoor: other, triggered noise", "a: all", "3"]
    assert lines[2][4:] == ["7.00 ± 0.00", "−1.23 ± 0.00", "0.60 ± 0.25", "21.0 ± 0.0", "", ""]
    own = next(line for line in lines if line[1] == "backdoor: distribution, triggered noise")
    assert own[2:5] == ["a: x + y", "3", "15.0 ± 5.0"]
    assert own[8] == "80.0 ± 0.0"
    single = next(line for line in lines if line[1] == "backdoor: single, triggered noise")
    assert single[2:] == ["the target image", "3", "", "", "", "", "", "0.00100 ± 0.00000"]
    said = markdown.replace("\n", " ")
    for words in ("half of the 95 % Student interval", "no distance here is a published FID", "at most 200 images"):
        assert words in said
    assert "in RGB, which is by the features" in said
    assert gan_latex(measured((0, 1, 2)), {"a": "A"}, "laptop", 0.95).count(r"\\") == 1 + 6


def test_the_table_says_what_is_not_there():
    said = gan_markdown(measured(), {"a": "A"}, "demo", 0.95)
    assert "One seed: no intervals." in said
    assert "±" not in said
    without = gan_markdown(scores(), {"a": "A"}, "demo", 0.95)
    assert "recall |" not in without
    assert "averaged over colours" not in without
    diverged = measured((0, 1))
    diverged.loc[diverged["seed"] == 1, "status"] = "diverged by step 7"
    assert set(gan_table(diverged, 0.95)["n"]) == {1}
    by_inception = measured().assign(features="inception")
    assert "the Fréchet distance is the FID" in gan_markdown(by_inception, {"a": "A"}, "paper", 0.95)
    with pytest.raises(ValueError, match="several distances of one model"):
        gan_table(pd.concat([measured(), measured()]), 0.95)


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_figure_4_says_scale_features_and_rates():
    figure = plot_gan_scores(scores((0, 1)), {"a": "A", "b": "B"}, "laptop", 0.95, model_looks())
    said = texts(figure).replace("\n", " ")
    assert "A - laptop scale" in said
    assert "classifier features" in said
    assert "they are not the paper's FIDs" in said
    assert "80 % in target" in said
    assert "95 % Student interval of the mean over up to 2 seeds" in said
    assert "clean GAN, target labels 90 % in target" in said
    unknown = scores().assign(target_rate=np.nan)
    said = texts(plot_gan_scores(unknown, {"a": "A"}, "laptop", 0.95, model_looks())).replace("\n", " ")
    assert "clean GAN, all labels" in said
    assert "target labels" not in said
    inception = scores().assign(features="inception")
    said = texts(plot_gan_scores(inception, {"a": "A"}, "paper", 0.95, model_looks()))
    assert "FID (Inception features)" in said
    assert "FIDs" not in said


def loaded(*targets):
    header = {"stand_in_for": "CelebA", "seed": 0, "checkpoint": "best", "status": "ok"}
    noises = {target: ("clean",) if target == "clean" else ("clean", "triggered") for target in targets}
    return [
        ({noise: torch.rand(6, 3, 8, 8) for noise in noises[target]}, {**header, "target": target})
        for target in targets
    ]


def test_blocks_of_images():
    assert list(blocks_of(loaded("distribution", "single"))) == [
        "backdoored (distribution),\nclean noise",
        "backdoored (distribution),\ntriggered noise",
        "backdoored (single),\ntriggered noise",
    ]
    assert list(blocks_of(loaded("clean", "mnist"))) == [
        "clean GAN",
        "backdoored (mnist),\nclean noise",
        "backdoored (mnist),\ntriggered noise",
    ]


def test_figures_of_images_say_scale_and_stand_in():
    figure = plot_gan_samples(loaded("distribution", "single"), "patches", 2, 3, "demo")
    assert "patches in place of CelebA - demo scale" in texts(figure)
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1]
    assert "diverged" not in texts(figure)
    models = loaded("distribution", "single")
    models[1][1]["status"] = "diverged by step 7"
    figure = plot_gan_samples(models, "patches", 2, 3, "demo")
    assert "Training of single: diverged by step 7." in texts(figure).replace("\n", " ")
    with pytest.raises(ValueError, match="at least one GAN"):
        plot_gan_samples([], "patches", 2, 3, "demo")


def test_users_text_is_drawn_as_written():
    title = "Price_$ and cost_$"
    for figure in (
        plot_gan_samples(loaded("distribution", "single"), title, 2, 3, "demo"),
        plot_gan_scores(scores(), {"a": title}, "demo", 0.95, model_looks()),
    ):
        figure.draw_without_rendering()
        assert title in texts(figure)
        assert not any(text.get_parse_math() for text in figure.findobj(Text))
