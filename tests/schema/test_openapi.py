"""Contracts from OpenAPI documents."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Contract, Feature, FeatureType, parse_contract, to_toml
from guard.decode import DecodeLimits, Source, decode
from guard.errors import ContractError
from guard.schema import Draft, draft_contract

LIMITS = DecodeLimits(max_depth=64, max_containers=1000, max_instances=16)

NUMBER = {"type": "number"}


def document(schema: Any, *, version: str = "3.1.0", **components: Any) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": schema}}}
    paths = {"/predict": {"post": {"requestBody": body}}}
    return {"openapi": version, "paths": paths, "components": {"schemas": components}}


def draft(schema: Any, **components: Any) -> Draft:
    return draft_contract(json.dumps(document(schema, **components)).encode(), label="openapi")


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def only(schema: Any, **components: Any) -> Feature:
    (feature,) = draft(record(x=schema), **components).features
    return feature


@pytest.mark.parametrize(
    ("schema", "feature"),
    [
        ({"type": "number"}, Feature("x", FeatureType.NUMBER)),
        ({"type": "integer"}, Feature("x", FeatureType.INTEGER)),
        ({"type": "boolean"}, Feature("x", FeatureType.BOOLEAN)),
        ({"type": "string"}, Feature("x", FeatureType.STRING)),
        ({"type": "integer", "format": "int32"}, Feature("x", FeatureType.INTEGER, -(2**31), 2**31 - 1)),
        ({"type": "number", "minimum": 0, "maximum": 1.5}, Feature("x", FeatureType.NUMBER, 0, 1.5)),
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9}, Feature("x", FeatureType.INTEGER, 1, 8)),
        ({"type": "integer", "minimum": 0.5, "maximum": 8.5}, Feature("x", FeatureType.INTEGER, 1, 8)),
        ({"type": "number", "exclusiveMinimum": 0}, Feature("x", FeatureType.NUMBER, math.nextafter(0, 1))),
        (
            {"type": "number", "maximum": 1, "exclusiveMaximum": True},
            Feature("x", FeatureType.NUMBER, None, math.nextafter(1, 0)),
        ),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": False}, Feature("x", FeatureType.NUMBER, 1)),
        ({"type": "string", "enum": ["a", "b"]}, Feature("x", FeatureType.CATEGORY, allowed=("a", "b"))),
        ({"enum": ["a", 1, None]}, Feature("x", FeatureType.CATEGORY, allowed=("a", 1), nullable=True)),
        ({"type": "integer", "enum": [1, 2]}, Feature("x", FeatureType.INTEGER, allowed=(1, 2))),
        ({"const": "a"}, Feature("x", FeatureType.CATEGORY, allowed=("a",))),
        ({"type": ["number", "null"]}, Feature("x", FeatureType.NUMBER, nullable=True)),
        ({"type": "number", "nullable": True}, Feature("x", FeatureType.NUMBER, nullable=True)),
        (
            {"anyOf": [{"type": "number", "minimum": 1}, {"type": "null"}]},
            Feature("x", FeatureType.NUMBER, 1, nullable=True),
        ),
        ({"allOf": [{"type": "number", "minimum": 1}, {"minimum": 2}]}, Feature("x", FeatureType.NUMBER, 2)),
        ({"type": "number", "description": "of x"}, Feature("x", FeatureType.NUMBER, description="of x")),
        (
            {"type": "string", "pattern": "^[a-z]+$"},
            Feature("x", FeatureType.STRING, pattern="^[a-z]+$"),
        ),
        ({"type": "string", "pattern": "[a-z]"}, Feature("x", FeatureType.STRING, pattern="(?s:.*)(?:[a-z])(?s:.*)")),
        ({"type": "string", "pattern": "^a|b$"}, Feature("x", FeatureType.STRING, pattern="(?s:.*)(?:^a|b$)(?s:.*)")),
        ({"type": "string", "minLength": 1, "maxLength": 3}, Feature("x", FeatureType.STRING, pattern="(?s:.{1,3})")),
        ({"type": "string", "minLength": 1}, Feature("x", FeatureType.STRING, pattern="(?s:.{1,})")),
    ],
)
def test_property_is_a_feature(schema: Any, feature: Feature) -> None:
    found = draft(record(x=schema))

    assert found.features == [feature]
    assert found.warnings == []
    assert (found.instances, found.datatype) == (None, None)


def test_property_that_isn_t_required_is_nullable() -> None:
    found = draft({"type": "object", "properties": {"a": NUMBER, "b": NUMBER}, "required": ["a"]})

    assert [feature.nullable for feature in found.features] == [False, True]


def test_references_are_followed() -> None:
    found = only({"$ref": "#/components/schemas/A~1B"}, **{"A/B": {"$ref": "#/components/schemas/C"}, "C": NUMBER})

    assert found == Feature("x", FeatureType.NUMBER)


@pytest.mark.parametrize(
    ("schema", "warning"),
    [
        ({"type": "number", "multipleOf": 5}, "'x': multipleOf can't be said in a contract"),
        ({"type": "number", "maximum": 10**400}, "'x': maximum is left out: it is no number within 2^53"),
        ({"type": "integer", "minimum": "0"}, "'x': minimum is left out: it is no number within 2^53"),
        ({"type": "string", "pattern": "(?=a)"}, "'x': pattern is left out"),
        ({"type": "string", "pattern": "a)(?:b"}, "'x': pattern is left out"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "'x': minLength or maxLength is left out"),
        ({"type": "string", "maxLength": "2"}, "'x': minLength or maxLength is left out"),
        ({"type": "string", "maxLength": 5000}, "'x': minLength or maxLength is left out"),
        ({"type": "string", "pattern": "a", "minLength": 2}, "'x': minLength or maxLength is left out"),
    ],
)
def test_what_a_contract_can_t_say_of_a_value_is_told(schema: Any, warning: str) -> None:
    found = draft(record(x=schema))

    assert len(found.features) == 1
    assert [line[: len(warning)] for line in found.warnings] == [warning]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["number", "string"]},
        {"oneOf": [NUMBER, {"type": "string"}]},
        {"anyOf": [NUMBER, {"type": "null"}], "oneOf": [NUMBER]},
        {"type": "array", "items": NUMBER},
        {"type": "array", "items": record(y=NUMBER)},
        {"type": "object"},
        {"type": "file"},
        {},
        True,
        {"$ref": "other.json#/A"},
        {"$ref": "#/components/schemas/Loop"},
        {"type": "number", "readOnly": True},
        {"enum": [{"a": 1}]},
        {"enum": 5},
    ],
    ids=str,
)
def test_property_that_a_contract_can_t_say_is_left_out_aloud(schema: Any) -> None:
    loop = record(x={"$ref": "#/components/schemas/Loop"})

    found = draft(record(a=NUMBER, x=schema), Loop=loop)

    # With a pointer, so that the other member isn't refused as unknown.
    assert found.features == [Feature("a", FeatureType.NUMBER, pointer="/a")]
    assert any(line.startswith("'x") and "left out, and not checked: " in line for line in found.warnings)


def test_nested_objects_and_fixed_arrays_have_pointers() -> None:
    body = record(
        **{
            "a/b": NUMBER,
            "item": record(age=NUMBER, xs={"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}),
        }
    )

    found = draft(body).features

    assert [(feature.name, feature.pointer) for feature in found] == [
        ("a/b", "/a~1b"),
        ("item.age", "/item/age"),
        ("item.xs.0", "/item/xs/0"),
        ("item.xs.1", "/item/xs/1"),
    ]


def test_nested_name_that_is_another_property_s_too_is_told_apart() -> None:
    found = draft(record(**{"a.b": NUMBER, "a": record(b=NUMBER)})).features

    assert [feature.name for feature in found] == ["/a.b", "/a/b"]


def test_what_stands_in_an_optional_object_is_nullable() -> None:
    found = draft({"type": "object", "properties": {"o": record(x=NUMBER)}}).features

    assert [feature.nullable for feature in found] == [True]


ROW = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}


@pytest.mark.parametrize(
    ("schema", "instances", "names", "body"),
    [
        ({"type": "array", "items": record(x=NUMBER)}, None, ["x"], [{"x": 1}]),
        ({"type": "array", "items": record(o=record(x=NUMBER))}, "", ["o.x"], [{"o": {"x": 1}}]),
        (
            record(instances={"type": "array", "items": record(x=NUMBER)}),
            "/instances",
            ["x"],
            {"instances": [{"x": 1}]},
        ),
        (record(**{"a/b": {"type": "array", "items": record(x=NUMBER)}}), "/a~1b", ["x"], {"a/b": [{"x": 1}]}),
        (record(data={"type": "array", "items": ROW}), "/data", ["data[0]", "data[1]"], {"data": [[1, 2]]}),
        ({"type": "array", "items": ROW}, None, ["input[0]", "input[1]"], [[1, 2]]),
        (record(item=record(x=NUMBER)), None, ["item.x"], {"item": {"x": 1}}),
    ],
)
def test_instances_are_found_where_the_document_has_them(
    schema: Any, instances: str | None, names: list[str], body: Any
) -> None:
    found = draft(schema)

    contract = found.contract()
    assert (contract.instances, list(contract.names)) == (instances, names)
    request = decode(
        json.dumps(body).encode(), limits=LIMITS, allow_non_finite=False, source=Source(contract=read_back(contract))
    )
    assert request.n_instances == 1


def read_back(contract: Contract) -> Contract:
    return parse_contract(to_toml(contract))


def test_members_beside_the_instances_are_told() -> None:
    instances = {"type": "array", "items": record(x=NUMBER)}

    found = draft({"type": "object", "properties": {"rows": instances, "threshold": NUMBER}, "required": ["rows"]})

    assert found.instances == "/rows"
    assert found.warnings == ["'threshold' stands beside the instances: not checked"]


def test_yaml_document_is_read() -> None:
    found = draft_contract(yaml.safe_dump(document(record(x=NUMBER))).encode(), label="openapi.yaml")

    assert found.features == [Feature("x", FeatureType.NUMBER)]


def several() -> bytes:
    found = document(record(x=NUMBER))
    found["paths"] |= {
        "/other": {
            "post": {"requestBody": {"$ref": "#/components/requestBodies/B"}},
            "put": found["paths"]["/predict"]["post"],
        },
        "/image": {"post": {"requestBody": {"content": {"image/png": {}}}}},
    }
    body = {"content": {"application/vnd.x+json; charset=utf-8": {"schema": record(y=NUMBER)}}}
    found["components"]["requestBodies"] = {"B": body}
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("path", "method", "name"),
    [("/predict", None, "x"), ("/other", "POST", "y"), ("/other", "put", "x"), (None, "put", "x")],
)
def test_operation_is_chosen(path: str | None, method: str | None, name: str) -> None:
    found = draft_contract(several(), label="openapi", path=path, method=method)

    assert [feature.name for feature in found.features] == [name]


@pytest.mark.parametrize(
    ("path", "method", "message"),
    [
        (None, None, "there are: /predict, /other$"),
        ("/image", None, "POST /image takes no JSON here"),
        ("/nowhere", None, "there are: /predict, /other$"),
        (None, "get", "there are none"),
        (None, "fetch", "--method is 'fetch'"),
    ],
)
def test_operation_that_isn_t_certain_is_refused(path: str | None, method: str | None, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        draft_contract(several(), label="openapi", path=path, method=method)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"swagger": "2.0"}, "Swagger 2.0; expected OpenAPI 3"),
        (document(NUMBER, version="4.0"), "OpenAPI 4.0"),
        ({"openapi": "3.1.0"}, "there are none"),
        ({"openapi": "3.1.0", "paths": {"/a": {"post": 5}}}, "there are none"),
        (document(NUMBER), "no object with properties"),
        (document(record()), "no object with properties"),
        (document(None), "it has no schema"),
        (document({"type": "array", "items": {"type": "array", "items": NUMBER}}), "how many values"),
        (document({"$ref": "#/components/schemas/None"}), "has no '#/components/schemas/None'"),
        (document({"$ref": "#/components/schemas/A"}, A={"$ref": "#/components/schemas/A"}), "refers to itself"),
        (document({"anyOf": []}), "anyOf is no array"),
        (document(record(x={"type": "object"})), "nothing of the request body"),
        (
            document(record(x={"type": "array", "items": NUMBER, "minItems": 10**9, "maxItems": 10**9})),
            "1,000,000,000 features",
        ),
        (document(record(**{"": NUMBER})), "a property's name is ''"),
        (document(record(x={"type": "number", "minimum": 2, "maximum": 1})), "above its maximum"),
    ],
)
def test_document_of_no_use_is_refused(found: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        draft_contract(json.dumps(found).encode(), label="openapi").contract()


def test_document_that_multiplies_is_refused_in_time() -> None:
    # Each object has two of the next: 2^20 features, if they were all read.
    levels = {
        f"L{i}": record(a={"$ref": f"#/components/schemas/L{i + 1}"}, b={"$ref": f"#/components/schemas/L{i + 1}"})
        for i in range(15)
    }

    with pytest.raises(ContractError, match="10,001 features"):
        draft({"$ref": "#/components/schemas/L0"}, **levels, L15=NUMBER)


def test_protocol_s_own_document_is_refused() -> None:
    tensors = {"type": "array", "items": record(name=NUMBER, shape=NUMBER, datatype=NUMBER)}

    with pytest.raises(ContractError, match="GET /v2/models/NAME"):
        draft(record(id={"type": "string"}, inputs=tensors))


WORDS = [
    *("type", "properties", "items", "required", "enum", "const", "allOf", "anyOf", "$ref", "minItems", "maxItems"),
    *("minimum", "exclusiveMaximum", "pattern", "minLength", "nullable", "prefixItems", "name", "inputs", "datatype"),
    *("shape", "readOnly", "description", "format", "additionalProperties"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["object", "array", "number", "integer", "string", "null", "#/components/schemas/A", "int32", ""]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)


@given(VALUES, VALUES)
def test_any_schema_gives_a_contract_or_is_refused(schema: Any, other: Any) -> None:
    try:
        contract = draft(record(a=NUMBER, x=schema), A=other).contract()
    except ContractError:
        return

    assert read_back(contract) == contract


@given(VALUES)
def test_any_document_gives_a_contract_or_is_refused(found: Any) -> None:
    try:
        contract = draft_contract(json.dumps(found).encode(), label="document").contract()
    except ContractError:
        return

    assert read_back(contract) == contract


def test_path_without_an_openapi_document_is_refused() -> None:
    with pytest.raises(ContractError, match="no OpenAPI document"):
        draft_contract(b'[{"type": "double"}]', label="signature", path="/predict")
