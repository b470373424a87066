"""Looks of attacks, defenses, alphas and models, the same in every figure.

A look is a dictionary of matplotlib's `label`, `color`, `marker` and `linestyle`: plain data, which the workflow's
rules pass to the jobs that draw. Colours are from seaborn's "colorblind" palette, with darker and lighter shades.
Markers and line styles distinguish lines without colour.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from oleander.io.errors import OleanderError

Look = Mapping[str, Any]
Looks = Mapping[str, Look]

BLUE, GREEN, RED = "#0173b2", "#029e73", "#d55e00"
BLACK, GREY = "#1a1a1a", "#555555"

_VIRIDIS = (
    "#440154",
    "#481d6f",
    "#453882",
    "#3c508b",
    "#31668e",
    "#297a8e",
    "#218e8d",
    "#1fa187",
    "#31b57b",
    "#56c667",
    "#86d549",
)
"""Matplotlib's viridis without its pale end, in ten equal steps from dark to light."""

_ALPHA_MARKERS = ("o", "s", "^", "D", "v", "p", ">", "P", "X", "<", "*")
"""Markers of alpha 0, 0.1, ..., 1."""
_OTHER_MARKERS = ("h", "d", "8", "H")
"""Markers of other names; no attack, defense or alpha that the project ships has one of these."""
_LINES = ("-", "--", "-.", ":")

_DEFENSES = {
    "none": (BLACK, "o", "-"),
    "outlier": (GREEN, "s", "--"),
    "outlier_90": ("#6cc3a8", "D", "-."),
    "sever_005": ("#014b75", "^", "-"),
    "sever_01": (BLUE, "v", "-."),
    "sever_02": ("#56b4e9", "<", "--"),
    "pca_005": ("#8a3d00", "P", "-"),
    "pca_01": (RED, "X", ":"),
    "pca_02": ("#f0a060", "*", "--"),
    "label_sanitization": ("#cc78bc", ">", ":"),
    "spectral": ("#3d4f7d", "p", "--"),
    "activation_clustering": ("#1f7f86", "x", ":"),
    "deep_knn": ("#9a8f2a", "+", "-."),
    "trimmed_loss": ("#b0453f", "1", "-"),
    "partition": ("#5a5a5a", "2", "--"),
    "detector": ("#8a6fb0", "3", "-."),
}
_ATTACKS = {
    "pgan": (RED, "s", "-"),
    "label_flipping": (BLUE, "o", "--"),
    "random_flipping": (GREEN, "^", "-."),
    "duplication": (BLACK, "x", ":"),
}
_ATTACK_LABELS = {"pgan": "pGAN"}
_CONTROL_LABELS = {"duplication": "duplicated genuine points"}

_OTHERS = ("#7a4a8c", "#ca9161", "#949494", "#a0305a", "#4d6b1f")
"""Colours of attacks and defenses that the project does not ship."""

NO_POISON = {"label": "clean", "color": BLACK, "marker": "o", "linestyle": "-"}
"""Look of trials without poison, next to trials with poison."""


def alpha_label(alpha: float) -> str:
    """Label of an alpha in legends and titles."""
    return f"α = {alpha:g}"


def attack_titles(attacks: Iterable[str], alpha: float) -> dict[str, str]:
    """Attack -> title with its alpha, if any, e.g. "pGAN, α = 0.1" and "label flipping"."""
    return {
        attack: f"{_attack_label(attack)}, {alpha_label(alpha)}" if attack == "pgan" else _attack_label(attack)
        for attack in attacks
    }


def alpha_looks(alphas: Iterable[float]) -> dict[str, dict[str, Any]]:
    """`f"{alpha:g}"` -> look, ascending. A look depends only on its alpha.

    Larger alphas have lighter colours. Each multiple of 0.1 has its own marker.

    Raises:
        ValueError: an alpha is not in [0, 1].
    """
    return {f"{alpha:g}": _alpha_look(alpha) for alpha in sorted(set(alphas))}


