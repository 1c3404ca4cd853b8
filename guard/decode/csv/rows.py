"""CSV as MLflow (under a line of names) and SageMaker (without one) take it.

Threat model. CSV has no types, and every reader guesses its own: pandas, which MLflow uses, makes numbers and missing
values of cells that Python's csv module or NumPy leave as text, and the other way round. A client picks a cell that
guard reads one way and the model server another. So a cell is a number as JSON writes it, nothing, or a text that no
reader takes for anything else; the rest is refused (G128), in quotes too, which readers drop before they guess:

* what pandas reads as missing: NA, N/A, n/a, <NA>, #N/A, #NA, NULL, null, NaN, nan, None, 1.#IND, 1.#QNAN, ...;
* NaN and Infinity in any spelling, which Python's float() and NumPy read;
* numbers that JSON doesn't write so: 01, +1, 1., .5, 1_000, 0x10, 1d5, "1,5", with spaces around, or in other digits
  than ASCII's;
* an empty text in quotes, which is missing to one reader and a text to another;
* a quote within a cell that doesn't begin with one, a line break within quotes, blank lines, lines of different
  lengths, two kinds of line ends, control characters and what Python's splitlines takes for a line end.

Out of scope: true and false in a text feature, which pandas makes booleans of where the whole column is such.

https://www.rfc-editor.org/rfc/rfc4180; pandas.read_csv, `na_values`; MLflow and SageMaker read UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guard.contract import Contract, FeatureType
from guard.decode.csv.cells import MOST_TEXT_CELLS, is_number, read_rows, split_line
from guard.decode.csv.numbers import CsvRows, is_numeric
from guard.decode.json.batch import check_count
from guard.decode.json.scan import count_byte
from guard.decode.limits import DecodeLimits
from guard.decode.source import Source
from guard.errors import MalformedRequest, NotScorable, UnsupportedMediaType
from guard.inference import InferenceRequest, Layout, WireFormat

__all__ = ["decode_csv"]

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
_CONTROL = bytes({*range(0x20), 0x7F} - set(b"\t\r\n"))
# NEXT LINE, LINE SEPARATOR, PARAGRAPH SEPARATOR.
_OTHER_LINE_ENDS = ("\x85".encode(), "\u2028".encode(), "\u2029".encode())

_ROWS_AT_ONCE = 64

# As pandas' reader has them: the words of a boolean column.
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def decode_csv(body: bytes, *, limits: DecodeLimits, source: Source) -> InferenceRequest:
    """Decode lines of values, under a line of names or without one.

    The first line has names where all its cells are features' names, or, without a contract, where none is a number.
    `header=present` or `header=absent` in the Content-Type must agree. Raises MalformedRequest with rule G105, G107,
    G108, G111, G112, G128 or G208, NotScorable with rule G208, UnsupportedMediaType with rule G120.
    """
    media = source.media_type
    if not media.is_utf_8:
        raise UnsupportedMediaType("another charset than UTF-8", rule="G120", where="headers")
    lines = _split_lines(body, limits=limits)
    names = _find_names(lines[0], contract=source.contract, declared=media.parameters.get("header"))
    if names is not None:
        del lines[0]
    check_count(len(lines), where=None, limits=limits)
    number = 1 if names is None else 2
    found = read_rows(lines, number=number, limits=limits)
    _check_width(found.rows[0], names=names, contract=source.contract)
    if source.contract is not None:
        _read_booleans(found.rows, names=names or source.contract.names, contract=source.contract)
    return _request(found, names=names, contract=source.contract)


def _split_lines(body: bytes, *, limits: DecodeLimits) -> list[bytes]:
    if not body:
        raise NotScorable("no instances", rule="G208")
    if body.startswith(_BYTE_ORDER_MARKS):
        raise MalformedRequest("a byte order mark; CSV is read as UTF-8 without a mark", rule="G108")
    n_lines = count_byte(body, b"\n")
    if n_lines > limits.max_instances + 1:
        found = f"{n_lines} lines; at most {limits.max_instances} instances are read"
        raise MalformedRequest(found, rule="G111")
    if len(body.translate(None, _CONTROL)) != len(body) or any(end in body for end in _OTHER_LINE_ENDS):
        raise MalformedRequest("a control character, or a line end that only some readers know", rule="G128")
    if b"\r" in body:
        if not body.count(b"\r") == body.count(b"\r\n") == n_lines:
            raise MalformedRequest("lines end in two ways; expected LF or CR LF everywhere", rule="G128")
        body = body.replace(b"\r\n", b"\n")
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if b"" in lines:
        raise MalformedRequest(
            "a blank line, which some readers skip", rule="G128", where=f"line {lines.index(b'') + 1}"
        )
    return lines


def _find_names(line: bytes, *, contract: Contract | None, declared: str | None) -> list[str] | None:
    """Return the names that the first line has; None where it is the first instance."""
    if declared not in {None, "present", "absent"}:
        raise UnsupportedMediaType("header is neither present nor absent", rule="G120", where="headers")
    if is_numeric(line) and line.count(b",") >= MOST_TEXT_CELLS:
        cells, are_names = [], False
    else:
        cells = split_line(line, number=1)
        are_names = _are_names(cells, contract=contract, declared=declared)
    if declared is not None and are_names is not (declared == "present"):
        found = f"the Content-Type says header={declared}, which isn't so"
        raise UnsupportedMediaType(found, rule="G120", where="headers")
    if not are_names:
        return None
    if len(set(cells)) != len(cells):
        raise MalformedRequest("a name stands twice", rule="G128", where="line 1")
    return cells


def _are_names(cells: list[str], *, contract: Contract | None, declared: str | None) -> bool:
    if contract is None:
        return declared != "absent" and not any(map(is_number, cells))
    if not contract.compiled.places.keys() >= set(cells):
        return False
    if declared is None and all(map(is_number, cells)):
        found = "features' names that could be values; expected header=present or header=absent in the Content-Type"
        raise MalformedRequest(found, rule="G128", where="line 1")
    return True


def _check_width(row: list[Any], *, names: list[str] | None, contract: Contract | None) -> None:
    if names is not None and len(row) != len(names):
        found = f"{len(row)} cells, where the first line has {len(names)}"
        raise MalformedRequest(found, rule="G128", where="line 2")
    if names is None and contract is not None and len(row) != len(contract.names):
        found = f"{len(row)} cells; expected {len(contract.names)} for {len(contract.names)} features"
        raise MalformedRequest(found, rule="G208", where="line 1")


def _read_booleans(rows: list[list[Any]], *, names: Sequence[str], contract: Contract) -> None:
    places = contract.compiled.places
    for column, name in enumerate(names):
        if contract.features[places[name]].type is FeatureType.BOOLEAN:
            for row in rows:
                row[column] = _BOOLEANS.get(row[column], row[column])


def _request(found: CsvRows, *, names: list[str] | None, contract: Contract | None) -> InferenceRequest:
    rows, n_instances = found.rows, len(found.rows)
    if names is None:
        return InferenceRequest(WireFormat.CSV, Layout.ROWS, rows, n_instances, found.faults)
    if contract is not None and len(names) == len(contract.names):
        if tuple(names) != contract.names:
            _reorder(rows, names=names, wanted=contract.names)
        return InferenceRequest(WireFormat.CSV, Layout.ROWS, rows, n_instances, found.faults)
    columns = dict(zip(names, _to_columns(rows), strict=True))
    return InferenceRequest(WireFormat.CSV, Layout.COLUMNS, columns, n_instances, found.faults)


def _reorder(rows: list[list[Any]], *, names: Sequence[str], wanted: Sequence[str]) -> None:
    found = {name: place for place, name in enumerate(names)}
    places = [found[name] for name in wanted]
    for row in rows:
        row[:] = [row[place] for place in places]


def _to_columns(rows: list[list[Any]]) -> list[list[Any]]:
    """Turn rows into columns, and use them up: rows and columns at once would take twice the memory."""
    columns: list[list[Any]] = [[] for _ in rows[0]]
    rows.reverse()
    while rows:
        for column, cells in zip(columns, zip(*reversed(rows[-_ROWS_AT_ONCE:]), strict=True), strict=True):
            column.extend(cells)
        del rows[-_ROWS_AT_ONCE:]
    return columns
