"""What poison does to victims and to their defense, against how much of it there is (pGAN, Figure 2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.metrics.summary import summarize
from oleander.plots import style

RATES = {
    "false_positive_rate": "False positive\nrate (%)",
    "false_negative_rate": "False negative\nrate (%)",
    "genuine_rejected": "Genuine points\nrejected (%)",
    "poison_rejected": "Poison points\nrejected (%)",
}
"""What `plot_rates` shows, from top to bottom."""

_FRACTION = "Poison fraction (%)"


def plot_error_curves(trials: pd.DataFrame, titles: dict[str, str], scale: str, confidence: float) -> Figure:
    """Test error against poison fraction: a panel an experiment, a line an alpha.

    Args:
        trials: `evaluation.trials.COLUMNS`; trials whose status is not "ok" are left out.
        titles: experiment -> title of its dataset, in the order of the panels.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.

    Raises:
        ValueError: an experiment with several defenses or attacks, whose lines could not be told apart.
    """
    rows, columns = style.grid_shape(len(titles))
    measures = {"error": "Test error (%)"}
    height = 3.2 * rows + 0.6
    return _plot(trials, titles, scale, confidence, measures, "Test error under poison", (rows, columns), height)


def plot_rates(trials: pd.DataFrame, titles: dict[str, str], scale: str, confidence: float) -> Figure:
    """False positives and negatives, and genuine and poison points rejected: a row each, a column an experiment.

    Takes and raises what `plot_error_curves` does.
    """
    shape, height = (len(RATES), len(titles)), 2.0 * len(RATES) + 0.8
    return _plot(trials, titles, scale, confidence, RATES, "Errors and rejections under poison", shape, height)


def _plot(
    trials: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    measures: dict[str, str],
    title: str,
    shape: tuple[int, int],
    height: float,
) -> Figure:
    """Panels in reading order: every experiment for the first measure, then for the next."""
    trials = trials[trials["experiment"].isin(titles)]
    summary = summarize(trials, list(measures), confidence)
    lines = ["experiment", "alpha", "poison_fraction", "measure"]
    if summary.duplicated(lines).any():
        raise ValueError("an experiment has trials of several attacks, defenses or datasets; select one of them first")
    figure = style.new_figure(height, title)
    styles = style.alpha_styles(summary["alpha"])
    panels = figure.subplots(*shape, squeeze=False).flat
    cut = False
    for measure_at, (measure, label) in enumerate(measures.items()):
        for experiment, dataset_title in titles.items():
            axes = next(panels)
            part = summary[(summary["experiment"] == experiment) & (summary["measure"] == measure)]
            cut |= _draw_panel(axes, part, styles)
            style.tidy(axes, _FRACTION if measure_at == len(measures) - 1 else "", label)
            if measure_at == 0:
                stand_in_for = trials.loc[trials["experiment"] == experiment, "stand_in_for"].dropna().max()
                data = style.describe(scale, stand_in_for if isinstance(stand_in_for, str) else None, dataset_title)
                style.panel_title(axes, data, shape[1])
    for axes in panels:
        axes.set_visible(False)
    style.alpha_legend(figure, styles)
    style.add_note(figure, _explain(trials, confidence, cut))
    return figure


def _draw_panel(axes: Axes, summary: pd.DataFrame, styles: dict[float, dict]) -> bool:
    """Draw one measure of one experiment; True if a bar is cut at the panel's edge."""
    fractions = np.sort(summary["poison_fraction"].unique()) * 100
    summary = summary.dropna(subset=["mean"])
    if summary.empty:
        style.say_nothing_to_draw(axes, "no trial was measured")
        return False
    # Bars at the same fraction would hide each other: lines stand side by side, over a quarter of the smallest gap.
    gap = np.diff(fractions).min() if len(fractions) > 1 else 1.0
    alphas = sorted(summary["alpha"].unique())
    for alpha, shift in zip(alphas, np.linspace(-gap / 8, gap / 8, len(alphas) + 2)[1:-1], strict=True):
        line = summary[summary["alpha"] == alpha].sort_values("poison_fraction")
        mean, low, high = (line[name].to_numpy() * 100 for name in ("mean", "low", "high"))
        axes.errorbar(
            line["poison_fraction"].to_numpy() * 100 + shift,
            mean,
            yerr=[mean - low, high - mean],
            label=style.alpha_label(alpha),
            capsize=2,
            elinewidth=0.9,
            **styles[alpha],
        )
    # With two generators a Student interval is many times as wide as their difference: it must not flatten the means.
    largest = summary["mean"].max() * 100
    widest = max(np.nanmax([*summary["high"] * 100, largest]), largest)
    top = max(min(widest, 2 * largest, 100), 1) * 1.05
    axes.set_ylim(-0.03 * top, top)
    axes.set_xlim(fractions[0] - gap / 4, fractions[-1] + gap / 4)
    if len(fractions) <= 6:
        axes.set_xticks(fractions, [f"{fraction:g}" for fraction in fractions])
    return bool((summary["low"] * 100 < -0.03 * top).any() or widest > top)


def _explain(trials: pd.DataFrame, confidence: float, cut: bool) -> str:
    """What the error bars are, and what was left out."""
    fine = trials["status"] == "ok"
    generators = trials[fine].groupby(["experiment", "alpha"])["generator"].nunique()
    fewest, most = (int(generators.min()), int(generators.max())) if len(generators) else (0, 0)
    if most <= 1:
        over = "the runs of one generator"
    elif fewest == 1:
        over = f"generators (up to {most}), or over runs where there is one generator"
    else:
        over = f"{most} generators" if fewest == most else f"{fewest} to {most} generators"
    note = f"Bars: {confidence * 100:g} % Student interval of the mean over {over}"
    note += ", cut at a panel's edge." if cut else "."
    if not fine.all():
        note += f" {int((~fine).sum())} of {len(trials)} trials diverged and are left out."
    return note
