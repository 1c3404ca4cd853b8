"""Bytes to InferenceRequest: one file per wire format, tried in order.

The shape of the parsed document chooses the format; Content-Type decides nothing, since model servers
ignore it too. Nothing but RequestError comes out of `decode`, whatever the bytes.
"""

from __future__ import annotations

from typing import Any, Protocol

from guard.decode.limits import JsonLimits
from guard.decode.plain import decode_plain
from guard.decode.records import decode_records
from guard.decode.rows import decode_rows
from guard.decode.strict_json import Document, load_json
from guard.decode.v1 import decode_v1
from guard.decode.v2 import decode_v2
from guard.errors import MalformedRequest, UnsupportedMediaType
from guard.inference import InferenceRequest, WireFormat

__all__ = ["JsonLimits", "decode", "looks_like_json"]


class _Decoder(Protocol):
    def __call__(self, document: Any, /, *, limits: JsonLimits) -> InferenceRequest | None: ...


# The first that doesn't return None has read the document.
_DECODERS: tuple[_Decoder, ...] = (decode_v2, decode_v1, decode_records, decode_rows)

# Whitespace as lenient parsers see it, NUL (UTF-16, UTF-32) and the bytes of byte order marks: such a text is
# refused for what it is, not passed as something other than JSON.
_BEFORE_JSON = b" \t\n\r\f\v\0\xef\xbb\xbf\xfe\xff"

# TensorFlow Serving and tritonclient write NaN and Infinity; elsewhere they are no JSON.
_NON_FINITE_FORMATS = frozenset({WireFormat.V1, WireFormat.V2})


def looks_like_json(body: bytes) -> bool:
    """Whether the body begins as a JSON object or array does, in whatever encoding."""
    return body.lstrip(_BEFORE_JSON).startswith((b"{", b"["))


def decode(body: bytes, *, limits: JsonLimits, allow_non_finite: bool) -> InferenceRequest:
    """Decode a body by the first format that fits.

    Raises UnsupportedMediaType (G115) where none does, MalformedRequest or NotScorable, which say what
    rule is broken and where. `allow_non_finite` admits NaN and Infinity tokens in V1 and V2.
    """
    plain = decode_plain(body, limits=limits)
    if plain is not None:
        return plain
    if not looks_like_json(body):
        raise UnsupportedMediaType("neither a JSON object nor an array", rule="G115")
    try:
        document = load_json(body, limits=limits, allow_non_finite=allow_non_finite)
    except RecursionError:
        raise MalformedRequest("nested deeper than the interpreter's stack allows", rule="G102") from None
    _check_one_format(document.value)
    for decoder in _DECODERS:
        request = decoder(document.value, limits=limits)
        if request is not None:
            return _add_faults(request, document) if document.faults or document.non_finite else request
    raise UnsupportedMediaType("JSON, but of no format that is known", rule="G115")


def _add_faults(request: InferenceRequest, document: Document) -> InferenceRequest:
    if document.non_finite and request.wire_format not in _NON_FINITE_FORMATS:
        raise MalformedRequest("NaN or Infinity, which only V1 and V2 have", rule="G105")
    return request._replace(faults=document.faults + request.faults)


def _check_one_format(value: Any) -> None:
    if type(value) is dict and "instances" in value and "inputs" in value:
        raise MalformedRequest("instances beside inputs; expected one of them", rule="G119", where="the document")
