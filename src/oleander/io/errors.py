"""The project's one error type, and how a script reports it: one sentence on stderr, exit code 1."""

import contextlib
from collections.abc import Iterator


class OleanderError(Exception):
    """Something the user can put right: the message says what is wrong, where, and what to do."""


class AbsentError(OleanderError):
    """What is wanted is not there at all, rather than damaged."""


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn an `OleanderError` into its sentence and exit code 1; anything else keeps its traceback."""
    try:
        yield
    except OleanderError as error:
        raise SystemExit(f"error: {error}") from None
