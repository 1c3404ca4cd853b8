from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from guard.errors import MalformedRequest, NotScorable
from guard.inference import InferenceRequest, Layout, WireFormat

Reader = Callable[..., InferenceRequest]


@pytest.mark.parametrize(
    ("body", "layout", "data", "n_instances"),
    [
        ('{"instances":[[1,2.5],[null,"a"]]}', Layout.ROWS, [[1, 2.5], [None, "a"]], 2),
        ('{"instances":[[1],[2,3]]}', Layout.ROWS, [[1], [2, 3]], 2),
        ('{"instances":[1,true,"a"]}', Layout.ROWS, [[1], [True], ["a"]], 3),
        ('{"instances":[{"a":1},{"b":2}]}', Layout.RECORDS, [{"a": 1}, {"b": 2}], 2),
        ('{"instances":[{"b64":"AA=="}]}', Layout.RECORDS, [{"b64": "AA=="}], 1),
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
        ('{"inputs":"a"}', "G116", "inputs"),
        ('{"inputs":{"a":1}}', "G116", "inputs['a']"),
        ('{"inputs":{"a":[1],"b":{"c":1}}}', "G116", "inputs['b']"),
        ('{"inputs":{"a":[1],"\\u001b":[1,2]}}', "G208", "inputs['\\x1b']"),
        ('{"instances":[[1]],"inputs":[[1]]}', "G119", "the document"),
        ('{"instances":[[1]],"inputs":null}', "G119", "the document"),
        (f'{{"instances":{[1] * 17}}}', "G111", "instances"),
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
    ['{"instances":[[1]],"examples":[[2]]}', '{"inputs":{"a":[1]},"id":"7"}', '{"inputs":[[1]],"dataframe_split":{}}'],
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
