"""What the sources share: checking settings against a schema, users' paths, and a split that keeps class shares."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from oleander.io.errors import OleanderError
from oleander.io.schemas import DEFINITIONS, Validator, check_plain


def check_settings(settings: dict[str, Any], schema: dict[str, Any]) -> None:
    """Hold `settings` against a source's schema fragment; a setting the schema does not name is refused.

    Raises:
        OleanderError: names the first setting at fault and what was expected.
    """
    check_plain(settings, "settings")
    validator = Validator(schema | {"additionalProperties": False, "$defs": DEFINITIONS})
    error = next(iter(sorted(validator.iter_errors(settings), key=lambda error: error.json_path)), None)
    if error is not None:
        where = error.json_path.removeprefix("$").removeprefix(".")
        message = "does not go with the other settings" if error.validator == "not" else error.message
        setting = f"setting {where}" if where else "settings"
        raise OleanderError(f"{setting}: {message}; change that in the configuration")


def expand_home(path: str) -> Path:
    """`path` with a leading ~ or ~user replaced by that home folder.

    Raises:
        OleanderError: nobody knows where that is.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise OleanderError(f"{path} cannot be found ({error}); write the folder out") from error


def split_by_class(
    labels: Tensor, classes: list[str], test_fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of a train and a test set, each ascending, which keep the classes' shares.

    Each class gives round(test_fraction * size) of its rows, at least one, to the test set, drawn by its own
    generator.

    Raises:
        OleanderError: a class has too few rows to give one to each set.
    """
    train, test = [], []
    for label, name in enumerate(classes):
        rows = np.flatnonzero(labels.numpy() == label)
        count = max(1, round(test_fraction * len(rows)))
        if count >= len(rows):
            raise OleanderError(
                f"class {name!r} has {len(rows)} points, too few to give a share of {test_fraction} to the "
                "test set and keep some for training; add points or lower test_fraction"
            )
        shuffled = np.random.default_rng([seed, label]).permutation(rows)
        test.append(shuffled[:count])
        train.append(shuffled[count:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))
