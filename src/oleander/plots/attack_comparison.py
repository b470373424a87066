"""Which errors an attack causes, against another attack (pGAN, Figure 6)."""

import pandas as pd
from matplotlib.figure import Figure

from oleander.plots.lines import Line, Panel, describe_trials, plot_lines
from oleander.plots.looks import Looks, look_of, relabel

MEASURES = {
    "error": "Test error (%)",
    "false_positive_rate": "False positive rate (%)",
    "false_negative_rate": "False negative rate (%)",
}
"""What the panels show, from left to right."""


def plot_attack_comparison(
    trials: pd.DataFrame,
    attack_titles: dict[str, str],
    dataset_title: str,
    scale: str,
    confidence: float,
    looks: Looks,
) -> Figure:
    """Test error, false positives and false negatives against poison fraction: a panel each, a line an attack.

    Args:
        trials: `io.columns.TRIALS` of one dataset, one defense and, for each attack, one alpha.
        attack_titles: attack -> what the legend calls it, in the order of the lines; other attacks are left out.
        dataset_title: of the dataset.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        looks: of the attacks, as `oleander.plots.looks.attack_looks` gives them; titles take the place of their labels.

    Raises:
        ValueError: an attack with several alphas or defenses, or trials of several datasets.
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