def defense_looks(titles: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Block of the configuration -> look. Blocks of Sever share a hue, and so do those of PCA.

    Args:
        titles: block -> label in legends, in the order of the configuration. Blocks that the project does not ship get
            unused looks, by their order.
    """
    return _looks(titles, _DEFENSES)


def attack_looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Attack -> look, labelled without an alpha. Users' attacks get unused looks, by their order."""
    return _looks({name: _attack_label(name) for name in names}, _ATTACKS)


def control_looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Attack -> its look where it is the control beside another attack: the same, but for a label that says so."""
    looks = attack_looks(names)
    return {name: relabel(look, f"control: {_CONTROL_LABELS.get(name, look['label'])}") for name, look in looks.items()}


def model_looks() -> dict[str, dict[str, Any]]:
    """Kind of input, "clean" or "triggered" -> look of its bar: dark for clean, pale and hatched for triggered."""
    return {
        "clean": {"facecolor": BLUE, "edgecolor": BLUE, "hatch": ""},
        "triggered": {"facecolor": "#f3c9a8", "edgecolor": RED, "hatch": "////"},
    }


def measure_looks(labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Measure of an attack on all classes ("error" or "source_as_target") -> look, with the given labels."""
    known = {"error": (BLUE, "o", "-"), "source_as_target": (RED, "s", "--")}
    return _looks(labels, known)


def look_of(looks: Looks, name: str) -> Look:
    """The look of a name in the results.

    Raises:
        OleanderError: the name has no look, so the results are of another configuration.
    """
    if name not in looks:
        raise OleanderError(
            f"there are results of {name}, but the configuration has only {', '.join(looks)}; run them again"
        )
    return looks[name]


def relabel(look: Look, label: str, **changed: Any) -> dict[str, Any]:
    """A copy of a look with another label and, optionally, other values."""
    return {**look, "label": label, **changed}


def _attack_label(attack: str) -> str:
    return _ATTACK_LABELS.get(attack, attack.replace("_", " "))


def _alpha_look(alpha: float) -> dict[str, Any]:
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha {alpha:g} is not in [0, 1]")
    tenths = round(10 * alpha)
    if abs(10 * alpha - tenths) < 1e-9:
        marker = _ALPHA_MARKERS[tenths]
    else:
        marker = _OTHER_MARKERS[round(100 * alpha) // 10 % len(_OTHER_MARKERS)]
    return {
        "label": alpha_label(alpha),
        # By the root, since the papers' small alphas lie close together and matter most.
        "color": _between(10 * math.sqrt(alpha)),
        "marker": marker,
        "linestyle": _LINES[tenths % len(_LINES)],
    }


def _between(place: float) -> str:
    """The interpolated colour at a place in [0, 10] of `_VIRIDIS`."""
    at = min(int(place), len(_VIRIDIS) - 2)
    low, high = (bytes.fromhex(color[1:]) for color in _VIRIDIS[at : at + 2])
    return "#" + bytes(round(a + (place - at) * (b - a)) for a, b in zip(low, high, strict=True)).hex()


def _looks(titles: Mapping[str, str], known: Mapping[str, tuple[str, str, str]]) -> dict[str, dict[str, Any]]:
    others = [name for name in titles if name not in known]
    made = known | {name: _other(at) for at, name in enumerate(others)}
    return {
        name: dict(zip(("label", "color", "marker", "linestyle"), (title, *made[name]), strict=True))
        for name, title in titles.items()
    }


def _other(at: int) -> tuple[str, str, str]:
    """Unused look number `at`: twenty pairs of colour and marker, which then repeat with other line styles."""
    return (
        _OTHERS[at % len(_OTHERS)],
        _OTHER_MARKERS[at % len(_OTHER_MARKERS)],
        _LINES[(at + at // 20) % len(_LINES)],
    )
