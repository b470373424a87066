"""Does training in bfloat16 change any result? Compares bfloat16 with float32 on MNIST at laptop scale.

Steps, for each precision:
 1. train pGAN generators (`experiments.mnist`, alpha 0.1) with the seeds 0, 1, ...;
 2. record C(G(z)) and D(G(z)) as means over their last ten epochs;
 3. train victims on each generator's poison, as `evaluations.effectiveness` does, and victims on poison of the float32
    generators, which compares only the victims.

For each measure, two one-sided tests check whether the mean difference between the precisions, over pairs of equal
seeds, lies within half the standard deviation between seeds. Rounding alone makes generators of one seed diverge from
each other, in float32 as in bfloat16, so pairs are hardly closer than generators of different seeds.

`make precision` writes the verdicts and the runs behind them.
"""

import math
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from oleander.attacks import Generated, Generators, Replica, pgan
from oleander.data import load_dataset, make_task, prepare_dataset
from oleander.data.tasks import Task
from oleander.evaluation.trials import run_trials
from oleander.io.tables import identified, read_csv, write_csv
from oleander.training.devices import Placement
from oleander.training.precision import BFLOAT16, FLOAT32, Precision
from oleander.training.scratch import Scratch
from oleander.workflow.configuration import load_configuration

ALPHA = 0.1
POISON_FRACTION = 0.3
GENERATORS = 8
RUNS = 4
LAST_EPOCHS = 10
"""Number of last epochs over which C(G(z)) and D(G(z)) are averaged."""
PRECISIONS = (FLOAT32, BFLOAT16)
MEASURES = {
    "generators": ("classifier_on_poison", "discriminator_on_poison", "error", "false_positive_rate"),
    "victims": ("error", "false_positive_rate", "false_negative_rate", "poison_rejected"),
}
"""Compared measures: of generators (means over victims of the same precision), and of victims only."""
MARGIN = 0.5
"""Largest difference that counts as equivalent, in standard deviations between seeds."""


def equivalence(reference: np.ndarray, other: np.ndarray, confidence: float = 0.95) -> dict[str, float | str]:
    """Test pairs for equivalence with two one-sided tests.

    Args:
        reference: [n], the measure in the reference precision, one per seed.
        other: [n], the same seeds in the other precision.
        confidence: of each one-sided test.

    Returns:
        `difference` (mean of other - reference), its interval `low` to `high` of confidence 2 x `confidence` - 1, the
        `margin`, the `verdict`, and `needed`, the number of pairs of such spread whose interval around zero would lie
        within the margin. The verdict is "equivalent" if the interval lies within the margin, "different" if it
        excludes zero, else "undecided".
    """
    differences = other - reference
    margin = MARGIN * reference.std(ddof=1)
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    reach = stats.t.ppf(confidence, len(differences) - 1) * error
    mean = differences.mean()
    needed = 2
    while stats.t.ppf(confidence, needed - 1) * differences.std(ddof=1) / math.sqrt(needed) > margin > 0:
        needed += 1
    low, high = mean - reach, mean + reach
    verdict = "different" if not low <= 0 <= high else "undecided"
    verdict = "equivalent" if -margin < low and high < margin else verdict
    return {
        "difference": mean,
        "low": low,
        "high": high,
        "margin": margin,
        "verdict": verdict,
        "needed": needed,
    }


def train(task: Task, settings: dict[str, Any], lambda_prime: float, folder: Path, precision: Precision) -> Generators:
    """Steps 1 and 2 for one precision; saved generators are read."""
    generators, curves = (folder / f"{precision.name}{ending}" for ending in (".safetensors", "_curves.csv"))
    if not generators.exists():
        replicas = [Replica(seed, alpha=ALPHA, lambda_prime=lambda_prime) for seed in range(GENERATORS)]
        with Scratch(folder / precision.name, precision.name, minutes=5).interruptible() as scratch:
            made, table = pgan.fit(task, replicas, settings, scratch, precision)
        write_csv(curves, identified(table, {"precision": precision.name}))
        pgan.save(generators, made, {"attack": settings, "precision": precision.name})
    return pgan.load(generators, "cpu")


def measure(task: Task, generators: Generators, evaluation: dict[str, Any], precision: Precision) -> pd.DataFrame:
    """Step 3: one row per generator and run."""
    placement = Placement(torch.device("cpu"), 8, 1.0, precision)
    identity = {"scale": "laptop", "experiment": "mnist", "evaluation": "effectiveness", "attack": "pgan"}
    return run_trials(
        task, Generated(generators), evaluation, {**identity, "defense": "outlier"}, placement, Scratch.none()
    )[0]


def compare(runs: pd.DataFrame) -> pd.DataFrame:
    """The verdicts on `runs` (columns `of`, `measure`, `seed`, `precision`, `value`), one row per measure."""
    rows = []
    for of, measures in MEASURES.items():
        for name in measures:
            own = runs[(runs["of"] == of) & (runs["measure"] == name)]
            pairs = own.pivot(index="seed", columns="precision", values="value").sort_index()
            reference, other = (pairs[precision.name].to_numpy() for precision in PRECISIONS)
            means = {precision.name: pairs[precision.name].mean() for precision in PRECISIONS}
            rows.append({"of": of, "measure": name, "pairs": len(pairs), **means, **equivalence(reference, other)})
    return pd.DataFrame(rows)


