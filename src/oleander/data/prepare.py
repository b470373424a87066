"""From a dataset's entry in the configuration to its prepared file: source, check, save."""

import os
from pathlib import Path
from typing import Any

from oleander.data.prepared import save_dataset
from oleander.data.sources import SOURCES
from oleander.data.sources.common import expand_home
from oleander.io.errors import OleanderError

DATA_ROOT_VARIABLE = "OLEANDER_DATA"


def resolve_data_root(configured: str | None) -> Path | None:
    """The folder of the user's data: the configured one, else the one OLEANDER_DATA names, else None.

    Raises:
        OleanderError: it begins with the home folder of nobody known.
    """
    root = configured or os.environ.get(DATA_ROOT_VARIABLE)
    return expand_home(root) if root else None


def prepare_dataset(
    name: str,
    settings: dict[str, Any],
    data_root: str | None,
    allow_download: bool,
    output: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
) -> None:
    """Read the dataset `name` from its source and write the prepared file and its manifest.

    Args:
        name: the dataset's name in the configuration.
        settings: `source` (a name in `SOURCES`), optional `stand_in_for`, and that source's own settings.
        data_root: configured folder of the user's data; see `resolve_data_root`.
        allow_download: whether a source may fetch what is absent.
        output, manifest: the files to write.

    Raises:
        OleanderError: the settings, the data or the output files are at fault; nothing is left written.
    """
    source = settings.get("source")
    if not isinstance(source, str) or source not in SOURCES:
        raise OleanderError(f"dataset {name}: unknown source {source!r}; choose one of {', '.join(SOURCES)}")
    source_settings = {key: value for key, value in settings.items() if key not in ("source", "stand_in_for")}
    try:
        raw = SOURCES[source](source_settings, resolve_data_root(data_root), allow_download)
    except OleanderError as error:
        raise OleanderError(f"dataset {name}: {error}") from error
    save_dataset(output, manifest, raw, name, source, source_settings, settings.get("stand_in_for"))
