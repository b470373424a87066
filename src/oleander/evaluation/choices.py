"""What each choice that a paper leaves open does to the paper's statements.

A choice replaces one experiment, or one evaluation, by another that differs in one setting. Every statement is checked
with the defaults and again with each choice in their place.
"""

from typing import Any

import pandas as pd

from oleander.evaluation.claims import verify_claims
from oleander.io.claims import Claim, claims_by_choice

COLUMNS = ("scale", "choice", "claim", "effect", "low", "high", "confidence", "n", "over", "verdict", "why")
"""Columns of the effects: `effect`, with its interval `low` to `high`, is a difference of fractions in [0, 1]."""


def effects_of_choices(
    claims: list[Claim],
    choices: dict[str, tuple[str, str]],
    trials: pd.DataFrame,
    scale: str,
    asked: dict[str, dict[str, dict[str, list[Any]]]],
    confidence: float,
) -> pd.DataFrame:
    """Check claims with the defaults and with every choice.

    Whether the settings are those of the paper does not count here: all choices are compared at one scale.

    Args:
        claims: differences or orderings of trials.
        choices: title -> name of an experiment or evaluation, and of the one that takes its place.
        trials: trials of all experiments and evaluations, columns `oleander.io.columns.TRIALS`.
        scale: name of the scale.
        asked: title of a choice, or `DEFAULTS` -> as in `verify_claims`.
        confidence: of the intervals and tests, e.g. 0.95.

    Returns:
        Columns `COLUMNS`: a row per choice and claim that it concerns, the defaults first. Without results the effect
        is NaN.

    Raises:
        OleanderError: as `verify_claims`.
    """
    parts = []
    for title, own in claims_by_choice(claims, choices).items():
        verdicts = verify_claims(own, {"trials": trials}, scale, {}, asked.get(title, {}), confidence)
        parts.append(verdicts.assign(choice=title, claim=[claim.name for claim in own]))
    return pd.concat(parts, ignore_index=True).rename(columns={"reproduced": "effect"})[list(COLUMNS)]
