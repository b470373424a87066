"""Error rates and confusion matrices of classifiers (pGAN paper, Figures 2, 6 and 7), as fractions in [0, 1]."""

import torch


def error_rates(predicted: torch.Tensor, truth: torch.Tensor) -> dict[str, torch.Tensor]:
    """Error rates of each replica. The positive class is label 1, the target class.

    Args:
        predicted: int64 [replicas, points], labels from 0.
        truth: int64 [points], labels from 0; must contain 0 (the source class) and 1.

    Returns:
        float64 [replicas] each: `error`; `false_positive_rate`, the share of points of other labels predicted as 1;
        `false_negative_rate`, the share of label 1 predicted as another; `source_as_target`, the share of label 0
        predicted as 1, which equals the false positive rate for two classes.
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

    Entry [r, i, j] is the share of points of label i that replica r predicts as j. Rows sum to 1; a label without
    points has NaN.
    """
    replicas = len(predicted)
    cells = (torch.arange(replicas, device=truth.device).unsqueeze(1) * classes + truth) * classes + predicted
    counts = torch.bincount(cells.flatten(), minlength=replicas * classes * classes)
    counts = counts.view(replicas, classes, classes).double()
    return counts / counts.sum(2, keepdim=True)
