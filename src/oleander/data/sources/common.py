"""Shared by the sources: settings validation and a stratified split."""

from typing import Any

import numpy as np
from torch import Tensor

from oleander.io.errors import OleanderError
from oleander.io.schemas import DEFINITIONS, Validator, check_plain


def check_settings(settings: dict[str, Any], schema: dict[str, Any]) -> None:
    """Validate `settings` against a source's JSON schema; settings that it does not name are rejected.

    Raises:
        OleanderError: names the first invalid setting and what was expected.
    """
    check_plain(settings, "settings")
    validator = Validator(schema | {"additionalProperties": False, "$defs": DEFINITIONS})
    error = next(iter(sorted(validator.iter_errors(settings), key=lambda error: error.json_path)), None)
    if error is not None:
        where = error.json_path.removeprefix("$").removeprefix(".")
        message = "cannot be combined with the other settings" if error.validator == "not" else error.message
        setting = f"setting {where}" if where else "settings"
        raise OleanderError(f"{setting}: {message}; change that in the configuration")


def split_by_class(
    labels: Tensor, classes: list[str], test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Stratified split: row numbers of the train and the test set, each ascending.

    round(test_fraction * size) rows of each class, at least one, go to the test set. Each class has its own generator.

    Raises:
        OleanderError: a class has too few rows for both sets.
    """
    train, test = [], []
    for label, name in enumerate(classes):
        rows = np.flatnonzero(labels.numpy() == label)
        count = max(1, round(test_fraction * len(rows)))
        if count >= len(rows):
            raise OleanderError(
                f"class {name!r} has {len(rows)} points, too few for a test_fraction of {test_fraction} and "
                "at least one training point; add points or lower test_fraction"
            )
        shuffled = np.random.default_rng([seed, label]).permutation(rows)
        test.append(shuffled[:count])
        train.append(shuffled[count:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))
