from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guard.errors import MalformedRequest, NotScorable, UnsupportedMediaType
from guard.inference import InferenceRequest, Layout, WireFormat

Reader = Callable[..., InferenceRequest]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ('{"a":1,"b":"x"}', [{"a": 1, "b": "x"}]),
        ('{"a":null,"b":[1]}', [{"a": None, "b": [1]}]),
        ('[{"a":1.5},{"b":true}]', [{"a": 1.5}, {"b": True}]),
        ("[{}]", [{}]),
    ],
)
def test_records_are_decoded(read: Reader, body: str, data: Any) -> None:
    request = read(body)

    expected = InferenceRequest(wire_format=WireFormat.RECORDS, layout=Layout.RECORDS, data=data, n_instances=len(data))
    assert request == expected


@pytest.mark.parametrize(
    ("body", "rule", "where"),
    [
        ('[{"a":1},[1]]', "G116", "[1]"),
        ('[{"a":1},{"a":2},null]', "G116", "[2]"),
        (str([{}] * 17), "G111", None),
    ],
)
def test_bad_records_are_refused(read: Reader, body: str, rule: str, where: str | None) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


def test_empty_record_is_not_scorable(read: Reader) -> None:
    with pytest.raises(NotScorable) as caught:
        read("{}")

    assert caught.value.rule == "G208"


@pytest.mark.parametrize("body", ['{"a":[1],"b":{}}', '{"messages":[]}', '{"a":{}}', '{"a":[1],"b":[1,2]}'])
def test_envelope_of_another_protocol_is_no_record(read: Reader, body: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read(body)

    assert caught.value.rule == "G115"
