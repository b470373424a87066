"""Defenses: they decide which received points a victim trains on, and with which labels.

Each defense is a module with a `sanitize` function and a `SETTINGS_SCHEMA`, registered in `DEFENSES`.

A defense that fits victims of its own writes `sanitize` as a generator function: it yields a `FitRequest`, receives the
fitted victim's `LastLayer`, repeats this as needed, and returns a `Sanitized`. The victims of many sets can then be
trained together.

A defense may also have several victims trained, each on a part of the points, in place of a single one; they vote
(`Ensemble`).
"""

import inspect
from collections.abc import Callable, Generator, Sequence
from types import ModuleType
from typing import Any

from oleander.defenses import (
    activation_clustering,
    deep_knn,
    detector,
    label_sanitization,
    none,
    outlier,
    partition,
    pca,
    sever,
    spectral,
    trimmed_loss,
)
from oleander.defenses.base import Ensemble, FitRequest, LastLayer, Points, Sanitized
from oleander.io.errors import OleanderError

DEFENSES: dict[str, ModuleType] = {
    "none": none,
    "outlier": outlier,
    "sever": sever,
    "pca": pca,
    "label_sanitization": label_sanitization,
    "spectral": spectral,
    "activation_clustering": activation_clustering,
    "deep_knn": deep_knn,
    "trimmed_loss": trimmed_loss,
    "partition": partition,
    "detector": detector,
}

__all__ = ["DEFENSES", "Ensemble", "FitRequest", "LastLayer", "Points", "Sanitized", "sanitize", "sanitize_cohort"]


def sanitize(
    received: Points,
    trusted: Points,
    settings: dict[str, Any],
    seed: int,
    fit: Callable[[FitRequest], LastLayer] | None = None,
) -> Sanitized:
    """Apply the defense `settings["name"]`.

    Args:
        received: training points, genuine and poison; never mutated.
        trusted: points known to be genuine, for defenses that need some; never mutated.
        settings: the defense's name and its own settings.
        seed: the same seed gives the same result.
        fit: trains the requested victim, for defenses that fit victims of their own.

    Returns:
        The decision for each received point.

    Raises:
        OleanderError: the defense is unknown, points are not finite, the defense cannot use the data, or `fit` is
            missing but needed.
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
    """Apply one defense to many sets at once; each result is that of `sanitize` on the set alone.

    Args:
        received: received points of each set, as in `sanitize`.
        trusted: trusted points of each set, as in `sanitize`.
        settings: the defense's name and its own settings, the same for all sets.
        seeds: one per set.
        fit: takes one request per set, in order, and trains their victims together; called once for each fit that the
            defense needs.

    Returns:
        The decisions for each set.

    Raises:
        OleanderError: as `sanitize`; also if sets need different numbers of fits.
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
    """Advance all generators together, with one call of `fit` per round."""
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
                f"defense '{name}': {len(done)} of {len(runs)} sets finished while others requested another fit; "
                "make the defense request the same number of fits for every set"
            )
        if fit is None:
            raise OleanderError(f"defense '{name}' fits victims of its own; pass a fit function that trains them")
        answers = fit(requests)
        if len(answers) != len(requests):
            raise OleanderError(
                f"defense '{name}': fit returned {len(answers)} results for {len(requests)} requests; "
                "return one for each, in order"
            )
