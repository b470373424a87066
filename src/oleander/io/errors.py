"""The project's one error type, and how a script reports it: one sentence on stderr, exit code 1."""

import contextlib
from collections.abc import Iterator

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "std::bad_alloc", "ALLOC_FAILED")
"""How a RuntimeError of torch says that memory ran out, on a GPU or on a CPU."""


class OleanderError(Exception):
    """Something the user can put right: the message says what is wrong, where, and what to do."""


class AbsentError(OleanderError):
    """What is wanted is not there at all, rather than damaged."""


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn an `OleanderError`, or memory that ran out, into a sentence and exit code 1; anything else keeps its
    traceback."""
    try:
        yield
    except OleanderError as error:
        raise SystemExit(f"error: {error}") from None
    except (MemoryError, RuntimeError) as error:
        said = str(error)
        if isinstance(error, RuntimeError) and not any(sign in said for sign in OUT_OF_MEMORY):
            raise
        details = f" ({' '.join(said.split())})" if said else ""
        raise SystemExit(
            f"error: memory ran out{details}; give the job more, or let fewer run at a time, and run the same command "
            "again"
        ) from None
