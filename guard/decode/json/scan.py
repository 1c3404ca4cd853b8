"""What can be learned of a JSON text from its bytes, before a parser spends time or memory on it.

Threat model. A client chooses every byte: deep nesting exhausts a parser's stack, many small containers its
memory, numbers of thousands of digits its time, and brackets, quotes and backslashes within strings try to
deceive whoever counts them. So everything here takes time linear in the length, keeps a few bytes of memory
per byte of body, and never recurses. Out of scope: text that isn't JSON. It is counted as if it were, which is
right up to the byte at which a parser refuses it.

Cheap upper bounds come first (`count_byte`, `may_hold_long_number`); only where one exceeds a limit are
the exact functions asked, which tell strings from what is outside them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "MAX_DIGITS",
    "MAX_EXACT_INTEGER",
    "LongInteger",
    "blank_non_finite",
    "blank_strings",
    "count_byte",
    "count_colons",
    "count_containers",
    "find_brackets",
    "find_long_integer",
    "longest_digit_run",
    "may_hold_long_number",
    "may_hold_long_run",
    "measure_depth",
]

Bytes = npt.NDArray[np.uint8]

# The largest integer up to which every parser agrees: beyond, doubles skip integers (RFC 8259, section 6).
MAX_EXACT_INTEGER = 2**53

# It has 16 digits, so that shorter integers needn't be looked at.
_LONG_DIGITS = 16

# The largest double has 309 digits before its point, and 17 significant digits tell any double from the next; no
# honest encoder writes more than these. CPython's int() takes quadratic time, and refuses 4,300.
MAX_DIGITS = 400

# Below this length bytes.count and bytes.find beat NumPy, whose calls cost about 1 µs each (measured: equal at 4 kB).
_SMALL_BYTES = 4096

# Every digit as 0, and everything that may stand before an integer as a comma.
_CLASSES = bytes.maketrans(b"0123456789[{: \t\r\n-", b"0" * 10 + b"," * 8)
_LONG_INTEGER = b"," + b"0" * _LONG_DIGITS
_LONG_RUN = b"0" * (MAX_DIGITS + 1)

# What isn't JSON and is read all the same, where the protocol has it.
_NON_FINITE = (b"NaN", b"Infinity")

# Long texts are looked at piece by piece, so that what is noted of each byte takes little memory.
_CHUNK = 65_536

# As many of a byte are found one by one, at the speed of memchr, before NumPy counts what is left.
_FEW = 16

# A run of more than MAX_DIGITS digits fills one of the blocks of as many bytes, wherever they begin. It is enough to
# look at the beginning of each: other numbers have no such runs.
_BLOCK = 192
_BEGINNING = 24

# The upper half of a digit's byte is 3; few other characters have it.
_UPPER_HALVES, _DIGITS = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x3030303030303030)


class LongInteger(NamedTuple):
    """An integer of more than 2^53, as it stands in the text, and the index of its first digit."""

    offset: int
    digits: str


def count_byte(body: bytes, byte: bytes) -> int:
    """Count one byte, strings included."""
    if len(body) < _SMALL_BYTES:
        return body.count(byte)
    at = -1
    for found in range(_FEW):
        at = body.find(byte, at + 1)
        if at < 0:
            return found
    rest = np.frombuffer(body, np.uint8, offset=at)
    return _FEW - 1 + int(np.count_nonzero(rest == byte[0]))


def may_hold_long_run(body: bytes) -> bool:
    """Whether a run of more than MAX_DIGITS digits may be in the body; False is certain."""
    if len(body) < _SMALL_BYTES:
        for start in range(0, len(body) - _BLOCK + 1, _BLOCK):  # noqa: SIM110 - every request pays for a generator
            if body[start : start + _BEGINNING].isdigit():
                return True
        return False
    words = np.frombuffer(body, np.uint64, len(body) // _BLOCK * (_BLOCK // 8)).reshape(-1, _BLOCK // 8)
    first, second, third = words[:, 0] & _UPPER_HALVES, words[:, 1] & _UPPER_HALVES, words[:, 2] & _UPPER_HALVES
    return bool(((first == _DIGITS) & (second == _DIGITS) & (third == _DIGITS)).any())


def may_hold_long_number(body: bytes) -> bool:
    """Whether an integer of 16 digits or more, or any run of more than MAX_DIGITS digits, may be in the body.

    False is certain for an object or array. True may be due to a string, or to a part of a number that isn't
    an integer.
    """
    if len(body) >= _SMALL_BYTES:
        return may_hold_long_run(body) or _may_hold_long_integer(np.frombuffer(body, np.uint8))
    classes = body.translate(_CLASSES)
    return _LONG_INTEGER in classes or _LONG_RUN in classes


def _may_hold_long_integer(text: Bytes) -> bool:
    run = digits = _as_bits(_are_digits(text))
    for step in (1, 2, 4, 8):
        run = run & _ahead(run, step)  # the bits where 2, 4, 8, 16 digits stand from there on
    # Those after a byte that is neither a digit nor a point.
    begins = _ahead(run, 1) & ~(digits | _as_bits(text == ord(".")))
    return bool(begins.any())


def _as_bits(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """A mask as bits, the first the lowest of the first word: to combine them, an eighth of the bytes are moved."""
    bits = np.zeros(len(mask) // 64 + 1, np.uint64)
    bits.view(np.uint8)[: (len(mask) + 7) // 8] = np.packbits(mask, bitorder="little")
    return bits


def _ahead(bits: npt.NDArray[np.uint64], step: int) -> npt.NDArray[np.uint64]:
    """The bits that stand some places later, each in the place of the one that looks ahead."""
    found = bits >> np.uint64(step)
    found[:-1] |= bits[1:] << np.uint64(64 - step)
    return found


def find_brackets(body: bytes) -> Bytes:
    """Return the brackets and braces outside strings, in their order, as uint8."""
    text = np.frombuffer(_hide_escapes(body), np.uint8)
    if b'"' not in body:
        return text[_are_brackets(text)]
    found, inside = [], np.uint8(0)
    for start in range(0, len(text), _CHUNK):
        chunk = text[start : start + _CHUNK]
        # The number of quotes so far wraps at 256, which keeps parity.
        quotes = np.cumsum(chunk == ord('"'), dtype=np.uint8) + inside
        found.append(chunk[_are_brackets(chunk) & (quotes & 1 == 0)])
        inside = quotes[-1]
    return np.concatenate(found)


def _are_brackets(text: Bytes) -> npt.NDArray[np.bool_]:
    closings: npt.NDArray[np.bool_] = (text | 32) == ord("}")
    return _are_openings(text) | closings


def count_containers(brackets: Bytes) -> int:
    """Count the opening ones."""
    return int(np.count_nonzero(_are_openings(brackets)))


def measure_depth(brackets: Bytes) -> int:
    """Return the deepest nesting."""
    steps = (brackets & 2).view(np.int8) - np.int8(1)  # the bit that is set in an opening one: 1 and -1
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def blank_non_finite(body: bytes) -> bytes | None:
    """Copy the body with each NaN and Infinity outside strings as 0 and spaces; None where there is none."""
    outside = blank_strings(body)
    found = outside.copy()
    for word in _NON_FINITE:
        letters = np.frombuffer(word, np.uint8)
        at = np.flatnonzero(outside[: max(len(outside) - len(word) + 1, 0)] == letters[0])
        for place in range(1, len(word)):
            at = at[outside[at + place] == letters[place]]
        found[at] = ord("0")
        for place in range(1, len(word)):
            found[at + place] = ord(" ")
    changed = found != outside
    if not changed.any():
        return None
    text = np.frombuffer(body, np.uint8).copy()
    np.copyto(text, found, where=changed)
    return text.tobytes()


def blank_strings(body: bytes) -> Bytes:
    """Copy the body with every string's characters as spaces, so that offsets stay as they are.

    Returns uint8 of shape (len(body),). Opening quotes are blanked, closing ones stay.
    """
    text = np.frombuffer(_hide_escapes(body), np.uint8).copy()
    quoted = text[: body.rfind(b'"') + 1]  # a view; what follows the last quote is no string
    inside = np.cumsum(quoted == ord('"'), dtype=np.uint8) & 1  # it wraps at 256, which keeps parity
    quoted[inside.view(np.bool_)] = ord(" ")
    return text


def count_colons(body: bytes) -> int:
    """Count the colons outside strings: as many as names stand in all objects."""
    return int(np.count_nonzero(blank_strings(body) == ord(":")))


def _hide_escapes(body: bytes) -> bytes:
    """Replace escaped backslashes and quotes by spaces, so that every quote left begins or ends a string."""
    if b"\\" not in body:
        return body
    # Pairs first: of `\\\"` the last two bytes are an escaped quote, of `\\"` the quote ends the string.
    return body.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")


def longest_digit_run(text: Bytes) -> int:
    """Return the length of the longest run of digits in blanked text."""
    starts, ends = _digit_runs(text)
    return int((ends - starts).max(initial=0))


def find_long_integer(text: Bytes) -> LongInteger | None:
    """Find the first integer token of more than 2^53, either sign, in blanked text.

    1e300 and 0.12345678901234567 are no integers: every parser reads the same double.
    """
    starts, ends = _digit_runs(text)
    long = (ends - starts) >= _LONG_DIGITS
    starts, ends = starts[long], ends[long]
    whole = _are_integers(text, starts, ends)
    for start, end in zip(starts[whole].tolist(), ends[whole].tolist(), strict=True):
        digits = text[start:end].tobytes().decode("ascii")
        if int(digits) > MAX_EXACT_INTEGER:
            return LongInteger(start, digits)
    return None


def _are_openings(text: Bytes) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (text | 32) == ord("{")
    return found  # `[` is 0x5b, `{` is 0x7b: the same but for this bit; so are `]` and `}`


def _are_digits(text: Bytes) -> npt.NDArray[np.bool_]:
    return (text - np.uint8(ord("0"))) < 10  # what is less than "0" wraps to more


def _digit_runs(text: Bytes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    padded = np.concatenate(([False], _are_digits(text), [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return edges[::2], edges[1::2]


def _are_integers(text: Bytes, starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    padded = np.concatenate(([32, 32], text, [32])).astype(np.uint8)
    second, before, after = padded[starts], padded[starts + 1], padded[ends + 2]
    exponent = np.isin(before, _EXPONENT) | (np.isin(before, _SIGN) & np.isin(second, _EXPONENT))
    whole: npt.NDArray[np.bool_] = (before != ord(".")) & ~exponent & ~np.isin(after, _FRACTIONAL)
    return whole


_EXPONENT = np.frombuffer(b"eE", np.uint8)
_SIGN = np.frombuffer(b"+-", np.uint8)
_FRACTIONAL = np.frombuffer(b".eE", np.uint8)
