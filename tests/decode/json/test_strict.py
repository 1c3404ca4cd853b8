from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.decode import DecodeLimits, decode
from guard.decode.json.strict import Document, load_json
from guard.errors import MalformedRequest, RequestError
from guard.inference import InferenceRequest

Reader = Callable[..., InferenceRequest]

WIDE = DecodeLimits(max_depth=64, max_containers=10_000, max_instances=1000)


def load(body: bytes, *, allow_non_finite: bool = False) -> Document:
    return load_json(body, limits=WIDE, allow_non_finite=allow_non_finite)


@pytest.mark.parametrize(
    ("body", "rule", "where"),
    [
        # nesting and containers; the limits are 8 and 100
        (b"[" * 9 + b"]" * 9, "G102", None),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "G102", None),
        (b"[" * 100_000, "G112", None),
        (b"[" * 99, "G102", None),
        (b"[" + b"[]," * 100 + b"[]]", "G112", None),
        (b"[1]\0", "G110", "character 3"),
        # a name twice
        (b'{"a":1,"a":1}', "G104", None),
        (b'{"a":1,"\\u0061":2}', "G104", None),
        (b'{"a":{"b":1,"b":2}}', "G104", None),
        (b'[{"a":1},{"a":2,"c":[1],"a":3}]', "G104", None),
        (b'{"a":"x:y","b":1,"b":2}', "G104", None),
        (b'{"a":{"b":1},"a":2}', "G104", None),
        # non-finite
        (b"[NaN]", "G105", None),
        (b"[Infinity]", "G105", None),
        (b'{"instances":[[-Infinity]]}', "G105", None),
        (b"[1e400]", "G105", None),
        (b"[-1e400]", "G105", None),
        (b"[" + b"9" * 310 + b"]", "G105", None),
        # numbers
        (b"[" + b"1" * 401 + b"]", "G107", None),
        (b"[0." + b"1" * 401 + b"]", "G107", None),
        (b"[" + b"1" * 5000 + b"]", "G107", None),
        # encoding
        (b"\xef\xbb\xbf[1]", "G108", None),
        ("[1]".encode("utf-16"), "G108", None),
        ("[1]".encode("utf-16-le"), "G108", None),
        ("[1]".encode("utf-16-be"), "G108", None),
        ("[1]".encode("utf-32"), "G108", None),
        ("[1]".encode("utf-32-be"), "G108", None),
        (b'["\xff"]', "G108", "byte 2"),
        (b'["\xed\xa0\x80"]', "G108", "byte 2"),
        (b'["\xc0\xaf"]', "G108", "byte 2"),
        # what follows
        (b"[1][2]", "G110", "character 3"),
        (b'{"a":1} x', "G110", "character 7"),
        (b"[1]]", "G110", "character 3"),
        (b"[1] // why", "G110", "character 3"),
    ],
)
def test_json_that_parsers_may_read_differently_is_refused(
    read: Reader, body: bytes, rule: str, where: str | None
) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert (caught.value.rule, caught.value.where) == (rule, where)


@pytest.mark.parametrize(
    "body",
    [
        b"[1,]",
        b"[1",
        b"{'a':1}",
        b"[01]",
        b"[-NaN]",
        b"[nan]",
        b"\f[1]",
        b'["\t"]',
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
    ],
)
def test_what_is_not_json_is_refused(read: Reader, body: bytes) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body)

    assert caught.value.rule == "G103"
    assert (caught.value.where or "").startswith("line 1 column")


@pytest.mark.parametrize(
    "body",
    [
        b" \t\r\n[1, 2] \n",
        b"[" * 8 + b"]" * 8,
        b'{"a":"[[[[[[[[[[[[[[[[", "b":"{{{{{{{{{{{{"}',
        b'{"a":"\\"[[[[[[[[[[[[[[[[", "b":"]]]]]]]]]\\\\"}',
        b'{"time":"12:30:00","place":"{::}"}',
        b'[{"a":1},{"a":1}]',
        b'{"a":{"a":{"a":1}},"b":1}',
        b'{"a":"' + b"1" * 5000 + b'"}',
        b'["NaN", "Infinity", "-Infinity"]',
        b"[" + b"9" * 308 + b".5, 1e300]",
        b"[9007199254740992, -9007199254740992]",
        '["\\ud83d\\ude00", "😀", "\\u0000"]'.encode(),
    ],
)
def test_json_that_all_parsers_read_alike_is_accepted(body: bytes) -> None:
    document = load(body)

    assert document == Document(json.loads(body), (), non_finite=False)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"[9007199254740993]", "byte 1"),
        (b"[-9007199254740993]", "byte 2"),
        (b'{"a":"12345678901234567","b": 18446744073709551616}', "byte 30"),
        (b"[" + b"1" * 300 + b"]", "byte 1"),
    ],
)
def test_integer_beyond_2_53_is_a_fault(read: Reader, body: bytes, where: str) -> None:
    request = read(body)

    assert [(fault.rule, fault.where) for fault in request.faults] == [("G106", where)]


