"""Which defense leaves the least error under attack, and at what price."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from oleander.io.columns import CERTIFIED
from oleander.metrics.effects import subtract_trials
from oleander.metrics.summary import SUMMARY, summarize

ERROR, NET_ERROR, PRICE, FOUND, LOST = "error", "net_error", "price", "poison_found", "genuine_lost"
RANKED = (ERROR, NET_ERROR, PRICE, FOUND, LOST, CERTIFIED)
"""Measures of a ranking, all of them fractions; all but `PRICE` are taken under attack:

- `ERROR`: test error;
- `NET_ERROR`: minus the error of the control's victims under the same defense;
- `PRICE`: test error without poison, minus that without a defense;
- `FOUND`, `LOST`: fraction of poison and of genuine points that the defense rejects or relabels;
- `CERTIFIED`: that of the trials; only of ensembles.
"""


def rank_defenses(
    trials: pd.DataFrame,
    controls: Mapping[str, str],
    poison_fraction: float,
    undefended: str,
    confidence: float,
) -> pd.DataFrame:
    """Rank defenses by their victims' test error under attack.

    Args:
        trials: columns `io.columns.TRIALS` and optionally `CERTIFIED`, of one scale; one alpha per experiment, and one
            evaluation per defense.
        controls: experiment -> the experiment that is its control, of an attack without alpha.
        poison_fraction: of the attacks, above zero.
        undefended: the defense that keeps every point, against which prices are measured.
        confidence: of the intervals, e.g. 0.95.

    Returns:
        Columns `metrics.summary.SUMMARY` and `rank`, counted from 1 for each experiment; one row per experiment,
        defense and measure of `RANKED`, by experiment and rank; `CERTIFIED` only where it was measured. Rows of `PRICE`
        have poison fraction zero. A defense without finished trials under attack is left out.

    Raises:
        ValueError: the poison fraction is zero, a defense has several evaluations, alphas or sizes of the training set,
            or several trials could be subtracted from one.
    """
    if poison_fraction <= 0:
        raise ValueError("a ranking of defenses needs a poison fraction above zero")
    poisoned = trials[np.isclose(trials["poison_fraction"], poison_fraction, rtol=0, atol=1e-9)]
    clean = trials[trials["poison_fraction"] == 0]
    tables = []
    for experiment, control in controls.items():
        own = poisoned[poisoned["experiment"] == experiment]
        own = own.assign(
            **{
                FOUND: own["poison_rejected"] + own["poison_relabelled"],
                LOST: own["genuine_rejected"] + own["genuine_relabelled"],
            }
        )
        others = poisoned[poisoned["experiment"] == control]
        net = subtract_trials(own, others, ["evaluation", "defense", "train_points"], [ERROR])
        before = clean[clean["experiment"] == experiment]
        price = subtract_trials(before, before[before["defense"] == undefended], ["train_points"], [ERROR])
        certified = own[own[CERTIFIED].notna()] if CERTIFIED in own else own[:0]
        parts = [
            summarize(own, [ERROR, FOUND, LOST], confidence),
            summarize(net, [ERROR], confidence).assign(measure=NET_ERROR),
            summarize(price, [ERROR], confidence).assign(measure=PRICE),
            summarize(certified, [CERTIFIED], confidence) if len(certified) else pd.DataFrame(columns=SUMMARY),
        ]
        # An empty frame has no dtypes and would change those of the others.
        table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
        if table.duplicated(["defense", "measure"]).any():
            raise ValueError(
                f"trials of several evaluations, alphas or training set sizes of one defense against {experiment}; "
                "select one first"
            )
        errors = table[table["measure"] == ERROR].set_index("defense")["mean"]
        ranks = errors.sort_values(kind="stable").index
        table["rank"] = table["defense"].map({defense: at for at, defense in enumerate(ranks, start=1)})
        table["measure"] = pd.Categorical(table["measure"], RANKED)
        table = table.sort_values(["rank", "measure"]).astype({"measure": str})
        tables.append(table.dropna(subset=["rank"]).astype({"rank": int}))
    return pd.concat(tables, ignore_index=True)
