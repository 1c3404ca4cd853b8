"""What an image's bytes say of it before any pixel is decoded: format, size, frames, and where it ends.

Threat model. A few hundred bytes can ask for gigabytes of pixels, hold a second image behind the first (a polyglot, a
preview, another frame), compressed texts of megabytes, or thousands of passes over all pixels. So the structure is
walked here, within a bound on its parts; the size is read from where every decoder reads it, and may stand once; what
isn't needed for the pixels (texts, colour profiles, EXIF) is left out of what the image library gets to see. Out of
scope: the compressed pixels themselves, which that library decodes; turning a photo by its EXIF orientation.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from guard.decode.images import bmp, jpeg, png
from guard.decode.images.bmp import read_bmp
from guard.decode.images.jpeg import read_jpeg
from guard.decode.images.png import read_png
from guard.decode.images.structure import ImageHeader, broken
from guard.decode.images.webp import read_webp
from guard.errors import UnsupportedMediaType

__all__ = ["looks_like_image", "read_header"]

# Images all the same, which no server takes that doesn't also take another format: not worth two more parsers.
_UNREAD = (b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")


def looks_like_image(body: bytes) -> bool:
    """Whether the body begins as an image does; its first 30 bytes are enough to tell."""
    return body.startswith((png.SIGNATURE, jpeg.SIGNATURE, *_UNREAD)) or _is_webp(body) or _is_bmp(body)


def read_header(body: bytes) -> ImageHeader:
    """Read the structure of an image.

    Raises UnsupportedMediaType (G115) for a format that isn't read, MalformedRequest with rule G110 (bytes after the
    image), G124 (several frames) or G125.
    """
    read = _reader(body)
    if read is None:
        raise UnsupportedMediaType("no PNG, JPEG, WebP or BMP image, which are those that are read", rule="G115")
    try:
        header = read(body)
    except (struct.error, IndexError):
        raise broken("cut off") from None
    if not header.n_pixels:
        raise broken(f"{header.width} x {header.height} pixels")
    return header


def _reader(body: bytes) -> Callable[[bytes], ImageHeader] | None:
    if body.startswith(png.SIGNATURE):
        return read_png
    if body.startswith(jpeg.SIGNATURE):
        return read_jpeg
    if _is_webp(body):
        return read_webp
    return read_bmp if _is_bmp(body) else None


def _is_webp(body: bytes) -> bool:
    return body[:4] == b"RIFF" and body[8:12] == b"WEBP"


def _is_bmp(body: bytes) -> bool:
    # Two letters alone begin many a text; the reserved bytes and the header's size don't.
    return body[:2] == b"BM" and body[6:10] == bytes(4) and int.from_bytes(body[14:18], "little") in bmp.HEADERS
