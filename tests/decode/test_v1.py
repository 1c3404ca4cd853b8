from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from guard.contract import parse_contract
from guard.decode import DecodeLimits, Source, decode
from guard.errors import MalformedRequest, NotScorable
from guard.features import extract
from guard.inference import InferenceRequest, Layout, WireFormat
from guard.paths import Protocol

Reader = Callable[..., InferenceRequest]

LIMITS = DecodeLimits(max_depth=8, max_containers=2000, max_instances=1000)


def read_v1(body: str) -> InferenceRequest:
    return decode(body.encode(), limits=LIMITS, allow_non_finite=False, source=Source(Protocol.V1))


@pytest.mark.parametrize(
    ("body", "layout", "data", "n_instances"),
    [
        ('{"instances":[[1,2.5],[null,"a"]]}', Layout.ROWS, [[1, 2.5], [None, "a"]], 2),
        ('{"instances":[[1],[2,3]]}', Layout.ROWS, [[1], [2, 3]], 2),
        ('{"instances":[1,true,"a"]}', Layout.ROWS, [[1], [True], ["a"]], 3),
        ('{"instances":[{"a":1},{"b":2}]}', Layout.RECORDS, [{"a": 1}, {"b": 2}], 2),
        ('{"instances":[{"b64":"AA=="},{"b64":""}]}', Layout.ROWS, [[b"\0"], [b""]], 2),
        ('{"instances":[[1,{"b64":"AP8="}],[{"b64":"YQ=="},2]]}', Layout.ROWS, [[1, b"\0\xff"], [b"a", 2]], 2),
        ('{"instances":[{"a":{"b64":"YQ=="},"b":1}]}', Layout.RECORDS, [{"a": b"a", "b": 1}], 1),
        (
            '{"instances":[{"a":[[{"b64":"YQ=="}],{"c":{"b64":"Yg=="}}]}]}',
            Layout.RECORDS,
            [{"a": [[b"a"], {"c": b"b"}]}],
            1,
        ),
        ('{"instances":[{"b64":"YQ==","a":1}]}', Layout.RECORDS, [{"b64": "YQ==", "a": 1}], 1),
        ('{"instances":[{"b64":7}]}', Layout.RECORDS, [{"b64": 7}], 1),
        ('{"inputs":{"a":[{"b64":"YQ=="},"b"],"c":[1,2]}}', Layout.COLUMNS, {"a": [b"a", "b"], "c": [1, 2]}, 2),
        ('{"inputs":{"a":[[{"b64":"YQ=="},2]]}}', Layout.ROWS, [[b"a", 2]], 1),
        ('{"instances":[[1]],"signature_name":"s","parameters":{"p":1}}', Layout.ROWS, [[1]], 1),
        ('{"inputs":{"a":[1,2],"b":["x","y"]}}', Layout.COLUMNS, {"a": [1, 2], "b": ["x", "y"]}, 2),
        ('{"inputs":{"a":[1,2]}}', Layout.COLUMNS, {"a": [1, 2]}, 2),
        ('{"inputs":{"a":[[1,2],[3,4],[5,6]]}}', Layout.ROWS, [[1, 2], [3, 4], [5, 6]], 3),
        ('{"inputs":[[1,2],[3,4]]}', Layout.ROWS, [[1, 2], [3, 4]], 2),
        ('{"inputs":[1,2]}', Layout.ROWS, [[1], [2]], 2),
    ],
)
def test_v1_is_decoded(read: Reader, body: str, layout: Layout, data: Any, n_instances: int) -> None:
    request = read(body)

    expected = InferenceRequest(wire_format=WireFormat.V1, layout=layout, data=data, n_instances=n_instances)
    assert request == expected


@pytest.mark.parametrize(
    ("body", "rule", "where"),
    [
        ('{"instances":5}', "G116", "instances"),
        ('{"instances":{"a":[1]}}', "G116", "instances"),
        ('{"instances":null}', "G116", "instances"),
        ('{"instances":[[1],{"a":1}]}', "G116", "instances[1]"),
        ('{"instances":[{"a":1},{"a":2},3]}', "G116", "instances[2]"),
        ('{"instances":[1,[2]]}', "G116", "instances[1]"),
        ('{"inputs":5}', "G116", "inputs"),
        ('{"inputs":{"a":1}}', "G116", "inputs['a']"),
        ('{"inputs":{"a":[1],"b":{"c":1}}}', "G116", "inputs['b']"),
        ('{"inputs":{"a":[1],"\\u001b":[1,2]}}', "G208", "inputs['\\x1b']"),
        ('{"instances":[[1]],"inputs":[[1]]}', "G119", "the document"),
        ('{"instances":[[1]],"inputs":null}', "G119", "the document"),
        (f'{{"instances":{[1] * 17}}}', "G111", "instances"),
        ('{"instances":[[1],[{"b64":"YQ"}]]}', "G126", "instances[1]"),
        ('{"instances":[{"b64":"YQ=="},{"b64":"YR=="}]}', "G126", "instances[1]"),
        ('{"instances":[{"a":[[{"b64":"Y Q=="}]]}]}', "G126", "instances[0]"),
        ('{"inputs":{"a":[1,{"b64":"-_-_"}]}}', "G126", "inputs['a']"),
        (f'{{"inputs":{{"a":{[1] * 17}}}}}', "G111", "inputs"),
    ],
)
def test_bad_v1_is_refused(read: Reader, body: str, rule: str, where: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ('{"instances":[]}', "instances"),
        ('{"inputs":{}}', "inputs"),
        ('{"inputs":{"a":[]}}', "inputs"),
        ('{"inputs":{"a":[],"b":[]}}', "inputs"),
    ],
)
def test_empty_v1_is_not_scorable(read: Reader, body: str, where: str) -> None:
    with pytest.raises(NotScorable) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == ("G208", where)


