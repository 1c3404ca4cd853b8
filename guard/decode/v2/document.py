"""Open Inference Protocol V2, as JSON: `{"inputs": [{"name", "shape", "datatype", "data"}, ...]}`.

Threat model. The client makes shape, datatype and data disagree, and hopes that the model server settles it
otherwise than guard (a wrapping product, -1, ragged rows, a tensor named twice, data beside a reference to
data elsewhere). guard takes the strictest server's side, Triton's, and refuses. Out of scope: `parameters`
that a server gives a meaning of its own, but for MLServer's `content_type`.

https://github.com/kserve/open-inference-protocol, "Inference Request JSON Object" and "Tensor Data".
"""

from __future__ import annotations

from typing import Any

from guard.decode.json.members import find_unknown_members, quote
from guard.decode.limits import DecodeLimits
from guard.decode.v2.content_types import read_content_type
from guard.decode.v2.elements import Tail
from guard.decode.v2.tensor import decode_tensor
from guard.errors import MalformedRequest, RequestError
from guard.inference import Fault, InferenceRequest, Layout, Tensor, WireFormat

__all__ = ["decode_v2"]

# KServe's own client says `model_name` again; servers go by the path.
_MEMBERS = frozenset({"id", "inputs", "model_name", "outputs", "parameters"})

# One for each feature of a wide table; each costs some microseconds.
_MOST_TENSORS = 4096


def decode_v2(document: Any, *, limits: DecodeLimits, tail: Tail | None = None) -> InferenceRequest | None:
    """Decode tensors, cast to their datatypes; None where `inputs` isn't an array of objects.

    `tail` is what follows the document, for tensors whose elements are there. Raises MalformedRequest with rule
    G111, G112, G116, G119, G126 or G208, NotScorable with rule G116 or G208.
    """
    inputs = document.get("inputs") if type(document) is dict else None
    if type(inputs) is not list or (inputs and dict not in map(type, inputs)):
        return None
    if not inputs:
        raise MalformedRequest("no tensors", rule="G116", where="inputs")
    if len(inputs) > _MOST_TENSORS:
        raise MalformedRequest(f"{len(inputs)} tensors; at most {_MOST_TENSORS} are read", rule="G112", where="inputs")
    faults = list(find_unknown_members(document, known=_MEMBERS, where="the document"))
    if "parameters" in document:
        faults += _check_parameters(document["parameters"])
    tensors = []
    for index, found in enumerate(inputs):
        try:
            tensor, tensor_faults = decode_tensor(found, limits=limits, tail=tail)
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


def _check_parameters(parameters: Any) -> tuple[Fault, ...]:
    if type(parameters) is not dict:
        raise MalformedRequest("parameters are an object", rule="G116", where="parameters")
    # None of those that a request may have changes what its elements are.
    _, faults = read_content_type(parameters, of_request=True)
    return faults


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
