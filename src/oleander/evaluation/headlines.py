"""The papers' main points in a few sentences, from a run's own results."""

import pandas as pd

from oleander.io.columns import CLEAN, TRIGGERED


def poisoning_headline(summary: pd.DataFrame, experiment: str, control: str, small: float, large: float) -> str:
    """What poison does to a victim, what harmless points do in its place, and what the detector sees.

    Args:
        summary: from `oleander.plots.error_tables.rates_summary`; its largest poison fraction is told of.
        experiment: of pGAN.
        control: its duplication.
        small: the alpha of the attack.
        large: a larger alpha, whose poison is to look genuine.
    """
    fraction = summary.loc[summary["experiment"] == experiment, "poison_fraction"].max()

    def mean(measure: str, name: str, at: float, alpha: float | None) -> str:
        rows = summary[(summary["measure"] == measure) & (summary["experiment"] == name)]
        rows = rows[rows["poison_fraction"] == at]
        rows = rows[rows["alpha"].isna() if alpha is None else rows["alpha"] == alpha]
        return f"{100 * rows['mean'].iloc[0]:.1f} %"

    return (
        f"pGAN: {100 * fraction:g} % poison raises the victim's test error from {mean('error', experiment, 0, small)} "
        f"to {mean('error', experiment, fraction, small)} at alpha {small:g}; at alpha {large:g} it is "
        f"{mean('error', experiment, fraction, large)}, with copies of genuine points in poison's place "
        f"{mean('error', control, fraction, None)}. Outlier detection rejects "
        f"{mean('poison_rejected', experiment, fraction, small)} of the poison and "
        f"{mean('genuine_rejected', experiment, fraction, small)} of genuine points."
    )


def autoencoder_headline(errors: pd.DataFrame, target: str) -> str:
    """How well a backdoored autoencoder copies clean images and inverts triggered ones.

    Args:
        errors: columns `oleander.io.columns.RECONSTRUCTION_ERRORS`, of one autoencoder.
        target: the backdoored model.
    """

    def mse(model: str, images: str) -> str:
        return f"{errors.loc[(errors['model'] == model) & (errors['images'] == images), 'mse'].mean():.4f}"

    return (
        f"BAAAN: the backdoored autoencoder copies clean images with a squared error of {mse(target, CLEAN)} (a clean "
        f"one: {mse(CLEAN, CLEAN)}), and decodes the inverse of triggered ones with {mse(target, TRIGGERED)}."
    )


def gan_headline(scores: pd.DataFrame, model: str) -> str:
    """How many of a backdoored GAN's triggered images belong to the target.

    Args:
        scores: columns `oleander.io.columns.GAN_SCORES`, of one GAN.
        model: the backdoored model, whose target are some classes.
    """
    own = scores[(scores["target"] == model) & (scores["noise"] == TRIGGERED)]
    return (
        f"BAAAN: {100 * own['target_rate'].mean():.0f} % of what the backdoored GAN draws from triggered noise is of "
        "the target's classes."
    )
