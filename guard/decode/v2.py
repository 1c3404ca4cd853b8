"""Open Inference Protocol V2, as JSON: `{"inputs": [{"name", "shape", "datatype", "data"}, ...]}`.

Threat model. The client makes shape, datatype and data disagree, and hopes that the model server settles it
otherwise than guard (a wrapping product, -1, ragged rows, a tensor named twice, data beside a reference to
data elsewhere). guard takes the strictest server's side, Triton's, and refuses. Out of scope: `parameters`
that a server gives a meaning of its own.

https://github.com/kserve/open-inference-protocol, "Inference Request JSON Object" and "Tensor Data".
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

from guard.decode.batch import check_count
from guard.decode.cast import cast, find_datatype
from guard.decode.limits import JsonLimits
from guard.decode.members import find_unknown_members, quote
from guard.errors import MalformedRequest, NotScorable, RequestError
from guard.inference import Fault, InferenceRequest, Layout, Tensor, WireFormat

__all__ = ["decode_v2"]

_MEMBERS = frozenset({"id", "inputs", "outputs", "parameters"})
_TENSOR_MEMBERS = frozenset({"data", "datatype", "name", "parameters", "shape"})

# With either, a tensor's elements are not in the JSON document.
_ELSEWHERE = frozenset({"binary_data_size", "shared_memory_region"})

# NumPy holds 32 dimensions (64 since 2.0); no model has as many, and the product of a longer shape costs time.
_MAX_RANK = 32


def decode_v2(document: Any, *, limits: JsonLimits) -> InferenceRequest | None:
    """Decode tensors, cast to their datatypes; None where `inputs` isn't an array of objects.

    Raises MalformedRequest with rule G111, G116, G119 or G208, NotScorable with rule G116 or G208.
    """
    inputs = document.get("inputs") if type(document) is dict else None
    if type(inputs) is not list or (inputs and dict not in map(type, inputs)):
        return None
    if not inputs:
        raise MalformedRequest("no tensors", rule="G116", where="inputs")
    faults = list(find_unknown_members(document, known=_MEMBERS, where="the document"))
    tensors = []
    for index, found in enumerate(inputs):
        try:
            tensor, tensor_faults = _decode_tensor(found, limits)
        except RequestError as error:
            error.where = _within(index, error.where)
            raise
        tensors.append(tensor)
        if tensor_faults:
            faults += [fault._replace(where=_within(index, fault.where)) for fault in tensor_faults]
    if len(tensors) > 1:
        _check_together(tensors)
    return InferenceRequest(
        wire_format=WireFormat.V2,
        layout=Layout.TENSORS,
        data=tuple(tensors),
        n_instances=tensors[0].shape[0],
        faults=tuple(faults),
    )


def _within(index: int, where: str | None) -> str:
    return f"inputs[{index}].{where}" if where else f"inputs[{index}]"


def _decode_tensor(found: Any, limits: JsonLimits) -> tuple[Tensor, tuple[Fault, ...]]:
    """Decode one tensor; places in faults and exceptions are relative to it, and cost nothing until there are any."""
    if type(found) is not dict:
        raise MalformedRequest("a tensor is an object", rule="G116")
    name = found.get("name")
    if type(name) is not str or not name:
        raise MalformedRequest("a tensor has a name", rule="G116", where="name")
    if "parameters" in found:
        _check_parameters(found)
    datatype = find_datatype(found.get("datatype"))
    shape = _decode_shape(found.get("shape"))
    check_count(shape[0], where="shape", limits=limits)
    values = _flatten(found.get("data"), shape)
    array, faults = cast(values, datatype=datatype, shape=shape)
    unknown = find_unknown_members(found, known=_TENSOR_MEMBERS, where=None)
    return Tensor(name, datatype, shape, array), unknown + faults


def _check_parameters(found: dict[str, Any]) -> None:
    parameters = found["parameters"]
    if type(parameters) is not dict:
        raise MalformedRequest("parameters are an object", rule="G116", where="parameters")
    elsewhere = sorted(_ELSEWHERE & parameters.keys())
    if elsewhere and "data" in found:
        found_both = f"{elsewhere[0]} beside data; expected one of them"
        raise MalformedRequest(found_both, rule="G119", where="parameters")
    if elsewhere:
        raise NotScorable(f"{elsewhere[0]}: the elements are not in the JSON document", rule="G116", where="parameters")


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


def _check_together(tensors: list[Tensor]) -> None:
    names = set()
    for index, tensor in enumerate(tensors):
        if tensor.name in names:
            found = f"{quote(tensor.name)} names two tensors"
            raise MalformedRequest(found, rule="G119", where=f"inputs[{index}].name")
        names.add(tensor.name)
        if tensor.shape[0] != tensors[0].shape[0]:
            found = f"{tensor.shape[0]} instances, where inputs[0] has {tensors[0].shape[0]}"
            raise MalformedRequest(found, rule="G208", where=f"inputs[{index}].shape")
