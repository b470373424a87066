"""CSV files: atomic writes, and reads with clear errors."""

import contextlib
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from oleander.io.columns import CERTIFIED
from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path, sha256_of

DIGEST_ATTRIBUTE = "user.oleander.sha256"
"""Extended attribute of a CSV that holds the SHA-256 of its bytes. It is replaced together with the file. A file system
or copy without extended attributes loses it; changes are then not detected."""

OPTIONAL = (CERTIFIED,)
"""Columns that only some of the files that are read together may have."""

OWNERS = ("experiment", "autoencoder", "gan")
"""Columns that identify what a row's results belong to."""


def write_csv(path: str | os.PathLike[str], table: pd.DataFrame) -> None:
    """Write `table` without its index, atomically; floats survive the round trip exactly."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
        with contextlib.suppress(OSError, AttributeError):  # AttributeError: no extended attributes
            os.setxattr(temporary, DIGEST_ATTRIBUTE, sha256_of(temporary).encode())


def identified(table: pd.DataFrame, identity: dict[str, Any]) -> pd.DataFrame:
    """`table` with constant columns in front: `identity` maps a column's name to its value."""
    return table.assign(**identity)[[*identity, *table.columns]]


def read_csv(path: str | os.PathLike[str], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV whose columns must include `columns`.

    Raises:
        OleanderError: the file is missing, empty, cut off in the middle of a row, or lacks a column; if it has a
            `DIGEST_ATTRIBUTE`, also if any byte has changed.
    """
    try:
        with Path(path).open("rb") as stream:
            content, digest = stream.read(), _digest_of(stream.fileno())
        table = pd.read_csv(io.BytesIO(content), keep_default_na=True)
    except (OSError, ValueError) as error:
        raise OleanderError(f"{path} cannot be read ({error}); delete it and run again") from error
    # pandas would accept a cut last row: 0.12 for 0.125, and NaN for missing columns. A line break inside quotes does
    # not end a row.
    if not content.endswith(b"\n") or content.count(b'"') % 2:
        raise OleanderError(
            f"{path} does not end with a complete row, so its last row may be cut off; delete it and run again"
        )
    if digest is not None and digest != hashlib.sha256(content).hexdigest():
        raise OleanderError(
            f"{path} was cut off or changed after it was written; delete it and run again, or, to keep the change, "
            "replace the file by a copy"
        )
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise OleanderError(f"{path} lacks the columns {', '.join(missing)}; delete it and run again")
    return table


def _digest_of(file: int) -> str | None:
    """The digest stored with an open file, or None."""
    with contextlib.suppress(OSError, AttributeError):
        return os.getxattr(file, DIGEST_ATTRIBUTE).decode()
    return None


def read_csvs(paths: Sequence[str], columns: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of all `paths`, in the given order; empty cells for `OPTIONAL` columns that a file lacks.

    Raises:
        OleanderError: a file cannot be read, has other columns than the first (apart from `OPTIONAL` ones), or one
            experiment (autoencoder, GAN) was trained in several precisions.
    """
    tables = [read_csv(path, columns) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if [name for name in table if name not in OPTIONAL] != [name for name in tables[0] if name not in OPTIONAL]:
            raise OleanderError(f"{path} has other columns than {paths[0]}; delete both and run again")
    joined = pd.concat(tables, ignore_index=True)
    # Different experiments may have different precisions: each one's title states its own.
    owners = [name for name in OWNERS if name in joined]
    parts = [part for _, part in joined.groupby(owners)] if owners else [joined]
    if any("precision" in part and part["precision"].nunique() > 1 for part in parts):
        found = [f"{path}: {'/'.join(sorted(set(one['precision'])))}" for path, one in zip(paths, tables, strict=True)]
        raise OleanderError(
            f"results of several precisions cannot be combined ({', '.join(found)}); run again with one "
            "device.precision"
        )
    return joined


def recorded_precision(table: pd.DataFrame) -> str:
    """The training precision of a table's results. Older tables have no such column and are float32.

    Raises:
        OleanderError: the results are of several precisions.
    """
    found = set(table["precision"].dropna()) if "precision" in table else set()
    if len(found) > 1:
        raise OleanderError(
            f"results of {' and '.join(sorted(found))} cannot share a panel; run them again with one device.precision"
        )
    return next(iter(found), "float32")
