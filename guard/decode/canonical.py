"""The canonical re-encoding of a body that was screened: what guard read is what the host reads.

Threat model: a client that relies on the host's parser to read another value than guard's did. JSON is written anew
from the very document that guard judged: no name stands twice, no number has more digits than a double or a 64-bit
integer, no escape, space or spelling is the client's. A Content-Encoding is undone, and the headers that say how long
the body is and what it is in are set to what is forwarded. Out of scope: bodies that guard has no writer for (images,
multipart, Arrow, CSV, your own decoder's), which stay as they came but for their encoding; responses.

What a client had computed over its bytes no longer holds: digests are dropped; a signature stays and fails, so that a
host that checks one refuses the request instead of taking it for an unsigned one.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson

from guard.decode.json.strict import load_json
from guard.decode.limits import DecodeLimits
from guard.decode.media import Media, MediaType, read_media_type
from guard.decode.npy import read_npy_header
from guard.decode.source import HEADER_LENGTH, LENGTH_PARAMETER, Source
from guard.errors import MalformedRequest
from guard.inference import WireFormat

__all__ = ["Canonical", "canonicalise"]

_JSON = frozenset(
    {
        WireFormat.V2,
        WireFormat.V1,
        WireFormat.MLFLOW,
        WireFormat.NAMED,
        WireFormat.RECORDS,
        WireFormat.ROWS,
        WireFormat.POINTERS,
        WireFormat.OPENAI,
    }
)

# Of the content as it came (RFC 9530; RFC 3230; RFC 1864).
_DIGESTS = (b"content-digest", b"repr-digest", b"digest", b"content-md5")

Headers = Mapping[bytes, bytes]


class Canonical(NamedTuple):
    """The body to forward, and the headers to change: by lower-case name, None for one to be dropped."""

    body: bytes
    headers: Mapping[bytes, bytes | None]


def canonicalise(
    body: bytes, *, wire_format: WireFormat, headers: Headers, limits: DecodeLimits, undone: bool = False
) -> Canonical | None:
    """Re-encode a body that was read as this format; None where it is to be forwarded as it came.

    `undone` says that a Content-Encoding was undone: then also a body without a writer is another than came. Raises
    MalformedRequest (G102) where JSON is nested too deep to be written.
    """
    written = _rewrite(body, wire_format, headers, limits)
    if written is None and not undone:
        return None
    body, changes = written or Canonical(body, {})
    framing = {b"content-length": b"%d" % len(body), b"content-encoding": None, b"transfer-encoding": None}
    return Canonical(body, {**framing, **dict.fromkeys(_DIGESTS), **changes})


def _rewrite(body: bytes, wire_format: WireFormat, headers: Headers, limits: DecodeLimits) -> Canonical | None:
    if wire_format in _JSON:
        written = _write_json(body, limits)
        return Canonical(written, {HEADER_LENGTH: None, **_json_type(headers, len(written))})
    if wire_format is WireFormat.V2_BINARY:
        return _rewrite_v2_binary(body, headers, limits)
    if wire_format is WireFormat.NPY:
        return _rewrite_npy(body)
    return None


def _write_json(body: bytes, limits: DecodeLimits) -> bytes:
    """The document again, as guard reads it; NaN and Infinity tokens stay where the format has them."""
    document = load_json(body, limits=limits, allow_non_finite=True)
    if not document.non_finite:
        try:
            # A copy: orjson's own text keeps the room that it had set aside, of which a list of numbers takes but a
            # hundredth.
            return bytes(memoryview(orjson.dumps(document.value)))
        except orjson.JSONEncodeError:
            # Nested deeper than orjson writes, though not than it reads.
            pass
    return _write_with_stdlib(document.value)


def _write_with_stdlib(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError:
        raise MalformedRequest("nested deeper than can be written again", rule="G102") from None


def _json_type(headers: Headers, length: int) -> dict[bytes, bytes | None]:
    """`application/json`, unless the type says JSON already: FastAPI reads JSON only where it is named."""
    media = read_media_type(headers.get(b"content-type"))
    if media.media is not Media.JSON or not media.is_utf_8:
        return {b"content-type": b"application/json"}
    return {b"content-type": _sized(media, length)} if LENGTH_PARAMETER in media.parameters else {}


def _sized(media: MediaType, json_length: int) -> bytes:
    """The type with the JSON's length as Triton expects it: right after the type, and no other parameter."""
    return f"{media.essence};{LENGTH_PARAMETER}={json_length}".encode("latin-1")


def _rewrite_v2_binary(body: bytes, headers: Headers, limits: DecodeLimits) -> Canonical | None:
    """The JSON header again, the tensors' bytes as they came; a raw binary request has no header."""
    source = Source(headers=headers)
    json_length = source.json_length()
    if not json_length:
        return None
    head = _write_json(body[:json_length], limits)
    if HEADER_LENGTH in headers:
        return Canonical(head + body[json_length:], {HEADER_LENGTH: b"%d" % len(head)})
    return Canonical(head + body[json_length:], {b"content-type": _sized(source.media_type, len(head))})


def _rewrite_npy(body: bytes) -> Canonical:
    """The header again as NumPy writes it, the array's bytes as they came."""
    read = read_npy_header(body)
    header = io.BytesIO()
    described = {"descr": np.dtype(read.descr).str, "fortran_order": read.is_fortran, "shape": read.shape}
    np.lib.format.write_array_header_1_0(header, described)
    return Canonical(header.getvalue() + body[read.length :], {})
