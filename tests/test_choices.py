"""What open choices do to statements: every effect is the difference that its trials were made with."""

import math

import numpy as np
import pandas as pd
import pytest

from oleander.evaluation.choices import COLUMNS, effects_of_choices
from oleander.io.claims import COLUMNS as CLAIM_COLUMNS
from oleander.io.claims import DEFAULTS, one_of_choice, parse_claim
from oleander.io.columns import TRIALS
from oleander.plots.choices import choices_latex, choices_markdown, plot_choices

GENERATORS, RUNS = 4, 3
BLANK = dict.fromkeys(CLAIM_COLUMNS, "")
SIDE = "evaluation = effectiveness; alpha = 0.1; poison_fraction = 0.3"


def statement(name, where, against, relation="more than"):
    return parse_claim(
        {
            **BLANK,
            "id": name,
            "quote": "said",
            "kind": "ordering",
            "relation": relation,
            "unit": "points",
            "reason": "made up",
            "scale": "any",
            "table": "trials",
            "measure": "error",
            "where": where,
            "against": against,
        }
    )


ABOVE = statement("A", f"experiment = mnist; {SIDE}", "experiment = flips; alpha = empty")
RISES = statement("B", f"experiment = mnist; {SIDE}", "poison_fraction = 0")
CHOICES = {
    "printed": ("mnist", "mnist_printed"),
    "in place": ("flips", "flips_in_place"),
    "dropout": ("effectiveness", "dropout"),
}
TITLES = {"A": "pGAN above flipping", "B": "poison raises the error"}
ERRORS = {
    # (experiment, evaluation) -> the error without poison and with it.
    ("mnist", "effectiveness"): (0.03, 0.10),
    ("mnist_printed", "effectiveness"): (0.03, 0.02),
    ("flips", "effectiveness"): (0.03, 0.06),
    ("flips_in_place", "effectiveness"): (0.03, 0.30),
    ("mnist", "dropout"): (0.03, 0.08),
    ("flips", "dropout"): (0.03, 0.05),
}


def make_trials():
    random = np.random.default_rng(3)
    rows = []
    for (experiment, evaluation), means in ERRORS.items():
        for generator in range(GENERATORS):
            for run in range(RUNS):
                for fraction, mean in zip((0.0, 0.3), means, strict=True):
                    row = {
                        **dict.fromkeys(TRIALS, math.nan),
                        "scale": "laptop",
                        "precision": "float32",
                        "experiment": experiment,
                        "evaluation": evaluation,
                        "dataset": "mnist",
                        "stand_in_for": "",
                        "alpha": math.nan if experiment.startswith("flips") else 0.1,
                        "generator": generator,
                        "run": run,
                        "poison_fraction": fraction,
                        "error": mean + random.normal(0, 1e-4),
                        "status": "ok",
                    }
                    rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def effects():
    return effects_of_choices([ABOVE, RISES], CHOICES, make_trials(), "laptop", {}, 0.95)


def test_every_effect_is_the_difference_of_its_own_trials(effects):
    assert tuple(effects.columns) == COLUMNS
    found = {(row.choice, row.claim): row for row in effects.itertuples()}
    expected = {
        (DEFAULTS, "A"): 0.04,
        (DEFAULTS, "B"): 0.07,
        ("printed", "A"): -0.04,
        ("printed", "B"): -0.01,
        ("in place", "A"): -0.20,
        ("dropout", "A"): 0.03,
        ("dropout", "B"): 0.05,
    }
    assert found.keys() == expected.keys(), "a choice stands beside the statements that it concerns alone"
    for key, effect in expected.items():
        assert found[key].effect == pytest.approx(effect, abs=3e-4)
        assert found[key].low < found[key].effect < found[key].high
        assert found[key].n == GENERATORS
        assert found[key].verdict == ("reproduced" if effect > 0 else "not reproduced")


def test_a_choice_takes_the_place_of_both_sides():
    swapped = one_of_choice(RISES, "mnist", "other")
    assert swapped.sources() == [("other", "effectiveness")]
    assert one_of_choice(RISES, "flips", "other") == RISES


def test_figure_and_tables_show_every_effect_once(effects):
    figure = plot_choices(effects, [ABOVE, RISES], TITLES, "MNIST - laptop scale", 0.95)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == list(TITLES.values())
    rows = [label.get_text() for label in panels[0].get_yticklabels()]
    assert rows == [DEFAULTS, *CHOICES]
    for axes, claim in zip(panels, "AB", strict=True):
        own = effects[effects["claim"] == claim]
        points = {
            (round(line.get_ydata()[0]), line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1
        }
        assert points == {(rows.index(row.choice), 100 * row.effect) for row in own.itertuples()}
        low, high = axes.get_xlim()
        assert low < 100 * own["low"].min()
        assert high > 100 * own["high"].max()
    markdown = choices_markdown(effects, TITLES, "MNIST - laptop scale")
    assert "| in place" in markdown
    assert f"{100 * effects['effect'].iloc[0]:.1f} [" in markdown
    assert markdown.count("not reproduced") == 3
    assert choices_latex(effects, TITLES, "MNIST").count("not reproduced") == 3


def test_a_choice_without_results_has_no_point(effects):
    trials = make_trials().query("experiment != 'mnist_printed'")
    missing = effects_of_choices([ABOVE, RISES], CHOICES, trials, "laptop", {}, 0.95)
    assert missing.query("choice == 'printed'")["verdict"].tolist() == ["not run", "not run"]
    assert missing.query("choice == 'printed'")["effect"].isna().all()
    plot_choices(missing, [ABOVE, RISES], TITLES, "MNIST", 0.95)
