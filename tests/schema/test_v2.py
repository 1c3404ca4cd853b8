"""Contracts from V2 metadata."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guard.contract import Feature, FeatureType
from guard.errors import ContractError
from guard.schema import Draft, draft_contract


def draft(*inputs: dict[str, Any]) -> Draft:
    metadata = {"name": "m", "versions": ["1"], "platform": "onnx", "inputs": list(inputs), "outputs": []}
    return draft_contract(json.dumps(metadata).encode(), label="metadata")


def tensor(shape: Any, datatype: Any = "FP32", **members: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": datatype, "shape": shape} | members


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ([-1, 3], ["x[0]", "x[1]", "x[2]"]),
        (["-1", "2"], ["x[0]", "x[1]"]),
        ([1, 2], ["x[0]", "x[1]"]),
        ([2], ["x[0]", "x[1]"]),
        ([-1, 1], ["x"]),
        ([-1], ["x"]),
    ],
)
def test_one_tensor_has_a_feature_per_column(shape: Any, names: list[str]) -> None:
    found = draft(tensor(shape))

    assert [feature.name for feature in found.features] == names
    assert {feature.type for feature in found.features} == {FeatureType.NUMBER}
    assert found.datatype == "FP32"


def test_columns_are_named_where_the_server_names_them() -> None:
    found = draft(tensor([-1, 2], parameters={"columns": ["age", "dose"]}))

    assert [feature.name for feature in found.features] == ["age", "dose"]


@pytest.mark.parametrize(
    ("datatype", "feature"),
    [
        ("FP64", Feature("x", FeatureType.NUMBER)),
        ("BF16", Feature("x", FeatureType.NUMBER)),
        ("INT8", Feature("x", FeatureType.INTEGER, minimum=-128, maximum=127)),
        ("UINT16", Feature("x", FeatureType.INTEGER, minimum=0, maximum=65_535)),
        ("INT32", Feature("x", FeatureType.INTEGER, minimum=-(2**31), maximum=2**31 - 1)),
        ("INT64", Feature("x", FeatureType.INTEGER)),
        ("UINT64", Feature("x", FeatureType.INTEGER, minimum=0)),
        ("BOOL", Feature("x", FeatureType.BOOLEAN)),
        ("BYTES", Feature("x", FeatureType.STRING)),
    ],
)
def test_datatype_gives_type_and_bounds(datatype: str, feature: Feature) -> None:
    assert draft(tensor([-1, 1], datatype)).features == [feature]


def test_each_of_several_tensors_is_a_feature() -> None:
    found = draft(tensor([-1]), tensor([-1, 1], "BYTES", name="y"))

    assert [(feature.name, feature.type) for feature in found.features] == [("x", "number"), ("y", "string")]
    assert found.datatype is None


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([tensor([-1, 3, 224, 224])], r"'x' has the shape \[-1, 3, 224, 224\], as images or sequences have"),
        ([tensor([-1, -1])], "doesn't say how many features"),
        ([tensor([-1, 0])], "doesn't say how many features"),
        ([tensor([-1, 10_001])], "10,001 features"),
        ([tensor([-1, 10**18])], "at most 10,000"),
        ([tensor([-1]), tensor([-1, 4], name="y")], "'y' has the shape .* each must be one feature"),
        ([tensor([-1]), tensor([-1])], "declared twice"),
        ([tensor([-1, 2], parameters={"columns": ["a"]})], "1 columns are named"),
        ([tensor([-1, 2], parameters={"columns": ["a", 5]})], r"columns\[1\] is 5"),
        ([tensor([-1, 2], parameters={"columns": ["a", "a"]})], "declared twice"),
        ([tensor([-1], "FP128")], "datatype is 'FP128'"),
        ([tensor([-1], ["FP32"])], "datatype is"),
        ([tensor([])], "shape is"),
        ([tensor("x")], "shape is"),
        ([tensor([-1, True])], "shape holds True"),
        ([tensor([-1, 2.5])], "shape holds 2.5"),
        ([tensor([-1, "9" * 99])], "shape holds"),
        ([tensor([-1], name=None)], "name is None"),
        ([tensor([-1], name="")], "name is ''"),
        ([tensor([-1], name="x" * 201)], "expected a text of 1 to 200"),
        ([tensor([-1], name="\ud800")], "no Unicode text"),
        ([tensor([-1])] * 10_001, "10,001 features"),
    ],
)
def test_metadata_of_no_tabular_model_is_refused(inputs: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        draft(*inputs).contract()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"{}", "neither V2 model metadata"),
        (b"", "is empty: neither V2 model metadata"),
        (b"<!doctype html><p>log in", "is HTML or XML: neither"),
        (b'{"name": "triton", "version": "2", "extensions": []}', "a model's is at /v2/models/NAME"),
        (b"[1]", "neither V2 model metadata"),
        (b'"x"', "neither V2 model metadata"),
        (b"a: b: c", "neither JSON nor YAML, line 1"),
        (b"- [" + b"[" * 100_000, "nested too deep|neither JSON nor YAML"),
    ],
)
def test_other_documents_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        draft_contract(content, label="document")
