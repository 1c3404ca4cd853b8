"""The lines of a CSV body as rows of values: numbers as JSON gives them, None, or texts that are nothing else.

Threat model. A body of many small cells costs much more to hold than to send, and a cell can be a number to one
reader and a text to another. Cells and distinct texts are counted against limits before the next ones are read. Out
of scope: what `guard.decode.csv.rows` checks before.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import orjson

from guard.decode.csv.numbers import CsvRows, check_numbers, is_numeric, read_numbers
from guard.decode.json.members import quote
from guard.decode.json.scan import MAX_DIGITS
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest
from guard.inference import Fault

__all__ = ["MOST_TEXT_CELLS", "is_number", "read_rows", "split_line"]

MOST_TEXT_CELLS = 4096
"""In one line, unless all are numbers: no table has as many columns, only flattened pictures do."""

# So many lines are taken apart at once that their cells, before equal ones are held only once, take little memory.
_CELLS_AT_ONCE = 8192

# In blocks of fewer lines, columns are so short that it costs less to read along the lines.
_FEW_LINES = 8

# A distinct text and its entry among those already seen take about 190 bytes, which is 16 times this.
_BYTES_PER_TEXT = 12
_LEAST_BYTES = 65_536

# A cell that isn't one in a column of numbers, and was not seen before, costs about 1 µs.
_MOST_SINGLE_CELLS = 32_768

# From as many characters on, an integer may be beyond 2^53.
_LONG_CELL = 16

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")

# Cells of a line, in quotes or not; possessive, so that no line makes it try twice. In quotes is something.
_QUOTED_LINE = re.compile(r'(?:"(?:[^"]|"")++"|[^",]*+)(?:,(?:"(?:[^"]|"")++"|[^",]*+))*+')

# What some reader takes for a number or for nothing: Python's float() and int(), NumPy, R, in digits of any script; and
# pandas, whose STR_NA_VALUES the last line has. The first group is what JSON takes for one as well.
_NOT_TEXT = re.compile(
    r"""(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)\Z
    |\s*+(?:[+-]?(?i:nan|inf|infinity
        |0[xob][0-9a-f_.]++(?:p[+-]?[0-9]++)?
        |(?:\d[\d_,]*+(?:\.[\d_]*+)?|[.,]\d[\d_]*+)(?:[ed][+-]?\d++)?)
    |N/?A|n/a|<NA>|\#N/?A(?:\ N/A)?|NULL|null|None|-?1\.\#(?:IND|QNAN)|)\s*+\Z""",
    re.VERBOSE,
)


def is_number(cell: str) -> bool:
    """Whether the cell is a number as JSON writes it."""
    return _NUMBER.fullmatch(cell) is not None


def split_line(line: bytes, *, number: int) -> list[str]:
    """Take one line apart; raises MalformedRequest with rule G108, G112 or G128."""
    return next(_split([line], number=number))


def read_rows(lines: Sequence[bytes], *, number: int, limits: DecodeLimits) -> CsvRows:
    """Read lines, of which the first has that number in the body, and none is blank.

    Raises MalformedRequest with rule G105, G107, G108, G112 or G128. An integer beyond 2^53 is a fault (G106).
    """
    found = read_numbers(lines, number=number)
    if found is None:
        found = _read_texts(lines, number=number, limits=limits)
    _check_lengths(found.rows, number=number)
    return found


def _check_lengths(rows: Sequence[Sequence[Any]], *, number: int, n_cells: int | None = None) -> None:
    expected = len(rows[0]) if n_cells is None else n_cells
    if {expected}.issuperset(map(len, rows)):
        return
    index = next(i for i, row in enumerate(rows) if len(row) != expected)
    found = f"{len(rows[index])} cells, where the first line has {expected}"
    raise MalformedRequest(found, rule="G128", where=f"line {number + index}")


