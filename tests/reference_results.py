"""The committed evidence of a scale, as the tables that claims are checked on."""

import math
from pathlib import Path

import pandas as pd

from oleander.io.claims import TABLES
from oleander.io.columns import GAN_SCORES
from oleander.io.tables import read_csvs

REFERENCE = Path(__file__).resolve().parents[1] / "results/reference"
PATTERNS = {
    "trials": "pgan/*/trials/*.csv",
    "confusion": "pgan/*/confusion/*.csv",
    "errors": "baaan/autoencoders/*/errors.csv",
    "scores": "baaan/gans/*/scores/*.csv",
    "sizes": "tables/pgan_table2.csv",
}


def reference_tables(scale: str) -> dict[str, pd.DataFrame]:
    """Table of claims -> all its committed rows; columns that older evidence lacks are empty."""
    tables = {
        name: read_csvs([str(path) for path in sorted((REFERENCE / scale).glob(PATTERNS[name]))]) for name in TABLES
    }
    newer = [name for name in GAN_SCORES if name not in tables["scores"]]
    return {**tables, "scores": tables["scores"].assign(**dict.fromkeys(newer, math.nan))}
