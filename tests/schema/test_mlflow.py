"""Contracts from MLflow signatures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guard.contract import Feature, FeatureType
from guard.errors import ContractError
from guard.schema import Draft, draft_contract

# As MLflow writes it beside a model.
MLMODEL = """
artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
mlflow_version: 3.17.2
signature:
  inputs: '[{"type": "double", "name": "sepal length (cm)", "required": true}, {"type":
    "long", "name": "count", "required": false}, {"type": "string", "name": "kind", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
"""


def draft(inputs: Any) -> Draft:
    return draft_contract(json.dumps(inputs).encode(), label="signature")


def test_mlmodel_file_is_read() -> None:
    found = draft_contract(MLMODEL.encode(), label="MLmodel")

    assert found.features == [
        Feature("sepal length (cm)", FeatureType.NUMBER),
        Feature("count", FeatureType.INTEGER, nullable=True),
        Feature("kind", FeatureType.STRING),
    ]


@pytest.mark.parametrize(
    "wrap",
    [lambda i: i, lambda i: {"inputs": i}, lambda i: {"inputs": json.dumps(i)}, lambda i: {"signature": {"inputs": i}}],
)
def test_signature_is_read_in_each_form(wrap: Any) -> None:
    found = draft(wrap([{"name": "a", "type": "integer"}, {"name": "b", "type": "boolean", "optional": True}]))

    assert found.features == [
        Feature("a", FeatureType.INTEGER, minimum=-(2**31), maximum=2**31 - 1),
        Feature("b", FeatureType.BOOLEAN, nullable=True),
    ]


def test_columns_without_names_are_named_by_place() -> None:
    assert [feature.name for feature in draft([{"type": "double"}, {"type": "float"}]).features] == ["0", "1"]


def test_datetime_is_told_to_be_a_text() -> None:
    found = draft([{"name": "at", "type": "datetime"}])

    assert found.features == [Feature("at", FeatureType.STRING)]
    assert found.warnings == ["'at' is a datetime, of which a contract can only say that it is a text"]


def test_tensor_is_a_matrix() -> None:
    found = draft([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}])

    assert [feature.name for feature in found.features] == ["input[0]", "input[1]"]
    assert found.datatype == "FP64"


def test_tensors_are_features() -> None:
    specs = [
        {"type": "tensor", "name": n, "tensor-spec": {"dtype": d, "shape": [-1]}}
        for n, d in [("a", "uint8"), ("b", "str")]
    ]

    found = draft(specs)

    assert found.features == [
        Feature("a", FeatureType.INTEGER, minimum=0, maximum=255),
        Feature("b", FeatureType.STRING),
    ]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([{"name": "a", "type": "array", "items": {"type": "double"}}], "type is 'array'; a contract has: boolean"),
        ([{"name": "a", "type": ["double"]}], "type is"),
        ([{"name": 5, "type": "double"}], "name is 5"),
        ({"inputs": "[{"}, "no JSON"),
        ({"inputs": "5"}, "no array"),
        ({"inputs": 5}, "no array"),
        ({"inputs": []}, "no inputs"),
        ({"signature": None}, "no inputs"),
        ({"signature": {"inputs": None}}, "no inputs"),
        ({"inputs": [5]}, "type is None"),
        ([{"name": "a", "type": "double"}] * 10_001, "10,001 features"),
        ([{"name": "a", "type": "double"}] * 2, "declared twice"),
        ([{"type": "tensor"}], "no tensor"),
        ([{"type": "tensor", "tensor-spec": {"dtype": "complex64", "shape": [-1]}}], "dtype is 'complex64'"),
        ([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28, 1]}}], "images or sequences"),
    ],
)
def test_what_a_contract_can_t_say_is_refused(inputs: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        draft(inputs).contract()
