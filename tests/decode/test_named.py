from __future__ import annotations

import json
from typing import Any

import pytest

from guard.contract import Contract, parse_contract
from guard.decode import DecodeLimits, Source, decode
from guard.errors import MalformedRequest, NotScorable, UnsupportedMediaType
from guard.features import extract
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.paths import Protocol

LIMITS = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)
TWO = parse_contract('[features.a]\ntype = "number"\n[features.b]\ntype = "number"')
ONE = parse_contract('[features.a]\ntype = "number"')


def read(document: Any, contract: Contract | None) -> InferenceRequest:
    body = json.dumps(document).encode()
    return decode(body, limits=LIMITS, allow_non_finite=False, source=Source(Protocol.ANY, contract=contract))


@pytest.mark.parametrize("contract", [TWO, None])
@pytest.mark.parametrize(
    ("document", "layout", "data"),
    [
        ({"input_data": [[1, 2], [3, 4]]}, Layout.ROWS, [[1, 2], [3, 4]]),
        ({"rows": [[1, 2]], "threshold": 0.5, "explain": True, "why": None}, Layout.ROWS, [[1, 2]]),
        ({"df": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}, Layout.RECORDS, [{"a": 1, "b": 2}, {"a": 3, "b": 4}]),
        ({"df": {"a": [1, 3], "b": [2, 4]}}, Layout.COLUMNS, {"a": [1, 3], "b": [2, 4]}),
        ({"a": [1, 3], "b": [2, 4]}, Layout.COLUMNS, {"a": [1, 3], "b": [2, 4]}),
        ({"features": {"a": 1, "b": 2}}, Layout.RECORDS, [{"a": 1, "b": 2}]),
        ({"features": {"a": 1, "b": [2]}}, Layout.RECORDS, [{"a": 1, "b": [2]}]),
        ({"rows": [[1, 2]], "classes": [7], "names": []}, Layout.ROWS, [[1, 2]]),
    ],
)
def test_named_parameters_are_decoded(document: Any, layout: Layout, data: Any, contract: Contract | None) -> None:
    request = read(document, contract)

    n_instances = len(data["a"]) if layout is Layout.COLUMNS else len(data)
    assert request == InferenceRequest(WireFormat.NAMED, layout, data, n_instances)


@pytest.mark.parametrize(
    ("document", "contract", "data"),
    [
        ({"x": [1, 2]}, TWO, [[1, 2]]),
        ({"rows": [[1, 2]], "options": {"explain": True}}, TWO, [[1, 2]]),
        ({"rows": [[1, 2]], "options": {}}, None, [[1, 2]]),
    ],
)
def test_contract_tells_instances_from_options(document: Any, contract: Contract | None, data: Any) -> None:
    assert read(document, contract) == InferenceRequest(WireFormat.NAMED, Layout.ROWS, data, len(data))


@pytest.mark.parametrize(
    ("document", "contract"),
    [
        ({"x": [[1, 2]], "y": [[3, 4]]}, TWO),
        ({"x": [[1, 2]], "y": [3, 4]}, TWO),
        ({"x": [[1, 2]], "y": [3, 4, 5, 6]}, TWO),
        ({"x": [[1, 2]], "y": {"a": 1, "c": 2}}, TWO),
        ({"x": [[1, 2]], "y": {"c": 2}}, None),
        ({"x": [[1, 2]], "y": [{"c": 2}]}, None),
        ({"x": [[1]], "y": [2]}, ONE),
    ],
)
def test_two_members_that_could_hold_instances_are_refused(document: Any, contract: Contract | None) -> None:
    with pytest.raises(MalformedRequest, match="'x' and 'y' could both hold the instances") as caught:
        read(document, contract)

    assert caught.value.rule == "G119"


@pytest.mark.parametrize(
    ("document", "contract", "rule"),
    [
        ({"x": [[1, 2], {"a": 1}]}, TWO, "G116"),
        ({"x": [[1, 2]] * 17}, TWO, "G111"),
        ({"a": [1, 2], "b": [1]}, TWO, "G208"),
        ({"df": {"a": [1, 2], "b": [1]}}, TWO, "G208"),
        ({"df": {"a": [1] * 17}}, ONE, "G111"),
    ],
)
def test_bad_named_instances_are_refused(document: Any, contract: Contract, rule: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(document, contract)

    assert caught.value.rule == rule


def test_columns_without_values_are_not_scorable() -> None:
    with pytest.raises(NotScorable, match="no instances"):
        read({"a": [], "b": []}, TWO)


def test_without_a_contract_an_object_beside_values_is_one_of_them() -> None:
    document = {"a": 1, "b": {"c": [1]}}

    assert read(document, None) == InferenceRequest(WireFormat.RECORDS, Layout.RECORDS, [document], 1)


@pytest.mark.parametrize(
    "document", [{"a": 1, "b": 2}, {"a": 1, "b": [2]}, {"a": 1, "rows": [[1, 2]]}, {"a": 1, "b": {"c": 1}}, {"c": 1}]
)
def test_record_is_left_to_records(document: Any) -> None:
    assert read(document, TWO) == InferenceRequest(WireFormat.RECORDS, Layout.RECORDS, [document], 1)


@pytest.mark.parametrize(
    "document",
    [
        {"user": {"name": "x"}},
        {"users": [{"name": "x"}], "roles": [{"id": 1}]},
        {"ids": [1]},
        {"ids": [1, 2, 3]},
        {"tags": [], "options": {}},
    ],
)
def test_object_that_holds_nothing_of_the_contract_is_of_no_format(document: Any) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read(document, TWO)

    assert caught.value.rule == "G115"


@pytest.mark.parametrize(
    "document",
    [
        {"a": [1], "b": [2], "x": [[3, 4]]},
        {"a": 1, "b": 2, "x": [[3, 4]]},
        {"df": {"a": 1, "b": 2, "c": 3}},
    ],
)
def test_what_is_no_feature_beside_features_is_told(document: Any) -> None:
    table = extract(read(document, TWO), TWO)

    assert "G202" in {fault.rule for fault in table.faults}
