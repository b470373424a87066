"""Figure of the attack against several defenses, or one defense at several strengths (pGAN, Figures 8, 13 to 15)."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from oleander.plots.lines import Line, Panel, describe_trials, plot_lines
from oleander.plots.looks import Looks, look_of


def plot_defense_comparison(
    title: str,
    panels: Sequence[tuple[str, dict[str, pd.DataFrame]]],
    scale: str,
    confidence: float,
    looks: Looks,
) -> Figure:
    """Plot test error against poison fraction, with a line per defense.

    Args:
        title: of the figure.
        panels: one per panel: the title of its dataset, and defense -> trials (columns `io.columns.TRIALS`) of one
            attack and alpha.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        looks: of the defenses, from `oleander.plots.looks.defense_looks`.

    Raises:
        ValueError: a line has trials of several defenses, attacks or alphas, or a panel is of several datasets.
    """
    return plot_lines(
        title,
        [
            Panel(
                title=describe_trials(pd.concat(trials.values()), dataset_title, scale),
                lines=[Line(look_of(looks, defense), own) for defense, own in trials.items()],
            )
            for dataset_title, trials in panels
        ],
        confidence,
    )
