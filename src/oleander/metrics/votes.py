"""Votes of an ensemble, and what they prove (Levine & Feizi, "Deep partition aggregation", 2021)."""

import torch
from torch.nn import functional as F


def count_votes(predicted: torch.Tensor, classes: int) -> torch.Tensor:
    """Number of members that predict each class, int64 [..., points, classes].

    Args:
        predicted: int64 [..., members, points], labels from 0.
        classes: number of labels.
    """
    return F.one_hot(predicted, classes).sum(-3)


def plurality(votes: torch.Tensor) -> torch.Tensor:
    """The label with most votes, int64 [..., points]; ties go to the smallest label.

    Args:
        votes: [..., points, classes], from `count_votes`.
    """
    # argmax does not promise the first of equal values.
    return (votes * votes.shape[-1] - torch.arange(votes.shape[-1], device=votes.device)).argmax(-1)


def certified_changes(votes: torch.Tensor) -> torch.Tensor:
    """The number of votes whose change cannot change the plurality's label (Theorem 1), int64 [..., points].

    If each member is trained on a part of its own, to which a point belongs by its values alone, a training point that
    is inserted or removed changes one vote at most. A replaced point is two changes.

    Args:
        votes: [..., points, classes], from `count_votes`; at least two classes.
    """
    winner = plurality(votes).unsqueeze(-1)
    # A smaller label wins a tie, so that it is one vote nearer.
    ahead = (torch.arange(votes.shape[-1], device=votes.device) < winner).long()
    rivals = (votes + ahead).scatter(-1, winner, -1).amax(-1)
    return (votes.gather(-1, winner)[..., 0] - rivals) // 2
