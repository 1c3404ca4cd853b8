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
from typing import Any, NamedTuple

import orjson

from guard.decode.json import scan
from guard.decode.json.members import quote
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest
from guard.inference import Fault

__all__ = ["Document", "load_json"]

_WHITESPACE = " \t\n\r"

# Those of UTF-8, UTF-16 and UTF-32. Without one, UTF-16 and UTF-32 put a NUL among the first two bytes of any JSON.
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")


# Reading a longer text once more takes longer than a better reason for its refusal is worth.
_LONGEST_EXPLAINED = 262_144


class Document(NamedTuple):
    """A document that was read, and what is to be said of it.

    `non_finite` tells that NaN or Infinity tokens stand in it, which are not JSON.
    """

    value: Any
    faults: tuple[Fault, ...]
    non_finite: bool


def load_json(body: bytes, *, limits: DecodeLimits, allow_non_finite: bool) -> Document:
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
    if n_braces and _holds_duplicate(body, value, n_objects=n_braces):
        _tell_duplicate(body)
    return Document(value, faults, non_finite)


def _check_nesting(body: bytes, limits: DecodeLimits) -> None:
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


def _holds_duplicate(body: bytes, value: Any, *, n_objects: int) -> bool:
    """Whether a name stood twice: then there are fewer in the value than colons outside strings."""
    n_keys = _count_keys(value, n_objects=n_objects)
    return n_keys != scan.count_byte(body, b":") and n_keys != scan.count_colons(body)


def _count_keys(value: Any, *, n_objects: int) -> int:
    """Count the names in all objects.

    Breadth first, until `n_objects` were met: the numbers of a tensor are not walked.
    """
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
    return n_keys


def _tell_duplicate(body: bytes) -> None:
    """Read the body once more, in slow steps, to the first name that stands twice; raises MalformedRequest (G104)."""
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
    otherwise = scan.blank_non_finite(body)
    # orjson is the stricter: it refuses surrogates, and numbers beyond a double.
    if otherwise is None or not _is_json(otherwise):
        raise _explain(text, error)
    try:
        value = json.loads(text, parse_constant=_CONSTANTS.__getitem__, parse_int=_integer)
    except json.JSONDecodeError:  # a token that touches a number or a sign
        raise _malformed(error) from None
    if not allow:
        raise MalformedRequest("NaN or Infinity is no JSON, and no feature of this model may be missing", rule="G105")
    return value


def _explain(text: str, error: orjson.JSONDecodeError) -> MalformedRequest:
    """What is wrong with a text that is no JSON, NaN or not."""
    if len(text) > _LONGEST_EXPLAINED:
        return _malformed(error)
    try:
        _, end = _LENIENT.raw_decode(text, len(text) - len(text.lstrip(_WHITESPACE)))
    except json.JSONDecodeError:
        return _malformed(error)
    except MalformedRequest as found:
        return found
    if text[end:].strip(_WHITESPACE):
        return MalformedRequest("something follows the JSON document", rule="G110", where=f"character {end}")
    return _malformed(error)


def _malformed(error: orjson.JSONDecodeError) -> MalformedRequest:
    where = f"line {error.lineno} column {error.colno}"
    return MalformedRequest(f"not JSON: {error.msg}", rule="G103", where=where)


def _decode_text(body: bytes) -> str:
    if body.startswith(_BYTE_ORDER_MARKS) or b"\0" in body[:2]:
        raise MalformedRequest("a byte order mark, UTF-16 or UTF-32; JSON is UTF-8 without a mark", rule="G108")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest("not UTF-8", rule="G108", where=f"byte {error.start}") from None


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise MalformedRequest(f"{digits[:40]} is beyond what a double holds", rule="G105")
    return number


def _integer(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else _float(digits)  # as orjson does


# One object for each token: a body may have a quarter of a million of them.
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

_LENIENT = json.JSONDecoder(parse_constant=_CONSTANTS.__getitem__, parse_float=_float, parse_int=_integer)
