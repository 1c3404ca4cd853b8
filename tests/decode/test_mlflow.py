from __future__ import annotations

import json
from typing import Any

import pytest

from guard.contract import parse_contract
from guard.decode import DecodeLimits, Source, decode
from guard.errors import MalformedRequest, NotScorable
from guard.features import extract
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.paths import Protocol

LIMITS = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)


def read(document: Any, *, protocol: Protocol = Protocol.INVOCATIONS, non_finite: bool = False) -> InferenceRequest:
    body = json.dumps(document).encode()
    return decode(body, limits=LIMITS, allow_non_finite=non_finite, source=Source(protocol))


def split(**members: Any) -> dict[str, Any]:
    return {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2.5, None]], **members}}


@pytest.mark.parametrize("protocol", [Protocol.INVOCATIONS, Protocol.ANY])
@pytest.mark.parametrize(
    ("document", "layout", "data", "n_instances"),
    [
        (split(), Layout.COLUMNS, {"a": [1, 2.5], "b": ["x", None]}, 2),
        (split(index=[7, "r"]), Layout.COLUMNS, {"a": [1, 2.5], "b": ["x", None]}, 2),
        (split() | {"params": {"alpha": 1}}, Layout.COLUMNS, {"a": [1, 2.5], "b": ["x", None]}, 2),
        (split(columns=["a"], data=[1, 2, 3]), Layout.COLUMNS, {"a": [1, 2, 3]}, 3),
        (split(data=[[1, 2]]), Layout.RECORDS, [{"a": 1, "b": 2}], 1),
        ({"dataframe_split": {"data": [[1, 2], [3, 4]]}}, Layout.ROWS, [[1, 2], [3, 4]], 2),
        ({"dataframe_records": [{"a": 1}, {"b": 2}]}, Layout.RECORDS, [{"a": 1}, {"b": 2}], 2),
        ({"dataframe_records": [{}], "params": {}}, Layout.RECORDS, [{}], 1),
    ],
)
def test_data_frame_is_decoded(document: Any, layout: Layout, data: Any, n_instances: int, protocol: Protocol) -> None:
    request = read(document, protocol=protocol)

    assert request == InferenceRequest(WireFormat.MLFLOW, layout, data, n_instances)


@pytest.mark.parametrize(
    ("document", "layout", "data"),
    [
        ({"inputs": {"a": [1, 2]}}, Layout.COLUMNS, {"a": [1, 2]}),
        ({"inputs": [[1, 2]]}, Layout.ROWS, [[1, 2]]),
        ({"inputs": [{"a": 1}]}, Layout.RECORDS, [{"a": 1}]),
        ({"inputs": [{"shape": 1, "name": "x", "data": 2}]}, Layout.RECORDS, [{"shape": 1, "name": "x", "data": 2}]),
        ({"instances": [[1, 2]], "params": {"a": 1}}, Layout.ROWS, [[1, 2]]),
        ({"inputs": [{"a": 1}], "params": {}}, Layout.RECORDS, [{"a": 1}]),
        ({"instances": [1], "signature_name": "s", "params": {}}, Layout.ROWS, [[1]]),
    ],
)
def test_instances_and_inputs_are_those_of_v1(document: Any, layout: Layout, data: Any) -> None:
    request = read(document)

    assert request == InferenceRequest(WireFormat.V1, layout, data, len(data) if layout is not Layout.COLUMNS else 2)


def test_tensors_are_those_of_v2() -> None:
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}

    assert read({"inputs": [tensor]}).wire_format is WireFormat.V2
    with_params = read({"inputs": [tensor], "params": {}})
    assert with_params.wire_format is WireFormat.V2
    assert [fault.rule for fault in with_params.faults] == ["G119"]


@pytest.mark.parametrize(
    ("document", "rule", "where"),
    [
        (split() | {"dataframe_records": [{"a": 1}]}, "G119", "the document"),
        (split() | {"instances": [[1]]}, "G119", "the document"),
        ({"dataframe_records": [{"a": 1}], "inputs": [[1]]}, "G119", "the document"),
        ({"instances": [[1]], "inputs": [[1]], "params": {}}, "G119", "the document"),
        (split(columns=["a", "a"]), "G119", "dataframe_split.columns"),
        (split(dtypes=["int", "str"]), "G119", "dataframe_split"),
        (split(columns=["a", 1]), "G116", "dataframe_split.columns"),
        (split(columns=[["a", "x"], ["a", "y"]]), "G116", "dataframe_split.columns"),
        (split(columns=None), "G116", "dataframe_split.columns"),
        (split(columns="ab"), "G116", "dataframe_split.columns"),
        (split(columns=["a", "b", "c"]), "G208", "dataframe_split.data[0]"),
        (split(data=[[1, 2], [3]]), "G208", "dataframe_split.data[1]"),
        (split(data=[[1, 2], [3, 4, 5]]), "G208", "dataframe_split.data[1]"),
        ({"dataframe_split": {"data": [[1], [2, 3]]}}, "G208", "dataframe_split.data[1]"),
        (split(data=[[1, 2], {"a": 3}]), "G116", "dataframe_split.data[1]"),
        (split(data=[{"a": 1, "b": 2, "c": 3}]), "G116", "dataframe_split.data[0]"),
        (split(data={"a": [1]}), "G116", "dataframe_split"),
        ({"dataframe_split": [[1]]}, "G116", "dataframe_split"),
        ({"dataframe_split": {"columns": ["a"]}}, "G116", "dataframe_split"),
        (split(index=[0]), "G208", "dataframe_split.index"),
        (split(index=3), "G116", "dataframe_split.index"),
        (split(data=[[1, 2]] * 17), "G111", "dataframe_split.data"),
        ({"dataframe_records": {"a": [1]}}, "G116", "dataframe_records"),
        ({"dataframe_records": [[1, 2]]}, "G116", "dataframe_records[0]"),
        ({"dataframe_records": [{"a": 1}, [1]]}, "G116", "dataframe_records[1]"),
        ({"dataframe_records": [{}] * 17}, "G111", "dataframe_records"),
        (split() | {"params": [1]}, "G116", "params"),
        ({"instances": [[1]], "params": 1}, "G116", "params"),
    ],
)
def test_bad_data_frame_is_refused(document: Any, rule: str, where: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(document)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (split(data=[]), "dataframe_split.data"),
        ({"dataframe_records": []}, "dataframe_records"),
        (split(columns=[], data=[[]]), "dataframe_split.columns"),
    ],
)
def test_data_frame_without_values_is_not_scorable(document: Any, where: str) -> None:
    with pytest.raises(NotScorable) as caught:
        read(document)

    assert (caught.value.rule, caught.value.where) == ("G208", where)


@pytest.mark.parametrize("document", [split() | {"extra": 1}, {"dataframe_records": [{"a": 1}], "parameters": {}}])
def test_unknown_members_beside_a_data_frame_are_told(document: Any) -> None:
    request = read(document)

    assert [(fault.rule, fault.where) for fault in request.faults] == [("G119", "the document")]


def test_arrays_in_cells_are_not_taken_for_values() -> None:
    contract = parse_contract('[features.a]\ntype = "number"')
    request = read({"dataframe_split": {"columns": ["a"], "data": [[[1]], [[2]]]}})

    assert [fault.rule for fault in extract(request, contract).faults] == ["G203", "G203"]


def test_nan_is_read_where_it_is_allowed() -> None:
    request = read(split(data=[[1, float("nan")]]), non_finite=True)

    assert str(request.data) == "[{'a': 1, 'b': nan}]"
