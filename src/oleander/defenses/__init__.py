"""Defenses: which of the received points a victim trains on, and with which labels.

One defense, one file with a `sanitize` function and a `SETTINGS_SCHEMA`, one line in `DEFENSES`.

A defense that judges by fitted victims writes `sanitize` as a generator function: it yields a `FitRequest`, is sent the
`LastLayer` of the victim that was fitted, and so on; it returns its `Sanitized`. Thus the victims of many sets are
trained together.
"""

import inspect
from collections.abc import Callable, Generator, Sequence
from types import ModuleType
from typing import Any

from oleander.defenses import label_sanitization, none, outlier, pca, sever
from oleander.defenses.base import FitRequest, LastLayer, Points, Sanitized
from oleander.io.errors import OleanderError

DEFENSES: dict[str, ModuleType] = {
    "none": none,
    "outlier": outlier,
    "sever": sever,
    "pca": pca,
    "label_sanitization": label_sanitization,
}

__all__ = ["DEFENSES", "FitRequest", "LastLayer", "Points", "Sanitized", "sanitize", "sanitize_cohort"]


def sanitize(
    received: Points,
    trusted: Points,
    settings: dict[str, Any],
    seed: int,
    fit: Callable[[FitRequest], LastLayer] | None = None,
) -> Sanitized:
    """Apply the defense that `settings["name"]` names.

    Args:
        received: points to be trained on, genuine and poison alike; never mutated.
        trusted: genuine points that the defender is sure of, for defenses that assume some; never mutated.
        settings: the defense's name and its own settings.
        seed: the same seed gives the same answer.
        fit: trains a victim on what is asked for, for defenses that judge by one.

    Returns:
        What was done to each received point.

    Raises:
        OleanderError: an unknown defense, points that are not finite, data that the defense cannot work with, or no
            `fit` where one is needed.
    """
    fit_all = None if fit is None else lambda requests: [fit(request) for request in requests]
    return sanitize_cohort([received], [trusted], settings, [seed], fit_all)[0]


def sanitize_cohort(
    received: Sequence[Points],
    trusted: Sequence[Points],
    settings: dict[str, Any],
    seeds: Sequence[int],
    fit: Callable[[list[FitRequest]], list[LastLayer]] | None = None,
) -> list[Sanitized]:
    """Apply one defense to many sets at once; each gets what `sanitize` would give it alone.

    Args:
        received: of each set, as in `sanitize`.
        trusted: of each set, as in `sanitize`.
        settings: the defense's name and its own settings, the same for all sets.
        seeds: one a set.
        fit: is given one request of every set, in the sets' order, and trains their victims together; called once for
            each fit that the defense needs, and never by a defense that needs none.

    Returns:
        What was done to the points of each set.

    Raises:
        OleanderError: as `sanitize`; or sets that need different numbers of fits.
    """
    name = settings["name"]
    if name not in DEFENSES:
        raise OleanderError(f"unknown defense '{name}' in the configuration; choose one of {sorted(DEFENSES)}")
    for kind, sets in (("received", received), ("trusted", trusted)):
        if not all(points.x.isfinite().all() for points in sets):
            raise OleanderError(f"defense '{name}': {kind} points hold NaN or infinity; clean them first")
    defend = DEFENSES[name].sanitize
    runs = [defend(*one, settings, seed) for *one, seed in zip(received, trusted, seeds, strict=True)]
    return _in_lockstep(runs, name, fit) if inspect.isgeneratorfunction(defend) else runs


def _in_lockstep(
    runs: list[Generator[FitRequest, LastLayer, Sanitized]],
    name: str,
    fit: Callable[[list[FitRequest]], list[LastLayer]] | None,
) -> list[Sanitized]:
    """Run generators side by side, each fit of all of them as one call."""
    answers: list[LastLayer | None] = [None] * len(runs)
    while True:
        requests, done = [], []
        for run, answer in zip(runs, answers, strict=True):
            try:
                requests.append(run.send(answer))
            except StopIteration as stop:
                done.append(stop.value)
        if not requests:
            return done
        if done:
            raise OleanderError(
                f"defense '{name}': {len(done)} of {len(runs)} sets were done while others asked for a further fit; "
                "let the defense ask equally often for every set"
            )
        if fit is None:
            raise OleanderError(f"defense '{name}' judges by fitted victims; give it a fit that trains them")
        answers = fit(requests)
        if len(answers) != len(requests):
            raise OleanderError(
                f"defense '{name}': the fit gave {len(answers)} answers to {len(requests)} requests; "
                "give one for each, in order"
            )
