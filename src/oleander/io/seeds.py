"""Derive seeds from names and numbers."""

import hashlib


def derive_seed(*parts: str | int | float) -> int:
    """A seed in [0, 2**63) that is a pure function of `parts`."""
    digest = hashlib.sha256("\x1f".join(repr(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
