"""MLflow's `/invocations`: `dataframe_split` and `dataframe_records`, with `params` beside them.

Threat model. pandas, which reads them at the host, obliges: it fills short rows and absent members with NaN, picks
from records only those members that `columns` names, and takes a column's name twice. A client who knows that shows
guard other rows than the model. guard takes rows of one length under distinct names, and nothing else. Out of scope:
the index, which no model is given.

https://mlflow.org/docs/latest/deployment/deploy-model-locally, "Endpoints". `instances` and `inputs` are V1's.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from guard.decode.json.batch import lay_out
from guard.decode.json.members import find_unknown_members, quote
from guard.decode.limits import DecodeLimits
from guard.decode.v1 import decode_v1
from guard.errors import MalformedRequest, NotScorable
from guard.inference import InferenceRequest, Layout, WireFormat

__all__ = ["decode_mlflow", "holds_tensors"]

_FRAMES = frozenset({"dataframe_split", "dataframe_records"})
_ENVELOPES = ("dataframe_split", "dataframe_records", "instances", "inputs")
_SPLIT_MEMBERS = frozenset({"columns", "data", "index"})


def decode_mlflow(document: Any, *, limits: DecodeLimits) -> InferenceRequest | None:
    """Decode a data frame, or what is V1's but for its `params`; None where the document has neither.

    Raises MalformedRequest with rule G111, G116, G119 or G208, NotScorable with rule G208.
    """
    if type(document) is not dict:
        return None
    if _FRAMES.isdisjoint(document):
        is_v1 = "params" in document and not holds_tensors(document)
        return _decode_v1(document, limits=limits) if is_v1 else None
    found = [name for name in _ENVELOPES if name in document]
    if len(found) > 1:
        raise MalformedRequest(f"{found[0]} beside {found[1]}; expected one of them", rule="G119", where="the document")
    _check_params(document)
    decoder = _decode_split if found[0] == "dataframe_split" else _decode_records
    layout, data, n_instances = decoder(document[found[0]], limits=limits)
    faults = find_unknown_members(document, known=frozenset({found[0], "params"}), where="the document")
    return InferenceRequest(
        wire_format=WireFormat.MLFLOW, layout=layout, data=data, n_instances=n_instances, faults=faults
    )


def holds_tensors(document: Any) -> bool:
    """Whether `inputs` are V2's tensors, not records: SageMaker's Triton takes them on the same path."""
    inputs = document.get("inputs") if type(document) is dict else None
    if type(inputs) is not list or not inputs:
        return False
    return type(inputs[0]) is dict and "datatype" in inputs[0]


def _decode_v1(document: dict[str, Any], *, limits: DecodeLimits) -> InferenceRequest | None:
    request = decode_v1({name: value for name, value in document.items() if name != "params"}, limits=limits)
    if request is not None:
        _check_params(document)
    return request


def _check_params(document: dict[str, Any]) -> None:
    if type(document.get("params", {})) is not dict:
        raise MalformedRequest("params are an object", rule="G116", where="params")


def _decode_records(records: Any, *, limits: DecodeLimits) -> tuple[Layout, Any, int]:
    where = "dataframe_records"
    if type(records) is not list:
        raise MalformedRequest("expected an array of objects", rule="G116", where=where)
    layout, data = lay_out(records, where=where, limits=limits)
    if layout is not Layout.RECORDS:
        raise MalformedRequest("a record is an object", rule="G116", where=f"{where}[0]")
    return layout, data, len(data)


def _decode_split(split: Any, *, limits: DecodeLimits) -> tuple[Layout, Any, int]:
    if type(split) is not dict or type(split.get("data")) is not list:
        raise MalformedRequest("expected an object with data, an array of rows", rule="G116", where="dataframe_split")
    if not split.keys() <= _SPLIT_MEMBERS:
        unknown = quote(min(split.keys() - _SPLIT_MEMBERS))
        raise MalformedRequest(
            f"{unknown} is unknown; known are columns, data, index", rule="G119", where="dataframe_split"
        )
    layout, rows = lay_out(split["data"], where="dataframe_split.data", limits=limits)
    if layout is not Layout.ROWS:
        raise MalformedRequest("a row is an array", rule="G116", where="dataframe_split.data[0]")
    if "index" in split:
        _check_index(split["index"], n_rows=len(rows))
    if "columns" not in split:
        _check_lengths(rows, n_columns=len(rows[0]))
        return Layout.ROWS, rows, len(rows)
    names = _decode_names(split["columns"])
    _check_lengths(rows, n_columns=len(names))
    if len(rows) == 1 or list in map(type, rows[0]):
        # Among columns, [[1], [2]] is another way to write [1, 2]; in a data frame its cells are arrays. And columns
        # of one value each would take more memory.
        return Layout.RECORDS, [dict(zip(names, row, strict=True)) for row in rows], len(rows)
    return Layout.COLUMNS, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), len(rows)


def _check_index(index: Any, *, n_rows: int) -> None:
    where = "dataframe_split.index"
    if type(index) is not list:
        raise MalformedRequest("an index is an array", rule="G116", where=where)
    if len(index) != n_rows:
        raise MalformedRequest(f"{len(index)} entries for {n_rows} rows", rule="G208", where=where)


def _decode_names(columns: Any) -> list[str]:
    where = "dataframe_split.columns"
    if type(columns) is not list or not {str}.issuperset(map(type, columns)):
        raise MalformedRequest("columns are an array of strings: the names of features", rule="G116", where=where)
    if not columns:
        raise NotScorable("no columns", rule="G208", where=where)
    if len(set(columns)) != len(columns):
        twice, _ = Counter(columns).most_common(1)[0]
        raise MalformedRequest(f"{quote(twice)} names two columns", rule="G119", where=where)
    return columns


def _check_lengths(rows: list[list[Any]], *, n_columns: int) -> None:
    if {n_columns}.issuperset(map(len, rows)):
        return
    index = next(i for i, row in enumerate(rows) if len(row) != n_columns)
    found = f"{len(rows[index])} values; expected {n_columns}"
    raise MalformedRequest(found, rule="G208", where=f"dataframe_split.data[{index}]")
