"""A JSON array as a batch of instances: rows, records or single values."""

from __future__ import annotations

from typing import Any

from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, NotScorable
from guard.inference import Layout

__all__ = ["check_count", "lay_out"]

_WORDS: dict[type, str] = {list: "an array", dict: "an object"}


def check_count(n_instances: int, *, where: str | None, limits: DecodeLimits) -> None:
    """Raise NotScorable (G208) where there is no instance, MalformedRequest (G111) where there are too many."""
    if not n_instances:
        raise NotScorable("no instances", rule="G208", where=where)
    if n_instances > limits.max_instances:
        found = f"{n_instances} instances; at most {limits.max_instances} are read"
        raise MalformedRequest(found, rule="G111", where=where)


def lay_out(instances: list[Any], *, where: str | None, limits: DecodeLimits) -> tuple[Layout, list[Any]]:
    """Tell how the instances lie, which must all be of one sort; a bare value becomes a row of one.

    Raises MalformedRequest with rule G111 or G116, NotScorable with rule G208.
    """
    check_count(len(instances), where=where, limits=limits)
    sorts = [_sort(instance) for instance in instances]
    if len(set(sorts)) > 1:
        index = next(i for i, sort in enumerate(sorts) if sort is not sorts[0])
        found = f"{_WORDS.get(sorts[index], 'a value')}, where instance 0 is {_WORDS.get(sorts[0], 'a value')}"
        raise MalformedRequest(found, rule="G116", where=f"{where or ''}[{index}]")
    if sorts[0] is dict:
        return Layout.RECORDS, instances
    return Layout.ROWS, instances if sorts[0] is list else [[value] for value in instances]


def _sort(instance: object) -> type:
    return type(instance) if type(instance) in _WORDS else object
