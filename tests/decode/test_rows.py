from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guard.errors import MalformedRequest, NotScorable
from guard.inference import InferenceRequest, Layout, WireFormat

Reader = Callable[..., InferenceRequest]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ("[[1,2.5],[3,null]]", [[1, 2.5], [3, None]]),
        ('[[1],["a",true]]', [[1], ["a", True]]),
        ('[1,null,"a"]', [[1, None, "a"]]),
        (str([1] * 50), [[1] * 50]),
        ("[[]]", [[]]),
    ],
)
def test_rows_are_decoded(read: Reader, body: str, data: Any) -> None:
    request = read(body)

    expected = InferenceRequest(wire_format=WireFormat.ROWS, layout=Layout.ROWS, data=data, n_instances=len(data))
    assert request == expected


@pytest.mark.parametrize(
    ("body", "rule", "where"),
    [
        ("[[1],2]", "G116", "[1]"),
        ("[1,[2]]", "G116", "[1]"),
        ('[1,2,{"a":1}]', "G116", "[2]"),
        ("[[1],[2],{}]", "G116", "[2]"),
        (str([[1]] * 17), "G111", None),
    ],
)
def test_bad_rows_are_refused(read: Reader, body: str, rule: str, where: str | None) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


def test_empty_array_is_not_scorable(read: Reader) -> None:
    with pytest.raises(NotScorable) as caught:
        read("[]")

    assert caught.value.rule == "G208"
