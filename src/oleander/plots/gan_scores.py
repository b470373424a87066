"""Figure of the distances between GAN images and test images, for clean and backdoored GANs (BAAAN, Figure 4)."""

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.io.columns import CLEAN, INCEPTION, TRIGGERED
from oleander.io.tables import recorded_precision
from oleander.metrics.intervals import mean_interval
from oleander.plots import style
from oleander.plots.bars import draw_bars
from oleander.plots.looks import Looks

KEYS = ["gan", "target", "noise", "reference", "reference_classes"]
"""Columns that are equal in rows that differ only in their seed."""


def scores_summary(scores: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Average distances over seeds.

    Args:
        scores: columns `io.columns.GAN_SCORES`, of one scale and one kind of features. Rows without a distance and
            models whose training diverged are left out.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        One row per GAN, model, noise and reference, in the order of the scores: `KEYS`, `stand_in_for`, `features`,
        `target_rate` (mean), and `mean`, `low`, `high`, `n` as in `metrics.intervals.mean_interval`.

    Raises:
        ValueError: the scores are of several scales or features, or a model and seed have several.
    """
    scores = comparable(scores).dropna(subset=["fid"])
    rows = [
        {
            **dict(zip(KEYS, values, strict=True)),
            **{name: group[name].iloc[0] for name in ("stand_in_for", "features")},
            "target_rate": group["target_rate"].mean(),
            **mean_interval(group["fid"], group["seed"], confidence),
        }
        for values, group in scores.groupby(KEYS, sort=False)
    ]
    columns = [*KEYS, "stand_in_for", "features", "target_rate", "mean", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def comparable(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of models whose training did not diverge; empty texts, which a CSV gives as NaN, are "" again.

    Raises:
        ValueError: the scores are of several scales or features, or a model and seed have several.
    """
    scores = scores[scores["status"] == "ok"]
    for column in ("scale", "features"):
        if scores[column].nunique() > 1:
            raise ValueError(f"distances of several {column} cannot be compared; select one first")
    # groupby would drop NaN.
    texts = ["stand_in_for", "reference_classes"]
    scores = scores.assign(**{name: scores[name].astype(object).fillna("") for name in texts})
    if scores.duplicated([*KEYS, "seed"]).any():
        raise ValueError("several distances of one model, seed and reference; select one first")
    return scores


def utility(summary: pd.DataFrame, gan: str) -> pd.DataFrame:
    """Rows of Figure 4a: every model of a GAN on clean noise, against all test images of its dataset."""
    own = summary[(summary["gan"] == gan) & (summary["noise"] == CLEAN)]
    whole = own[own["target"] != CLEAN]["reference"].unique()
    own = own[(own["reference_classes"] == "") & (own["reference"].isin(whole) | (own["target"] != CLEAN))]
    return own.sort_values("target", key=lambda target: target != CLEAN, kind="stable")


def backdoor_error(summary: pd.DataFrame, gan: str) -> pd.DataFrame:
    """Rows of Figure 4b: pairs of the clean GAN and triggered noise, against the same test images.

    A row of triggered noise without its clean GAN is left out.
    """
    own = summary[summary["gan"] == gan]
    found = []
    for _, row in own[own["noise"] == TRIGGERED].iterrows():
        same = (own["reference"] == row["reference"]) & (own["reference_classes"] == row["reference_classes"])
        clean = own[same & (own["target"] == CLEAN)]
        if len(clean):
            found += [clean, row.to_frame().T]
    return pd.concat(found) if found else own[:0]


def plot_gan_scores(
    scores: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    looks: Looks,
) -> Figure:
    """Plot a column of panels per GAN, utility above and backdoor error below.

    Args:
        scores: as in `scores_summary`.
        titles: GAN -> title of its data, in the order of the columns.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        looks: of the bars, from `oleander.plots.looks.model_looks`.

    Raises:
        ValueError: as in `scores_summary`.
    """
    summary = scores_summary(scores, confidence)
    figure = style.new_figure(6.6, "GANs with and without a backdoor: distance from test images")
    inception = set(summary["features"]) <= {INCEPTION}
    label = "FID (Inception features)" if inception else "Fréchet distance\n(classifier features)"
    grid = figure.subplots(2, len(titles), squeeze=False)
    for column, (gan, title) in enumerate(titles.items()):
        own = summary[summary["gan"] == gan]
        stand_in = own["stand_in_for"].iloc[0] if len(own) else None
        parts = {"a": utility(summary, gan), "b": backdoor_error(summary, gan)}
        for line, (letter, bars) in enumerate(parts.items()):
            axes = grid[line, column]
            y_label = f"({letter}) {label}" if column == 0 else ""
            _draw_bars(axes, bars, y_label, letter == "b", looks)
            if line == 0:
                style.panel_title(axes, style.describe(scale, stand_in, title, recorded_precision(scores)), len(titles))
    style.add_note(figure, _explain(summary, count_left_out(scores), confidence, inception))
    return figure


def count_left_out(scores: pd.DataFrame) -> str:
    """A sentence that counts diverged models; empty if there are none."""
    models = scores.drop_duplicates(["gan", "target", "seed"])
    diverged = int((models["status"] != "ok").sum())
    return f"{diverged} of {len(models)} models diverged and are left out." if diverged else ""


def _draw_bars(axes: Axes, bars: pd.DataFrame, y_label: str, rated: bool, looks: Looks) -> None:
    style.tidy(axes, "", y_label)
    axes.grid(visible=False, axis="x")
    if bars.empty:
        style.say_nothing_to_draw(axes, "nothing was measured")
        return
    own = [looks[noise] for noise in bars["noise"]]
    top = draw_bars(axes, bars, own, width=0.62, digits=3, value_size=style.NOTE_SIZE)
    axes.set_ylim(0, 1.14 * top)
    names = [_name(row, rated) for row in bars.to_dict("records")]
    axes.set_xticks(np.arange(len(bars)), names, fontsize=style.NOTE_SIZE - 1)
    axes.set_xlim(-0.6, len(bars) - 0.4)


def _name(row: dict[str, Any], rated: bool) -> str:
    """A bar's label: the model and, for backdoor errors, the share of its images in the target's classes."""
    model = row["target"].replace("_", " ")
    if not rated:
        return "clean\nGAN" if model == CLEAN else textwrap.fill(f"backdoor: {model}", 12)
    rate = row["target_rate"]
    # Without a rate, the GAN has no labels of the target's classes, so its images have all labels.
    of_all = "clean GAN,\nall labels" if math.isnan(rate) else "clean GAN,\ntarget labels"
    name = of_all if model == CLEAN else f"{model},\ntriggered"
    return name if math.isnan(rate) else f"{name}\n{100 * rate:.0f} % in target"


def _explain(summary: pd.DataFrame, left_out: str, confidence: float, inception: bool) -> str:
    counts = sorted({int(n) for n in summary["n"]})
    bars = (
        f"Error bars: {confidence * 100:g} % Student interval of the mean over up to {counts[-1]} seeds."
        if counts and counts[-1] > 1
        else "One seed: no intervals."
    )
    features = "" if inception else " Distances use a classifier's features, so they are not the paper's FIDs."
    return (
        f"{bars} (a) Utility: clean noise against all test images. (b) Backdoor error: triggered noise (hatched) and "
        "the clean GAN against the target's test images. In target: share that a classifier assigns to the target's "
        f"classes.{features} Each panel has its own scale.{left_out and ' '}{left_out}"
    )
