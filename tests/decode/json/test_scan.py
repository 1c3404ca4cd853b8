from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.decode.json import scan

# Long enough for NumPy's way of counting.
PADDING = b" " * 8192


def walk(body: bytes) -> bytes:
    """Tell what is outside strings, one byte after the other."""
    outside, inside, escaped = bytearray(), False, False
    for byte in body:
        quote = byte == ord('"') and not escaped
        escaped = inside and byte == ord("\\") and not escaped
        outside.append(ord(" ") if inside or quote else byte)
        inside ^= quote
    return bytes(outside)


json_strings = st.text(alphabet='[]{}"\\,:0123456789ab', max_size=12).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
tokens = st.one_of(json_strings, st.sampled_from(["[", "]", "{", "}", ",", ":", " ", "1", "23", "e5", ".5", "-"]))
texts = st.lists(tokens, max_size=40).map(lambda parts: "".join(parts).encode())


@given(texts)
def test_blank_strings_keeps_what_is_outside(body: bytes) -> None:
    blanked = scan.blank_strings(body).tobytes()

    assert blanked.replace(b'"', b" ") == walk(body)


@given(texts)
def test_find_brackets_ignores_strings(body: bytes) -> None:
    found = scan.find_brackets(body).tobytes()

    assert found == bytes(byte for byte in walk(body) if byte in b"[]{}")


@given(texts, st.sampled_from([b"[", b"{", b":"]))
def test_count_byte_counts_alike_in_long_bodies(body: bytes, byte: bytes) -> None:
    found = scan.count_byte(body + PADDING, byte)

    assert found == scan.count_byte(body, byte) == body.count(byte)


@pytest.mark.parametrize(
    ("text", "depth", "containers"),
    [
        (b"", 0, 0),
        (b"[]", 1, 1),
        (b'{"a":[1,[2]]}', 3, 3),
        (b"[[],[],{}]", 2, 4),
        (b'["[[[[", "]]]]"]', 1, 1),
        (b'["\\"[", "\\\\", [1]]', 2, 2),
        (b"[" * 500 + b"]" * 500, 500, 500),
        (b"]]]][[", 0, 2),
    ],
)
def test_brackets_are_measured(text: bytes, depth: int, containers: int) -> None:
    brackets = scan.find_brackets(text)

    assert (scan.measure_depth(brackets), scan.count_containers(brackets)) == (depth, containers)


LONG = b"1" * 16


@pytest.mark.parametrize("padding", [b"", PADDING], ids=["short", "long"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[1,2.5,-3e7]", False),
        (b"[" + b"1" * 15 + b"]", False),
        (b"[" + LONG + b"]", True),
        (b"[-" + LONG + b"]", True),
        (b'{"a":' + LONG + b"}", True),
        (b'{"a": ' + LONG + b"}", True),
        (b"[1," + LONG + b"]", True),
        (b"[1,\t" + LONG + b"]", True),
        (b"[0." + LONG + b"]", False),
        (b"[123456789012345." + LONG + b"]", False),
        (b"[0." + b"1" * 401 + b"]", True),
        (b"[" + b"0.12345678901234567," * 30 + b"1]", False),
    ],
)
def test_may_hold_long_number(body: bytes, expected: bool, padding: bytes) -> None:
    assert scan.may_hold_long_number(body + padding) is expected


@given(
    st.integers(0, 3).map(lambda n: b" " * n),
    st.sampled_from([b"[", b",", b":", b"-", b" "]),
    st.integers(2**53 + 1, 10**450),
    st.booleans(),
)
def test_may_hold_long_number_misses_no_long_integer(lead: bytes, before: bytes, number: int, padded: bool) -> None:
    body = b"[" + lead + before + str(number).encode() + b"]"

    assert scan.may_hold_long_number(body + PADDING if padded else body)


