"""A format of one's own: JSON pointers in the contract say where instances and features stand.

Threat model. The operator says what the model server reads; a client moves a value to where only one of the two
looks. guard looks nowhere but where the pointers lead: an absent target is a missing feature, never a default. Out of
scope: members that no pointer leads to. They are ignored, since the operator's own format may have any.

RFC 6901. An array's elements have plain indices, without leading zeros; "-" is never there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guard.contract import Contract
from guard.contract.pointer import Step, Token
from guard.decode.json.batch import check_count, lay_out
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, NotScorable
from guard.inference import InferenceRequest, Layout, WireFormat

__all__ = ["decode_pointers"]


def decode_pointers(document: Any, *, limits: DecodeLimits, contract: Contract) -> InferenceRequest:
    """Decode what the contract's pointers point to: an array of instances, or one object for a single instance.

    Without pointers of features, the instances are records or rows as in any other format, in which an unknown name is
    a fault. Raises MalformedRequest with rule G111 or G116, NotScorable with rule G208.
    """
    pointers = contract.pointers
    where = contract.instances or None
    instances = _find_instances(document, pointers.instances, where=where)
    if pointers.features is None:
        layout, data = lay_out(instances, where=where, limits=limits)
        return _request(layout, data)
    check_count(len(instances), where=where, limits=limits)
    return _request(Layout.RECORDS, [_collect(instance, pointers.features, pointers.whole) for instance in instances])


def _request(layout: Layout, data: list[Any]) -> InferenceRequest:
    return InferenceRequest(wire_format=WireFormat.POINTERS, layout=layout, data=data, n_instances=len(data))


def _find_instances(document: Any, tokens: Iterable[Token], *, where: str | None) -> list[Any]:
    found = document
    for token in tokens:
        if type(found) is dict and token.name in found:
            found = found[token.name]
        elif type(found) is list and 0 <= token.place < len(found):
            found = found[token.place]
        else:
            raise NotScorable("nothing stands where the contract's instances are", rule="G208", where=where)
    if type(found) is list:
        return found
    if type(found) is dict:
        return [found]
    raise MalformedRequest("expected an array of instances, or one object", rule="G116", where=where)


def _collect(instance: Any, root: Step, whole: str | None) -> dict[str, Any]:
    """Gather the features of one instance, by name; those whose pointers lead nowhere are left out."""
    record = {} if whole is None else {whole: instance}
    ahead = [(root, instance)]
    while ahead:
        step, value = ahead.pop()
        branch = step.members if type(value) is dict else step.elements if type(value) is list else None
        if branch is None:
            continue
        try:
            record.update(zip(branch.leaves.values(), branch.take(value), strict=True))
        except LookupError:
            record.update(_find_leaves(value, branch.leaves))
        if branch.steps:
            ahead += _lead_on(value, branch.steps)
    return record


def _find_leaves(value: Any, leaves: Mapping[Any, str]) -> dict[str, Any]:
    """Find the features that are there, where not all are."""
    if type(value) is list:
        n_elements = len(value)
        if len(leaves) <= n_elements:
            return {name: value[place] for place, name in leaves.items() if place < n_elements}
        return {leaves[place]: value[place] for place in range(n_elements) if place in leaves}
    # In time linear in whichever is less: the members there are, or those that are looked for.
    if len(leaves) <= len(value):
        return {name: value[key] for key, name in leaves.items() if key in value}
    return {leaves[key]: member for key, member in value.items() if key in leaves}


def _lead_on(value: Any, steps: Mapping[Any, Step]) -> list[tuple[Step, Any]]:
    keys = range(len(value)) if type(value) is list else value
    if len(steps) > len(value):
        return [(steps[key], value[key]) for key in keys if key in steps]
    return [(step, value[key]) for key, step in steps.items() if key in keys]
