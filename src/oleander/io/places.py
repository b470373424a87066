"""Where the user's data lie. Imports nothing heavy, so that dry runs are fast."""

import os
from pathlib import Path

from oleander.io.errors import OleanderError

DATA_ROOT_VARIABLE = "OLEANDER_DATA"


def resolve_data_root(configured: str | None) -> Path | None:
    """The user's data folder: the configured one, else OLEANDER_DATA, else None.

    Raises:
        OleanderError: the path starts with ~ or ~user, and that home folder is unknown.
    """
    root = configured or os.environ.get(DATA_ROOT_VARIABLE)
    return expand_home(root) if root else None


def expand_home(path: str) -> Path:
    """`path` with a leading ~ or ~user replaced by that home folder.

    Raises:
        OleanderError: the home folder is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise OleanderError(f"{path} cannot be found ({error}); use the full path") from error
