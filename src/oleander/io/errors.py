"""The project's error type, and how scripts report it: one sentence on stderr, exit code 1."""

import contextlib
import logging
import re
from collections.abc import Iterator

logger = logging.getLogger(__name__)

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "std::bad_alloc", "ALLOC_FAILED")
"""Texts by which to recognize torch's out-of-memory RuntimeErrors, on GPU and CPU."""
LONGEST = 1200
"""Maximum length of a message; the middle of a longer one is cut out."""


class OleanderError(Exception):
    """An error that the user can fix: the message says what is wrong, where, and what to do.

    Messages quote names and content of untrusted files. A message is always one short line of printable text, so it
    cannot pose as two messages or control a terminal.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


def _one_line(text: str) -> str:
    if len(text) > LONGEST:
        # The end says what to do.
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    text = re.sub(r"\s*[\n\r]\s*", " ", text)
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class AbsentError(OleanderError):
    """The data are missing altogether, not damaged."""


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn an `OleanderError` or an out-of-memory error into a sentence and exit code 1; other errors keep their
    traceback. The sentence of an `OleanderError` goes to the job's log, too."""
    try:
        yield
    except OleanderError as error:
        # At this level it is not shown twice in the terminal.
        logger.info("error: %s", error)
        raise SystemExit(f"error: {error}") from None
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        if isinstance(error, RuntimeError) and not any(sign in text for sign in OUT_OF_MEMORY):
            raise
        details = f" ({' '.join(text.split())})" if text else ""
        raise SystemExit(
            f"error: memory ran out{details}; give the job more memory or run fewer jobs at a time, then run the same "
            "command again"
        ) from None
