"""Table of the distances between poison and genuine points in the plane, behind pGAN's Figure 1."""

import math

import numpy as np
import pandas as pd

from oleander.io.columns import GENUINE, POISON
from oleander.metrics.intervals import mean_interval
from oleander.metrics.representative import median_generator
from oleander.plots.looks import alpha_label
from oleander.plots.style import name_data
from oleander.plots.tables import Grid, latex_float, markdown_section, markdown_table

COLUMNS = ("points", "alpha", "generator", "count", "energy_distance", "drawn")
"""Columns of the CSV: `drawn` says whether the figure shows the generator; empty for genuine points."""


def drawn_generators(distances: pd.DataFrame) -> dict[float, int]:
    """alpha -> the generator with the median distance, ascending.

    Args:
        distances: columns `io.columns.DISTANCES`.
    """
    poison = distances[distances["points"] == POISON]
    return {
        float(alpha): median_generator(own["energy_distance"], own["generator"])
        for alpha, own in poison.groupby("alpha", sort=True)
    }


def distance_table(distances: pd.DataFrame) -> pd.DataFrame:
    """All distances with the column `drawn`: columns `COLUMNS`."""
    drawn = drawn_generators(distances)
    shown = [drawn[row.alpha] == row.generator if row.points == POISON else None for row in distances.itertuples()]
    return distances.assign(drawn=pd.Series(shown, distances.index, dtype="boolean"))[list(COLUMNS)]


def genuine_limit(distances: pd.DataFrame, confidence: float) -> float:
    """The distance that the share `confidence` of pairs of genuine samples do not exceed."""
    return float(np.quantile(distances.loc[distances["points"] == GENUINE, "energy_distance"], confidence))


def verdict(distances: pd.DataFrame, confidence: float) -> str:
    """Sentences on whether pGAN at alpha 1 is the standard GAN that the paper describes; empty without alpha 1.

    The paper: "the distribution of red points matches the distribution of the green ones" (section 4.1).
    """
    own = distances[(distances["points"] == POISON) & np.isclose(distances["alpha"], 1)]
    if own.empty:
        return ""
    genuine = distances.loc[distances["points"] == GENUINE, "energy_distance"]
    limit, share = genuine_limit(distances, confidence), f"{100 * confidence:g} %"
    values = own["energy_distance"]
    near = int((values <= limit).sum())
    # Takes a second to import and is needed only here.
    from scipy import stats

    chance = float(stats.binomtest(near, len(own), confidence, alternative="less").pvalue)
    median = float(values[own["generator"] == median_generator(values, own["generator"])].iloc[0])
    larger = int((genuine >= median).sum())
    told = (
        f"At α = 1 the points of {near} of {len(own)} generators are no farther from genuine points than {share} of "
        f"pairs of genuine samples are from each other ({_number(limit)}). If all matched genuine points, about "
        f"{confidence * len(own):.3g} would be (one-sided binomial test: p = {chance:.2g}). The median generator's "
        f"distance is {_number(median)}; {larger} of {len(genuine)} pairs of genuine samples are at least as far apart."
    )
    if median > limit:
        return f"{told} So the poison does not match genuine points, where the paper says that it does."
    rest = ", but not every generator does" if chance < 1 - confidence else ""
    return (
        f"{told} So the median generator's poison matches genuine points as far as this distance tells, as the paper "
        f"says of a standard GAN{rest}."
    )


def distance_markdown(
    distances: pd.DataFrame, title: str, stand_in_for: str | None, scale: str, confidence: float
) -> str:
    """Markdown with the verdict, a summary per alpha and every generator's distance.

    Args:
        distances: columns `io.columns.DISTANCES`, of one experiment.
        title: of the dataset.
        stand_in_for: the dataset that it takes the place of.
        scale: name of the scale.
        confidence: of the intervals, and the share of pairs of genuine samples that the limit holds, e.g. 0.95.
    """
    summary, every = _grids(distances, confidence)
    parts = [
        markdown_section(_heading(title, stand_in_for, scale), markdown_table(summary)),
        f"{verdict(distances, confidence)}\n",
        f"{_note(distances, confidence)}\n",
        markdown_section("Every generator", markdown_table(every)),
    ]
    return "\n".join(parts)


def distance_latex(distances: pd.DataFrame, title: str, stand_in_for: str | None, scale: str, confidence: float) -> str:
    """The tables of `distance_markdown` in LaTeX."""
    summary, every = _grids(distances, confidence)
    heading = _heading(title, stand_in_for, scale)
    note = " ".join(filter(None, (verdict(distances, confidence), _note(distances, confidence))))
    return "\n".join([latex_float(heading, summary, note), latex_float(f"{heading}, every generator", every)])


def _heading(title: str, stand_in_for: str | None, scale: str) -> str:
    return f"Energy distance of poison from genuine points: {name_data(stand_in_for, title)} - {scale} scale"


def _note(distances: pd.DataFrame, confidence: float) -> str:
    count = int(distances["count"].iloc[0])
    pairs = int((distances["points"] == GENUINE).sum())
    share = f"{100 * confidence:g} %"
    return (
        f"{count} points against {count} genuine test points of the target class. Brackets: {share} Student interval "
        f"of the mean over generators. Genuine: {pairs} pairs of samples of that size, without an interval, since they "
        f"share points. As near as genuine: no farther than {share} of these pairs."
    )


def _grids(distances: pd.DataFrame, confidence: float) -> tuple[Grid, Grid]:
    """The summary per alpha, and every generator's distance, a column an alpha."""
    limit, drawn = genuine_limit(distances, confidence), drawn_generators(distances)
    poison = distances[distances["points"] == POISON]
    genuine = distances.loc[distances["points"] == GENUINE, "energy_distance"]
    rows = []
    for alpha, own in poison.groupby("alpha", sort=True):
        values = own["energy_distance"]
        found = mean_interval(values, own["generator"], confidence)
        interval = "" if math.isnan(found["low"]) else f" [{_number(found['low'])}–{_number(found['high'])}]"
        near = f"{int((values <= limit).sum())} of {len(own)}"
        rows.append([alpha_label(alpha), f"{_number(found['mean'])}{interval}", *_spread(values), near])
    within = f"{int((genuine <= limit).sum())} of {len(genuine)}"
    rows.append(["genuine", _number(genuine.mean()), *_spread(genuine), within])
    header = ["points", "mean", "lowest", "median", "highest", "as near as genuine"]
    summary = Grid(header, rows, "lrrrrr")
    cells = poison.assign(
        cell=[
            f"{_number(row.energy_distance)}{' (drawn)' if drawn[row.alpha] == row.generator else ''}"
            for row in poison.itertuples()
        ]
    ).pivot(index="generator", columns="alpha", values="cell")
    lines = [[str(generator), *row] for generator, row in cells.fillna("").iterrows()]
    header = ["generator", *map(alpha_label, cells.columns)]
    return summary, Grid(header, lines, "r" * len(header))


def _spread(values: pd.Series) -> list[str]:
    return [_number(value) for value in (values.min(), values.median(), values.max())]


def _number(value: float) -> str:
    """Three decimals of a distance below ten, else one."""
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
