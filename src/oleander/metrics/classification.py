"""Error rates of binary classifiers (pGAN paper, Figures 2 and 6), as fractions in [0, 1]."""

import torch


def error_rates(predicted: torch.Tensor, truth: torch.Tensor) -> dict[str, torch.Tensor]:
    """Rates for each replica; label 1, the target class that poison is labelled as, counts as positive.

    Args:
        predicted: int64 [replicas, points], 0 or 1.
        truth: int64 [points], 0 or 1; both occur.

    Returns:
        `error`, `false_positive_rate` (share of label 0 taken for 1), `false_negative_rate`: float64 [replicas] each.
    """
    wrong = (predicted != truth).double()
    return {
        "error": wrong.mean(1),
        "false_positive_rate": wrong[:, truth == 0].mean(1),
        "false_negative_rate": wrong[:, truth == 1].mean(1),
    }
