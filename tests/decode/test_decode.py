from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.decode import DecodeLimits, decode, looks_like_json
from guard.errors import RequestError, UnsupportedMediaType
from guard.inference import InferenceRequest

Reader = Callable[..., InferenceRequest]

LIMITS = DecodeLimits(max_depth=64, max_containers=100_000, max_instances=1024)


def outcome(body: bytes, *, allow_non_finite: bool = False) -> str | None:
    """The rule that a body breaks; None where it is accepted."""
    try:
        decode(body, limits=LIMITS, allow_non_finite=allow_non_finite)
    except RequestError as error:
        return error.rule
    return None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1}', True),
        (b" \r\n\t[1]", True),
        (b"\xef\xbb\xbf{}", True),
        ("[1]".encode("utf-16"), True),
        ("{}".encode("utf-32-be"), True),
        (b"\f\v[", True),
        (b"", False),
        (b"   ", False),
        (b"1", False),
        (b'"[1]"', False),
        (b"1,2\n3,4\n", False),
        (b"\x93NUMPY\x01\x00", False),
        (b"\x89PNG\r\n\x1a\n", False),
        (b"--boundary\r\n", False),
    ],
)
def test_looks_like_json(body: bytes, expected: bool) -> None:
    assert looks_like_json(body) is expected


@pytest.mark.parametrize("body", [b"", b" ", b"1", b"NaN", b"true", b'"a"', b"null", b"a,b\n1,2\n", b"\x81\x04\x95"])
def test_what_is_no_object_or_array_has_no_decoder(read: Reader, body: bytes) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read(body)

    assert caught.value.rule == "G115"


def test_faults_of_text_come_before_those_of_the_format(read: Reader) -> None:
    request = read('{"instances":[[12345678901234567]],"other":1}')

    assert [fault.rule for fault in request.faults] == ["G106", "G119"]


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["inputs", "instances", "data", "shape", "a"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60), st.booleans())
def test_nothing_but_request_errors_comes_of_bytes(body: bytes, allow_non_finite: bool) -> None:
    rule = outcome(body, allow_non_finite=allow_non_finite)

    assert rule is None or rule.startswith("G")


@given(st.text(alphabet='{}[]",:\\u0019d8-+.eEaINfintyaN \n\0é', max_size=60), st.booleans())
def test_nothing_but_request_errors_comes_of_json_like_text(text: str, allow_non_finite: bool) -> None:
    rule = outcome(b"[" + text.encode(), allow_non_finite=allow_non_finite)

    assert rule is None or rule.startswith("G")


@given(json_values, st.booleans())
def test_nothing_but_request_errors_comes_of_json_trees(value: Any, allow_non_finite: bool) -> None:
    rule = outcome(json.dumps(value).encode(), allow_non_finite=allow_non_finite)

    assert rule is None or rule.startswith("G")


@given(json_values, st.data())
def test_nothing_but_request_errors_comes_of_mutated_json(value: Any, data: st.DataObject) -> None:
    body = bytearray(json.dumps({"instances": value}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from(b'{}[]",:\\0N\0\xff'))

    rule = outcome(bytes(body), allow_non_finite=True)

    assert rule is None or rule.startswith("G")


def as_floats(value: Any) -> Any:
    """The value as a parser sees it that has doubles only."""
    if isinstance(value, dict):
        return {name: as_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


fragments = st.sampled_from(
    [
        "[",
        "]",
        "{",
        "}",
        '"a"',
        '"b"',
        '"\\u0061"',
        '"\\ud800"',
        ":",
        ",",
        "1",
        "-0",
        "1.5e3",
        "1e400",
        "null",
        "NaN",
        " ",
    ]
)


@given(
    json_values.map(lambda value: json.dumps([value]))
    | st.lists(fragments, max_size=12).map(lambda parts: "[" + "".join(parts) + "]")
)
def test_what_is_accepted_is_read_alike_by_other_parsers(text: str) -> None:
    body = text.encode()
    if outcome(body) is not None:
        return

    by_orjson, by_json = orjson.loads(body), json.loads(body)

    assert as_floats(by_orjson) == as_floats(by_json)


@given(st.lists(st.floats(width=32), min_size=1, max_size=8))
def test_rows_with_non_finite_tokens_are_read_as_python_reads_them(row: list[float]) -> None:
    body = json.dumps({"instances": [row]}).encode()

    request = decode(body, limits=LIMITS, allow_non_finite=True)

    np.testing.assert_array_equal(request.data, [row])
    assert outcome(body) == (None if all(map(math.isfinite, row)) else "G105")


def suite_files(folder: Path, prefix: str) -> list[Path]:
    found = sorted((folder / "test_parsing").glob(f"{prefix}_*.json"))
    assert found
    return found


# An array or object that all must accept may still be refused for these: a name twice, no known format.
LAWFUL = {None, "G104", "G106", "G115", "G116", "G208"}


def test_json_suite_lawful_files_are_not_refused_as_malformed(json_suite: Path) -> None:
    rules = {path.name: outcome(path.read_bytes()) for path in suite_files(json_suite, "y")}

    assert {name: rule for name, rule in rules.items() if rule not in LAWFUL} == {}


def test_json_suite_unlawful_files_are_refused(json_suite: Path) -> None:
    rules = {
        (path.name, allow): outcome(path.read_bytes(), allow_non_finite=allow)
        for path in suite_files(json_suite, "n")
        for allow in (False, True)
    }

    assert [key for key, rule in rules.items() if rule is None] == []


def test_json_suite_undecided_files_are_read_alike_or_refused(json_suite: Path) -> None:
    paths = [*suite_files(json_suite, "i"), *sorted((json_suite / "test_transform").glob("*.json"))]

    accepted = [path for path in paths if outcome(path.read_bytes()) is None]

    differing = [
        path.name
        for path in accepted
        if as_floats(orjson.loads(path.read_bytes())) != as_floats(json.loads(path.read_bytes()))
    ]
    assert accepted
    assert differing == []
