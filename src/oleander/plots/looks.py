"""How attacks, defenses, alphas and models look in every figure: plain data, which rules hand to the jobs that draw.

A look is a dictionary of `label`, `color`, `marker` and `linestyle`, as matplotlib names them. Colours are those of
seaborn's "colorblind" palette with darker and lighter ones of the same hues, so that people who are colour-blind tell
them apart; markers and line styles do so where there is no colour at all.
"""

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
"""Matplotlib's viridis without its palest end, in ten equal steps from dark to light."""

_ALPHA_MARKERS = ("o", "s", "^", "D", "v", "p", ">", "P", "X", "<", "*")
"""Of alpha 0, 0.1, ..., 1."""
_OTHER_MARKERS = ("h", "d", "8", "H")
"""No attack, defense or alpha of the papers has one of these."""
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
}
_ATTACKS = {
    "pgan": (RED, "s", "-"),
    "label_flipping": (BLUE, "o", "--"),
    "random_flipping": (GREEN, "^", "-."),
    "duplication": (BLACK, "D", ":"),
}
_ATTACK_LABELS = {"pgan": "pGAN"}

_OTHERS = ("#7a4a8c", "#ca9161", "#949494", "#a0305a", "#4d6b1f")
"""Colours of what is not the papers'."""

NO_POISON = {"label": "clean", "color": BLACK, "marker": "o", "linestyle": "-"}
"""Of trials without poison, beside trials with it."""


def alpha_label(alpha: float) -> str:
    """How a legend or title writes a value of alpha."""
    return f"α = {alpha:g}"


def attack_titles(attacks: Iterable[str], alpha: float) -> dict[str, str]:
    """Attack -> how legends name it beside its alpha, e.g. "pGAN, α = 0.1" and "label flipping"."""
    return {
        attack: f"{_attack_label(attack)}, {alpha_label(alpha)}" if attack == "pgan" else _attack_label(attack)
        for attack in attacks
    }


def alpha_looks(alphas: Iterable[float]) -> dict[str, dict[str, Any]]:
    """`f"{alpha:g}"` -> look, ascending. It depends on the alpha alone, whatever else a figure shows.

    The larger an alpha, the lighter its colour. Multiples of 0.1 have markers of their own.

    Raises:
        ValueError: an alpha beyond [0, 1].
    """
    return {f"{alpha:g}": _alpha_look(alpha) for alpha in sorted(set(alphas))}


def defense_looks(titles: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Block of the configuration -> look. Sever's share a hue and so do PCA's; they differ in lightness and marker.

    Args:
        titles: block -> what legends call it, in the order of the configuration. Blocks that it does not bring get
            looks by their order among such blocks, none of which one that it brings has.
    """
    return _looks(titles, _DEFENSES)


def attack_looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Attack -> look, labelled without an alpha. Attacks of users get looks by their order among such attacks."""
    return _looks({name: _attack_label(name) for name in names}, _ATTACKS)


def model_looks() -> dict[str, dict[str, Any]]:
    """What a model was given, "clean" or "triggered" -> look of its bar: one dark, the other pale and hatched."""
    return {
        "clean": {"facecolor": BLUE, "edgecolor": BLUE, "hatch": ""},
        "triggered": {"facecolor": "#f3c9a8", "edgecolor": RED, "hatch": "////"},
    }


def measure_looks(labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Measure of an attack on all classes, "error" or "source_as_target" -> look, with the labels given."""
    known = {"error": (BLUE, "o", "-"), "source_as_target": (RED, "s", "--")}
    return _looks(labels, known)


def look_of(looks: Looks, name: str) -> Look:
    """The look of what results name.

    Raises:
        OleanderError: there is none, so that the results are of another configuration.
    """
    if name not in looks:
        raise OleanderError(
            f"there are results of {name}, but the configuration has {', '.join(looks)} alone; run them again"
        )
    return looks[name]


def relabel(look: Look, label: str, **changed: Any) -> dict[str, Any]:
    """The look under another label, perhaps otherwise changed."""
    return {**look, "label": label, **changed}


def _attack_label(attack: str) -> str:
    return _ATTACK_LABELS.get(attack, attack.replace("_", " "))


def _alpha_look(alpha: float) -> dict[str, Any]:
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha:g}, which is not in [0, 1]")
    tenths = round(10 * alpha)
    if abs(10 * alpha - tenths) < 1e-9:
        marker = _ALPHA_MARKERS[tenths]
    else:
        marker = _OTHER_MARKERS[round(100 * alpha) // 10 % len(_OTHER_MARKERS)]
    return {
        "label": alpha_label(alpha),
        "color": _between(10 * alpha),
        "marker": marker,
        "linestyle": _LINES[tenths % len(_LINES)],
    }


def _between(place: float) -> str:
    """The colour at a place in [0, 10] of `_VIRIDIS`."""
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
    """Twenty pairs of colour and marker before one comes again, then in other lines."""
    return (
        _OTHERS[at % len(_OTHERS)],
        _OTHER_MARKERS[at % len(_OTHER_MARKERS)],
        _LINES[(at + at // 20) % len(_LINES)],
    )