@pytest.mark.parametrize(
    "body",
    ['{"instances":[[1]],"examples":[[2]]}', '{"inputs":{"a":[1]},"id":"7"}', '{"inputs":[[1]],"data":{}}'],
)
def test_unknown_member_is_a_fault(read: Reader, body: str) -> None:
    request = read(body)

    assert [(fault.rule, fault.where) for fault in request.faults] == [("G119", "the document")]


def test_unknown_members_are_listed_shortly(read: Reader) -> None:
    many = ",".join(f'"{"m" * 500}{index}":1' for index in range(50))

    request = read(f'{{"instances":[[1]],{many}}}')

    (fault,) = request.faults
    assert fault.detail.startswith("50 unknown")
    assert len(fault.detail) < 600


def test_non_finite_tokens_are_values_where_they_are_allowed(read: Reader) -> None:
    request = read('{"instances":[[NaN,Infinity,-Infinity,"NaN"]]}', allow_non_finite=True)

    ((missing, *others),) = request.data
    assert math.isnan(missing)
    assert others == [math.inf, -math.inf, "NaN"]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ('{"examples":[{"a":1,"b":[2]},{"a":[3],"b":4}]}', [{"a": 1, "b": 2}, {"a": 3, "b": 4}]),
        ('{"context":{"b":[2]},"examples":[{"a":1},{}]}', [{"b": 2, "a": 1}, {"b": 2}]),
        ('{"context":{},"examples":[{"a":[1,2],"b":[]}],"signature_name":"s"}', [{"a": [1, 2], "b": []}]),
        ('{"context":{"b":{"b64":"YQ=="}},"examples":[{"a":[{"b64":"Yg=="}]}]}', [{"b": b"a", "a": b"b"}]),
        ('{"examples":[{"b64":"YQ=="}]}', [{"b64": "YQ=="}]),
    ],
)
def test_examples_are_records_that_share_their_context(body: str, data: Any) -> None:
    request = read_v1(body)

    assert (request.wire_format, request.layout, request.faults) == (WireFormat.V1, Layout.RECORDS, ())
    assert (request.data, request.n_instances) == (data, len(data))


@pytest.mark.parametrize(
    ("body", "rule", "where"),
    [
        ('{"examples":5}', "G116", "examples"),
        ('{"examples":{"a":1}}', "G116", "examples"),
        ('{"examples":[{"a":1},[2]]}', "G116", "examples"),
        ('{"examples":[{"a":1}],"context":[]}', "G116", "context"),
        ('{"examples":[{"b":1},{"a":1}],"context":{"a":1}}', "G119", "examples[1]"),
        ('{"examples":[{"a":{"b64":"YQ"}}]}', "G126", "examples[0]"),
        ('{"examples":[{"a":1}],"context":{"b":{"b64":"YQ"}}}', "G126", "context"),
        (json.dumps({"examples": [{}] * 1001}), "G111", "examples"),
        (json.dumps({"examples": [{}] * 1000, "context": {str(index): 1 for index in range(40)}}), "G111", "context"),
    ],
)
def test_bad_examples_are_refused(body: str, rule: str, where: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_v1(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


def test_unknown_member_beside_examples_is_a_fault() -> None:
    request = read_v1('{"examples":[{"a":1}],"instances_":[]}')

    assert [fault.rule for fault in request.faults] == ["G119"]


def test_examples_are_v1_on_its_paths_alone(read: Reader) -> None:
    assert read('{"examples":[{"a":1}]}').wire_format is not WireFormat.V1


def test_bytes_are_text_to_texts_and_wrong_for_numbers(read: Reader) -> None:
    contract = parse_contract('[features.a]\ntype = "string"\n[features.b]\ntype = "number"\n')

    table = extract(read('{"instances":[[{"b64":"YQ=="},{"b64":"MQ=="}]]}'), contract)

    assert table.texts["a"] == ["a"]
    assert [(fault.rule, fault.feature) for fault in table.faults] == [("G203", "b")]
