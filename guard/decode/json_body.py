"""A JSON body: strictly read, then by the first format that fits its shape."""

from __future__ import annotations

from typing import Any
from typing import Protocol as Interface

from guard.contract import Contract
from guard.decode.images.embedded import lift_images
from guard.decode.images.search import may_carry
from guard.decode.images.within import check_bytes, check_document
from guard.decode.json.strict import Document, load_json
from guard.decode.limits import DecodeLimits
from guard.decode.mlflow import decode_mlflow, holds_tensors
from guard.decode.named import decode_named
from guard.decode.pointers import decode_pointers
from guard.decode.records import decode_records
from guard.decode.rows import decode_rows
from guard.decode.source import Source
from guard.decode.texts.openai import decode_openai, decode_texts
from guard.decode.v1 import decode_examples, decode_v1
from guard.decode.v2.document import decode_v2
from guard.errors import MalformedRequest, UnsupportedMediaType
from guard.inference import InferenceRequest, WireFormat
from guard.paths import Protocol

__all__ = ["decode_bare", "decode_json", "looks_like_json"]


class _Decoder(Interface):
    def __call__(self, document: Any, /, *, limits: DecodeLimits) -> InferenceRequest | None: ...


def _decode_tensors(document: Any, /, *, limits: DecodeLimits) -> InferenceRequest | None:
    # To MLflow, `inputs` may also be records.
    return decode_v2(document, limits=limits) if holds_tensors(document) else None


# Of a protocol's decoders, the first that doesn't return None has read the document.
_DECODERS: dict[Protocol, tuple[_Decoder, ...]] = {
    Protocol.V2: (decode_v2,),
    Protocol.V1: (decode_v1, decode_examples),
    Protocol.OPENAI: (decode_openai,),
    Protocol.INVOCATIONS: (decode_mlflow, _decode_tensors, decode_texts, decode_v1),
    Protocol.ANY: (decode_v2, decode_mlflow, decode_texts, decode_v1),
}

# On their paths a body may also be bare: named parameters, records or rows without an envelope.
_BARE = frozenset({Protocol.INVOCATIONS, Protocol.ANY})

# Whitespace as lenient parsers see it, NUL (UTF-16, UTF-32) and the bytes of byte order marks: such a text is
# refused for what it is, not passed as something other than JSON.
_BEFORE_JSON = b" \t\n\r\f\v\0\xef\xbb\xbf\xfe\xff"

# TensorFlow Serving, tritonclient and pandas write NaN and Infinity; elsewhere they are no JSON.
_NON_FINITE_FORMATS = frozenset({WireFormat.V1, WireFormat.V2, WireFormat.MLFLOW})


def looks_like_json(body: bytes) -> bool:
    """Whether the body begins as a JSON object or array does, in whatever encoding."""
    return body.lstrip(_BEFORE_JSON).startswith((b"{", b"["))


def decode_json(body: bytes, *, limits: DecodeLimits, allow_non_finite: bool, source: Source) -> InferenceRequest:
    """Decode a JSON body; raises as `guard.decode.decode` does."""
    document = load_json(body, limits=limits, allow_non_finite=allow_non_finite)
    request = _decode_value(document.value, limits, source)
    if may_carry(body):
        request = _look_within(document.value, request, limits, source)
    return _add_faults(request, document) if document.faults or document.non_finite else request


def _look_within(value: Any, request: InferenceRequest, limits: DecodeLimits, source: Source) -> InferenceRequest:
    check_bytes(request)
    if not source.is_mapped:
        request = lift_images(request, limits=limits, contract=source.contract)
    check_document(value, request, limits=limits)
    return request


def _decode_value(value: Any, limits: DecodeLimits, source: Source) -> InferenceRequest:
    if source.contract is not None and source.contract.is_mapped:
        return decode_pointers(value, limits=limits, contract=source.contract)
    _check_one_format(value)
    for decoder in _DECODERS[source.protocol]:
        if decoder is decode_texts and _names_feature(value, source.contract):
            continue
        request = decoder(value, limits=limits)
        if request is not None:
            return request
    if source.protocol in _BARE:
        request = decode_named(value, limits=limits, contract=source.contract) or decode_bare(value, limits=limits)
        if request is not None:
            return request
    where = "that is known" if source.protocol is Protocol.ANY else "that the path has"
    raise UnsupportedMediaType(f"JSON, but of no format {where}", rule="G115")


def _names_feature(value: Any, contract: Contract | None) -> bool:
    """Whether a feature of the contract, such as `temperature`, stands beside what looks like texts."""
    return type(value) is dict and contract is not None and not value.keys().isdisjoint(contract.names)


def decode_bare(value: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode records or rows without an envelope; None where the value is neither."""
    return decode_records(value, limits=limits) or decode_rows(value, limits=limits)


def _add_faults(request: InferenceRequest, document: Document) -> InferenceRequest:
    if document.non_finite and request.wire_format not in _NON_FINITE_FORMATS:
        raise MalformedRequest("NaN or Infinity, which only V1, V2 and MLflow have", rule="G105")
    return request._replace(faults=document.faults + request.faults)


def _check_one_format(value: Any) -> None:
    if type(value) is dict and "instances" in value and "inputs" in value:
        raise MalformedRequest("instances beside inputs; expected one of them", rule="G119", where="the document")
