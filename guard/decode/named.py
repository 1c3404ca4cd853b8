"""Named parameters, as BentoML has them: `{"input_data": [[...], ...]}`, `{"df": {...}}`, or a column for each feature.

Threat model. Nothing in the body says which parameter the model is given. A client names one of his own, with honest
instances in it, and hopes that guard reads that one and the host another. So where two members could hold instances,
the body is refused. Out of scope: parameters that can hold none (a threshold, a flag, options); a service has its own.
"""

from __future__ import annotations

from typing import Any

from guard.contract import Contract
from guard.decode.json.batch import check_count, lay_out
from guard.decode.json.members import quote
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest
from guard.inference import InferenceRequest, Layout, WireFormat

__all__ = ["decode_named"]

_CONTAINERS = frozenset({list, dict})


def decode_named(document: Any, *, limits: DecodeLimits, contract: Contract | None) -> InferenceRequest | None:
    """Decode an object of named parameters; None where it is a record, or holds no instances.

    Raises MalformedRequest with rule G111, G116, G119 or G208, NotScorable with rule G208.
    """
    if type(document) is not dict or _CONTAINERS.isdisjoint(map(type, document.values())):
        return None
    if contract is not None and not contract.compiled.places.keys().isdisjoint(document):
        is_columns = {list}.issuperset(map(type, document.values()))
        return _decode_columns(document, where=None, limits=limits) if is_columns else None
    holders = [name for name, value in document.items() if _could_hold(value, contract)]
    if contract is None and not _CONTAINERS.issuperset(map(type, document.values())):
        # Beside bare values, an object is more likely a value of a record.
        holders = [name for name in holders if type(document[name]) is list]
    if len(holders) > 1:
        found = f"{quote(holders[0])} and {quote(holders[1])} could both hold the instances; expected one of them"
        raise MalformedRequest(found, rule="G119", where="the document")
    if holders:
        return _decode_member(document[holders[0]], where=quote(holders[0]), limits=limits, contract=contract)
    if contract is None and _are_columns(document):
        return _decode_columns(document, where=None, limits=limits)
    return None


def _could_hold(value: Any, contract: Contract | None) -> bool:
    """Whether a model server could take the value for instances.

    With a contract, objects must name a feature: options don't, nor does what other endpoints than the model's take.
    """
    if not value or type(value) not in _CONTAINERS:
        return False
    if contract is None:
        return type(value) is dict or type(value[0]) in _CONTAINERS
    places = contract.compiled.places.keys()
    if type(value) is dict:
        return not places.isdisjoint(value)
    if type(value[0]) is dict:
        return any(type(record) is not dict or not places.isdisjoint(record) for record in value)
    return type(value[0]) is list or len(value) >= len(places)


def _decode_member(
    value: Any, *, where: str, limits: DecodeLimits, contract: Contract | None
) -> InferenceRequest | None:
    """Decode the member that holds the instances; None where it holds too few or too many values for one."""
    if type(value) is dict:
        if {list}.issuperset(map(type, value.values())):
            return _decode_columns(value, where=where, limits=limits)
        return _request(Layout.RECORDS, [value], 1)
    if contract is not None and _CONTAINERS.isdisjoint(map(type, value)):
        # A lone vector is one row.
        return _request(Layout.ROWS, [value], 1) if 1 < len(value) == len(contract.names) else None
    layout, data = lay_out(value, where=where, limits=limits)
    return _request(layout, data, len(data))


def _decode_columns(columns: dict[str, list[Any]], *, where: str | None, limits: DecodeLimits) -> InferenceRequest:
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        found = f"columns of {min(lengths)} and of {max(lengths)} values; expected one value for each instance"
        raise MalformedRequest(found, rule="G208", where=where)
    n_instances = lengths.pop()
    check_count(n_instances, where=where, limits=limits)
    return _request(Layout.COLUMNS, columns, n_instances)


def _are_columns(document: dict[str, Any]) -> bool:
    """Whether all members are arrays of one length, and not empty."""
    values = list(document.values())
    return {list}.issuperset(map(type, values)) and len(set(map(len, values))) == 1 and bool(values[0])


def _request(layout: Layout, data: Any, n_instances: int) -> InferenceRequest:
    return InferenceRequest(wire_format=WireFormat.NAMED, layout=layout, data=data, n_instances=n_instances)