def report(table: pd.DataFrame) -> str:
    """Markdown that explains the comparison and lists the verdicts of `compare`."""
    about = (
        f"Laptop scale, MNIST, alpha {ALPHA:g}: {GENERATORS} generators per precision, each with {RUNS} victims at "
        f"{POISON_FRACTION:.0%} poison behind the outlier detector. *Generators*: generators of both precisions, "
        "each measured with victims of its own precision. *Victims*: victims of both precisions on poison of the "
        "float32 generators. Pairs have equal seeds."
    )
    tests = (
        f"Equivalent: the 90 % interval of the mean difference lies within {MARGIN:g} standard deviations between "
        "seeds (two one-sided tests at 5 %). Different: the interval excludes zero. Undecided: neither; *pairs that "
        "would decide* is the number of pairs of this spread needed if the true difference is zero."
    )
    titles = ["of", "measure", "pairs", "float32", "bfloat16", "difference", "90 % interval", "margin", "verdict"]
    lines = [
        *("# Training in bfloat16 against float32", "", textwrap.fill(about, 120), "", textwrap.fill(tests, 120), ""),
        f"| {' | '.join([*titles, 'pairs that would decide'])} |",
        "|---|---|---:|---:|---:|---:|---|---:|---|---:|",
    ]
    for row in table.to_dict("records"):
        cells = [row["of"], row["measure"].replace("_", " "), row["pairs"]]
        cells += [f"{row[name]:.4f}" for name in ("float32", "bfloat16", "difference")]
        cells += [f"{row['low']:.4f} to {row['high']:.4f}", f"{row['margin']:.4f}"]
        cells += [row["verdict"], row["needed"] if row["verdict"] == "undecided" else ""]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(
        [*lines, "", "`runs.csv` has every run and `equivalence.csv` the table; `make precision` writes both.", ""]
    )


def study(root: Path, data_root: str, out: Path, work: Path, only: str | None) -> None:
    """Run everything that is missing, and write `runs.csv`, `equivalence.csv` and a README to `out`.

    Args:
        root: the checkout with the configuration.
        data_root: folder of MNIST.
        out: folder of the tables.
        work: folder of trained generators to continue from.
        only: train only the generators of this precision and stop; None for all.
    """
    config = load_configuration(root, "laptop").plain()
    block = config["tasks"]["mnist_3v5"]
    prepared = work / "mnist.safetensors"
    work.mkdir(parents=True, exist_ok=True)
    if not prepared.exists():
        source = {key: value for key, value in config["datasets"][block["dataset"]].items() if key != "title"}
        prepare_dataset(block["dataset"], source, data_root, False, prepared, work / "mnist.json")
    classes = {key: block[key] for key in ("source_class", "target_class", "all_classes")}
    task = make_task(load_dataset(prepared), **classes)
    experiment = config["experiments"]["mnist"]
    settings = {**config["attacks"]["pgan_images"], "epochs": experiment["epochs"]}
    (lambda_prime,) = experiment["lambda_primes"]
    trained = {
        precision: train(task, settings, lambda_prime, work, precision)
        for precision in PRECISIONS
        if only in (None, precision.name)
    }
    if only is not None:
        return
    evaluation = {
        **config["evaluations"]["effectiveness"],
        "poison_fractions": [POISON_FRACTION],
        "runs": RUNS,
        "defense": {key: value for key, value in config["defenses"]["outlier"].items() if key != "title"},
        "victim": config["victims"][block["victim"]],
    }
    rows = []

    def record(of: str, measure: str, seed: str, precision: Precision, value: float) -> None:
        rows.append({"of": of, "measure": measure, "seed": seed, "precision": precision.name, "value": value})

    for precision in PRECISIONS:
        curves = read_csv(work / f"{precision.name}_curves.csv")
        late = curves[curves["epoch"] > curves["epoch"].max() - LAST_EPOCHS].groupby("generator")
        own = measure(task, trained[precision], evaluation, precision).groupby("generator")
        for seed in range(GENERATORS):
            for name in MEASURES["generators"]:
                table = late if name in curves else own
                record("generators", name, f"generator {seed}", precision, table[name].mean()[seed])
        for _, row in measure(task, trained[FLOAT32], evaluation, precision).iterrows():
            for name in MEASURES["victims"]:
                record("victims", name, f"generator {row['generator']}, run {row['run']}", precision, row[name])
    runs = pd.DataFrame(rows)
    write_csv(out / "runs.csv", runs)
    table = compare(runs)
    write_csv(out / "equivalence.csv", table)
    (out / "README.md").write_text(report(table), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    _program, data_root, out, work, *only = sys.argv
    study(Path(__file__).resolve().parents[2], data_root, Path(out), Path(work), only[0] if only else None)
