"""Table of all measures of GANs' images, with intervals over seeds, behind BAAAN's Figure 4."""

import math
from typing import Any

import pandas as pd

from oleander.io.columns import CLEAN, DISTANCES_OF_SETS, INCEPTION, TRIGGERED
from oleander.io.tables import recorded_precision
from oleander.metrics.intervals import mean_interval
from oleander.plots.gan_scores import KEYS, comparable
from oleander.plots.style import describe
from oleander.plots.tables import Grid, latex_float, markdown_section, markdown_table

MEASURES = (*DISTANCES_OF_SETS, "rgb_fid", "target_rate", "mse")
"""Measures, in the order of the columns."""
COLUMNS = (*KEYS, "stand_in_for", "features", "measure", "mean", "low", "high", "n")
"""Columns of the CSV."""
_TITLES = {
    "fid": "Fréchet distance",
    "kernel_distance": "kernel distance × 1,000",
    "knn_precision": "precision",
    "knn_recall": "recall",
    "spread": "spread",
    "rgb_fid": "Fréchet distance in RGB",
    "target_rate": "in target (%)",
    "mse": "squared error",
}
_FACTORS = {"kernel_distance": 1000, "target_rate": 100}
"""Of the shown numbers; others are shown as they are."""
_NOTE = (
    "Precision: share of the images that look like a genuine one; recall: share of the genuine images that the GAN's "
    "come near to, which a lack of variety lowers (Kynkäänniemi et al. 2019, third neighbours). Spread: mean distance "
    "of two of its images, that of two genuine ones being 1. Kernel distance: unbiased, so 0 is expected of equal "
    "distributions. In target: share that a classifier assigns to the target's classes. Squared error: against a "
    "single target image, for which the other measures make no sense."
)
_IN_RGB = (
    "The measures of images of a dataset that is grey are of their average over colours, but for the distance in RGB, "
    "which is by the features of the coloured GAN's own dataset."
)


def gan_table(scores: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Average every measure over seeds.

    Args:
        scores: as in `gan_scores.scores_summary`; models whose training diverged are left out.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        Columns `COLUMNS`, one row per GAN, model, noise, reference and measure that it has; `mean`, `low`, `high` and
        `n` are as in `metrics.intervals.mean_interval`.

    Raises:
        ValueError: as in `gan_scores.scores_summary`.
    """
    rows = []
    for values, group in comparable(scores).groupby(KEYS, sort=False):
        known = dict(zip(KEYS, values, strict=True)) | {
            name: group[name].iloc[0] for name in ("stand_in_for", "features")
        }
        for measure in MEASURES:
            measured = group.dropna(subset=[measure])
            if len(measured):
                interval = mean_interval(measured[measure], measured["seed"], confidence)
                rows.append({**known, "measure": measure, **interval})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def gan_markdown(scores: pd.DataFrame, titles: dict[str, str], scale: str, confidence: float) -> str:
    """One Markdown table of all GANs, a line per model and noise.

    Args:
        scores: as in `gan_table`.
        titles: GAN -> title of its data, in the order of the lines.
        scale: name of the scale.
        confidence: of the intervals, e.g. 0.95.
    """
    heading, grid, note = _table(scores, titles, scale, confidence)
    return markdown_section(heading, f"{markdown_table(grid)}\n{note}\n")


def gan_latex(scores: pd.DataFrame, titles: dict[str, str], scale: str, confidence: float) -> str:
    """The table of `gan_markdown` in LaTeX."""
    return latex_float(*_table(scores, titles, scale, confidence))


def _table(scores: pd.DataFrame, titles: dict[str, str], scale: str, confidence: float) -> tuple[str, Grid, str]:
    """Heading, grid and note."""
    table = gan_table(scores, confidence)
    shown = [measure for measure in MEASURES if (table["measure"] == measure).any()]
    lines = []
    for gan, title in titles.items():
        own = table[table["gan"] == gan]
        for _, line in own.groupby(KEYS, sort=False):
            lines.append(_line(line, title, shown))
    header = ["data", "images", "against", "seeds", *(_TITLES[measure] for measure in shown)]
    heading = describe(scale, None, "Measures of GANs' images, clean and backdoored", recorded_precision(scores))
    brackets = (
        f"± is half of the {100 * confidence:g} % Student interval of the mean over seeds. "
        if (table["n"] > 1).any()
        else "One seed: no intervals. "
    )
    features = (
        "By Inception's features: the Fréchet distance is the FID, the kernel distance the KID. "
        if set(table["features"].dropna()) == {INCEPTION}
        else "By a small classifier's features, so no distance here is a published FID or KID. "
    )
    compared = int(scores["compared_images"].max()) if scores["compared_images"].notna().any() else 0
    sizes = f"All but the Fréchet distances are of at most {compared:,} images of either side. " if compared else ""
    grey = _IN_RGB if "rgb_fid" in shown else ""
    return heading, Grid(header, lines, "lllr" + "r" * len(shown)), f"{brackets}{features}{sizes}{_NOTE} {grey}".strip()


def _line(rows: pd.DataFrame, title: str, shown: list[str]) -> list[str]:
    first = rows.iloc[0].to_dict()
    cells = {row["measure"]: _cell(row) for row in rows.to_dict("records")}
    data = f"{title} in place of {first['stand_in_for']}" if first["stand_in_for"] else title
    return [data, _images(first), _against(first), str(rows["n"].max()), *(cells.get(measure, "") for measure in shown)]


def _images(row: dict[str, Any]) -> str:
    model = "clean GAN" if row["target"] == CLEAN else f"backdoor: {row['target'].replace('_', ' ')}"
    return f"{model}, {'triggered' if row['noise'] == TRIGGERED else 'clean'} noise"


def _against(row: dict[str, Any]) -> str:
    """The test images, or the single image, that a line's images are compared with."""
    if pd.isna(row["features"]):
        return "the target image"
    return f"{row['reference']}: {row['reference_classes'] or 'all'}"


def _cell(row: dict[str, Any]) -> str:
    """ "1.85 ± 0.21": two decimals of shares and spreads, else three digits of the mean."""
    factor = _FACTORS.get(row["measure"], 1)
    mean, half = factor * row["mean"], factor * (row["high"] - row["mean"])
    digits = max(0, 2 - math.floor(math.log10(abs(mean)))) if mean else 2
    digits = min(digits, 2) if row["measure"] in ("knn_precision", "knn_recall", "spread") else min(digits, 5)
    interval = "" if math.isnan(half) else f" ± {half:.{digits}f}"
    return f"{mean:.{digits}f}{interval}".replace("-", "−")
