"""The common style of all figures: sizes, legends, titles and files."""

import io
import math
import os
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from PIL import Image

from oleander.io.files import atomic_path
from oleander.plots.looks import GREY, Look

WIDTH = 8.5
"""Inches; a README shows it at about 100 pixels per inch."""
TITLE_SIZE, PANEL_SIZE, LABEL_SIZE, NOTE_SIZE = 11, 9.5, 9, 8
"""Font sizes in points: figure titles, panel titles, axis labels and legends, tick labels and notes."""

RESOLUTIONS = (180, 150, 120, 90, 60)
"""Candidate dots per inch of a PNG; the first that keeps it below `PNG_BYTES` is used."""
PNG_BYTES = 1_000_000
"""Limit for PNGs, because Snakemake's report embeds every image."""

# Draw users' text as written; matplotlib would parse text between two $ signs as mathematics, or fail.
matplotlib.rcParams["text.parse_math"] = False


def save_figure(figure: Figure, png: str | os.PathLike[str], pdf: str | os.PathLike[str]) -> None:
    """Write a figure as PNG and PDF, atomically; the same figure gives the same bytes.

    Raises:
        OleanderError: a file cannot be written.
    """
    # Type 42 keeps the PDF's text selectable. Without dates and versions the bytes depend only on the figure.
    with matplotlib.rc_context({"pdf.fonttype": 42}), atomic_path(pdf) as temporary:
        figure.savefig(temporary, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    for resolution in RESOLUTIONS:
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=resolution)
        packed = _pack(picture)
        if len(packed) < PNG_BYTES:
            break
    with atomic_path(png) as temporary:
        temporary.write_bytes(packed)


def _pack(picture: io.BytesIO) -> bytes:
    """Pack a PNG without transparency and, if it is grey, without colour channels."""
    image = Image.open(picture).convert("RGB")
    red, green, blue = image.split()
    if red == green == blue:
        image = red
    packed = io.BytesIO()
    image.save(packed, format="png", optimize=True)
    return packed.getvalue()


def number_word(number: int) -> str:
    """A number in a sentence: "ten", but "11"."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)


def name_data(stand_in_for: str | None, dataset_title: str) -> str:
    """Name of the data, e.g. "MNIST" or "embedded digits in place of MNIST"."""
    return f"{dataset_title} in place of {stand_in_for}" if stand_in_for else dataset_title


def not_shown(titles: Sequence[str]) -> str:
    """The end of a note: which data's images, or copies of them, a figure leaves out; empty for none."""
    if not titles:
        return ""
    return f" Not shown: images of {' and '.join(titles)}, or copies of them, which may not be published."


def describe(scale: str, stand_in_for: str | None, dataset_title: str, precision: str = "float32") -> str:
    """Data, scale and precision for a title, e.g. "MNIST - laptop scale, bfloat16"; float32 is not mentioned."""
    trained = "" if precision in ("", "float32") else f", {precision}"
    return f"{name_data(stand_in_for, dataset_title)} - {scale} scale{trained}"


def line_style(look: Look) -> dict[str, Any]:
    """Matplotlib's line properties for a look from `oleander.plots.looks`."""
    return {**look, "markersize": 4.5, "linewidth": 1.4}


def line_legend(figure: FigureBase, looks: Iterable[Look], note: str = "") -> Legend:
    """Add a legend of lines to the right of the panels or, with a note above it, below them."""
    handles: list[Artist] = [Line2D([], [], **line_style(look)) for look in looks]
    if not note:
        return outside_legend(figure, handles)
    columns = legend_columns([len(handle.get_label()) for handle in handles])
    # Matplotlib fills columns first; reorder the entries to read along rows.
    ordered = [handles[at] for column in range(columns) for at in range(column, len(handles), columns)]
    legend = outside_legend(figure, ordered, columns)
    legend.set_title(_wrap_note(note), prop={"size": NOTE_SIZE})
    legend.get_title().set(color=GREY, multialignment="center")
    return legend


def legend_columns(lengths: list[int]) -> int:
    """Columns of a legend below the panels whose entries, read along rows, have labels of these lengths."""
    for columns in range(len(lengths), 1, -1):
        balanced = math.ceil(len(lengths) / math.ceil(len(lengths) / columns))
        # About 105 characters fit into a row; a line and its gap take eight.
        if sum(8 + max(lengths[at::balanced]) for at in range(balanced)) <= 105:
            return balanced
    return 1


def break_label(label: str) -> str:
    """Wrap a label to fit a `panel_legend` under a third of the figure."""
    return textwrap.fill(label, 24)


def panel_legend(axes: Axes, looks: Iterable[Look]) -> Legend:
    """Add a legend of a panel's lines below its x axis; long labels are wrapped."""
    return axes.legend(
        # A legend wider than a third of the figure would take room from the neighbouring panels.
        handles=[Line2D([], [], **{**line_style(look), "label": break_label(look["label"])}) for look in looks],
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        # In units of the font size; leaves room for ticks and axis label.
        borderaxespad=4,
        fontsize=LABEL_SIZE,
        frameon=False,
        handlelength=2.8,
    )


def outside_legend(figure: FigureBase, handles: list[Artist], columns: int | None = None) -> Legend:
    """Add a legend to the right of the panels or, if `columns` is given, below; the layout makes room for it."""
    return figure.legend(
        handles=handles,
        loc="outside lower center" if columns else "outside center right",
        ncols=columns or 1,
        fontsize=LABEL_SIZE,
        frameon=False,
        handlelength=2.8 if columns else 3.2,
        columnspacing=1.4,
    )


def grid_shape(panels: int) -> tuple[int, int]:
    """Rows and columns for a number of panels: one row up to three, two by two for four, else three columns."""
    columns = 2 if panels == 4 else max(1, min(panels, 3))
    return max(1, math.ceil(panels / columns)), columns


def new_figure(height: float, title: str) -> Figure:
    """A figure of README width with constrained layout, outside of pyplot's global state."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.06)
    figure.suptitle("\n".join(textwrap.wrap(title, 90)), fontsize=TITLE_SIZE)
    return figure


def add_note(figure: Figure, note: str) -> None:
    """Add a small note under the panels."""
    figure.supxlabel(_wrap_note(note), fontsize=NOTE_SIZE, color=GREY)


def _wrap_note(note: str) -> str:
    return "\n".join(textwrap.wrap(note, 115))


def panel_title(axes: Axes, title: str, columns: int = 1) -> None:
    """Set a panel's title, wrapped to fit one of `columns` panels across the figure, if possible before the scale."""
    width = int(90 / columns)
    if len(title) > width and " - " in title:
        title = "\n".join(title.rsplit(" - ", 1))
    lines = [part for line in title.split("\n") for part in textwrap.wrap(line, width)]
    axes.set_title("\n".join(lines), fontsize=PANEL_SIZE)


def tidy(axes: Axes, x_label: str, y_label: str) -> None:
    """Set axis labels, draw a pale grid behind the data, and hide the top and right spines."""
    axes.set_xlabel(x_label, fontsize=LABEL_SIZE)
    axes.set_ylabel(y_label, fontsize=LABEL_SIZE)
    axes.tick_params(labelsize=NOTE_SIZE)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def say_nothing_to_draw(axes: Axes, why: str) -> None:
    """Write into an empty panel why it is empty."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", fontsize=LABEL_SIZE, color=GREY)
