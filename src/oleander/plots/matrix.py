"""Heat maps of every attack against every defense on every dataset, at one poison fraction."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oleander.metrics.summary import SUMMARY, summarize
from oleander.plots import style
from oleander.plots.heat_maps import draw_heat_map
from oleander.plots.lines import count_left_out, describe_trials, select_fraction

CLEAN = "none"
"""Name of the attack in rows without poison."""


def matrix_table(trials: pd.DataFrame, poison_fraction: float, confidence: float) -> pd.DataFrame:
    """Mean test error of every attack under every defense on every dataset, and without poison.

    Args:
        trials: columns `io.columns.TRIALS`, of one scale; one alpha per attack and dataset.
        poison_fraction: of the attacks; trials at other fractions, except 0, are left out.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        Columns `metrics.summary.SUMMARY`, one row per dataset, attack and defense. Rows of the attack `CLEAN` average
        the trials without poison of all attacks. Trials of one generator and run count once, because without poison
        the attacks do not differ.

    Raises:
        ValueError: an attack has several alphas, experiments or training set sizes on a dataset, or the poison fraction
            is zero.
    """
    if poison_fraction <= 0:
        raise ValueError("a matrix of attacks needs a poison fraction above zero")
    clean = select_fraction(trials[trials["status"] == "ok"], 0)
    kept = ["scale", "dataset", "stand_in_for", "poison_fraction", "defense", "train_points", "generator", "run"]
    clean = clean.groupby(kept, dropna=False, as_index=False)["error"].mean()
    clean = clean.assign(status="ok", experiment="", evaluation="", attack=CLEAN, alpha=np.nan, lambda_prime=np.nan)
    # An empty frame has no dtypes and would change those of the other.
    parts = [part for part in (select_fraction(trials, poison_fraction), clean) if (part["status"] == "ok").any()]
    summaries = [summarize(part, ["error"], confidence) for part in parts]
    table = pd.concat(summaries, ignore_index=True) if summaries else pd.DataFrame(columns=SUMMARY)
    if table.duplicated(["dataset", "attack", "defense"]).any():
        raise ValueError(
            "trials of several alphas, experiments or training set sizes of one attack on a dataset; select one first"
        )
    return table


def plot_matrix(
    trials: pd.DataFrame,
    poison_fraction: float,
    dataset_titles: dict[str, str],
    attack_titles: dict[str, str],
    defense_titles: dict[str, str],
    scale: str,
    confidence: float,
) -> Figure:
    """Plot a heat map per dataset: a row per defense, a column per attack and one without poison.

    Args:
        trials: as in `matrix_table`.
        poison_fraction: as in `matrix_table`.
        dataset_titles, attack_titles, defense_titles: name in the trials -> title, in the order shown; other trials
            are left out. A cell without trials has a dash.
        scale: name of the scale.
        confidence: of the intervals, e.g. 0.95.

    Raises:
        ValueError: as in `matrix_table`, or a dataset has trials of real data and of a stand-in.
    """
    trials = trials[
        trials["dataset"].isin(dataset_titles)
        & trials["attack"].isin(attack_titles)
        & trials["defense"].isin(defense_titles)
    ]
    table = matrix_table(trials, poison_fraction, confidence)
    errors = 100 * table["mean"]
    limits = (0, max(errors.max(), 1) if errors.notna().any() else 1)
    columns = {**attack_titles, CLEAN: "no poison"}
    height = len(dataset_titles) * (0.22 * len(defense_titles) + 0.65) + 0.7
    title = f"Test error (%) with {100 * poison_fraction:g} % poison"
    figure = style.new_figure(height, title)
    for (dataset, dataset_title), axes in zip(
        dataset_titles.items(), figure.subplots(len(dataset_titles), 1, squeeze=False).flat, strict=True
    ):
        _draw_dataset(axes, table[table["dataset"] == dataset], defense_titles, columns, limits)
        own = trials[trials["dataset"] == dataset]
        style.panel_title(axes, describe_trials(own, dataset_title, scale))
    shown = trials[np.isclose(trials["poison_fraction"], 0) | np.isclose(trials["poison_fraction"], poison_fraction)]
    note = (
        f"±: half of the {confidence * 100:g} % Student interval of the mean over generators or repetitions, or over "
        "the runs if there is only one. Darker: larger error."
    )
    style.add_note(figure, " ".join(filter(None, (note, count_left_out(shown)))))
    return figure


def _draw_dataset(
    axes: Axes, table: pd.DataFrame, rows: dict[str, str], columns: dict[str, str], limits: tuple[float, float]
) -> None:
    cells = table.set_index(["defense", "attack"])
    grid = [[cells.loc[(row, column)] if (row, column) in cells.index else None for column in columns] for row in rows]
    values = np.array([[np.nan if cell is None else 100 * cell["mean"] for cell in line] for line in grid], dtype=float)
    texts = [["–" if cell is None else _write(cell) for cell in line] for line in grid]
    attacks = [textwrap.fill(title, max(10, 80 // len(columns))) for title in columns.values()]
    draw_heat_map(axes, values, texts, (list(rows.values()), attacks), "Blues", limits)
    axes.axvline(len(columns) - 1, color="white", linewidth=5)


def _write(cell: pd.Series) -> str:
    """A mean and half its interval."""
    if np.isnan(cell["mean"]):
        return "–"
    half = 50 * (cell["high"] - cell["low"])
    return f"{100 * cell['mean']:.1f}" + ("" if np.isnan(half) else f" ±{half:.1f}")
