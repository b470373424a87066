"""Figure of the attack's sensitivity to lambda', alpha and the size of the training set (pGAN, Figure 5)."""

import pandas as pd
from matplotlib.figure import Figure

from oleander.plots.lines import Line, Panel, describe_trials, plot_lines, select_fraction
from oleander.plots.looks import NO_POISON, Look, Looks, look_of, relabel


def plot_sensitivity(
    by_lambda: pd.DataFrame,
    by_alpha: pd.DataFrame,
    by_size: pd.DataFrame,
    poison_fraction: float,
    dataset_title: str,
    defense_titles: dict[str, str],
    scale: str,
    confidence: float,
    alpha_looks: Looks,
    defense_looks: Looks,
    note: str = "",
) -> Figure:
    """Plot test error against lambda', rejected points against alpha, and test error against training points.

    Args:
        by_lambda: trials (columns `io.columns.TRIALS`) that differ in lambda'.
        by_alpha: trials that differ in alpha, under the defenses of `defense_titles`; others are left out.
        by_size: trials that differ in the number of training points, with `poison_fraction` and without poison.
        poison_fraction: of all panels; trials at other fractions are left out.
        dataset_title: title of the trials' dataset.
        defense_titles: defense -> label in the legend, in the order of the lines.
        scale: name of the scale.
        confidence: of the error bars, e.g. 0.95.
        alpha_looks, defense_looks: from `oleander.plots.looks`; `defense_titles` replace their labels.
        note: remark on the data under the panels.

    Raises:
        ValueError: trials differ in more than their panel shows, or are of several datasets.
    """
    poisoned = f"{100 * poison_fraction:g} % poison"
    # Lines of one defense share colour and marker; the marker of genuine points is open.
    kinds = (
        ("genuine", "genuine_rejected", {"linestyle": "-", "markerfacecolor": "white"}),
        ("poison", "poison_rejected", {"linestyle": "--"}),
    )
    rejected = [
        Line(
            relabel(look_of(defense_looks, defense), f"{kind}, {title}", **changed),
            select_fraction(by_alpha[by_alpha["defense"] == defense], poison_fraction),
            measure,
        )
        for defense, title in defense_titles.items()
        for kind, measure, changed in kinds
    ]

    def poisoned_line(trials: pd.DataFrame) -> Line:
        chosen = select_fraction(trials, poison_fraction)
        look = _alpha_look(trials, alpha_looks)
        return Line(relabel(look, ", ".join(filter(None, (look["label"], poisoned)))), chosen)

    panels = [
        Panel(
            title="Share of poison in the classifier's loss",
            lines=[poisoned_line(by_lambda)],
            x="lambda_prime",
            x_label="λ′ = λ / Pr(Yₚ)",
            x_in_percent=False,
        ),
        Panel(
            title=f"Outlier detection, {poisoned}",
            lines=rejected,
            x="alpha",
            x_label="α",
            y_label="Points rejected (%)",
            x_in_percent=False,
        ),
        Panel(
            title="Size of the training set",
            lines=[Line(NO_POISON, select_fraction(by_size, 0)), poisoned_line(by_size)],
            x="train_points",
            x_label="Training points",
            x_in_percent=False,
        ),
    ]
    data = describe_trials(pd.concat([by_lambda, by_alpha, by_size]), dataset_title, scale)
    return plot_lines(f"Sensitivity of the attack: {data}", panels, confidence, note)


def _alpha_look(trials: pd.DataFrame, looks: Looks) -> Look:
    """The look of the trials' alpha; without a label if there is no single alpha."""
    alphas = trials["alpha"].dropna().unique()
    if len(alphas) == 1:
        return look_of(looks, f"{alphas[0]:g}")
    return relabel(NO_POISON, "", marker="s", linestyle="--")
