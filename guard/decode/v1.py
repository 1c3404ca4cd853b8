"""The V1 protocol of TensorFlow Serving and KServe: `{"instances": [...]}` or columnar `{"inputs": {...}}`.

https://www.tensorflow.org/tfx/serving/api_rest, "Predict API". `{"b64": "..."}` stays an object: no feature's
type admits it.
"""

from __future__ import annotations

from typing import Any

from guard.decode.batch import check_count, lay_out
from guard.decode.limits import JsonLimits
from guard.decode.members import find_unknown_members, quote
from guard.errors import MalformedRequest, NotScorable
from guard.inference import Fault, InferenceRequest, Layout, WireFormat

__all__ = ["decode_v1"]

_OPTIONAL = frozenset({"parameters", "signature_name"})


def decode_v1(document: Any, *, limits: JsonLimits) -> InferenceRequest | None:
    """Decode rows, named values or columns; None where the document has neither `instances` nor `inputs`.

    Raises MalformedRequest with rule G111, G116 or G208, NotScorable with rule G208.
    """
    if type(document) is not dict:
        return None
    if "instances" in document:
        return _decode_member(document, member="instances", limits=limits)
    if type(document.get("inputs")) is dict:
        return _decode_columns(document, limits=limits)
    if "inputs" in document:
        return _decode_member(document, member="inputs", limits=limits)
    return None


def _decode_member(document: dict[str, Any], *, member: str, limits: JsonLimits) -> InferenceRequest:
    instances = document[member]
    if type(instances) is not list:
        raise MalformedRequest("expected an array of instances", rule="G116", where=member)
    layout, data = lay_out(instances, where=member, limits=limits)
    return _request(layout, data, len(data), _find_unknown(document, member=member))


def _decode_columns(document: dict[str, Any], *, limits: JsonLimits) -> InferenceRequest:
    columns = document["inputs"]
    if not columns:
        raise NotScorable("no columns", rule="G208", where="inputs")
    n_instances = _count_rows(columns)
    check_count(n_instances, where="inputs", limits=limits)
    faults = _find_unknown(document, member="inputs")
    only = next(iter(columns.values()))
    if len(columns) == 1 and set(map(type, only)) == {list}:  # one named tensor, whose rows hold all features
        return _request(Layout.ROWS, only, n_instances, faults)
    return _request(Layout.COLUMNS, columns, n_instances, faults)


def _count_rows(columns: dict[str, Any]) -> int:
    n_instances = None
    for name, column in columns.items():
        where = f"inputs[{quote(name)}]"
        if type(column) is not list:
            raise MalformedRequest("a column is an array, with one value per instance", rule="G116", where=where)
        n_instances = len(column) if n_instances is None else n_instances
        if len(column) != n_instances:
            found = f"{len(column)} values, where the first column has {n_instances}"
            raise MalformedRequest(found, rule="G208", where=where)
    return n_instances or 0


def _find_unknown(document: dict[str, Any], *, member: str) -> tuple[Fault, ...]:
    return find_unknown_members(document, known=_OPTIONAL | {member}, where="the document")


def _request(layout: Layout, data: Any, n_instances: int, faults: tuple[Fault, ...]) -> InferenceRequest:
    return InferenceRequest(wire_format=WireFormat.V1, layout=layout, data=data, n_instances=n_instances, faults=faults)
