"""The papers' settings without a checkout: blocks of config.yaml by name, with changes of the user's own.

The package's folder `checkout` is laid out as a checkout is. In the repository it holds links to config.yaml and to
workflow/papers and workflow/scales; a wheel has copies of these files.
"""

import copy
import functools
import importlib.resources
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from oleander.io.errors import OleanderError
from oleander.io.schemas import check_plain
from oleander.workflow.blocks import Block
from oleander.workflow.layers import layered, merge
from oleander.workflow.mistakes import one_of, worst_of_pydantic
from oleander.workflow.settings import Attack, Autoencoder, Defense, Gan, Victim

KINDS: dict[str, type[Block]] = {
    "attacks": Attack,
    "defenses": Defense,
    "victims": Victim,
    "autoencoders": Autoencoder,
    "gans": Gan,
}
"""The blocks of config.yaml that are presets -> the model that checks one."""


@functools.cache
def _layers(scale: str) -> dict[str, Any]:
    with importlib.resources.as_file(importlib.resources.files("oleander") / "checkout") as folder:
        return layered(folder, [], {"scale": scale}, complete=True)


def presets(kind: str, scale: str = "paper") -> dict[str, dict[str, Any]]:
    """The papers' settings of one kind; changing them changes nothing elsewhere.

    Args:
        kind: "attacks", "defenses", "victims", "autoencoders" or "gans".
        scale: "paper" for the papers' own settings; "laptop" or "demo" for smaller sizes.

    Returns:
        Name of a preset -> its settings, as config.yaml has them.

    Raises:
        OleanderError: an unknown kind or scale.
    """
    if kind not in KINDS:
        raise OleanderError(f"presets: {one_of(kind, list(KINDS))}; choose one of these")
    found: dict[str, dict[str, Any]] = copy.deepcopy(_layers(scale)[kind])
    return found


def preset(kind: str, name: str, changes: Mapping[str, Any] | None, scale: str = "paper") -> dict[str, Any]:
    """One preset with `changes` in place of its own settings; mappings are merged, all else is replaced.

    Args:
        kind, scale: as for `presets`.
        name: of the preset.
        changes: settings that differ from the preset's; None for none.

    Raises:
        OleanderError: as for `presets`; also an unknown preset, an unknown setting, or a value that is not allowed.
    """
    known = presets(kind, scale)
    if name not in known:
        raise OleanderError(f"presets of {kind}: {one_of(name, list(known))}; choose one of these")
    if changes is not None and not isinstance(changes, Mapping):
        raise OleanderError(
            f"settings over {kind}.{name} are a {type(changes).__name__}; give a mapping, such as a dict"
        )
    changes = dict(changes or {})
    check_plain(changes, f"settings over {kind}.{name}")
    settings = merge(known[name], changes)
    try:
        block = KINDS[kind].model_validate(settings)
    except ValidationError as error:
        mistake = worst_of_pydantic(error, settings)
        place = ".".join(map(str, (kind, name, *mistake.place)))
        raise OleanderError(f"settings, {place}: {mistake}") from None
    return block.plain()
