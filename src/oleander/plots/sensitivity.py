"""How the attack depends on its parameters and on the size of the training set (pGAN, Figure 5)."""

import pandas as pd
from matplotlib.figure import Figure

from oleander.plots import style
from oleander.plots.lines import Line, Panel, describe_trials, plot_lines, select_fraction


def plot_sensitivity(
    by_lambda: pd.DataFrame,
    by_alpha: pd.DataFrame,
    by_size: pd.DataFrame,
    poison_fraction: float,
    dataset_title: str,
    defense_titles: dict[str, str],
    scale: str,
    confidence: float,
    note: str = "",
) -> Figure:
    """Test error against lambda', rejected points against alpha, and test error against the number of training points.

    Args:
        by_lambda: trials (`io.columns.TRIALS`) that differ in lambda'.
        by_alpha: trials that differ in alpha, under the defenses of `defense_titles`; others are left out.
        by_size: trials that differ in the number of training points, with `poison_fraction` and without poison.
        poison_fraction: at which all three are shown; trials at others are left out.
        dataset_title: of the dataset that all trials are of.
        defense_titles: defense -> what the legend calls it, in the order of the lines.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        note: what to say of the data under the panels.

    Raises:
        ValueError: trials that differ in more than their panel shows, or are of several datasets.
    """
    poisoned = f"{100 * poison_fraction:g} % poison"
    rejected = {
        f"{kind}, {title}": (select_fraction(by_alpha[by_alpha["defense"] == defense], poison_fraction), measure)
        for defense, title in defense_titles.items()
        for kind, measure in (("genuine", "genuine_rejected"), ("poison", "poison_rejected"))
    }
    panels = [
        Panel(
            title="Share of poison in the classifier's loss",
            lines=[Line(f"{_name_alpha(by_lambda)}{poisoned}", select_fraction(by_lambda, poison_fraction))],
            x="lambda_prime",
            x_label="λ′ = λ / Pr($Y_p$)",
            x_in_percent=False,
        ),
        Panel(
            title=f"Outlier detection, {poisoned}",
            lines=[Line(label, trials, measure) for label, (trials, measure) in rejected.items()],
            x="alpha",
            x_label="α",
            y_label="Points rejected (%)",
            x_in_percent=False,
        ),
        Panel(
            title="Size of the training set",
            lines=[
                Line("clean", select_fraction(by_size, 0)),
                Line(f"{_name_alpha(by_size)}{poisoned}", select_fraction(by_size, poison_fraction)),
            ],
            x="train_points",
            x_label="Training points",
            x_in_percent=False,
        ),
    ]
    data = describe_trials(pd.concat([by_lambda, by_alpha, by_size]), dataset_title, scale)
    return plot_lines(f"Sensitivity of the attack: {data}", panels, confidence, note)


def _name_alpha(trials: pd.DataFrame) -> str:
    """The start of a label; empty where there is no alpha to name."""
    alphas = trials["alpha"].dropna().unique()
    return f"{style.alpha_label(alphas[0])}, " if len(alphas) == 1 else ""
