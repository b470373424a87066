"""Whether prepared data are still those of the user's files: Snakemake does not look beyond the prepared file."""

import json
from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError
from oleander.io.user_files import fingerprint, resolve_data_root, source_paths
from oleander.workflow.declared import source_files

DESCRIBING = ("title", "publish_images")
"""What a dataset's block says for figures and evidence alone: no source is given it."""


def check_source(name: str, block: dict[str, Any], data_root: str | None, out: str | Path) -> None:
    """Raise an error if a dataset was prepared from other files than those that lie in their place now.

    Absent files are no mistake: what is prepared suffices. Neither are settings that have changed since, for which the
    dataset is prepared again anyway, nor a manifest without a fingerprint.

    Args:
        name: of the dataset.
        block: its block of the configuration.
        data_root: the configured data folder.
        out: folder of the scale's results.

    Raises:
        OleanderError: names the prepared file, the user's, and the two ways out.
    """
    prepared = Path(out, "data", f"{name}.safetensors")
    settings = {key: value for key, value in block.items() if key not in (*DESCRIBING, "source", "stand_in_for")}
    recorded = _recorded(prepared.with_suffix(".json"), block["source"], settings)
    if recorded is None or not prepared.exists():
        return
    paths = source_paths(source_files().get(block["source"], ()), settings, resolve_data_root(data_root))
    if fingerprint(paths) not in (None, recorded):
        raise OleanderError(
            f"{prepared} was prepared from other files than lie at {paths[0]} now; put the earlier files back, or have "
            f"it prepared again, and all that is made from it: `snakemake --forcerun {prepared} -- ...`, with your "
            "targets at the end"
        )


def _recorded(manifest: Path, source: str, settings: dict[str, Any]) -> str | None:
    """The fingerprint in the manifest of a dataset that was prepared with these settings, if it has one."""
    try:
        found = json.loads(manifest.read_bytes())
        same = (found["source"], found["source_settings"]) == (source, settings)
        return found.get("source_files") if same else None
    # Whoever reads the dataset tells of a damaged manifest.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
