"""Strict JSON: one document, which every parser behind guard reads alike.

Threat model. The client writes a body that guard's parser and the model server's read differently, so that
what was screened isn't what is scored: a name that stands twice, NaN, an integer that a double can't hold, a
byte order mark, a second document after the first, a lone surrogate. Or one that costs much more to read than
to send: deep nesting, many containers, very long numbers. Each is refused, or told as a fault. Out of scope:
what the model server makes of a value that all parsers agree on.

RFC 8259, sections 4 (names), 6 (numbers), 8.1 (encoding); https://bishopfox.com/blog/json-interoperability-vulnerabilities
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from guard.decode import scan
from guard.decode.limits import JsonLimits
from guard.decode.members import quote
from guard.errors import MalformedRequest
from guard.inference import Fault

__all__ = ["Document", "load_json"]

_WHITESPACE = " \t\n\r"

# Those of UTF-8, UTF-16 and UTF-32. Without one, UTF-16 and UTF-32 put a NUL among the first two bytes of any JSON.
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")

# A string, or a token that isn't JSON. Possessive, so that no text makes it try twice; an unclosed string goes
# to the end.
_STRING_OR_NON_FINITE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)|NaN|-?Infinity', re.DOTALL)


class Document(NamedTuple):
    """A document that was read, and what is to be said of it.

    `non_finite` tells that NaN or Infinity tokens stand in it, which are not JSON.
    """

    value: Any
    faults: tuple[Fault, ...]
    non_finite: bool


def load_json(body: bytes, *, limits: JsonLimits, allow_non_finite: bool) -> Document:
    """Read one JSON document.

    Values are as orjson gives them. Raises MalformedRequest with rule G102 to G105, G107, G108, G110 or
    G112, and RecursionError where the interpreter's stack is short; an integer beyond 2^53 (G106) is a
    fault, since reading can go on.
    """
    n_braces = scan.count_byte(body, b"{")
    if n_braces + scan.count_byte(body, b"[") > min(limits.max_depth, limits.max_containers):
        _check_nesting(body, limits)
    faults = _check_numbers(body) if scan.may_hold_long_number(body) else ()
    non_finite = False
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = _read_non_finite(body, error, allow=allow_non_finite)
        non_finite = True
    if not _keys_are_distinct(value, n_objects=n_braces, n_colons=scan.count_byte(body, b":")):
        _check_duplicates(body)
    return Document(value, faults, non_finite)


def _check_nesting(body: bytes, limits: JsonLimits) -> None:
    brackets = scan.find_brackets(body)
    containers = scan.count_containers(brackets)
    if containers > limits.max_containers:
        found = f"{containers} objects and arrays; at most {limits.max_containers} are read"
        raise MalformedRequest(found, rule="G112")
    depth = scan.measure_depth(brackets)
    if depth > limits.max_depth:
        raise MalformedRequest(f"nested {depth} deep; at most {limits.max_depth} is read", rule="G102")


def _check_numbers(body: bytes) -> tuple[Fault, ...]:
    text = scan.blank_strings(body)
    digits = scan.longest_digit_run(text)
    if digits > scan.MAX_DIGITS:
        raise MalformedRequest(f"a number with {digits} digits; at most {scan.MAX_DIGITS} are read", rule="G107")
    found = scan.find_long_integer(text)
    if found is None:
        return ()
    detail = f"integer {found.digits[:40]} of {len(found.digits)} digits is beyond 2^53: parsers differ on its value"
    return (Fault("G106", detail, where=f"byte {found.offset}"),)


def _keys_are_distinct(value: Any, *, n_objects: int, n_colons: int) -> bool:
    """Whether there are as many names in the value as colons in the text.

    Then no name stood twice, and no string holds a colon. Breadth first, until all objects were met: the
    numbers of a tensor are not walked.
    """
    if not n_objects:
        return True
    n_keys = 0
    queue = [value]
    for item in queue:  # it grows while it is walked
        if type(item) is dict:
            n_keys += len(item)
            n_objects -= 1
            if not n_objects:
                break
            queue += item.values()
        elif type(item) is list:
            queue += item
    return n_keys == n_colons


def _check_duplicates(body: bytes) -> None:
    decoder = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_int=str, parse_float=str)
    decoder.decode(body.decode())


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise MalformedRequest(f"{quote(name)} stands twice in one object: which one counts?", rule="G104")
        names.add(name)


def _read_non_finite(body: bytes, error: orjson.JSONDecodeError, *, allow: bool) -> Any:
    """Read what orjson refused, which only NaN and Infinity tokens excuse; say else what is wrong."""
    text = _decode_text(body)
    tokens: list[str] = []
    decoder = json.JSONDecoder(parse_constant=_constant(tokens, allow=allow), parse_float=_float, parse_int=_integer)
    malformed = MalformedRequest(
        f"not JSON: {error.msg}", rule="G103", where=f"line {error.lineno} column {error.colno}"
    )
    try:
        value, end = decoder.raw_decode(text, len(text) - len(text.lstrip(_WHITESPACE)))
    except json.JSONDecodeError:
        raise malformed from None
    if text[end:].strip(_WHITESPACE):
        raise MalformedRequest("something follows the JSON document", rule="G110", where=f"character {end}")
    if not tokens or not _is_json_otherwise(body):
        raise malformed
    return value


def _decode_text(body: bytes) -> str:
    if body.startswith(_BYTE_ORDER_MARKS) or b"\0" in body[:2]:
        raise MalformedRequest("a byte order mark, UTF-16 or UTF-32; JSON is UTF-8 without a mark", rule="G108")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest("not UTF-8", rule="G108", where=f"byte {error.start}") from None


def _is_json_otherwise(body: bytes) -> bool:
    """Whether orjson, which is the stricter (surrogates), reads the body with its non-finite tokens as numbers."""
    try:
        orjson.loads(_STRING_OR_NON_FINITE.sub(_as_number, body))
    except orjson.JSONDecodeError:
        return False
    return True


def _as_number(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b'"') else b"0"


def _constant(tokens: list[str], *, allow: bool) -> Callable[[str], float]:
    def read(token: str) -> float:
        if not allow:
            raise MalformedRequest(f"{token} is no JSON, and no feature of this model may be missing", rule="G105")
        tokens.append(token)
        return float(token)

    return read


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise MalformedRequest(f"{digits[:40]} is beyond what a double holds", rule="G105")
    return number


def _integer(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else _float(digits)  # as orjson does
