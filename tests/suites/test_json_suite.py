"""The JSONTestSuite, and bodies on which JSON readers differ: what guard passes, they all read alike."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard import GuardSettings, Screener
from guard.verdict import Mode
from tests.suites.exchange import Gate
from tests.suites.json_verdicts import FORMS, bodies, verdicts
from tests.suites.readers import differing, outcome, read_all, same

TABLE = Path(__file__).parent / "json_verdicts.toml"

# 318 files of parsing and 22 of transforming.
FILES = 340

SCREENER = Screener(GuardSettings(journal="off"))


@pytest.mark.parametrize("form", FORMS)
def test_verdicts_are_those_of_the_table(data: Path, form: str) -> None:
    expected = tomllib.loads(TABLE.read_text(encoding="utf-8"))[form]

    found = verdicts(form, data)

    assert len(found) == FILES
    assert {name: verdict for name, verdict in found.items() if verdict != expected.get(name)} == {}
    assert found.keys() == expected.keys()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_passed_is_read_alike_by_all(data: Path, form: str) -> None:
    found = verdicts(form, data)

    differ = {name: read for name, body in bodies(form, data) if found[name] == "allow" if (read := differing(body))}

    assert differ == {}
    assert sum(verdict == "allow" for verdict in found.values()) > 80


def test_nothing_that_must_not_parse_is_passed(data: Path) -> None:
    found = verdicts("bare", data)

    assert [name for name, verdict in found.items() if "/n_" in name and verdict == "allow"] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content_type", [b"application/json", b"text/csv", b"application/octet-stream", None])
def test_no_file_breaks_the_middleware(data: Path, form: str, content_type: bytes | None) -> None:
    headers = [] if content_type is None else [(b"content-type", content_type)]

    async def send_all(gate: Gate) -> Counter[int]:
        path = FORMS[form][0].encode()
        return Counter([(await gate.send(body, path=path, headers=headers)).status for _, body in bodies(form, data)])

    with Gate(GuardSettings(journal="off", mode=Mode.ENFORCE)) as gate:
        statuses = asyncio.run(send_all(gate))

    assert statuses.total() == FILES
    assert statuses.keys() <= {200, 400, 415, 422}


def nested(depth: int) -> bytes:
    return b"[" * depth + b"1" + b"]" * depth


# What readers differ on, by wire.md's measurements and beyond: a value within `[...]`, or a whole body.
VALUES = {
    "NaN": (b"NaN", "G105"),
    "Infinity": (b"Infinity", "G105"),
    "-Infinity": (b"-Infinity", "G105"),
    "1e400": (b"1e400", "G105"),
    "-1e400": (b"-1e400", "G105"),
    "1e-400": (b"1e-400", "allow"),
    "largest double": (b"1.7976931348623157e308", "allow"),
    "above the largest double": (b"1.7976931348623159e308", "G105"),
    "smallest double": (b"5e-324", "allow"),
    "half the smallest double": (b"2.4703282292062327e-324", "allow"),
    "halfway between doubles": (b"9007199254740993.0", "allow"),
    "halfway, long": (b"1.00000000000000011102230246251565404236316680908203125", "allow"),
    "a little above halfway": (b"1.00000000000000011102230246251565404236316680908203126", "allow"),
    "-0": (b"-0", "allow"),
    "-0.0": (b"-0.0", "allow"),
    "2^53": (b"9007199254740992", "allow"),
    "2^53 + 1": (b"9007199254740993", "G106"),
    "2^63": (b"9223372036854775808", "G106"),
    "-2^63 - 1": (b"-9223372036854775809", "G106"),
    "2^64": (b"18446744073709551616", "G106"),
    "10^20": (b"100000000000000000000", "G106"),
    "308 nines": (b"9" * 308, "G106"),
    "310 nines": (b"9" * 310, "G105"),
    "401 digits": (b"1" * 401, "G107"),
    "4300 digits": (b"1" * 4300, "G107"),
    "4301 digits": (b"1" * 4301, "G107"),
    "401 digits after the point": (b"0." + b"1" * 401, "G107"),
    "exponent of 401 digits": (b"1e" + b"0" * 400 + b"1", "G107"),
    "leading zero": (b"01", "G103"),
    "plus": (b"+1", "G103"),
    "hexadecimal": (b"0x1", "G103"),
    "no digit before the point": (b".5", "G103"),
    "no digit after the point": (b"5.", "G103"),
    "underscore": (b"1_0", "G103"),
    "lone high surrogate": (b'"\\ud800"', "G103"),
    "lone low surrogate": (b'"\\udc00"', "G103"),
    "surrogates in reverse": (b'"\\udc00\\ud800"', "G103"),
    "lone surrogate as a name": (b'{"\\ud800": 1}', "G103"),
    "surrogate pair": (b'"\\ud83d\\ude00"', "allow"),
    "surrogates in UTF-8": (b'"\xed\xa0\xbd\xed\xb8\x80"', "G108"),
    "overlong UTF-8": (b'"\xc0\xaf"', "G108"),
    "beyond Unicode": (b'"\xf4\x90\x80\x80"', "G108"),
    "Latin-1": (b'"\xe9"', "G108"),
    "NUL as an escape": (b'"\\u0000"', "allow"),
    "NUL in a string": (b'"\0"', "G103"),
    "tab in a string": (b'"\t"', "G103"),
    "DEL in a string": (b'"\x7f"', "allow"),
    "line separator in a string": ('"\u2028"'.encode(), "allow"),
    "byte order mark in a string": ('"\ufeff"'.encode(), "allow"),
    "no character": ('"\uffff"'.encode(), "allow"),
    "escape in capitals": (b'"\\U0041"', "G103"),
    "escaped quote": (b'"\\\'"', "G103"),
    "name twice": (b'{"a": 1, "a": 2}', "G104"),
    "name twice, once escaped": (b'{"a": 1, "\\u0061": 2}', "G104"),
    "name twice, deep": (b'{"a": {"b": [{"c": {"d": 1, "e": 2, "d": 3}}]}}', "G104"),
    "name twice, colons in strings": (b'{"a:": ":", "b": {"c": 1, "c": ":"}}', "G104"),
    "name twice, with NUL": (b'{"a\\u0000": 1, "a\\u0000": 2}', "G104"),
    "names equal but for normalisation": ('{"\u00e9": 1, "e\u0301": 2}'.encode(), "allow"),
    "names equal but for case": (b'{"a": 1, "A": 2}', "allow"),
    "empty name": (b'{"": 1}', "allow"),
    "trailing comma": (b"1,", "G103"),
    "comment": (b"1 /* one */", "G103"),
    "single quotes": (b"'a'", "G103"),
    "True": (b"True", "G103"),
    "undefined": (b"undefined", "G103"),
    "form feed": (b"1\f", "G103"),
    "no-break space": (b"1\xc2\xa0", "G103"),
    "long string": (b'"' + b"x" * 100_000 + b'"', "allow"),
    "string of quotes": (b'"' + b'\\"' * 10_000 + b'"', "allow"),
}
ROW = b'{"instances": [[1]]}'
BODIES = {
    "BOM": (b"\xef\xbb\xbf" + ROW, "G108"),
    "UTF-16": (ROW.decode().encode("utf-16"), "G108"),
    "UTF-16LE": (ROW.decode().encode("utf-16-le"), "G108"),
    "UTF-16BE": (ROW.decode().encode("utf-16-be"), "G108"),
    "UTF-32": (ROW.decode().encode("utf-32"), "G108"),
    "UTF-32LE": (ROW.decode().encode("utf-32-le"), "G108"),
    "UTF-32BE": (ROW.decode().encode("utf-32-be"), "G108"),
    "UTF-7": (b"+AHs-" + ROW[1:], "G115"),
    "two documents": (ROW + ROW, "G110"),
    "two documents in lines": (ROW + b"\n" + ROW, "G110"),
    "NUL after the document": (ROW + b"\0", "G110"),
    "byte order mark after the document": (ROW + b"\xef\xbb\xbf", "G110"),
    "text after the document": (ROW + b" // why", "G110"),
    "record separator before the document": (b"\x1e" + ROW, "G115"),
    "whitespace around the document": (b" \t\r\n" + ROW + b" \t\r\n", "allow"),
    "vertical tab before the document": (b"\v" + ROW, "G103"),
    "depth 64": (nested(64), "allow"),
    "depth 65": (nested(65), "G102"),
    "depth 200": (nested(200), "G102"),
    "depth 995": (nested(995), "G102"),
    "depth 1024": (nested(1024), "G102"),
    "depth 100,000": (nested(100_000), "G102"),
    "depth 100,001": (nested(100_001), "G112"),
    "depth 100,000 without an end": (b"[" * 100_000, "G102"),
    "members in depth": (b'{"a": ' * 1024 + b"1" + b"}" * 1024, "G102"),
    "1": (b"1", "G115"),
    "true": (b"true", "G115"),
    "null": (b"null", "G115"),
    "text": (b'"text"', "G115"),
    "nothing but spaces": (b"  ", "G115"),
}


@pytest.mark.parametrize(("value", "verdict"), VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("template", [b'{"instances": [[%s]]}', b"[[%s]]", b'[{"a": {"b": [0, %s]}, "c": 1}]'])
def test_value_on_which_readers_differ(value: bytes, verdict: str, template: bytes) -> None:
    body = template % value

    assert outcome(SCREENER, body) == verdict
    if verdict == "allow":
        assert differing(body) == {}


@pytest.mark.parametrize(("body", "verdict"), BODIES.values(), ids=BODIES)
def test_body_on_which_readers_differ(body: bytes, verdict: str) -> None:
    assert outcome(SCREENER, body) == verdict
    if verdict == "allow":
        assert differing(body) == {}


@pytest.mark.parametrize("tokens", [b"NaN", b"1, NaN, -Infinity", b'NaN, "NaN", Infinity'])
def test_non_finite_tokens_are_the_same_to_those_who_read_them(tokens: bytes) -> None:
    """Where a contract lets features be missing, NaN is passed; some readers refuse it, none takes it for a number."""
    assert differing(b'{"instances": [[' + tokens + b"]]}", non_finite=True) == {}


def test_readers_are_told_apart() -> None:
    """The comparison sees the differences that it is there for."""
    assert not same(True, 1)
    assert not same(10**20 + 1, 1e20)
    assert not same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert same([float("nan"), 1], [float("nan"), 1.0])
    assert len({repr(value) for value in read_all(b"[100000000000000000001]").values()}) > 1
    assert len({repr(value) for value in read_all(b'["\\ud800"]').values()}) > 1


NUMBER = st.from_regex(rb"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
STRING = st.binary(max_size=12).map(lambda raw: b'"' + raw + b'"') | st.text(max_size=8).map(
    lambda text: json.dumps(text).encode()
)
ATOM = NUMBER | STRING | st.sampled_from([b"null", b"true", b"false", b"NaN", b"Infinity", b"", b"1 ", b"\\"])


def array(parts: list[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"


def members(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b",".join(name + b":" + value for name, value in parts) + b"}"


DOCUMENT = st.recursive(
    ATOM,
    lambda inner: (
        st.lists(inner, max_size=4).map(array)
        | st.lists(st.tuples(STRING | st.sampled_from([b'"a"', b'"\\u0061"']), inner), max_size=4).map(members)
    ),
    max_leaves=12,
)


@given(DOCUMENT)
@settings(max_examples=300)
def test_any_document_that_is_passed_is_read_alike(value: bytes) -> None:
    body = b'{"instances": [[' + value + b"]]}"
    if outcome(SCREENER, body) == "allow":
        assert differing(body) == {}


@given(NUMBER)
@settings(max_examples=300)
def test_any_number_that_is_passed_is_read_alike(number: bytes) -> None:
    body = b"[[" + number + b"]]"
    if outcome(SCREENER, body) == "allow":
        assert differing(body) == {}
