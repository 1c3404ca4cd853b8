"""Which decoder reads a body: by the protocol of its path and by its shape."""

from __future__ import annotations

from collections.abc import Mapping

from guard.decode.arrow.batches import decode_arrow, looks_like_arrow
from guard.decode.csv.rows import decode_csv
from guard.decode.images.embedded import lift_images
from guard.decode.images.image import decode_image, looks_like_image
from guard.decode.images.within import check_request
from guard.decode.json_body import decode_json, looks_like_json
from guard.decode.limits import DecodeLimits
from guard.decode.media import Media, MediaType
from guard.decode.multipart.form import decode_multipart
from guard.decode.npy import decode_npy, looks_like_npy
from guard.decode.serialised import name_serialised
from guard.decode.source import HEADER_LENGTH, Source
from guard.decode.v2.binary import decode_v2_binary
from guard.decode.v2.plain import decode_plain
from guard.errors import MalformedRequest, UnsupportedMediaType
from guard.inference import Fault, InferenceRequest
from guard.paths import Protocol

__all__ = ["decode", "decode_at_once", "decode_exactly"]

# Paths on which a body that is neither JSON nor has JSON before its tensors is some other protocol's.
_JSON_ONLY = frozenset({Protocol.V1, Protocol.V2})

# Those that a V2 request has without a word to be said of it.
_USUAL_TYPES = frozenset({None, b"application/json", b"application/json; charset=utf-8"})

_ANYWHERE = Source()


def decode(
    body: bytes, *, limits: DecodeLimits, allow_non_finite: bool, source: Source = _ANYWHERE
) -> InferenceRequest:
    """Decode a body by the first format that fits.

    Raises UnsupportedMediaType (G115) where none does, MalformedRequest or NotScorable, which say what
    rule is broken and where. `allow_non_finite` admits NaN and Infinity tokens in V1 and V2.
    """
    request = None
    if not source.is_mapped:
        request = decode_at_once(body, limits=limits, protocol=source.protocol, headers=source.headers)
    return request or decode_exactly(body, limits=limits, allow_non_finite=allow_non_finite, source=source)


def decode_at_once(
    body: bytes, *, limits: DecodeLimits, protocol: Protocol, headers: Mapping[bytes, bytes]
) -> InferenceRequest | None:
    """Decode what nearly every V2 request is, in few steps; None where the body is anything else, or may be.

    Not for a contract with JSON pointers, which reads no V2.
    """
    if (
        headers.get(b"content-type") not in _USUAL_TYPES
        or HEADER_LENGTH in headers
        # On any other path its tensors would be another protocol's instances.
        or protocol is Protocol.V1
        or protocol is Protocol.OPENAI
    ):
        return None
    return decode_plain(body, limits=limits)


def decode_exactly(body: bytes, *, limits: DecodeLimits, allow_non_finite: bool, source: Source) -> InferenceRequest:
    """Decode a body that `decode_at_once` didn't; raises as `decode` does."""
    try:
        return _decode_exactly(body, limits=limits, allow_non_finite=allow_non_finite, source=source)
    except RecursionError:
        raise MalformedRequest("nested deeper than the interpreter's stack allows", rule="G102") from None


def _decode_exactly(body: bytes, *, limits: DecodeLimits, allow_non_finite: bool, source: Source) -> InferenceRequest:
    media = source.media_type
    serialised = name_serialised(body, media)
    if serialised is not None:
        raise UnsupportedMediaType(f"{serialised}, which guard never opens", rule="G121")
    json_length = source.json_length()
    if json_length is not None:
        request = decode_v2_binary(
            body, json_length=json_length, limits=limits, allow_non_finite=allow_non_finite, contract=source.contract
        )
        return _compare_json(lift_images(request, limits=limits, contract=source.contract), media, source.protocol)
    if looks_like_json(body):
        request = decode_json(body, limits=limits, allow_non_finite=allow_non_finite, source=source)
        return _compare_json(request, media, source.protocol)
    if source.protocol in _JSON_ONLY:
        raise UnsupportedMediaType("neither a JSON object nor an array", rule="G115")
    return check_request(_decode_other(body, limits, source, media), limits=limits)


def _decode_other(body: bytes, limits: DecodeLimits, source: Source, media: MediaType) -> InferenceRequest:
    if looks_like_npy(body):
        return _compare(decode_npy(body, limits=limits), media, Media.NPY)
    if looks_like_arrow(body):
        return _compare(decode_arrow(body, limits=limits), media, Media.ARROW)
    if looks_like_image(body):
        return _compare(decode_image(body, limits=limits), media, Media.IMAGE)
    if media.media is Media.MULTIPART:
        return decode_multipart(body, media_type=media, limits=limits, source=source)
    if media.media is Media.CSV:
        return decode_csv(body, limits=limits, source=source)
    raise UnsupportedMediaType("neither a JSON object nor an array, nor another format that is known", rule="G115")


def _compare_json(request: InferenceRequest, media: MediaType, protocol: Protocol) -> InferenceRequest:
    # Servers of these protocols read no forms; the type is what curl gives to any body.
    is_curl = media.media is Media.FORM and protocol in _JSON_ONLY
    return request if is_curl else _compare(request, media, Media.JSON)


def _compare(request: InferenceRequest, media: MediaType, found: Media) -> InferenceRequest:
    """Tell a Content-Type that names another format than the body has."""
    if media.media is Media.NEUTRAL:
        return request
    if media.media is not found:
        detail = f"the Content-Type says {media.media.value}; the body is {found.value}"
    elif found is Media.JSON and not media.is_utf_8:
        detail = "the Content-Type gives another charset than UTF-8, which JSON is in"
    else:
        return request
    return request._replace(faults=(Fault("G120", detail, where="headers"), *request.faults), is_plain=False)
