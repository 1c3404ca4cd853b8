"""WebP: the chunks of a RIFF file. RFC 9649."""

from __future__ import annotations

import struct

from guard.decode.images.structure import ImageHeader, broken, check_end, several_frames

__all__ = ["read_webp"]

_ANIMATION, _ALPHA = 0x02, 0x10
_WEBP_CHUNKS = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"EXIF", b"XMP "})
_MOST_WEBP_CHUNKS = 16


def read_webp(body: bytes) -> ImageHeader:
    """Read the structure of a WebP image; may raise struct.error or IndexError where it is cut off."""
    (length,) = struct.unpack_from("<I", body, 4)
    check_end(body, 8 + length)
    chunks = _webp_chunks(body)
    kinds = [kind for kind, _ in chunks]
    if {b"ANIM", b"ANMF"} & set(kinds):
        raise several_frames()
    if not _WEBP_CHUNKS.issuperset(kinds) or len(set(kinds)) < len(kinds) or (b"VP8 " in kinds) == (b"VP8L" in kinds):
        raise broken("not one VP8 or VP8L chunk, and what belongs to it")
    at = dict(chunks)
    width, height, has_alpha = _vp8_size(body, at[b"VP8 "]) if b"VP8 " in at else _vp8l_size(body, at[b"VP8L"])
    if b"VP8X" in at:
        flags, canvas = body[at[b"VP8X"]], _vp8x_size(body, at[b"VP8X"])
        if flags & _ANIMATION:
            raise several_frames()
        if kinds[0] != b"VP8X" or canvas != (width, height):
            raise broken("its canvas has another size than its picture")
        has_alpha = has_alpha or bool(flags & _ALPHA)
    return ImageHeader("WEBP", width, height, 4 if has_alpha else 3, body)


def _webp_chunks(body: bytes) -> list[tuple[bytes, int]]:
    chunks: list[tuple[bytes, int]] = []
    at = 12
    while at < len(body):
        if len(chunks) == _MOST_WEBP_CHUNKS:
            raise broken(f"more than {_MOST_WEBP_CHUNKS} chunks")
        kind, length = struct.unpack_from("<4sI", body, at)
        chunks.append((kind, at + 8))
        at += 8 + length + length % 2
    if at > len(body):
        raise broken("cut off")
    return chunks


def _vp8_size(body: bytes, at: int) -> tuple[int, int, bool]:
    tag, signature, width, height = struct.unpack_from("<B2x3sHH", body, at)
    if tag & 1 or signature != b"\x9d\x01\x2a":
        raise broken("no VP8 key frame")
    return width & 0x3FFF, height & 0x3FFF, False


def _vp8l_size(body: bytes, at: int) -> tuple[int, int, bool]:
    signature, bits = struct.unpack_from("<BI", body, at)
    if signature != 0x2F:
        raise broken("no VP8L picture")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _vp8x_size(body: bytes, at: int) -> tuple[int, int]:
    width, height = body[at + 4 : at + 7], body[at + 7 : at + 10]
    return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