@pytest.mark.parametrize("n_after", [0, 1, 5000])
def test_may_hold_long_number_finds_a_long_integer_at_any_offset(n_after: int) -> None:
    for shift in range(4096, 4096 + 130):
        before = b"[" + b" " * shift

        assert scan.may_hold_long_number(before + LONG + b"]" * n_after)
        assert not scan.may_hold_long_number(before + LONG[1:] + b"]" * n_after)
        assert not scan.may_hold_long_number(before + b"0." + LONG + b"]" * n_after)


@pytest.mark.parametrize("text", [b"", b"[", b"[[[", b"x" * 15 + b"[" * 17, b"[" * 5000, b"x" * 5000, b"[x" * 5000])
def test_count_byte_counts_few_and_many(text: bytes) -> None:
    assert scan.count_byte(text, b"[") == text.count(b"[")


@given(st.integers(0, 200), st.integers(401, 900))
def test_may_hold_long_number_misses_no_long_fraction(shift: int, digits: int) -> None:
    body = b"[" + b" " * shift + b"0." + b"7" * digits + b"]" + PADDING

    assert scan.may_hold_long_number(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[9007199254740992]", None),
        (b"[9007199254740993]", (1, "9007199254740993")),
        (b"[-9007199254740993]", (2, "9007199254740993")),
        (b"[1,9007199254740992,12345678901234567]", (20, "12345678901234567")),
        (b"12345678901234567", (0, "12345678901234567")),
        (b"[12345678901234567.0]", None),
        (b"[12345678901234567e1]", None),
        (b"[12345678901234567E1]", None),
        (b"[0.12345678901234567]", None),
        (b"[1e12345678901234567]", None),
        (b"[1E+12345678901234567]", None),
        (b"[1e-12345678901234567]", None),
        (b'["12345678901234567"]', None),
        (b'["\\"",12345678901234567]', (6, "12345678901234567")),
    ],
)
def test_find_long_integer(text: bytes, expected: tuple[int, str] | None) -> None:
    assert scan.find_long_integer(scan.blank_strings(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"[]", 0), (b"[1,22,333]", 3), (b"[1,0.4444,5]", 4), (b'["55555", 1]', 1)],
)
def test_longest_digit_run(text: bytes, expected: int) -> None:
    assert scan.longest_digit_run(scan.blank_strings(text)) == expected


@pytest.mark.parametrize("unit", [b'"', b'\\"', b"\\", b"[", b'"[', b'"\\\\"[', b"1", b"1234567890123456,"])
def test_scanning_hostile_text_takes_linear_time(unit: bytes) -> None:
    body = unit * (2**21 // len(unit))

    started = time.process_time()
    scan.find_brackets(body)
    text = scan.blank_strings(body)
    scan.may_hold_long_number(body)
    scan.longest_digit_run(text)
    elapsed = time.process_time() - started

    assert elapsed < 2  # some 0.05 s; quadratic time would be hours
    assert text.dtype == np.uint8


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[1,2]", None),
        (b'["NaN"]', None),
        (b"[NaN]", b"[0  ]"),
        (b"[-Infinity,NaN]", b"[-0       ,0  ]"),
        (b'["NaN\\"NaN",NaN]', b'["NaN\\"NaN",0  ]'),
        (b"[Na", None),
        (b"", None),
    ],
)
def test_blank_non_finite(body: bytes, expected: bytes | None) -> None:
    assert scan.blank_non_finite(body) == expected


@pytest.mark.parametrize(("body", "expected"), [(b'{"a":1}', 1), (b'{"a:":":"}', 1), (b"[1]", 0), (b'{"\\":":1}', 1)])
def test_count_colons(body: bytes, expected: int) -> None:
    assert scan.count_colons(body) == expected


def test_brackets_are_found_across_pieces() -> None:
    text = b'["' + b"[" * 70_000 + b'",{' + b"x" * 70_000 + b'"}"]'

    assert scan.find_brackets(text).tobytes() == b"[{]"


@pytest.mark.parametrize("body", [b"[   In", b"[1,2In", b"[Infi", b"I", b"[I", b"[N", b"[Na", b"[Infinit", b""])
def test_short_body_that_breaks_off_within_a_token_has_none(body: bytes) -> None:
    assert scan.blank_non_finite(body) is None
