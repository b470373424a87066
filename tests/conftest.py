"""What the tests share: where the project and the real data are, and how many threads torch takes."""

import os
from pathlib import Path

import pytest

# Before anything imports matplotlib: no test opens a window.
os.environ.setdefault("MPLBACKEND", "Agg")

import torch

# Networks this small lose by more threads, and sums split among threads differ between machines.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The project's root folder."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real datasets that OLEANDER_DATA names; without it the test is skipped."""
    named = os.environ.get("OLEANDER_DATA")
    if not named:
        pytest.skip("needs real data: set OLEANDER_DATA to the folder that holds it")
    root = Path(named)
    if not root.is_dir():
        pytest.fail(f"OLEANDER_DATA names {root}, which is not a folder; correct or unset it")
    return root
