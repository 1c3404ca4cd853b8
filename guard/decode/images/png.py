"""PNG: its chunks up to the last, which ends the body. RFC 2083; APNG in https://www.w3.org/TR/png-3/."""

from __future__ import annotations

import struct
import zlib

from guard.decode.images.structure import ImageHeader, broken, check_end, several_frames

__all__ = ["SIGNATURE", "read_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# An encoder that writes pieces of 8 KiB has as many at 8 MiB.
_MOST_CHUNKS = 1_100

# Those that a pixel's value depends on.
_PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}


def read_png(body: bytes) -> ImageHeader:
    """Read the structure of a PNG image; may raise struct.error or IndexError where it is cut off."""
    chunks = _png_chunks(body)
    kinds = [kind for kind, _, _ in chunks]
    if b"acTL" in kinds:
        raise several_frames()
    if kinds[0] != b"IHDR" or kinds.count(b"IHDR") > 1 or b"IDAT" not in kinds:
        raise broken("not one IHDR chunk, which comes first, and IDAT chunks after it")
    width, height, depth, colour = struct.unpack_from(">IIBB", body, 16)
    if depth > 8:
        raise broken(f"{depth} bits per sample; expected 8 or fewer")
    if colour not in _PNG_CHANNELS:
        raise broken(f"colour type {colour}")
    kept = [(start, end) for kind, start, end in chunks if kind in _PNG_CHUNKS]
    # Pillow doesn't look at the checksums of pixels, libpng does.
    if any(zlib.crc32(body[start + 4 : end - 4]) != _read_checksum(body, end) for start, end in kept):
        raise broken("a wrong checksum")
    data = body if len(kept) == len(chunks) else SIGNATURE + b"".join(body[start:end] for start, end in kept)
    return ImageHeader("PNG", width, height, _PNG_CHANNELS[colour], data)


def _png_chunks(body: bytes) -> list[tuple[bytes, int, int]]:
    """Return kind, start and end of each chunk, up to IEND, where the body must end."""
    chunks: list[tuple[bytes, int, int]] = []
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if len(chunks) == _MOST_CHUNKS:
            raise broken(f"more than {_MOST_CHUNKS} chunks")
        length, kind = struct.unpack_from(">I4s", body, at)
        end = at + 12 + length  # the length, the kind and the checksum have four bytes each
        if end > len(body):
            raise broken("cut off")
        if kind[:1].isupper() and kind not in _PNG_CHUNKS:
            raise broken("a critical chunk that PNG doesn't have")
        chunks.append((kind, at, end))
        at = end
    check_end(body, at)
    return chunks


def _read_checksum(body: bytes, end: int) -> int:
    return int.from_bytes(body[end - 4 : end], "big")
