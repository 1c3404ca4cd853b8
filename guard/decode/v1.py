"""The V1 protocol of TensorFlow Serving and KServe: `{"instances": [...]}` or columnar `{"inputs": {...}}`.

To classify or regress, `{"examples": [...]}`. Bytes are `{"b64": "..."}`, an object of that member alone, wherever a
value may stand.

Threat model. A client writes bytes so that readers differ in what they are (`guard.decode.base64_text`), puts a value
into `context` and into an example, or a large context before many short examples, which would hold a copy each. Out of
scope: what `parameters` and `signature_name` make of a request.

https://www.tensorflow.org/tfx/serving/api_rest, "Predict API", "Classify and Regress API", "Encoding binary values".
"""

from __future__ import annotations

from typing import Any

from guard.decode.base64_text import decode_base64
from guard.decode.json.batch import check_count, lay_out
from guard.decode.json.members import find_unknown_members, quote
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, NotScorable
from guard.inference import Fault, InferenceRequest, Layout, WireFormat

__all__ = ["decode_examples", "decode_v1"]

_OPTIONAL = frozenset({"parameters", "signature_name"})
_EXAMPLES = frozenset({"context", "examples", "parameters", "signature_name"})

# As many values may come of a context that all examples share; more only with as many that were sent.
_MOST_SHARED = 32_768
_SHARED_PER_SENT = 2


def decode_v1(document: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode rows, named values or columns; None where the document has neither `instances` nor `inputs`.

    Raises MalformedRequest with rule G111, G116, G126 or G208, NotScorable with rule G208.
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


def decode_examples(document: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode the examples of a `:classify` or `:regress` request; None where the document has none.

    The features of `context` are every example's. Raises MalformedRequest with rule G111, G116, G119 or G126,
    NotScorable with rule G208.
    """
    if type(document) is not dict or "examples" not in document:
        return None
    examples, context = document["examples"], document.get("context", {})
    if type(examples) is not list or not {dict}.issuperset(map(type, examples)):
        raise MalformedRequest("expected an array of objects", rule="G116", where="examples")
    if type(context) is not dict:
        raise MalformedRequest("expected an object", rule="G116", where="context")
    check_count(len(examples), where="examples", limits=limits)
    _check_shared(examples, context)
    common = _read_example(context, "context")
    records = [common | _read_example(example, f"examples[{index}]") for index, example in enumerate(examples)]
    faults = find_unknown_members(document, known=_EXAMPLES, where="the document")
    return _request(Layout.RECORDS, records, len(records), faults)


def _check_shared(examples: list[dict[str, Any]], context: dict[str, Any]) -> None:
    for index, example in enumerate(examples if context else ()):
        both = example.keys() & context.keys()
        if both:
            found = f"{quote(min(both))} is in context as well"
            raise MalformedRequest(found, rule="G119", where=f"examples[{index}]")
    n_sent = len(context) + sum(map(len, examples))
    if len(examples) * len(context) > max(_MOST_SHARED, _SHARED_PER_SENT * n_sent):
        found = f"{len(context)} values are too many to share among {len(examples)} examples"
        raise MalformedRequest(found, rule="G111", where="context")


def _read_example(example: dict[str, Any], where: str) -> dict[str, Any]:
    """Read an example's features, each a list, of one value mostly, or the value alone."""
    values = _read_bytes(list(example.values()), where)
    values = [value[0] if type(value) is list and len(value) == 1 else value for value in values]
    return dict(zip(example, values, strict=True))


def _decode_member(document: dict[str, Any], *, member: str, limits: DecodeLimits) -> InferenceRequest:
    instances = document[member]
    if type(instances) is not list:
        raise MalformedRequest("expected an array of instances", rule="G116", where=member)
    check_count(len(instances), where=member, limits=limits)
    if not {list, dict}.isdisjoint(map(type, instances)):
        instances = [_read_value(instance, f"{member}[{index}]") for index, instance in enumerate(instances)]
    layout, data = lay_out(instances, where=member, limits=limits)
    return _request(layout, data, len(data), _find_unknown(document, member=member))


def _decode_columns(document: dict[str, Any], *, limits: DecodeLimits) -> InferenceRequest:
    columns = document["inputs"]
    if not columns:
        raise NotScorable("no columns", rule="G208", where="inputs")
    n_instances = _count_rows(columns)
    check_count(n_instances, where="inputs", limits=limits)
    columns = {name: _read_bytes(column, f"inputs[{quote(name)}]") for name, column in columns.items()}
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


def _read_value(value: Any, where: str) -> Any:
    """Put bytes for `{"b64": ...}`, and for each within an array or object."""
    if type(value) is list:
        return _read_bytes(value, where)
    if type(value) is not dict:
        return value
    if _is_bytes(value):
        return decode_base64([value["b64"]], where=where, is_array=False)[0]
    if {dict, list}.isdisjoint(map(type, value.values())):
        return value
    return dict(zip(value, _read_bytes(list(value.values()), where), strict=True))


def _read_bytes(values: list[Any], where: str) -> list[Any]:
    """Put bytes for every `{"b64": ...}` among the values and within them; a list of other values stays itself."""
    if {dict, list}.isdisjoint(map(type, values)):
        return values
    # All at once: a body may hold many.
    at = [index for index, value in enumerate(values) if type(value) is dict and _is_bytes(value)]
    values = values.copy()
    for index, content in zip(
        at, decode_base64([values[index]["b64"] for index in at], where=where, is_array=False), strict=True
    ):
        values[index] = content
    return values if len(at) == len(values) else [_read_value(value, where) for value in values]


def _is_bytes(value: dict[str, Any]) -> bool:
    return len(value) == 1 and type(value.get("b64")) is str


def _find_unknown(document: dict[str, Any], *, member: str) -> tuple[Fault, ...]:
    return find_unknown_members(document, known=_OPTIONAL | {member}, where="the document")


def _request(layout: Layout, data: Any, n_instances: int, faults: tuple[Fault, ...]) -> InferenceRequest:
    return InferenceRequest(wire_format=WireFormat.V1, layout=layout, data=data, n_instances=n_instances, faults=faults)
