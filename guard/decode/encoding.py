"""Content-Encoding, undone within limits.

Threat model: a compressed body that unfolds without end; one that two hosts unfold to different bytes. Of a gzip
stream in several members, zlib reads the first and Python's gzip all; of bytes after the end, some read nothing, some
fail; a raw deflate stream is what some mean by `deflate`, and no data to others; MLServer undoes `gzip` and leaves
`GZIP` as it is. None of these is read. Out of scope: what the bytes say once they are unfolded, and encodings that
only few hosts undo (zstd, br), which are refused.

RFC 9110, section 8.4; RFC 1950 (zlib); RFC 1952 (gzip)
"""

from __future__ import annotations

import zlib
from typing import Any

from guard.decode.json.members import quote
from guard.decode.limits import DecodeLimits
from guard.errors import BodyTooLarge, MalformedRequest, UnsupportedMediaType

__all__ = ["check_encoding", "decompress"]

# Values that leave a body as it is. Letter case counts: hosts compare the very text.
_IDENTITY = frozenset({"", "identity"})

# zlib's name for each format: 15 is the largest window, 16 more asks for gzip's header and checksum.
_WINDOW_BITS = {"gzip": 31, "deflate": 15}

# A body may always unfold to so much: a short text that repeats itself is no bomb.
_ALWAYS_BYTES = 65_536

# So much is fed at a time. At most 1,032 times as much comes out, which zlib holds twice for a moment.
_PIECE_BYTES = 2048

_GZIP_MAGIC = b"\x1f\x8b"


def check_encoding(encoding: str, *, accepted: tuple[str, ...]) -> None:
    """Refuse an encoding that the host behind guard doesn't decode; raises UnsupportedMediaType (G109)."""
    if encoding not in _IDENTITY and encoding not in accepted:
        expected = ", ".join(accepted) or "none"
        detail = f"the Content-Encoding is {quote(encoding)}; accepted, in these very letters: {expected}"
        raise UnsupportedMediaType(detail, rule="G109", where="headers")


def decompress(body: bytes, encoding: str, *, limits: DecodeLimits) -> bytes:
    """Undo an encoding that was checked.

    Raises BodyTooLarge (G122) before more than the limits allow is held, and MalformedRequest (G123) unless the body
    is one whole stream and nothing else. An empty text may be compressed like any other.
    """
    if encoding in _IDENTITY:
        return body
    most = min(limits.max_bytes, max(limits.max_ratio * len(body), _ALWAYS_BYTES))
    try:
        return _inflate(body, encoding, most)
    except zlib.error as error:
        raise MalformedRequest(f"not {encoding}, or damaged: {error}", rule="G123") from None


def _inflate(body: bytes, encoding: str, most: int) -> bytes:
    stream = zlib.decompressobj(_WINDOW_BITS[encoding])
    rest = memoryview(body)
    pieces: list[bytes] = []
    left = most
    while rest and not stream.eof:
        # One byte more than may come out, so that a piece is either read to its end or too much.
        piece = stream.decompress(rest[:_PIECE_BYTES], left + 1)
        rest = rest[_PIECE_BYTES:]
        left -= len(piece)
        if left < 0:
            raise BodyTooLarge(f"{len(body)} bytes of {encoding} hold more than {most} bytes", rule="G122")
        pieces.append(piece)
    _check_end(stream, bytes(rest[: len(_GZIP_MAGIC)]), encoding)
    return b"".join(pieces)


def _check_end(stream: Any, rest: bytes, encoding: str) -> None:
    """Raise MalformedRequest unless the stream has come to its end, and nothing follows it."""
    if not stream.eof:
        raise MalformedRequest(f"cut off: the {encoding} stream has no end", rule="G123")
    after = stream.unused_data[: len(_GZIP_MAGIC)] + rest
    if encoding == "gzip" and after.startswith(_GZIP_MAGIC):
        raise MalformedRequest("gzip in several members, of which some hosts read only the first", rule="G123")
    if after:
        raise MalformedRequest(f"something follows the {encoding} stream", rule="G123")
