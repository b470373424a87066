"""The project's one error type, and how a script reports it: one sentence on stderr, exit code 1."""

import contextlib
import re
from collections.abc import Iterator

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "std::bad_alloc", "ALLOC_FAILED")
"""How a RuntimeError of torch says that memory ran out, on a GPU or on a CPU."""
LONGEST = 1200
"""Characters of a message; of a longer one the middle is left out."""


class OleanderError(Exception):
    """Something the user can put right: the message says what is wrong, where, and what to do.

    Messages quote names and content of files from anywhere. Whatever those hold, a message is one line of printable
    text and not long, so that it can neither be taken for two nor steer a terminal.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


def _one_line(text: str) -> str:
    if len(text) > LONGEST:
        # What to do stands at the end.
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    text = re.sub(r"\s*[\n\r]\s*", " ", text)
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


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
