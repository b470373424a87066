"""Image files of anybody's: opened only in common formats, and only if their header is sound."""

import contextlib
import io
from collections.abc import Iterator, Sequence

from PIL import Image

from oleander.io.errors import OleanderError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM")
"""What is read. Pillow knows others, some of which start programs."""
MAXIMUM_FILE_BYTES = 32 * 2**20
"""Of a file, compressed or not."""


@contextlib.contextmanager
def open_image(content: bytes, name: str, remedy: str, formats: Sequence[str] = FORMATS) -> Iterator[Image.Image]:
    """An image whose header was read and whose pixels are decoded when they are asked for, inside the `with`.

    Look at its size and mode first: decoding takes as much memory as a header promises.

    Args:
        content: bytes of the file.
        name: the file, as the message names it.
        remedy: what to do about a bad one.
        formats: names of those that are read.

    Raises:
        OleanderError: no whole image in one of the formats, or one of more pixels than Pillow takes for harmless.
    """
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            yield image
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise OleanderError(f"{name} is not a whole {' or '.join(formats)} image ({error}); {remedy}") from error
