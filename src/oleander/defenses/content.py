"""Groups of points by what they hold, not by where they stand."""

import hashlib

import torch


def groups_by_content(x: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Group of each point: a hash of its values, modulo `count`. Equal points share a group, in every set.

    Args:
        x: float [n, *shape].
        count: number of groups, at least 1.
        seed: another one gives other groups.

    Returns:
        int64 [n], in [0, count), on the points' device.
    """
    key = seed.to_bytes(8, "big")
    rows = x.flatten(1).cpu().contiguous().numpy()
    digests = [hashlib.blake2b(row.tobytes(), key=key, digest_size=8).digest() for row in rows]
    numbers = [int.from_bytes(digest, "big") % count for digest in digests]
    return torch.tensor(numbers, dtype=torch.int64, device=x.device)
