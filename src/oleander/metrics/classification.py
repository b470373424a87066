"""Error rates and confusion of classifiers (pGAN paper, Figures 2, 6 and 7), as fractions in [0, 1]."""

import torch


def error_rates(predicted: torch.Tensor, truth: torch.Tensor) -> dict[str, torch.Tensor]:
    """Rates for each replica; label 1, the target class that poison is labelled as, counts as positive.

    Args:
        predicted: int64 [replicas, points], labels from 0.
        truth: int64 [points], labels from 0; 0 (the source class) and 1 occur.

    Returns:
        Four of float64 [replicas]: `error`; `false_positive_rate`, the share of all other points taken for label 1;
        `false_negative_rate`, the share of label 1 taken for another; `source_as_target`, the share of label 0 taken
        for label 1, which with two classes is the false positive rate.
    """
    positive = predicted == 1
    return {
        "error": (predicted != truth).double().mean(1),
        "false_positive_rate": positive[:, truth != 1].double().mean(1),
        "false_negative_rate": 1 - positive[:, truth == 1].double().mean(1),
        "source_as_target": positive[:, truth == 0].double().mean(1),
    }


def confusion(predicted: torch.Tensor, truth: torch.Tensor, classes: int) -> torch.Tensor:
    """Confusion matrices, float64 [replicas, classes, classes].

    Entry [r, i, j] is the share of the points of label i that replica r takes for j; rows sum to 1, or are NaN where
    a label has no point.
    """
    replicas = len(predicted)
    cells = (torch.arange(replicas, device=truth.device).unsqueeze(1) * classes + truth) * classes + predicted
    counts = torch.bincount(cells.flatten(), minlength=replicas * classes * classes)
    counts = counts.view(replicas, classes, classes).double()
    return counts / counts.sum(2, keepdim=True)
