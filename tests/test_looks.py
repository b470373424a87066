"""Looks of attacks, defenses and alphas: the same whatever else is shown, and told apart without colours."""

import json
from itertools import combinations

import matplotlib
import numpy as np
import pytest
import seaborn
import yaml
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from oleander.io.errors import OleanderError
from oleander.plots import looks
from oleander.plots.looks import (
    alpha_looks,
    attack_looks,
    attack_titles,
    control_looks,
    defense_looks,
    look_of,
    model_looks,
)

PAPERS_ALPHAS = (0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1)
ATTACKS = ("pgan", "label_flipping", "random_flipping", "duplication")


@pytest.fixture
def titles(repository):
    configured = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))["defenses"]
    return {name: block["title"] for name, block in configured.items()}


def lightness(look):
    return float(np.dot(to_rgb(look["color"]), (0.299, 0.587, 0.114)))


def told_apart(some):
    assert len({look["marker"] for look in some.values()}) == len(some)
    assert max(map(lightness, some.values())) < 0.72, "one vanishes on white"


def test_an_alphas_look_depends_on_nothing_else():
    every = alpha_looks(PAPERS_ALPHAS)
    for alpha in PAPERS_ALPHAS:
        assert alpha_looks([alpha]) == {f"{alpha:g}": every[f"{alpha:g}"]}
    assert list(alpha_looks([0.9, 0.1, 0.9])) == ["0.1", "0.9"]
    assert every["0.1"]["label"] == "α = 0.1"


def test_alphas_ascend_from_dark_to_light_and_have_markers_of_their_own():
    tenths = alpha_looks([at / 10 for at in range(11)])
    assert (np.diff([lightness(look) for look in tenths.values()]) > 0.02).all()
    told_apart(tenths)
    between = alpha_looks([0.05, 0.15, 0.25, 0.35])
    told_apart(between)
    assert not {look["marker"] for look in between.values()} & {look["marker"] for look in tenths.values()}


@given(st.floats(0, 1))
def test_the_colour_of_an_alpha_is_viridis(alpha):
    (look,) = alpha_looks([alpha]).values()
    expected = matplotlib.colormaps["viridis"](0.82 * np.sqrt(alpha))[:3]
    assert np.abs(np.subtract(to_rgb(look["color"]), expected)).max() < 0.02


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_an_alpha_beyond_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match=r"not in \[0, 1\]"):
        alpha_looks([alpha])


def test_a_defense_looks_the_same_in_every_figure(titles):
    every = defense_looks(titles)
    for name, title in titles.items():
        assert defense_looks({name: title}) == {name: every[name]}
        assert every[name]["label"] == title
    told_apart(every)
    assert len({look["color"] for look in every.values()}) == len(every)


def test_a_familys_strengths_grow_lighter(titles):
    every = defense_looks(titles)
    for family in ("sever", "pca"):
        shades = [lightness(every[f"{family}_{strength}"]) for strength in ("005", "01", "02")]
        assert (np.diff(shades) > 0.1).all()


@pytest.mark.parametrize(
    "shown",
    [
        ("none", "outlier", "sever_01", "pca_005", "label_sanitization"),
        ("sever_005", "sever_01", "sever_02"),
        ("pca_005", "pca_01", "pca_02"),
        ("outlier", "outlier_90"),
    ],
)
def test_defenses_of_one_figure_differ_in_lightness_or_line_style(titles, shown):
    for one, other in combinations([defense_looks(titles)[name] for name in shown], 2):
        assert one["linestyle"] != other["linestyle"] or abs(lightness(one) - lightness(other)) > 0.1


def test_what_is_not_the_papers_has_looks_of_its_own(titles):
    more = defense_looks({"mine": "my own", **titles, **{f"other{at}": str(at) for at in range(19)}})
    known = {(more[name]["color"], more[name]["marker"]) for name in titles}
    others = [(look["color"], look["marker"]) for name, look in more.items() if name not in titles]
    assert not {color for color, _ in known} & {color for color, _ in others}
    assert not {marker for _, marker in known} & {marker for _, marker in others}
    assert len(set(others)) == 20
    assert {name: more[name] for name in titles} == defense_looks(titles)


def test_results_of_another_configuration_are_named():
    with pytest.raises(OleanderError, match=r"results of 0\.4, but the configuration has only 0\.1, 0\.3"):
        look_of(alpha_looks([0.1, 0.3]), "0.4")


def test_attacks():
    every = attack_looks([*ATTACKS, "my_attack"])
    told_apart(every)
    assert len({look["linestyle"] for name, look in every.items() if name in ATTACKS}) == 4
    assert [look["label"] for look in every.values()][:2] == ["pGAN", "label flipping"]
    assert attack_looks(["pgan"])["pgan"] == every["pgan"]


def test_a_control_looks_as_its_attack_does_and_like_no_alpha():
    every, attacks = control_looks(ATTACKS), attack_looks(ATTACKS)
    assert every["duplication"]["label"] == "control: duplicated genuine points"
    assert every["label_flipping"]["label"] == "control: label flipping"
    assert {name: {**look, "label": ""} for name, look in every.items()} == {
        name: {**look, "label": ""} for name, look in attacks.items()
    }
    told_apart(alpha_looks([at / 10 for at in range(11)]) | {"control": every["duplication"]})


def test_attacks_are_named_in_words():
    assert attack_titles(["pgan", "random_flipping"], 0.1) == {
        "pgan": "pGAN, α = 0.1",
        "random_flipping": "random flipping",
    }


def test_looks_are_plain_data(titles):
    every = [
        alpha_looks(PAPERS_ALPHAS),
        defense_looks(titles),
        attack_looks(ATTACKS),
        control_looks(ATTACKS),
        model_looks(),
    ]
    assert json.loads(json.dumps(every)) == every


def test_hues_are_of_seaborns_palette():
    palette = {color.lower() for color in seaborn.color_palette("colorblind").as_hex()}
    assert {looks.BLUE, looks.GREEN, looks.RED, "#56b4e9", "#cc78bc", "#ca9161", "#949494"} <= palette
