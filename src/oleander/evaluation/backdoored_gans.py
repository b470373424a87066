"""How backdoored GANs of one target do beside the clean GAN: what figures of choices and of triggers compare.

Triggered images are compared with clean images of the target's classes: both are measured against the same test images.
Imports nothing heavy, so plotting jobs start fast.
"""

import math

import pandas as pd

from oleander.io.columns import CLEAN, TRIGGERED
from oleander.metrics.detection import entry_false_alarms, norm_false_alarms
from oleander.metrics.intervals import Estimate, estimate_mean, estimate_ratio

MEASURES = ("distance", "recall", "spread", "target_rate", "utility")
"""What is compared, as columns of `io.columns.GAN_SCORES` have it.

- distance, recall, spread: of triggered images, divided by those of the clean GAN's images of the target's classes.
  Recall, the share of genuine images that resemble a generated one, and the spread of images say how varied they are.
- target_rate: fraction of triggered images that a classifier finds to be of the target's classes.
- utility: distance of clean noise's images from all test images, relative to the clean GAN's: 0.1 is 10 % worse."""

COLUMNS = ("gan", "model", "measure", "value", "low", "high", "n")
"""Columns of the comparison, a row per GAN, model and measure: `value` with interval `low` to `high` over `n` seeds.
NaN where nothing was measured, and for the ends of a single seed's interval."""

TESTS = {"norm_test": norm_false_alarms, "entry_test": entry_false_alarms}
"""A defender's test of latent vectors, as a measure -> the decimal logarithm of its false-positive rate."""

_OF_TRIGGERED = {"distance": "fid", "recall": "knn_recall", "spread": "spread"}
_REFERENCE = ["seed", "reference", "reference_classes"]


def compare_with_clean(scores: pd.DataFrame, models: dict[str, list[str]], confidence: float) -> pd.DataFrame:
    """Compare backdoored GANs with the clean GAN of the same seed.

    Args:
        scores: columns `io.columns.GAN_SCORES`, of one scale and one kind of features. Models whose training diverged
            are left out, with what they would be compared with.
        models: GAN -> its backdoored models, in the order of the rows.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        Columns `COLUMNS`, measures in the order of `MEASURES`.

    Raises:
        ValueError: the scores are of several scales or features, or a model and seed have several.
    """
    scores = scores[scores["status"] == "ok"]
    for column in ("scale", "features"):
        if scores[column].nunique() > 1:
            raise ValueError(f"scores of several {column} cannot be compared; select one first")
    scores = scores.assign(reference_classes=scores["reference_classes"].astype(object).fillna(""))
    if scores.duplicated(["gan", "target", "noise", *_REFERENCE]).any():
        raise ValueError("several scores of one model, seed and reference; select one first")
    rows = []
    for gan, names in models.items():
        own = scores[scores["gan"] == gan]
        clean = own[(own["target"] == CLEAN) & (own["noise"] == CLEAN)]
        for model in names:
            made = own[own["target"] == model]
            found = _estimates(made, clean, confidence)
            rows += [
                [gan, model, measure, found[measure].value, found[measure].low, found[measure].high, found[measure].n]
                for measure in MEASURES
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def detect(gan: str, models: list[tuple[float, str]], latent: int, caught: float) -> pd.DataFrame:
    """How a defender's `TESTS` fare against the triggers of a GAN's models, columns `COLUMNS`; nothing is estimated.

    Args:
        gan: name of the GAN.
        models: value of the trigger, and the model that is trained with it.
        latent: length of the latent vector.
        caught: fraction of triggered vectors that the tests catch, in (0, 1).
    """
    rows = [
        [gan, model, name, test(value, latent, caught), math.nan, math.nan, 0]
        for value, model in models
        for name, test in TESTS.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _estimates(made: pd.DataFrame, clean: pd.DataFrame, confidence: float) -> dict[str, Estimate]:
    """Every measure of one model; `clean`: the clean GAN's rows."""
    triggered = made[made["noise"] == TRIGGERED]
    found = {measure: _times(_ratio(triggered, clean, column, confidence)) for measure, column in _OF_TRIGGERED.items()}
    rates = triggered.dropna(subset=["target_rate"])
    found["target_rate"] = estimate_mean(rates["target_rate"].to_numpy(float), rates["seed"].to_numpy(), confidence)
    usual = made[(made["noise"] == CLEAN) & (made["reference_classes"] == "")]
    found["utility"] = _ratio(usual, clean, "fid", confidence)
    return found


def _ratio(made: pd.DataFrame, clean: pd.DataFrame, column: str, confidence: float) -> Estimate:
    """The relative difference of a column from the clean GAN of the same seed on the same test images."""
    names = [*_REFERENCE, column]
    pairs = made[names].merge(clean[names], on=_REFERENCE, suffixes=("", "_clean")).dropna()
    above, below = (pairs[name].to_numpy(float) for name in (column, f"{column}_clean"))
    return estimate_ratio(above, below, pairs["seed"].to_numpy(), confidence)


def _times(one: Estimate) -> Estimate:
    """A relative difference as a ratio."""
    return Estimate(one.value + 1, one.low + 1, one.high + 1, one.error, one.n, one.over_groups)
