"""Verdicts on the papers' statements from the committed evidence alone: nothing is trained, nothing else is needed."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pandas as pd

from oleander.evaluation.claims import note_readings, verify_claims
from oleander.io.columns import GAN_SCORES
from oleander.io.errors import OleanderError
from oleander.io.tables import read_csvs
from oleander.workflow import verification
from oleander.workflow.evidence import COMMITTED, VERIFIED, committed_files
from oleander.workflow.plan import Plan


def committed_verdicts(root: str | os.PathLike[str] = ".") -> dict[str, pd.DataFrame]:
    """Scale of `VERIFIED` of which evidence is committed -> its verdicts, columns `evaluation.claims.COLUMNS`.

    Raises:
        OleanderError: as `committed_plan`; a CSV cannot be read, or a claim cannot be checked.
    """
    scales = [scale for scale in VERIFIED if Path(root, COMMITTED, scale, "provenance").is_dir()]
    return {scale: _verify(committed_plan(scale, root), committed_tables(scale, root)) for scale in scales}


def committed_tables(scale: str, root: str | os.PathLike[str] = ".") -> dict[str, pd.DataFrame]:
    """Table of claims -> all its committed rows; an empty frame where there are none.

    Measures that are newer than the evidence are empty.

    Raises:
        OleanderError: a CSV cannot be read.
    """
    files = committed_files(scale, root)
    tables = {table: read_csvs(paths) if paths else pd.DataFrame() for table, paths in files.items()}
    newer = [name for name in GAN_SCORES if name not in tables["scores"]]
    return {**tables, "scores": tables["scores"].assign(**dict.fromkeys(newer, math.nan))}


def committed_plan(scale: str, root: str | os.PathLike[str] = ".") -> Plan:
    """The plan with the settings that the evidence was recorded with.

    Raises:
        OleanderError: two figures were recorded with different settings, or the configuration does not take them.
    """
    found: dict[str, Any] = {"scale": scale}
    for path in sorted(Path(root, COMMITTED, scale, "provenance").glob("*.json")):
        for name, value in json.loads(path.read_text(encoding="utf-8"))["overrides"].items():
            if found.setdefault(name, value) != value:
                raise OleanderError(
                    f"{path}: {name} is {value!r}, where another figure of {scale} scale was recorded with "
                    f"{found[name]!r}; record both with the same settings"
                )
    return Plan.read(str(root), [], found, complete=True)


def _verify(plan: Plan, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    claims = verification.all_claims(plan)
    departures, asked = verification.departures(claims, plan), verification.asked_values(claims, plan)
    verdicts = verify_claims(claims, tables, plan.scale, departures, asked, plan.config.confidence)
    return note_readings(verdicts, plan.readings())
