"""Tables of errors and effects say what the summary says, in print that loses nothing."""

import numpy as np
import pandas as pd
import pytest

from oleander.io.claims import read_claims
from oleander.io.columns import TRIALS
from oleander.metrics.summary import SUMMARY, summarize
from oleander.plots.error_curves import RATES
from oleander.plots.error_tables import errors_latex, errors_markdown, rates_summary
from oleander.plots.looks import control_looks
from oleander.plots.tables import statements

TITLES = {"a": "5 $ & 10_$ | #", "b": "digits"}
CONTROLS = {"a": "filler"}
LOOKS = {"filler": control_looks(["duplication"])["duplication"]}


def make_summary() -> pd.DataFrame:
    """Two experiments, of which the second stands in, at two alphas, with a control that has one poison fraction."""
    errors = [
        (experiment, stand_in, alpha, fraction, "error", 0.01 + fraction / 10 + alpha, 0.01, 0.2)
        for experiment, stand_in in (("a", ""), ("b", "MNIST"))
        for alpha in (0.1, 0.3)
        for fraction in (0.0, 0.2)
    ]
    control = ("filler", "", np.nan, 0.2, "error", 0.025, 0.02, 0.03)
    effects = [
        ("a", "", 0.1, 0.2, "raw_error", 0.02, 0.01, 0.03),
        ("a", "", 0.1, 0.2, "net_error", 0.01, -0.0004, 0.0204),
        ("a", "", 0.1, 0.2, "net_false_positive_rate", -0.05, -0.1, -0.0123),
        ("a", "", 0.1, 0.2, "net_false_negative_rate", 0.07, np.nan, np.nan),
        ("a", "", 0.3, 0.2, "raw_error", 0.02, np.nan, np.nan),
        ("b", "MNIST", 0.1, 0.2, "raw_error", 0.02, 0.01, 0.03),
        ("b", "MNIST", 0.1, 0.2, "raw_false_positive_rate", 0.09, 0.01, 0.03),
        ("filler", "", np.nan, 0.2, "raw_error", 0.005, 0.0, 0.01),
    ]
    columns = ["experiment", "stand_in_for", "alpha", "poison_fraction", "measure", "mean", "low", "high"]
    summary = pd.DataFrame([*errors[:-1], control, *effects], columns=columns)
    summary.loc[0, ["low", "high"]] = np.nan
    summary.loc[1, ["low", "high"]] = (-0.2, 1.3)
    return summary


@pytest.fixture(scope="module")
def published(repository) -> list[dict[str, str]]:
    return statements(read_claims(repository / "workflow/published/claims.csv"), "pGAN", "Fig2")


def sections(text: str) -> dict[str, list[list[str]]]:
    """Heading -> the cells of the rows of its table, without the rule under the header."""
    found: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            rows = found.setdefault(line.removeprefix("## "), [])
        elif line.startswith("|") and not line.startswith(("|--", "|:-")):
            rows.append([cell.strip() for cell in line.strip("|").replace(r"\|", "/").split("|")])
    return found


def test_errors_stand_beside_the_control(published):
    found = sections(errors_markdown(make_summary(), published, TITLES, "demo", CONTROLS, LOOKS))
    assert found[r"Test error (%), 5 \$ & 10_\$ \| # - demo scale"] == [
        ["poison (%)", "α = 0.1", "α = 0.3", "control"],
        ["0", "11.0", "31.0 [1.0–20.0]", ""],
        ["20", "13.0 [0.0–100.0]", "33.0 [1.0–20.0]", "2.5 [2.0–3.0]"],
    ]
    assert found["Test error (%), digits in place of MNIST - demo scale"] == [
        ["poison (%)", "α = 0.1", "α = 0.3"],
        ["0", "11.0 [1.0–20.0]", "31.0 [1.0–20.0]"],
        ["20", "13.0 [1.0–20.0]", ""],
    ]
    says = [rows for heading, rows in found.items() if heading.startswith("What the paper says")]
    assert [row[0] for row in says[0]] == ["id", *(one["id"] for one in published)]
    assert {"P01", "P02", "P04", "P23"} <= {one["id"] for one in published}


