"""CSV of nothing but numbers, and empty cells among them: as quickly, and exactly as, JSON.

Threat model. A client writes long numbers, or so many short ones that reading them at once takes much memory. Lengths
are checked before, and long lines are read in pieces. Out of scope: cells that aren't JSON's numbers, which are left
to `guard.decode.csv.cells`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from guard.decode.json import scan
from guard.errors import MalformedRequest
from guard.inference import Fault

__all__ = ["CsvRows", "check_numbers", "is_numeric", "read_numbers"]

_NUMERIC = b"0123456789+-.eE,"

# While it reads, the JSON parser takes up to 16 bytes for each value, besides the value.
_BYTES_AT_ONCE = 32_768

# Cells that are denser, for being empty, would be much longer as JSON; few of them don't matter.
_LEAST_BYTES_PER_CELL = 3
_FEW_CELLS = 4096

# Of commas with nothing between; writing null between all that 1 MiB can hold takes 50 ms.
_MOST_PAIRS = 131_072


class CsvRows(NamedTuple):
    """Rows, and what is to be said of them."""

    rows: list[list[Any]]
    faults: tuple[Fault, ...]


def is_numeric(line: bytes) -> bool:
    """Whether the line has none but a number's characters and commas."""
    return not line.translate(None, _NUMERIC)


def read_numbers(lines: Sequence[bytes], *, number: int) -> CsvRows | None:
    """Read lines, of which the first has that number in the body; None where any is of something else.

    Raises MalformedRequest with rule G107. An integer beyond 2^53 is a fault (G106).
    """
    if not all(map(is_numeric, lines)):
        return None
    text = b"[" + b"\n".join(lines)
    if text.count(b",,") > _MOST_PAIRS:
        return None
    faults = check_numbers(text, number=number)
    del text
    rows = []
    for line in lines:
        row = _read_line(line)
        if row is None:
            return None
        rows.append(row)
    return CsvRows(rows, faults)


def _read_line(line: bytes) -> list[Any] | None:
    row: list[Any] = []
    for piece in _pieces(line):
        text = _as_json(piece)
        if text is None:
            return None
        try:
            row += orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
    return row


def _pieces(line: bytes) -> Iterator[bytes]:
    """Cut a long line, at commas."""
    start = 0
    while len(line) - start > _BYTES_AT_ONCE:
        end = line.rfind(b",", start, start + _BYTES_AT_ONCE)
        if end <= start:
            break
        yield line[start:end]
        start = end + 1
    yield line[start:]


def _as_json(cells: bytes) -> bytes | None:
    """Write cells as a JSON array; None where too many are empty."""
    text = b"[%s]" % cells
    if b",," not in text and b"[," not in text and b",]" not in text:
        return text
    n_cells = text.count(b",") + 1
    if n_cells > _FEW_CELLS and _LEAST_BYTES_PER_CELL * n_cells > len(text):
        return None
    # Twice, since commas are shared: ",,," has two empty cells.
    text = text.replace(b",,", b",null,").replace(b",,", b",null,")
    return text.replace(b"[,", b"[null,").replace(b",]", b",null]")


def check_numbers(text: bytes, *, number: int) -> tuple[Fault, ...]:
    """Check the lengths of numbers after a bracket, in lines of which the first has that number in the body."""
    if not scan.may_hold_long_number(text):
        return ()
    characters = np.frombuffer(text, np.uint8)
    digits = scan.longest_digit_run(characters)
    if digits > scan.MAX_DIGITS:
        found = f"a number with {digits} digits; at most {scan.MAX_DIGITS} are read"
        raise MalformedRequest(found, rule="G107")
    long = scan.find_long_integer(characters)
    if long is None:
        return ()
    detail = f"integer {long.digits[:40]} of {len(long.digits)} digits is beyond 2^53: readers differ on its value"
    line = number + text.count(b"\n", 0, long.offset)
    return (Fault("G106", detail, where=f"line {line}"),)