def test_message_of_a_repeated_name_is_short_and_escaped(read: Reader) -> None:
    name = "\\u001b]0;" + "x" * 5000

    with pytest.raises(MalformedRequest) as caught:
        read(f'{{"{name}":1,"{name}":2}}')

    assert len(caught.value.detail) < 200
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize("body", [b"[NaN, 1]", b'{"a": NaN}', b'[{"a": Infinity}]'])
def test_non_finite_token_is_refused_outside_v1_and_v2(read: Reader, body: bytes) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body, allow_non_finite=True)

    assert caught.value.rule == "G105"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b'{"instances":[[NaN, 1e400]]}', "G105"),
        (b'{"instances":[[NaN]],"parameters":{"a":1,"a":2}}', "G104"),
        (b'{"instances":[[NaN]],"parameters":{"a":"\\ud800"}}', "G103"),
        (b'{"instances":[[NaN, -NaN]]}', "G103"),
        (b'{"instances":[[NaN]]}{}', "G110"),
        (b'{"instances":[[NaN,]]}', "G103"),
        (b'{"instances":[[NaN, ' + b"1" * 401 + b"]]}", "G107"),
    ],
)
def test_reading_beside_non_finite_tokens_stays_strict(read: Reader, body: bytes, rule: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(body, allow_non_finite=True)

    assert caught.value.rule == rule


def test_values_beside_non_finite_tokens_are_as_orjson_gives_them() -> None:
    document = load(b'["NaN\\"", Infinity, -Infinity, 1, 1.0, 18446744073709551616, true, null]', allow_non_finite=True)

    expected = ['NaN"', float("inf"), float("-inf"), 1, 1.0, 18446744073709551616.0, True, None]
    assert document.value == expected
    assert list(map(type, document.value)) == list(map(type, expected))
    assert document.non_finite


@pytest.mark.parametrize("body", [b'{"a":' * 900 + b"NaN" + b"}" * 900, b'{"a":1,"a":' * 900 + b"1" + b"}" * 900])
def test_nesting_beyond_the_stack_is_refused(body: bytes) -> None:
    deep = DecodeLimits(max_depth=10_000, max_containers=10_000, max_instances=1)

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        decode(body, limits=deep, allow_non_finite=True)

    with pytest.raises(RequestError):
        descend(300)


@pytest.mark.parametrize("unit", [b'"', b'\\"', b'"\\"', b"NaN ", b'"\\"NaN', b"[1]", b'{"a":'])
def test_reading_hostile_text_takes_linear_time(unit: bytes) -> None:
    body = b'[NaN,"' + unit * (2**20 // len(unit))

    started = time.process_time()
    with pytest.raises(RequestError):
        load(body, allow_non_finite=True)

    assert time.process_time() - started < 2  # some 0.01 s; quadratic time would be hours


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.booleans())
def test_every_value_comes_back_as_it_was_written(value: Any, ascii_only: bool) -> None:
    body = json.dumps([value], ensure_ascii=ascii_only)

    assert load(body.encode()) == Document(json.loads(body), (), non_finite=False)


@given(json_values, st.sampled_from(["a", ":", '"', "é", "{"]))
def test_no_repeated_name_is_missed(value: Any, name: str) -> None:
    quoted = json.dumps(name)
    body = f'[{{{quoted}: {json.dumps(value)}, "other": ["::", {{}}], {quoted}: {json.dumps(value)}}}]'.encode()

    with pytest.raises(MalformedRequest) as caught:
        load(body)

    assert caught.value.rule == "G104"
