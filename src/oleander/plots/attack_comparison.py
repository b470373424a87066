"""Figure of the errors that several attacks cause (pGAN, Figure 6)."""

import pandas as pd
from matplotlib.figure import Figure

from oleander.plots.lines import Line, Panel, describe_trials, plot_lines
from oleander.plots.looks import Looks, look_of, relabel

MEASURES = {
    "error": "Test error (%)",
    "false_positive_rate": "False positive rate (%)",
    "false_negative_rate": "False negative rate (%)",
}
"""Measure -> axis label of its panel, from left to right."""


def plot_attack_comparison(
    trials: pd.DataFrame,
    attack_titles: dict[str, str],
    dataset_title: str,
    scale: str,
    confidence: float,
    looks: Looks,
) -> Figure:
    """Plot test error, false positives and false negatives against poison fraction, with a line per attack.

    Args:
        trials: columns `io.columns.TRIALS`, of one dataset, one defense and one alpha per attack.
        attack_titles: attack -> label in the legend, in the order of the lines; other attacks are left out.
        dataset_title: title of the dataset.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        looks: of the attacks, from `oleander.plots.looks.attack_looks`; titles replace their labels.

    Raises:
        ValueError: an attack has several alphas or defenses, or trials are of several datasets.
    """
    trials = trials[trials["attack"].isin(attack_titles)]
    panels = [
        Panel(
            title="",
            lines=[
                Line(relabel(look_of(looks, attack), title), trials[trials["attack"] == attack], measure)
                for attack, title in attack_titles.items()
            ],
            y_label=label,
        )
        for measure, label in MEASURES.items()
    ]
    title = f"Attacks compared: {describe_trials(trials, dataset_title, scale)}"
    return plot_lines(title, panels, confidence)
