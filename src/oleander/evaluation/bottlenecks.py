"""What an autoencoder's bottleneck does to its errors, with a backdoor and without one (beyond the BAAAN paper, which
does not say how large the code is)."""

import pandas as pd

from oleander.io.columns import BOTTLENECKS, CLEAN, TRIGGERED
from oleander.io.tables import recorded_precision
from oleander.metrics.intervals import mean_interval

CLEAN_MODEL, BACKDOORED, COST, BACKDOOR_ERROR, LINEAR = "clean_model", "backdoored", "cost", "backdoor_error", "linear"
MEASURES = (CLEAN_MODEL, BACKDOORED, COST, BACKDOOR_ERROR, LINEAR)
"""Mean squared errors: of the clean model on clean images; of the backdoored one on clean images; the latter minus the
former, pair by pair of one seed; of the backdoored model on triggered images against their target; and of principal
components, as many as the code has numbers, on clean images."""


def measure_bottlenecks(
    errors: pd.DataFrame, linear: pd.DataFrame, channels: dict[str, int], target: str, confidence: float
) -> pd.DataFrame:
    """Average each measure over the seeds.

    Args:
        errors: columns `io.columns.RECONSTRUCTION_ERRORS`, of one scale.
        linear: columns `io.columns.LINEAR_CODES`.
        channels: autoencoder -> channels of its code.
        target: the backdoored model, such as "inverse".
        confidence: of the intervals, e.g. 0.95.

    Returns:
        Columns `io.columns.BOTTLENECKS`, a row per autoencoder and one of `MEASURES`. Models of equal seeds share their
        first weights and clean batches, and are subtracted in these pairs; `n` counts the seeds, or pairs.

    Raises:
        ValueError: several errors of one model, seed and kind of images.
    """
    rows = []
    for name, count in channels.items():
        own = errors[errors["autoencoder"] == name]
        if own.duplicated(["model", "seed", "images"]).any():
            raise ValueError(f"several errors of one model of {name}, seed and kind of images; select one first")
        components = linear[(linear["dataset"].isin(own["dataset"])) & (linear["channels"] == count)].iloc[0]
        clean, backdoored, triggered = (
            own[(own["model"] == model) & (own["images"] == images)].set_index("seed")["mse"].sort_index()
            for model, images in ((CLEAN, CLEAN), (target, CLEAN), (target, TRIGGERED))
        )
        measured = {
            CLEAN_MODEL: clean,
            BACKDOORED: backdoored,
            COST: (backdoored - clean).dropna(),
            BACKDOOR_ERROR: triggered,
            LINEAR: pd.Series([components["mse"]]),
        }
        shared = {
            "scale": own["scale"].iloc[0],
            "precision": recorded_precision(own),
            "autoencoder": name,
            "dataset": own["dataset"].iloc[0],
            "stand_in_for": own["stand_in_for"].iloc[0],
            "channels": count,
            "numbers": components["numbers"],
        }
        rows += [
            {**shared, "measure": measure, **mean_interval(values, values.index.to_series(), confidence)}
            for measure, values in measured.items()
        ]
    return pd.DataFrame(rows, columns=list(BOTTLENECKS))
