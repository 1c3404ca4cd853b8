"""Valid bodies of each tabular format, from the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from guard.contract import Contract, parse_contract

__all__ = ["CONTRACT", "ENCODERS", "MAPPED", "NAMES", "Request", "bodies", "tables"]

NAMES = ("price", "count", "kind", "ratio")

CONTRACT: Contract = parse_contract("""
[features.price]
type = "number"
[features.count]
type = "integer"
[features.kind]
type = "category"
allowed = ["red", "light blue", "grün", "a,b", 'say "x"']
[features.ratio]
type = "number"
nullable = true
""")

MAPPED: Contract = parse_contract("""
[request]
instances = "/payload/rows"
[features.price]
type = "number"
pointer = "/sale/price"
[features.count]
type = "integer"
pointer = "/sale/0~1n"
[features.kind]
type = "category"
allowed = ["red", "light blue", "grün", "a,b", 'say "x"']
pointer = "/tags/0"
[features.ratio]
type = "number"
nullable = true
pointer = "/~0r"
""")

Row = list[Any]


class Request(NamedTuple):
    """A body with its headers and its path; `contract` is the one under which it is read."""

    body: bytes
    headers: Mapping[bytes, bytes]
    path: str
    contract: Contract = CONTRACT


def tables() -> st.SearchStrategy[list[Row]]:
    """Rows that keep the contract: number, integer, category, nullable number."""
    numbers = st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-1000, 1000)
    kinds = st.sampled_from(["red", "light blue", "grün", "a,b", 'say "x"'])
    row = st.tuples(numbers, st.integers(-(2**53), 2**53), kinds, st.none() | numbers).map(list)
    return st.lists(row, min_size=1, max_size=5)


def bodies(name: str) -> st.SearchStrategy[Request]:
    """Requests of one format, of ENCODERS."""
    return tables().map(ENCODERS[name])


def _json(document: Any, path: str, contract: Contract = CONTRACT) -> Request:
    return Request(json.dumps(document).encode(), {b"content-type": b"application/json"}, path, contract)


def _records(rows: list[Row]) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def _columns(rows: list[Row]) -> dict[str, list[Any]]:
    return dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))


def _v2(rows: list[Row]) -> Request:
    price, count, kind, ratio = zip(*rows, strict=True)
    tensors = [("price", "FP64", price), ("count", "INT64", count), ("kind", "BYTES", kind), ("ratio", "FP64", ratio)]
    inputs = [
        {"name": name, "shape": [len(rows), 1], "datatype": datatype, "data": list(data)}
        for name, datatype, data in tensors
    ]
    return _json({"inputs": inputs}, "/v2/models/m/infer")


def _split(rows: list[Row]) -> Request:
    # In another order than the contract's.
    names = [*NAMES[1:], NAMES[0]]
    data = [[*row[1:], row[0]] for row in rows]
    split = {"index": list(range(len(rows))), "columns": names, "data": data}
    return _json({"dataframe_split": split, "params": {"alpha": 1}}, "/invocations")


def _pointed(rows: list[Row]) -> Request:
    found: list[Any] = []
    for price, count, kind, ratio in rows:
        found.append({"sale": {"price": price, "0/n": count, "note": "x"}, "tags": [kind, "other"], "id": 7})
        if ratio is not None:
            found[-1]["~r"] = ratio
    return _json({"payload": {"rows": found}, "trace": {"id": "t"}}, "/predict", MAPPED)


def _csv(rows: list[Row], names: tuple[str, ...] | None, media: bytes, end: str) -> Request:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    if names is not None:
        writer.writerow(names)
    places = [NAMES.index(name) for name in names or NAMES]
    writer.writerows([[row[place] for place in places] for row in rows])
    return Request(text.getvalue().encode(), {b"content-type": media}, "/invocations")


ENCODERS: dict[str, Callable[[list[Row]], Request]] = {
    "v2": _v2,
    "v1 rows": lambda rows: _json({"instances": rows}, "/v1/models/m:predict"),
    "v1 records": lambda rows: _json({"instances": _records(rows)}, "/v1/models/m:predict"),
    "v1 columns": lambda rows: _json({"inputs": _columns(rows)}, "/v1/models/m:predict"),
    "vertex": lambda rows: _json({"instances": _records(rows), "parameters": {"top": 3}}, "/predict"),
    "mlflow split": _split,
    "mlflow split without columns": lambda rows: _json({"dataframe_split": {"data": rows}}, "/invocations"),
    "mlflow records": lambda rows: _json({"dataframe_records": _records(rows)}, "/invocations"),
    "mlflow instances": lambda rows: _json({"instances": rows, "params": {}}, "/invocations"),
    "mlflow inputs": lambda rows: _json({"inputs": _records(rows)}, "/invocations"),
    "mlflow input columns": lambda rows: _json({"inputs": _columns(rows), "params": {"a": 1}}, "/invocations"),
    "named rows": lambda rows: _json({"threshold": 0.5, "input_data": rows}, "/classify"),
    "named records": lambda rows: _json({"df": _records(rows), "options": {"explain": True}}, "/classify"),
    "named frame": lambda rows: _json({"df": _columns(rows)}, "/classify"),
    "named columns": lambda rows: _json(_columns(rows), "/classify"),
    "records": lambda rows: _json(_records(rows), "/predict"),
    "rows": lambda rows: _json(rows, "/predict"),
    "pointers": _pointed,
    "csv with names": lambda rows: _csv(rows, NAMES, b"text/csv", "\n"),
    "csv with names in another order": lambda rows: _csv(rows, NAMES[::-1], b"text/csv; header=present", "\r\n"),
    "csv": lambda rows: _csv(rows, None, b"text/csv; charset=utf-8; header=absent", "\r\n"),
}
"""How each format writes rows."""