def _read_texts(lines: Sequence[bytes], *, number: int, limits: DecodeLimits) -> CsvRows:
    n_cells = len(lines) + sum(line.count(b",") for line in lines)
    if n_cells > limits.max_containers:
        found = f"{n_cells} cells that aren't all numbers; at most {limits.max_containers} are read"
        raise MalformedRequest(found, rule="G112")
    n_bytes = max(sum(map(len, lines)), _LEAST_BYTES)
    reader = _CellReader(most_texts=n_bytes // _BYTES_PER_TEXT)
    at_once = max(_CELLS_AT_ONCE // (lines[0].count(b",") + 1), 1)
    rows: list[list[Any]] = []
    for start in range(0, len(lines), at_once):
        first = number + start
        cells = list(_split(lines[start : start + at_once], number=first))
        _check_lengths(cells, number=first, n_cells=len(rows[0]) if rows else None)
        rows += _read_block(cells, reader, number=first)
    return CsvRows(rows, tuple(reader.faults))


def _read_block(block: list[list[str]], reader: _CellReader, *, number: int) -> Iterable[list[Any]]:
    if len(block) < _FEW_LINES:
        return [reader.read(cells, number=number + index, step=0) for index, cells in enumerate(block)]
    columns = [reader.read(column, number=number, step=1) for column in zip(*block, strict=True)]
    return map(list, zip(*columns, strict=True))


def _split(lines: Sequence[bytes], *, number: int) -> Iterator[list[str]]:
    for index, line in enumerate(lines):
        where = f"line {number + index}"
        if line.count(b",") >= MOST_TEXT_CELLS:
            found = f"more than {MOST_TEXT_CELLS} cells that aren't all numbers"
            raise MalformedRequest(found, rule="G112", where=where)
        text = _decode(line, where=where)
        if '"' not in text:
            yield text.split(",")
        elif _QUOTED_LINE.fullmatch(text):
            yield _unquote(text, where=where)
        else:
            found = "a quote within a cell, an empty text in quotes, or a line that ends within quotes"
            raise MalformedRequest(found, rule="G128", where=where)


def _decode(line: bytes, *, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise MalformedRequest("not UTF-8", rule="G108", where=where) from None


def _unquote(text: str, *, where: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise MalformedRequest(f"not CSV: {error}", rule="G128", where=where) from None


class _CellReader:
    """Reads cells, column by column, and holds equal texts once."""

    def __init__(self, *, most_texts: int) -> None:
        self.faults: list[Fault] = []
        self._texts: dict[str, str] = {}
        self._most_texts = most_texts
        self._n_single = 0

    def read(self, cells: Sequence[str], *, number: int, step: int) -> list[Any]:
        """Read cells, the first of which stands in the line of that number, each next one `step` lines below."""
        numbers = self._read_numbers(cells, number=number, step=step)
        if numbers is not None:
            return numbers
        known = self._texts
        values: list[Any] = []
        for cell in cells:
            if not cell:
                values.append(None)
            elif cell in known:
                values.append(known[cell])
            else:
                values.append(self._read_single(cell, number=number + step * len(values)))
        return values

    def _read_numbers(self, cells: Sequence[str], *, number: int, step: int) -> list[Any] | None:
        text = ",".join(cells)
        if not text.isascii() or not is_numeric(text.encode()):
            return None
        if max(map(len, cells)) >= _LONG_CELL:
            for index, cell in enumerate(cells):
                self._check_number(cell, number=number + step * index)
        if "" in cells:
            text = ",".join(cell or "null" for cell in cells)
        try:
            values: list[Any] = orjson.loads(f"[{text}]")
        except orjson.JSONDecodeError:
            return None
        return values if len(values) == len(cells) else None  # "1,5" in quotes is one cell

    def _read_single(self, cell: str, *, number: int) -> str | float:
        self._n_single += 1
        if self._n_single > _MOST_SINGLE_CELLS or len(self._texts) >= self._most_texts:
            refused = f"too many different texts ({len(self._texts)}), or numbers among texts"
            raise MalformedRequest(refused, rule="G112", where=f"line {number}")
        found = _NOT_TEXT.match(cell)
        if found is None:
            self._texts[cell] = cell
            return cell
        if found[1] is None:
            _refuse(cell, number=number)
        self._check_number(cell, number=number)
        return _to_number(cell, number=number)

    def _check_number(self, cell: str, *, number: int) -> None:
        if len(cell) >= _LONG_CELL and (not self.faults or len(cell) > MAX_DIGITS):
            found = check_numbers(f"[{cell}]".encode(), number=number)
            self.faults = self.faults or list(found)


def _to_number(cell: str, *, number: int) -> float:
    try:
        value: float = orjson.loads(cell)
    except orjson.JSONDecodeError:
        found = f"{quote(cell[:40])} is beyond what a double holds"
        raise MalformedRequest(found, rule="G105", where=f"line {number}") from None
    return value


def _refuse(cell: str, *, number: int) -> NoReturn:
    found = f"{quote(cell)} is a number or missing to some readers, and a text to others"
    raise MalformedRequest(found, rule="G128", where=f"line {number}")
