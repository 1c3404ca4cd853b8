"""Requests that must never reach the model: malformed, incomplete, or against the contract.

Who sends them: broken clients as often as attackers. Each variant is one thing that two JSON parsers, or a parser and a
model, read differently or not at all.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence

import orjson

from guard.demo.traffic import DemoRequest, TrafficKind, tensor, v2

__all__ = ["contract_breaking", "malformed", "missing"]

Row = list[float]
Variants = Mapping[str, bytes]

# Beyond the default limits: GUARD_MAX_JSON_DEPTH 64, GUARD_MAX_INSTANCES 1024, GUARD_MAX_BODY_BYTES 8 MiB.
TOO_DEEP = 100
TOO_MANY = 1025
TOO_LONG_BYTES = 8_388_609


def malformed(row: Row) -> list[DemoRequest]:
    """Bodies that can't be read, or could be read in two ways."""
    good = v2(tensor(row))
    requests = _requests(TrafficKind.MALFORMED, {**_broken_json(good), **_ambiguous(good, row), **_bad_tensors(row)})
    zipped = DemoRequest(
        kind=TrafficKind.MALFORMED,
        variant="compressed body",
        body=gzip.compress(good, mtime=0),
        headers={"content-encoding": "gzip"},
    )
    return [*requests, zipped]


def missing(row: Row, features: Sequence[str]) -> list[DemoRequest]:
    """Rows from which a value is missing."""
    columns = _columns(row, features)
    variants = {
        "null value": v2(tensor([None, *row[1:]])),
        "NaN token": _put_token(row, b"NaN"),
        "feature left out": v2(*columns[1:]),
        "row too short": v2(tensor(row[:-1])),
        "null in a feature's tensor": v2({**columns[0], "data": [None]}, *columns[1:]),
        "no value at all": v2(tensor([], shape=[1, 0])),
    }
    return _requests(TrafficKind.MISSING, variants)


def contract_breaking(row: Row, features: Sequence[str]) -> list[DemoRequest]:
    """Complete rows that can be read, and can't be a measurement."""
    columns = _columns(row, features)
    variants = {
        "below the minimum": v2(tensor(_replace(row, features, mean_radius=-1.0))),
        "above the maximum": v2(tensor(_replace(row, features, worst_area=1e6))),
        "mean above worst": v2(tensor(_swap(row, features, "mean_radius", "worst_radius"))),
        "unknown feature": v2(*columns, tensor([1.0], name="patient_age", shape=[1])),
        "row too long": v2(tensor([*row, 1.0])),
        "text for a number": v2({**columns[0], "datatype": "BYTES", "data": ["12.5"]}, *columns[1:]),
        "infinite in float32": v2(tensor(_replace(row, features, worst_area=1e39))),
    }
    return _requests(TrafficKind.CONTRACT, variants)


def _broken_json(good: bytes) -> Variants:
    return {
        "truncated JSON": good[: len(good) // 2],
        "trailing bytes": good + b" {}",
        "UTF-16": good.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + good,
        "not UTF-8": good.replace(b"input-0", b"input-\xff"),
        "deep nesting": b'{"inputs":' + b"[" * TOO_DEEP + b"]" * TOO_DEEP + b"}",
        "not JSON": b"radius=12.5&texture=18.1",
        "over the longest body": good + b" " * (TOO_LONG_BYTES - len(good)),
    }


def _ambiguous(good: bytes, row: Row) -> Variants:
    return {
        "duplicate keys": good[:-1] + b"," + good[1:],
        "instances beside inputs": v2(tensor(row), instances=[row]),
        "huge integer": _put_token(row, b"9" * 30),
        "integer of 5,000 digits": _put_token(row, b"1" * 5000),
        "Infinity token": _put_token(row, b"Infinity"),
    }


def _bad_tensors(row: Row) -> Variants:
    return {
        "shape against data": v2(tensor(row, shape=[2, len(row)])),
        "negative shape": v2(tensor(row, shape=[-1, len(row)])),
        "unknown datatype": v2(tensor(row, datatype="FP99")),
        "values not of the datatype": v2(tensor([str(value) for value in row])),
        "too many instances": v2(tensor(row * TOO_MANY, shape=[TOO_MANY, len(row)])),
    }


def _requests(kind: TrafficKind, variants: Variants) -> list[DemoRequest]:
    return [DemoRequest(kind=kind, variant=variant, body=body) for variant, body in variants.items()]


def _columns(row: Row, features: Sequence[str]) -> list[dict[str, object]]:
    return [tensor([value], name=name, shape=[1]) for name, value in zip(features, row, strict=True)]


def _put_token(row: Row, token: bytes) -> bytes:
    """The row with its first value replaced by what no JSON encoder would write."""
    return v2(tensor(["TOKEN", *row[1:]])).replace(orjson.dumps("TOKEN"), token)


def _replace(row: Row, features: Sequence[str], **values: float) -> Row:
    return [values.get(name, value) for name, value in zip(features, row, strict=True)]


def _swap(row: Row, features: Sequence[str], first: str, second: str) -> Row:
    values = dict(zip(features, row, strict=True))
    return _replace(row, features, **{first: values[second], second: values[first]})
