"""Figure and table of backdoored GANs trained with each combination of what the BAAAN paper leaves open."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.plots import style
from oleander.plots.backdoored_gans import PANELS, Panel, explain
from oleander.plots.looks import BLUE, GREY
from oleander.plots.tables import Grid, latex_float, markdown_section, markdown_table

Choice = tuple[str, str, str]
"""Whether D_bd is conditional, the labels of triggered noise, and the model that is trained so."""

DEFAULT, OTHER = "the default", "another choice"


def plot_gan_choices(
    comparison: pd.DataFrame,
    scores: pd.DataFrame,
    titles: dict[str, str],
    models: dict[str, list[Choice]],
    default: str,
    confidence: float,
) -> Figure:
    """Plot a row of panels per GAN, a panel per measure, and a line of each panel per combination of choices.

    Args:
        comparison: from `oleander.evaluation.backdoored_gans.compare_with_clean`.
        scores: what it was made of.
        titles: GAN -> description of its data, in the order of the rows.
        models: GAN -> its combinations of choices.
        default: name of the model with the configuration's own choices.
        confidence: of the intervals, e.g. 0.95.
    """
    figure = style.new_figure(2.5 * len(titles) + 1.1, "Backdoored GANs: what the paper leaves open")
    parts = figure.subfigures(len(titles), 1, squeeze=False).flat
    for part, (gan, title) in zip(parts, titles.items(), strict=True):
        part.suptitle(title, fontsize=style.PANEL_SIZE)
        panels = part.subplots(1, len(PANELS), sharey=True)
        own = comparison[comparison["gan"] == gan]
        for at, (axes, (measure, panel)) in enumerate(zip(panels, PANELS.items(), strict=True)):
            _draw(axes, panel, own[own["measure"] == measure].set_index("model"), models[gan], default)
            if at == 0:
                axes.set_yticks(range(len(models[gan])), [_name(one) for one in models[gan]], fontsize=style.NOTE_SIZE)
    looks = [_look(True, DEFAULT), _look(False, OTHER)]
    style.line_legend(figure, looks, explain(scores, comparison, confidence))
    return figure


def _name(choice: Choice) -> str:
    discriminator, labels, _model = choice
    return f"D_bd {discriminator},\n{labels} labels"


def _look(default: bool, label: str = "") -> dict[str, object]:
    face = BLUE if default else "white"
    return {"label": label, "color": BLUE, "marker": "o", "linestyle": "-", "markerfacecolor": face}


def _draw(axes: Axes, panel: Panel, rows: pd.DataFrame, choices: list[Choice], default: str) -> None:
    style.tidy(axes, panel.unit, "")
    axes.set_title(panel.heading, fontsize=style.LABEL_SIZE)
    axes.xaxis.label.set_fontsize(style.NOTE_SIZE)
    if panel.like_clean is not None:
        axes.axvline(panel.like_clean, color=GREY, linewidth=1, linestyle="--")
    for height, (_discriminator, _labels, model) in enumerate(choices):
        if model not in rows.index or pd.isna(rows.loc[model, "value"]):
            continue
        value, low, high = panel.ends(rows.loc[model])
        look = _look(model == default)
        axes.plot([low, high], [height, height], color=BLUE, linewidth=1.4)
        axes.plot(value, height, markersize=5, **look)
    axes.set_xlim(*panel.limits(rows))
    axes.set_ylim(len(choices) - 0.5, -0.5)


def gan_choices_markdown(
    comparison: pd.DataFrame,
    titles: dict[str, str],
    models: dict[str, list[Choice]],
    default: str,
    confidence: float,
) -> str:
    """The comparison as Markdown, a section per GAN and a row per combination; arguments as for `plot_gan_choices`."""
    parts = [
        markdown_section(title, markdown_table(_grid(comparison, models[gan], gan, default)))
        for gan, title in titles.items()
    ]
    return "\n".join([*parts, f"{_note(confidence)}\n"])


def gan_choices_latex(
    comparison: pd.DataFrame,
    titles: dict[str, str],
    models: dict[str, list[Choice]],
    default: str,
    confidence: float,
) -> str:
    """The tables of `gan_choices_markdown` in LaTeX."""
    return "\n".join(
        latex_float(title, _grid(comparison, models[gan], gan, default), _note(confidence))
        for gan, title in titles.items()
    )


def _grid(comparison: pd.DataFrame, choices: list[Choice], gan: str, default: str) -> Grid:
    cells = {
        (row["model"], row["measure"]): PANELS[row["measure"]].cell(row)
        for row in comparison[comparison["gan"] == gan].to_dict("records")
    }
    header = ["D_bd", "labels", *(f"{one.heading} ({one.unit})".replace("\n", " ") for one in PANELS.values())]
    rows = [
        [
            f"{discriminator} (default)" if model == default else discriminator,
            labels,
            *(cells.get((model, measure), "") for measure in PANELS),
        ]
        for discriminator, labels, model in choices
    ]
    return Grid(header, rows, "ll" + "r" * len(PANELS))


def _note(confidence: float) -> str:
    return (
        f"In brackets {100 * confidence:g} % intervals over seeds. Triggered images are held against the clean GAN's "
        "images of the target's classes. D_bd: whether it judges images by their labels, too; labels: those drawn with "
        "triggered noise."
    )
