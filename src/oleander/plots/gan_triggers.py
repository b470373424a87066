"""Figure and table of backdoored GANs by the value of their trigger, and of how well each value hides (not in the BAAAN
paper)."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from oleander.evaluation.backdoored_gans import TESTS
from oleander.plots import style
from oleander.plots.backdoored_gans import PANELS, Panel, explain
from oleander.plots.looks import BLUE, GREY, RED, Look
from oleander.plots.tables import Grid, latex_float, markdown_section, markdown_table

_LOOKS: dict[str, Look] = {
    "norm_test": {"label": "by the vector's norm", "color": BLUE, "marker": "o", "linestyle": "-"},
    "entry_test": {"label": "by its largest entry", "color": RED, "marker": "s", "linestyle": "--"},
}

FLOOR = -30
"""Decimal logarithm of the rate below which the figure draws all alike."""

Models = list[tuple[float, str]]
"""Value of the trigger, and the model that is trained with it, in the order of the axis."""


def plot_gan_triggers(
    comparison: pd.DataFrame,
    scores: pd.DataFrame,
    data: str,
    models: Models,
    caught: float,
    confidence: float,
) -> Figure:
    """Plot every measure against the trigger's value, and how often a defender's test calls clean noise triggered.

    Args:
        comparison: of one GAN, from `compare_with_clean` and `detect` of `oleander.evaluation.backdoored_gans`.
        scores: what it was made of.
        data: description of the GAN's data.
        models: what is compared.
        caught: fraction of triggered vectors that a defender catches, as in `detect`.
        confidence: of the intervals, e.g. 0.95.
    """
    figure = style.new_figure(5.6, f"Backdoored GANs by the value of their trigger: {data}")
    places = figure.subplots(2, 3)
    for at, (axes, (measure, panel)) in enumerate(zip(places.flat, PANELS.items(), strict=False)):
        rows = comparison[comparison["measure"] == measure].set_index("model")
        _draw(axes, panel, rows, [model for _value, model in models])
        _name_values(axes, [value for value, _model in models], at >= 3)
    last = places.flat[len(PANELS)]
    _draw_detection(last, comparison, models)
    _name_values(last, [value for value, _model in models], True)
    note = (
        f"{explain(scores, comparison, confidence)} Last panel: share of clean vectors that a defender takes for "
        f"triggered ones if {100 * caught:g} % of these are caught; at the bottom {10**FLOOR:g} or less."
    )
    style.line_legend(figure, _LOOKS.values(), note)
    return figure


def _name_values(axes: Axes, values: list[float], named: bool) -> None:
    axes.set_xticks(range(len(values)), [f"{value:g}".replace("-", "−") for value in values])
    axes.set_xlim(-0.4, len(values) - 0.6)
    axes.grid(visible=False, axis="x")
    if named:
        axes.set_xlabel("value of the trigger", fontsize=style.LABEL_SIZE)


def _draw(axes: Axes, panel: Panel, rows: pd.DataFrame, models: list[str]) -> None:
    style.tidy(axes, "", panel.unit)
    axes.set_title(panel.heading.replace("\n", " "), fontsize=style.LABEL_SIZE)
    if panel.like_clean is not None:
        axes.axhline(panel.like_clean, color=GREY, linewidth=1, linestyle="--")
    measured = [
        (at, *panel.ends(rows.loc[model]))
        for at, model in enumerate(models)
        if model in rows.index and not math.isnan(rows.loc[model, "value"])
    ]
    if not measured:
        style.say_nothing_to_draw(axes, "nothing was measured")
        return
    for at, _value, low, high in measured:
        axes.plot([at, at], [low, high], color=BLUE, linewidth=1.4)
    places, values, _low, _high = zip(*measured, strict=True)
    axes.plot(places, values, color=BLUE, marker="o", markersize=5, linewidth=0.8, linestyle=":")
    axes.set_ylim(*panel.limits(rows.loc[[model for model in models if model in rows.index]]))


def _draw_detection(axes: Axes, comparison: pd.DataFrame, models: Models) -> None:
    style.tidy(axes, "", "false-positive rate")
    axes.set_title("What a defender sees", fontsize=style.LABEL_SIZE)
    for name, look in _LOOKS.items():
        powers = comparison[comparison["measure"] == name].set_index("model")["value"].clip(lower=FLOOR)
        axes.plot(range(len(models)), [powers[model] for _value, model in models], **style.line_style(look))
    axes.set_ylim(1.06 * FLOOR, -0.06 * FLOOR)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda power, _place: "1" if power == 0 else f"1e{power:g}"))


def gan_triggers_markdown(comparison: pd.DataFrame, data: str, models: Models, caught: float, confidence: float) -> str:
    """The comparison as Markdown, a row per value; arguments are those of `plot_gan_triggers`."""
    return markdown_section(data, markdown_table(_grid(comparison, models))) + f"\n{_note(caught, confidence)}\n"


def gan_triggers_latex(comparison: pd.DataFrame, data: str, models: Models, caught: float, confidence: float) -> str:
    """The table of `gan_triggers_markdown` in LaTeX."""
    return latex_float(data, _grid(comparison, models), _note(caught, confidence))


def _grid(comparison: pd.DataFrame, models: Models) -> Grid:
    cells = {
        (row["model"], row["measure"]): _rate(row["value"])
        if row["measure"] in TESTS
        else PANELS[row["measure"]].cell(row)
        for row in comparison.to_dict("records")
    }
    header = ["trigger", *(f"{one.heading} ({one.unit})".replace("\n", " ") for one in PANELS.values())]
    header += [f"false-positive rate {look['label']}" for look in _LOOKS.values()]
    measures = [*PANELS, *_LOOKS]
    rows = [[f"{value:g}", *(cells.get((model, one), "") for one in measures)] for value, model in models]
    return Grid(header, rows, "r" * len(header))


def _rate(power: float) -> str:
    """A rate from its decimal logarithm, such as 0.29 or, where no float holds it, 1e-2048."""
    return f"{10**power:.2g}" if power > -300 else f"1e{power:.0f}"


def _note(caught: float, confidence: float) -> str:
    return (
        f"In brackets {100 * confidence:g} % intervals over seeds. Triggered images are held against the clean GAN's "
        "images of the target's classes. False-positive rates: share of clean latent vectors that a defender's test "
        f"takes for triggered ones if {100 * caught:g} % of these are caught."
    )