def test_effects_have_signs_and_what_was_not_paired_is_empty(published):
    text = errors_markdown(make_summary(), published, TITLES, "demo", CONTROLS, LOOKS)
    found = sections(text)
    assert found[r"Effect of poison (percentage points), 5 \$ & 10_\$ \| # - demo scale"] == [
        ["α", "poison (%)", "error, raw", "error, net", "false positives, net", "false negatives, net"],
        ["0.1", "20", "+2.0 [+1.0, +3.0]", "+1.0 [0.0, +2.0]", "−5.0 [−10.0, −1.2]", "+7.0"],
        ["0.3", "20", "+2.0", "", "", ""],
    ]
    assert found["Effect of poison (percentage points), digits in place of MNIST - demo scale"] == [
        ["α", "poison (%)", "error, raw"],
        ["0.1", "20", "+2.0 [+1.0, +3.0]"],
    ]
    net = 'Net: minus the trial of "control: duplicated genuine points" at the same poison fraction'
    assert text.count(net) == 1
    assert text.count("Raw: minus the victim without poison.") == 2


def test_without_controls_nothing_is_said_of_any(published):
    text = errors_markdown(make_summary(), published, TITLES, "demo")
    assert "control" not in text
    assert "Net" not in text


def test_latex_has_the_same_tables():
    text = errors_latex(make_summary(), TITLES, "demo", CONTROLS, LOOKS)
    assert r"\caption{Test error (\%), 5 \$ \& 10\_\$ \textbar{} \# - demo scale}" in text
    assert r"poison (\%) & $\alpha$ = 0.1 & $\alpha$ = 0.3 & control \\" in text
    assert r"20 & 13.0 [0.0--100.0] & 33.0 [1.0--20.0] & 2.5 [2.0--3.0] \\" in text
    assert r"$-$5.0 [$-$10.0, $-$1.2]" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\caption{") == 4
    assert "−" not in text


def test_the_csv_has_rates_then_effects():
    rows = [
        {
            **dict.fromkeys(TRIALS, 0),
            "scale": "demo",
            "experiment": experiment,
            "dataset": "digits",
            "stand_in_for": "",
            "status": "ok",
            "alpha": alpha,
            "lambda_prime": alpha,
            "run": run,
            "poison_fraction": fraction,
            "error": error / 100,
        }
        for experiment, alpha, errors in (("a", 0.1, (3, 6)), ("filler", np.nan, (3, 5)))
        for run in range(2)
        for fraction, error in zip((0.0, 0.4), errors, strict=True)
    ]
    trials = pd.DataFrame(rows, columns=list(TRIALS))
    found = rates_summary(trials, CONTROLS, 0.95)
    assert list(found.columns) == SUMMARY
    rates = summarize(trials, ["error", *RATES], 0.95)
    pd.testing.assert_frame_equal(found[: len(rates)], rates)
    effects = found[len(rates) :].query("measure in ('raw_error', 'net_error')")
    means = {(row.experiment, row.measure): row.mean for row in effects.itertuples()}
    expected = {("a", "raw_error"): 0.03, ("filler", "raw_error"): 0.02, ("a", "net_error"): 0.01}
    assert means == pytest.approx(expected)


def test_nothing_measured_leaves_tables_of_headers(published):
    trials = pd.DataFrame([dict.fromkeys(TRIALS, 0)], columns=list(TRIALS)).assign(status="diverged", experiment="a")
    summary = rates_summary(trials, CONTROLS, 0.95)
    found = sections(errors_markdown(summary, published, TITLES, "demo", CONTROLS, LOOKS))
    assert [rows for heading, rows in found.items() if heading.startswith("Test error")] == [[["poison (%)"]]] * 2
