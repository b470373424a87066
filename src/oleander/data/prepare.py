"""Prepare a dataset from its entry in the configuration: read the source, check it, save it."""

import os
from pathlib import Path
from typing import Any

from oleander.data.prepared import save_dataset
from oleander.data.sources import SOURCE_FILES, SOURCES
from oleander.io.errors import OleanderError
from oleander.io.user_files import fingerprint, resolve_data_root, source_paths


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
        settings: `source` (a name in `SOURCES`), `stand_in_for` (optional), and the source's own settings.
        data_root: configured data folder; see `oleander.io.user_files.resolve_data_root`.
        allow_download: whether a source may download missing data.
        output, manifest: the files to write.

    Raises:
        OleanderError: the settings or data are invalid, or an output cannot be written; no file is left behind.
    """
    source = settings.get("source")
    if not isinstance(source, str) or source not in SOURCES:
        raise OleanderError(f"dataset {name}: unknown source {source!r}; choose one of {', '.join(SOURCES)}")
    source_settings = {key: value for key, value in settings.items() if key not in ("source", "stand_in_for")}
    try:
        root = resolve_data_root(data_root)
        known = _fingerprint(source, source_settings, root)
        raw = SOURCES[source](source_settings, root, allow_download)
    except OleanderError as error:
        raise OleanderError(f"dataset {name}: {error}") from error
    # Downloaded files are there only now.
    known = known or _fingerprint(source, source_settings, root)
    save_dataset(output, manifest, raw, name, source, source_settings, settings.get("stand_in_for"), known)


def _fingerprint(source: str, settings: dict[str, Any], root: Path | None) -> str | None:
    """That of the files that the source reads; None where it reads none or a setting is missing."""
    try:
        return fingerprint(source_paths(SOURCE_FILES[source], settings, root))
    except KeyError:
        return None
