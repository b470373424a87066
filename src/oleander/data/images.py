"""Open untrusted image files: common formats only, after checking the header."""

import contextlib
import io
from collections.abc import Iterator, Sequence

from PIL import Image

from oleander.io.errors import OleanderError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM")
"""Accepted formats. Pillow supports others, some of which run external programs."""
MAXIMUM_FILE_BYTES = 32 * 2**20
"""Maximum size of one file, compressed or not."""


@contextlib.contextmanager
def open_image(content: bytes, name: str, remedy: str, formats: Sequence[str] = FORMATS) -> Iterator[Image.Image]:
    """Open an image: reads the header only; pixels are decoded on access, inside the `with`.

    Check the size and mode first: decoding takes as much memory as the header claims.

    Args:
        content: bytes of the file.
        name: name of the file in the error message.
        remedy: what to do about a bad file, for the error message.
        formats: names of the accepted formats.

    Raises:
        OleanderError: not a complete image in one of the formats, or more pixels than Pillow's limit.
    """
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            yield image
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise OleanderError(f"{name} is not a complete {' or '.join(formats)} image ({error}); {remedy}") from error
