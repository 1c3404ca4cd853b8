"""The four JSON readers of the model servers, and guard's own, held against each other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import msgspec
import orjson
import pydantic_core

from guard.decode import DecodeLimits
from guard.decode.json.strict import load_json
from guard.screening import Screener

__all__ = ["READERS", "differing", "outcome", "read_all", "same"]

# Starlette, FastAPI, LitServe, MLflow; KServe, MLServer; Litestar; BentoML.
READERS: dict[str, Callable[[bytes], Any]] = {
    "json": json.loads,
    "orjson": orjson.loads,
    "msgspec": msgspec.json.decode,
    "pydantic_core": pydantic_core.from_json,
}

LIMITS = DecodeLimits(max_depth=64, max_containers=100_000, max_instances=1024)


class _Unread:
    """A reader refused the body."""


UNREAD = _Unread()


def outcome(screener: Screener, body: bytes, *, path: str = "/") -> str:
    """`allow`, or the rules that speak."""
    verdict = screener.screen(body, path=path, headers={"content-type": "application/json"})
    return " ".join(dict.fromkeys(finding.rule_id for finding in verdict.findings)) or verdict.action.label


def read_all(body: bytes) -> dict[str, Any]:
    """What each reader makes of a body; UNREAD where it refuses it."""
    return {name: _read(reader, body) for name, reader in READERS.items()}


def _read(reader: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return reader(body)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return UNREAD


def differing(body: bytes, *, non_finite: bool = False) -> dict[str, str]:
    """The readers that read a body otherwise than guard does, or refuse it; none, where all is well.

    `non_finite` pardons those that refuse it.
    """
    ours = load_json(body, limits=LIMITS, allow_non_finite=non_finite).value
    found = read_all(body)
    return {
        name: repr(value)[:80]
        for name, value in found.items()
        if not same(value, ours) and not (non_finite and value is UNREAD)
    }


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, NaN is NaN, true isn't 1, and names come in the same order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return bool(one == other)
