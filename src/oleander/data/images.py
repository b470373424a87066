"""Read images that a user gives: every one passes the same checks, whether it belongs to a dataset or is a target."""

import contextlib
import io
import struct
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import ExifTags, Image

from oleander.io.errors import OleanderError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM")
"""Accepted formats. Pillow supports others, some of which run external programs."""
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".gif", ".tif", ".tiff", ".avif", ".heic", ".jp2", ".ico"),
)
"""Endings of images' names, also of formats that are refused: such a file is not passed over as something else."""
MAXIMUM_FILE_BYTES = 32 * 2**20
"""Maximum size of one file, compressed or not."""
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
"""Pillow's modes of grey and RGB with at most 8 bits per channel; from others, values would be clipped silently."""
NAMES = {
    "I;16": "grey with 16 bits",
    "I;16B": "grey with 16 bits",
    "I": "grey with 32 bits",
    "F": "grey with floating-point numbers",
    "CMYK": "four ink colours",
    "YCbCr": "luminance and two colour differences",
    "LAB": "CIE L*a*b* colours",
}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> how the image is to be turned for showing it; from 5 on that swaps width and height. Pillow's own
exif_transpose also writes the EXIF data anew, and fails at damaged ones."""


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


def read_image(content: bytes, name: str, shape: tuple[int, ...], remedy: str, resize: str) -> np.ndarray:
    """Decode one image, turned as its EXIF orientation says, and converted to grey or RGB.

    Args:
        content: bytes of the file.
        name: what the image is called in error messages.
        shape: channels (1 grey, 3 RGB), height and width that it must have.
        remedy: what to do about a file that is no image, for the error message.
        resize: what to do about another size, for the error message.

    Returns:
        The pixels, uint8 [channels, height, width].

    Raises:
        OleanderError: it is not a complete image, has another size, several frames, colours other than grey or RGB,
            more than 8 bits a channel, or transparent pixels.
    """
    channels, height, width = shape
    with open_image(content, name, remedy) as image:
        found, turn = (image.height, image.width), None
        # Not for other sizes: the flag may stand behind the pixels, and looking for it decode them.
        if sorted(found) == sorted((height, width)):
            orientation = _orientation(image, name)
            found, turn = found[:: -1 if orientation >= 5 else 1], TURNS.get(orientation)
        if found != (height, width):
            raise OleanderError(
                f"{name} is {found[0]} x {found[1]} pixels (height x width), but {height} x {width} are wanted; "
                f"{resize}"
            )
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise OleanderError(f"{name} is animated or has several pictures: {frames} frames; keep one of them")
        if image.mode not in MODES:
            said = f" ({NAMES[image.mode]})" if image.mode in NAMES else ""
            wanted = "grey" if channels == 1 else "RGB"
            raise OleanderError(f"{name} has mode {image.mode}{said}; convert it to {wanted} with 8 bits per channel")
        if image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255:
            raise OleanderError(f"{name} has transparent pixels; flatten it")
        converted = image.convert("L" if channels == 1 else "RGB")
        pixels = np.array(converted if turn is None else converted.transpose(turn))
    return np.ascontiguousarray(pixels.reshape(height, width, channels).transpose(2, 0, 1))


def _orientation(image: Image.Image, name: str) -> int:
    """The EXIF orientation, 1 to 8; 1, which turns nothing, where there is none or another value."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        return orientation if orientation in TURNS else 1
    # Pillow lets errors of any damaged entry through.
    except (struct.error, LookupError, TypeError, ArithmeticError) as error:
        raise OleanderError(
            f"{name} has damaged EXIF data, which say how to turn it ({error}); save it without them"
        ) from error
