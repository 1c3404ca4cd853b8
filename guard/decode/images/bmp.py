"""BMP without compression: its length is that of its pixels."""

from __future__ import annotations

import struct

from guard.decode.images.structure import ImageHeader, broken, check_end

__all__ = ["HEADERS", "read_bmp"]

# Windows' BITMAPINFOHEADER and its two successors.
HEADERS = frozenset({40, 108, 124})
_BMP_CHANNELS = {8: 3, 24: 3, 32: 4}


def read_bmp(body: bytes) -> ImageHeader:
    """Read the header of a BMP image; may raise struct.error or IndexError where it is cut off."""
    length, start, size = struct.unpack_from("<I4xII", body, 2)
    width, height, planes, bits, compression = struct.unpack_from("<iiHHI", body, 18)
    if width <= 0 or not height or planes != 1 or bits not in _BMP_CHANNELS or compression:
        raise broken(f"a BMP of {bits} bits, compression {compression}; expected 8, 24 or 32, without compression")
    row = (width * bits + 31) // 32 * 4
    if start < 14 + size or length != start + row * abs(height):
        raise broken("its length isn't that of its pixels")
    check_end(body, length)
    return ImageHeader("BMP", width, abs(height), _BMP_CHANNELS[bits], body)
