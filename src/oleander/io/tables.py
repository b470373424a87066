"""CSV files: written atomically, read with a clear error."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from oleander.io.errors import OleanderError
from oleander.io.files import atomic_path


def write_csv(path: str | os.PathLike[str], table: pd.DataFrame) -> None:
    """Write `table` without its index, atomically; floats round-trip."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: str | os.PathLike[str], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV whose columns must include `columns`.

    Raises:
        OleanderError: the file is missing, empty, cut off in the middle of a row, or lacks a column.
    """
    try:
        content = Path(path).read_bytes()
        table = pd.read_csv(io.BytesIO(content), keep_default_na=True)
    except (OSError, ValueError) as error:
        raise OleanderError(f"{path} cannot be read ({error}); delete it and run again") from error
    # The last row would be read as it is: 0.12 for 0.125, and no number where columns are missing. A line break between
    # quotes ends no row.
    if not content.endswith(b"\n") or content.count(b'"') % 2:
        raise OleanderError(
            f"{path} does not end with a line break after a row, so that its last row may be cut off; delete it and "
            "run again"
        )
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise OleanderError(f"{path} lacks the columns {', '.join(missing)}; delete it and run again")
    return table


def read_csvs(paths: Sequence[str], columns: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of all `paths`, in the order given.

    Raises:
        OleanderError: a file cannot be read, or has other columns than the first.
    """
    tables = [read_csv(path, columns) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if list(table.columns) != list(tables[0].columns):
            raise OleanderError(f"{path} has other columns than {paths[0]}; delete both and run again")
    return pd.concat(tables, ignore_index=True)
