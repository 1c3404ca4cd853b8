"""Open Inference Protocol V2 with the binary tensor extension: JSON, then the tensors' bytes in the order of `inputs`.

Threat model. A client wants guard to look at other bytes than the model: by a wrong length of the JSON, by bytes left
over, by a raw tensor that is JSON as well, for hosts that never look at the header. Triton refuses the first two, and
so does guard, on every server's behalf. Out of scope: shared memory, whose content no request holds.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import numpy as np
import orjson

from guard.contract import Contract
from guard.decode.images.search import find_bytes, find_texts, may_carry
from guard.decode.images.within import check_bytes, check_cells, check_request
from guard.decode.json.strict import load_json
from guard.decode.limits import DecodeLimits
from guard.decode.v2.document import decode_v2
from guard.decode.v2.elements import Tail, element_size, read_elements
from guard.decode.v2.plain import decode_plain
from guard.errors import MalformedRequest, NotScorable
from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat

__all__ = ["decode_v2_binary"]

_FLOATS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})

# Triton's own name for it.
_RAW = "raw_input"

# Up to here it costs little to see whether a tensor is plain, and a plain one is screened faster.
_FEW_ELEMENTS = 4096


def decode_v2_binary(
    body: bytes, *, json_length: int, limits: DecodeLimits, allow_non_finite: bool, contract: Contract | None
) -> InferenceRequest:
    """Decode `json_length` bytes of JSON and the tensors' bytes after it.

    Without any JSON the body is the only tensor's elements, of which the contract tells what they are. Raises
    MalformedRequest with rule G110, G117, or one of those of JSON and V2, NotScorable with rule G116 or G208.
    """
    if json_length > len(body):
        found = f"the JSON header has {json_length} bytes, the body {len(body)}"
        raise MalformedRequest(found, rule="G117", where="headers")
    if contract is not None and contract.is_mapped:
        found = "binary tensors; the contract has JSON pointers to its features"
        raise NotScorable(found, rule="G116", where="headers")
    if not json_length:
        return check_request(_decode_raw(body, contract=contract), limits=limits)
    plain = decode_plain(body, limits=limits) if json_length == len(body) else None
    if plain is not None:
        return plain
    document = load_json(body[:json_length], limits=limits, allow_non_finite=allow_non_finite)
    tail = Tail(body, json_length)
    request = decode_v2(document.value, limits=limits, tail=tail)
    if request is None:
        raise MalformedRequest("the JSON header has no tensors", rule="G116", where="inputs")
    if tail.left:
        raise MalformedRequest(f"{tail.left} bytes follow the last tensor", rule="G110", where="the body")
    texts = find_texts(document.value) if may_carry(body[:json_length]) else []
    if tail.is_used:
        check_cells([*texts, *find_bytes(request)], limits=limits)
    else:
        check_bytes(request)
        check_cells(texts, limits=limits)
    request = request._replace(faults=document.faults + request.faults)
    return _as_binary(request) if tail.is_used else request


def _as_binary(request: InferenceRequest) -> InferenceRequest:
    is_plain = not request.faults and len(request.data) == 1 and _is_plain(request.data[0])
    return request._replace(wire_format=WireFormat.V2_BINARY, is_plain=is_plain)


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor is [N, d], of finite floating-point numbers; a large one isn't looked at."""
    array = tensor.data
    if array.dtype not in _FLOATS or array.ndim != 2 or not 0 < array.size <= _FEW_ELEMENTS:
        return False
    return bool(np.isfinite(array).all())


def _decode_raw(body: bytes, *, contract: Contract | None) -> InferenceRequest:
    """Decode a body that is one tensor's elements, for one instance."""
    if contract is None or contract.datatype is None:
        lacks = "there is no contract" if contract is None else "the contract has no datatype in [request]"
        raise NotScorable(f"a raw tensor, and {lacks} to tell what it holds", rule="G116", where="the body")
    datatype, n_features = Datatype(contract.datatype), len(contract.names)
    if datatype is Datatype.BYTES:
        array = _read_raw_text(body, n_features)
    else:
        _check_raw_size(body, n_features * element_size(datatype), f"{n_features} features of {datatype}")
        array = read_elements(body, start=0, size=len(body), datatype=datatype, shape=(1, n_features))
    if _is_json(body):
        raise MalformedRequest("a raw tensor that is JSON as well: hosts differ", rule="G117", where="headers")
    tensor = Tensor(_RAW, datatype, (1, n_features), array)
    return _as_binary(InferenceRequest(WireFormat.V2_BINARY, Layout.TENSORS, (tensor,), 1))


def _check_raw_size(body: bytes, size: int, what: str) -> None:
    if len(body) != size:
        raise MalformedRequest(f"a raw tensor of {len(body)} bytes; {what} take {size}", rule="G116", where="the body")


def _read_raw_text(body: bytes, n_features: int) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """Take the whole body for the single element; Triton itself puts the length before it."""
    if n_features != 1:
        found = f"a raw tensor of BYTES is one element; the contract has {n_features} features"
        raise NotScorable(found, rule="G116", where="the body")
    array = np.empty((1, 1), object)
    array[0, 0] = body
    return array


def _is_json(body: bytes) -> bool:
    if not body.lstrip(b" \t\n\r").startswith((b"{", b"[")):
        return False
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
