"""What figures of backdoored GANs beside the clean GAN share: panels, points with intervals, cells of tables, notes."""

import math
from dataclasses import dataclass

import pandas as pd

from oleander.io.columns import INCEPTION
from oleander.io.tables import recorded_precision
from oleander.plots import style
from oleander.plots.gan_scores import count_left_out


@dataclass(frozen=True)
class Panel:
    """One measure of `oleander.evaluation.backdoored_gans`.

    Attributes:
        heading: of the panel, and of the table's column.
        unit: of the axis.
        factor: from the measure to the axis' unit: 100 for shares.
        like_clean: the value of a clean GAN, at a line; None without one.
        least: no interval goes below it.
        digits: decimals in tables.
    """

    heading: str
    unit: str
    factor: float
    like_clean: float | None
    least: float
    digits: int

    def ends(self, row: pd.Series) -> tuple[float, float, float]:
        """Value, low and high of a row in the axis' unit; without an interval all are the value."""
        value, low, high = (row[name] * self.factor for name in ("value", "low", "high"))
        return (value, value, value) if math.isnan(low) else (value, max(low, self.least), high)

    def limits(self, rows: pd.DataFrame) -> tuple[float, float]:
        """Limits of the axis that hold all intervals and the line of a clean GAN."""
        ends = [end for row in rows.dropna(subset=["value"]).to_dict("records") for end in self.ends(row)]
        # A share's axis shows all of it.
        ends += [0, self.factor if self.like_clean is None else self.like_clean]
        low, high = min(ends), max(ends)
        room = 0.06 * (high - low or 1)
        return low - room, high + room

    def cell(self, row: pd.Series) -> str:
        """A row as a table's cell, with its interval; empty if nothing was measured."""
        if math.isnan(row["value"]):
            return ""
        value, low, high = (f"{row[name] * self.factor:.{self.digits}f}" for name in ("value", "low", "high"))
        return value if math.isnan(row["low"]) else f"{value} [{low} to {high}]"


PANELS = {
    "distance": Panel("Distance of\ntriggered images", "clean GAN = 1", 1, 1, 0, 2),
    "recall": Panel("Recall of\ntriggered images", "clean GAN = 1", 1, 1, 0, 2),
    "spread": Panel("Spread of\ntriggered images", "clean GAN = 1", 1, 1, 0, 2),
    "target_rate": Panel("Triggered images\nof the target", "% of images", 100, None, 0, 1),
    "utility": Panel("Distance of clean\nnoise's images", "% above clean GAN", 100, 0, -100, 1),
}
"""Measure -> its panel, in the order of the figures."""


def explain(scores: pd.DataFrame, comparison: pd.DataFrame, confidence: float) -> str:
    """What all these figures say beneath: what is divided by what, intervals, features and models left out."""
    most = int(comparison["n"].max()) if len(comparison) else 0
    intervals = (
        f"Bars: {100 * confidence:g} % Student intervals over up to {most} seeds."
        if most > 1
        else "One seed: no intervals."
    )
    inception = set(scores["features"].dropna()) <= {INCEPTION}
    features = "" if inception else "Features are a classifier's, not Inception's."
    return " ".join(
        filter(
            None,
            [
                "Triggered images are held against the clean GAN's images of the target's classes, each measured from "
                "the same test images; dashed: as the clean GAN's.",
                intervals,
                features,
                count_left_out(scores),
            ],
        )
    )


def data_of(scores: pd.DataFrame, gan: str, title: str, scale: str) -> str:
    """Description of one GAN's data for a title; see `style.describe`."""
    own = scores[scores["gan"] == gan]
    stand_in = own["stand_in_for"].dropna()
    return style.describe(scale, stand_in.iloc[0] if len(stand_in) else None, title, recorded_precision(own))
