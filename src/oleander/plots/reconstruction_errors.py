"""Figure of the errors of clean and backdoored autoencoders (BAAAN, Figure 1)."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from oleander.io.columns import CLEAN, TRIGGERED
from oleander.io.tables import recorded_precision
from oleander.metrics.intervals import mean_interval
from oleander.plots import style
from oleander.plots.bars import draw_bars
from oleander.plots.looks import Looks

_LABELS = {
    CLEAN: "utility: decoded against clean images",
    TRIGGERED: "backdoor error: decoded triggered images against the target",
}


def errors_summary(errors: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Average the errors of each model over its seeds.

    Args:
        errors: columns `io.columns.RECONSTRUCTION_ERRORS`, of one scale.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        One row per autoencoder, model and kind of images, in the order of a panel's bars: the clean model, the
        backdoored models on clean images, then on triggered images. Columns `autoencoder`, `stand_in_for`, `model`,
        `images`, and `mean`, `low`, `high`, `n` as in `metrics.intervals.mean_interval`.

    Raises:
        ValueError: the errors are of several scales, or a model, seed and kind of images has several.
    """
    keys = ["autoencoder", "model", "images"]
    if errors["scale"].nunique() > 1:
        raise ValueError("errors of several scales cannot share a mean; select one first")
    if errors.duplicated([*keys, "seed"]).any():
        raise ValueError("several errors of one model, seed and kind of images; select one first")
    # The empty string of real data is read as NaN from a CSV.
    errors = errors.assign(stand_in_for=errors["stand_in_for"].astype(object).fillna(""))
    rows = [
        {
            **dict(zip(keys, values, strict=True)),
            "stand_in_for": group["stand_in_for"].iloc[0],
            **mean_interval(group["mse"], group["seed"], confidence),
        }
        for values, group in errors.groupby(keys, sort=False)
    ]
    rows.sort(key=lambda row: (row["model"] != CLEAN, row["images"] != CLEAN))
    return pd.DataFrame(rows, columns=["autoencoder", "stand_in_for", "model", "images", "mean", "low", "high", "n"])


def plot_reconstruction_errors(
    errors: pd.DataFrame,
    titles: dict[str, str],
    scale: str,
    confidence: float,
    looks: Looks,
) -> Figure:
    """Plot a panel per dataset: bars of the clean model, and of the backdoored models on clean and triggered images.

    Args:
        errors: as in `errors_summary`.
        titles: autoencoder -> title of its data, in the order of the panels.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        looks: of the bars, from `oleander.plots.looks.model_looks`.

    Raises:
        ValueError: as in `errors_summary`.
    """
    summary = errors_summary(errors, confidence)
    rows, columns = style.grid_shape(len(titles))
    figure = style.new_figure(3.4 * rows + 0.5, "Autoencoders with and without a backdoor")
    axes_of = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (name, title) in zip(axes_of, titles.items(), strict=False):
        own = summary[summary["autoencoder"] == name]
        stand_in = own["stand_in_for"].iloc[0] if len(own) else None
        _draw_bars(axes, own, "Mean squared error" if axes.get_subplotspec().is_first_col() else "", looks)
        style.panel_title(axes, style.describe(scale, stand_in, title, recorded_precision(errors)), columns)
    for axes in list(axes_of):
        axes.set_visible(False)
    handles = [Patch(label=label, **looks[kind]) for kind, label in _LABELS.items()]
    legend = style.outside_legend(figure, handles, len(handles))
    legend.set_title(_explain(summary, confidence), prop={"size": style.NOTE_SIZE})
    legend.get_title().set(color=style.GREY)
    return figure


def _draw_bars(axes: Axes, summary: pd.DataFrame, y_label: str, looks: Looks) -> None:
    style.tidy(axes, "", y_label)
    axes.grid(visible=False, axis="x")
    if summary.empty:
        style.say_nothing_to_draw(axes, "no model was measured")
        return
    own = [looks[images] for images in summary["images"]]
    top = draw_bars(axes, summary, own, width=0.72, digits=2, value_size=style.NOTE_SIZE - 1)
    axes.set_ylim(0, 1.12 * top)
    axes.set_xticks(range(len(summary)), [_name(model) for model in summary["model"]])
    axes.yaxis.set_major_formatter("{x:g}")


def _name(model: str) -> str:
    """A bar's label, wrapped to fit a fifth of a panel."""
    return "clean\nmodel" if model == CLEAN else "\n".join(textwrap.wrap(model.replace("_", " "), 9))


def _explain(summary: pd.DataFrame, confidence: float) -> str:
    counts = sorted({int(n) for n in summary["n"]})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else "".join(map(str, counts))
    bars = (
        f"Error bars: {confidence * 100:g} % Student interval of the mean over {seeds} seeds"
        if counts and counts[-1] > 1
        else "One seed: no intervals"
    )
    return f"{bars}. Labels of backdoored models name their target. Each panel has its own scale."
