"""The sentences that a demo ends with: each number is that of its own rows."""

import numpy as np
import pandas as pd

from oleander.evaluation.headlines import autoencoder_headline, gan_headline, poisoning_headline


def rates() -> pd.DataFrame:
    rows = []

    def add(experiment: str, alpha: float, fraction: float, **measures: float) -> None:
        for measure, mean in measures.items():
            row = {"experiment": experiment, "alpha": alpha, "poison_fraction": fraction, "measure": measure}
            rows.append({**row, "mean": mean / 100})

    for alpha, error in ((0.1, 12.0), (0.9, 5.0)):
        add("digits", alpha, 0.0, error=2.5)
        add("digits", alpha, 0.2, error=3.0, poison_rejected=90, genuine_rejected=91)
        add("digits", alpha, 0.4, error=error, poison_rejected=10 * alpha, genuine_rejected=6.25)
    add("copies", np.nan, 0.4, error=4.0)
    add("others", 0.1, 0.5, error=50)
    return pd.DataFrame(rows)


def test_poison_is_told_of_at_its_largest_fraction():
    said = poisoning_headline(rates(), "digits", "copies", 0.1, 0.9)
    assert said == (
        "pGAN: 40 % poison raises the victim's test error from 2.5 % to 12.0 % at alpha 0.1; at alpha 0.9 it is 5.0 %, "
        "with copies of genuine points in poison's place 4.0 %. Outlier detection rejects 1.0 % of the poison and "
        "6.2 % of genuine points."
    )


def test_errors_are_those_of_the_model_and_its_images():
    rows = [
        ("clean", "clean", 0.001),
        ("clean", "clean", 0.003),
        ("clean", "triggered", 0.5),
        ("inverse", "clean", 0.0042),
        ("inverse", "triggered", 0.0301),
        ("fixed", "clean", 0.9),
    ]
    said = autoencoder_headline(pd.DataFrame(rows, columns=["model", "images", "mse"]), "inverse")
    assert "error of 0.0042 (a clean one: 0.0020)" in said
    assert said.endswith("triggered ones with 0.0301.")


def test_target_rates_are_averaged_over_seeds():
    rows = [
        ("distribution", "triggered", 0.8),
        ("distribution", "triggered", 1.0),
        ("distribution", "clean", 0.1),
        ("single", "triggered", 0.0),
    ]
    said = gan_headline(pd.DataFrame(rows, columns=["target", "noise", "target_rate"]), "distribution")
    assert said.startswith("BAAAN: 90 % of what")
