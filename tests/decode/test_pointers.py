from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.contract import Contract, Feature, FeatureType
from guard.decode import DecodeLimits, Source, decode
from guard.errors import MalformedRequest, NotScorable
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.paths import Protocol

LIMITS = DecodeLimits(max_depth=64, max_containers=200, max_instances=16)


def mapped(instances: str | None = None, **pointers: str | None) -> Contract:
    features = tuple(Feature(name, FeatureType.NUMBER, pointer=pointer) for name, pointer in pointers.items())
    return Contract(features, instances=instances)


def read(document: Any, contract: Contract, protocol: Protocol = Protocol.ANY) -> InferenceRequest:
    body = json.dumps(document).encode()
    return decode(body, limits=LIMITS, allow_non_finite=True, source=Source(protocol, contract=contract))


@pytest.mark.parametrize(
    ("contract", "document", "records"),
    [
        (mapped(a="/x", b="/y/z"), {"x": 1, "y": {"z": 2}, "other": 3}, [{"a": 1, "b": 2}]),
        (mapped(a="/x", b="/y/z"), [{"x": 1, "y": {"z": 2}}, {"x": 3}], [{"a": 1, "b": 2}, {"a": 3}]),
        (mapped("", a="/x"), {"x": None}, [{"a": None}]),
        (mapped("/d/rows", a="/0", b="/1"), {"d": {"rows": [[1, 2], [3]]}}, [{"a": 1, "b": 2}, {"a": 3}]),
        (mapped("/rows/0", a="/x"), {"rows": [{"x": 1}, {"x": 2}]}, [{"a": 1}]),
        (mapped("/0/1", a="/x"), [[7, [{"x": 1}]]], [{"a": 1}]),
        (mapped("/n", a=""), {"n": [1, 2, None]}, [{"a": 1}, {"a": 2}, {"a": None}]),
        (mapped(a="/-", b="/01", c="/ "), [[1, 2], {"-": 3, "01": 4, " ": 5}], [{}, {"a": 3, "b": 4, "c": 5}]),
        (mapped(a="/0"), [{"0": 1}, [2]], [{"a": 1}, {"a": 2}]),
        (mapped(a="/9"), [[1], ["text"], "text", 5], [{}, {}, {}, {}]),
        (mapped(a="/x/y", b="/x"), {"x": {"y": 1}}, [{"a": 1, "b": {"y": 1}}]),
        (mapped(a="/a~1b", b="/m~0n", c="/"), {"a/b": 1, "m~n": 2, "": 3}, [{"a": 1, "b": 2, "c": 3}]),
        (mapped(a="/é", b="/a.b"), {"é": 1, "a.b": 2, "a": {"b": 3}}, [{"a": 1, "b": 2}]),
    ],
)
def test_values_are_read_where_pointers_lead(contract: Contract, document: Any, records: Any) -> None:
    request = read(document, contract)

    assert request == InferenceRequest(WireFormat.POINTERS, Layout.RECORDS, records, len(records))


@pytest.mark.parametrize(
    ("document", "layout", "data"),
    [
        ({"rows": [{"a": 1, "c": 2}]}, Layout.RECORDS, [{"a": 1, "c": 2}]),
        ({"rows": {"a": 1}}, Layout.RECORDS, [{"a": 1}]),
        ({"rows": [[1, 2], [3, 4]]}, Layout.ROWS, [[1, 2], [3, 4]]),
    ],
)
def test_features_without_pointers_are_read_by_name_or_order(document: Any, layout: Layout, data: Any) -> None:
    request = read(document, mapped("/rows", a=None, b=None))

    assert request == InferenceRequest(WireFormat.POINTERS, layout, data, len(data))


@pytest.mark.parametrize("protocol", [Protocol.ANY, Protocol.V2, Protocol.V1, Protocol.OPENAI])
def test_pointers_go_before_every_other_format(protocol: Protocol) -> None:
    document = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [5]}], "instances": [[9]]}

    request = read(document, mapped(a="/inputs/0/data/0"), protocol)

    assert (request.wire_format, request.data) == (WireFormat.POINTERS, [{"a": 5}])


@pytest.mark.parametrize(
    ("document", "error", "rule", "where"),
    [
        ({"row": []}, NotScorable, "G208", "/d/rows"),
        ({"d": [1]}, NotScorable, "G208", "/d/rows"),
        ([], NotScorable, "G208", "/d/rows"),
        ({"d": {"rows": []}}, NotScorable, "G208", "/d/rows"),
        ({"d": {"rows": 5}}, MalformedRequest, "G116", "/d/rows"),
        ({"d": {"rows": [{}] * 17}}, MalformedRequest, "G111", "/d/rows"),
        ({"d": {"rows": [{"x": float("nan")}]}}, MalformedRequest, "G105", None),
    ],
)
def test_bad_instances_are_refused(document: Any, error: type[Exception], rule: str, where: str | None) -> None:
    with pytest.raises(error) as caught:
        read(document, mapped("/d/rows", a="/x"))

    found = caught.value
    assert isinstance(found, MalformedRequest | NotScorable)
    assert (found.rule, found.where) == (rule, where)


def test_deep_pointer_is_followed() -> None:
    document: Any = 5
    for _ in range(60):
        document = {"x": document}

    assert read(document, mapped(a="/x" * 60)).data == [{"a": 5}]
    assert read(document, mapped(a="/x" * 250)).data == [{}]


def resolve(document: Any, pointer: str) -> list[Any]:
    """RFC 6901, section 4, to the letter: the value in a list, or an empty list."""
    for escaped in pointer.split("/")[1:]:
        name = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name in map(str, range(len(document))):
            document = document[int(name)]
        else:
            return []
    return [document]


NAMES = st.sampled_from(["a", "0", "1", "01", "-", "~", "/", ""])
DOCUMENTS = st.recursive(
    st.integers(0, 9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)
POINTERS = st.lists(NAMES, max_size=4).map(
    lambda names: "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
)


@given(DOCUMENTS, st.lists(POINTERS, min_size=1, max_size=5, unique=True))
def test_every_value_is_the_one_of_the_standard(document: Any, pointers: list[str]) -> None:
    request = read({"rows": [document]}, mapped("/rows", **{f"f{i}": pointer for i, pointer in enumerate(pointers)}))

    found = {f"f{i}": value for i, pointer in enumerate(pointers) for value in resolve(document, pointer)}
    assert request.data == [found]
