"""One tensor of the Open Inference Protocol V2, its elements in the JSON document or after it.

Threat model: as that of `guard.decode.v2.document`, for a tensor alone: shape, datatype and elements that disagree,
elements that are given twice or are elsewhere, a content type that changes what they are.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, NamedTuple

from guard.decode.json.batch import check_count
from guard.decode.json.members import find_unknown_members
from guard.decode.limits import DecodeLimits
from guard.decode.v2.cast import cast, find_datatype
from guard.decode.v2.content_types import BASE64, decode_content, read_content_type
from guard.decode.v2.elements import Tail, read_elements
from guard.errors import MalformedRequest, NotScorable
from guard.inference import Fault, Tensor

__all__ = ["decode_tensor"]

_MEMBERS = frozenset({"data", "datatype", "name", "parameters", "shape"})

# With either, a tensor's elements are not in the JSON document.
_BINARY, _SHARED = "binary_data_size", "shared_memory_region"

# NumPy holds 32 dimensions (64 since 2.0); no model has as many, and the product of a longer shape costs time.
_MAX_RANK = 32


class _Parameters(NamedTuple):
    binary_size: int | None = None
    content_type: str | None = None
    faults: tuple[Fault, ...] = ()


_NO_PARAMETERS = _Parameters()


def decode_tensor(found: Any, *, limits: DecodeLimits, tail: Tail | None) -> tuple[Tensor, tuple[Fault, ...]]:
    """Decode one tensor; `tail` is what follows the JSON document, None where nothing can.

    Places in faults and exceptions are relative to the tensor, and cost nothing until there are any. Raises
    MalformedRequest with rule G111, G116, G119 or G126, NotScorable with rule G116 or G208.
    """
    if type(found) is not dict:
        raise MalformedRequest("a tensor is an object", rule="G116")
    name = found.get("name")
    if type(name) is not str or not name:
        raise MalformedRequest("a tensor has a name", rule="G116", where="name")
    parameters = _read_parameters(found, tail) if "parameters" in found else _NO_PARAMETERS
    is_binary = parameters.binary_size is not None
    datatype = find_datatype(found.get("datatype"), is_binary=is_binary)
    shape = _decode_shape(found.get("shape"))
    check_count(shape[0], where="shape", limits=limits)
    if tail is not None and parameters.binary_size is not None:
        start = tail.take(parameters.binary_size)
        array = read_elements(tail.body, start=start, size=parameters.binary_size, datatype=datatype, shape=shape)
        faults: tuple[Fault, ...] = ()
    else:
        array, faults = cast(_flatten(found.get("data"), shape), datatype=datatype, shape=shape)
    if parameters.content_type is not None and not is_binary:
        array, others = decode_content(array, datatype=datatype, content_type=parameters.content_type)
        faults += others
    unknown = find_unknown_members(found, known=_MEMBERS, where=None)
    return Tensor(name, datatype, shape, array), unknown + parameters.faults + faults


def _read_parameters(found: dict[str, Any], tail: Tail | None) -> _Parameters:
    parameters = found["parameters"]
    if type(parameters) is not dict:
        raise MalformedRequest("parameters are an object", rule="G116", where="parameters")
    sources = [name for name in (_BINARY, _SHARED) if name in parameters] + ["data"] * ("data" in found)
    if len(sources) > 1:
        found_both = f"{sources[0]} beside {sources[1]}; expected one of them"
        raise MalformedRequest(found_both, rule="G119", where="parameters")
    if _SHARED in parameters or (_BINARY in parameters and tail is None):
        raise NotScorable(f"{sources[0]}: the elements are not in the request", rule="G116", where="parameters")
    content_type, faults = read_content_type(parameters)
    size = _read_size(parameters[_BINARY]) if _BINARY in parameters else None
    if size is not None and content_type in BASE64:
        detail = f"content_type {content_type} beside binary_data_size, which no server has together"
        faults = (Fault("G119", detail, where="parameters"),)
    return _Parameters(size, content_type, faults)


def _read_size(size: object) -> int:
    if type(size) is not int or size < 0:  # the very type: to isinstance, true is an int
        raise MalformedRequest(f"{_BINARY} is an integer, not negative", rule="G116", where="parameters")
    return size


def _decode_shape(shape: Any) -> tuple[int, ...]:
    if type(shape) is not list or not 1 <= len(shape) <= _MAX_RANK:
        found = f"a shape is an array of 1 to {_MAX_RANK} integers, the first the number of instances"
        raise MalformedRequest(found, rule="G116", where="shape")
    for length in shape:
        if type(length) is not int or length < 0:  # the very type: to isinstance, true is an int
            raise MalformedRequest("a shape holds integers, none negative", rule="G116", where="shape")
    return tuple(shape)


def _flatten(data: Any, shape: tuple[int, ...]) -> list[Any]:
    """Return the elements in row-major order; MalformedRequest (G116) where they don't fill the shape."""
    if type(data) is not list:
        raise MalformedRequest("data is an array", rule="G116", where="data")
    if len(shape) > 1 and data and type(data[0]) is list:
        return _flatten_nested(data, shape)
    asked = math.prod(shape)  # Python's integers don't wrap
    if len(data) != asked:
        found = f"{list(shape)} asks for {asked} values; data holds {len(data)}"
        raise MalformedRequest(found, rule="G116", where="shape")
    return data


def _flatten_nested(data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    level: list[Any] = [data]
    for axis, length in enumerate(shape):
        if not (set(map(type, level)) <= {list} and set(map(len, level)) <= {length}):
            found = f"ragged: along axis {axis} the shape {list(shape)} asks for arrays of {length}"
            raise MalformedRequest(found, rule="G116", where="data")
        level = list(chain.from_iterable(level))
    return level
