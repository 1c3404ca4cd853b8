"""Arrow's schema: the columns of a stream or a file, of the types that a feature can have.

Threat model. Within the metadata, many references may lead to one string or one field, so that a short schema stands
for gigabytes to whoever follows them all; an extension type's metadata were once a pickle that pyarrow opened
(CVE-2023-47248), and hosts register types of their own. So fields and the bytes of their names are counted against the
metadata's length, fields have no fields of their own, and extension types are refused. Out of scope: pandas' own
metadata, which hosts read for the index.

https://github.com/apache/arrow/blob/main/format/Schema.fbs
"""

from __future__ import annotations

from typing import NamedTuple

from guard.decode.arrow.flatbuffer import Table
from guard.decode.json.members import quote
from guard.errors import MalformedRequest
from guard.inference import Datatype

__all__ = ["ColumnType", "read_schema"]

# A feature each; an image of 28 x 28 has 784. Each column costs about 20 µs, however short.
_MOST_COLUMNS = 2_048

_EXTENSION = b"ARROW:extension"

# Numbers of the union `Type`.
_NULL, _INT, _FLOAT, _UTF8, _BOOL, _LARGE_UTF8 = 1, 2, 3, 5, 6, 20

_INTS = {
    (width, signed): Datatype(f"{'' if signed else 'U'}INT{width}") for width in (8, 16, 32, 64) for signed in (0, 1)
}
_FLOATS = (Datatype.FP16, Datatype.FP32, Datatype.FP64)


class ColumnType(NamedTuple):
    """A column's name, datatype (None: nothing but nulls), and how its cells lie.

    `offset_bytes` is the width of a text's offsets, 0 for numbers. Where the texts are in a dictionary, `dictionary`
    is its id and `indices` the integers that stand for them.
    """

    name: str
    datatype: Datatype | None
    offset_bytes: int = 0
    dictionary: int | None = None
    indices: Datatype = Datatype.INT32

    @property
    def n_buffers(self) -> int:
        """How many buffers a record batch has for the column."""
        if self.datatype is None:
            return 0
        return 3 if self.offset_bytes and self.dictionary is None else 2


def read_schema(schema: Table) -> list[ColumnType]:
    """Read the table `Schema`; raises MalformedRequest (G116, G119)."""
    if schema.scalar(0, "h"):
        raise MalformedRequest("big-endian; expected little-endian", rule="G116", where="the Arrow schema")
    if _EXTENSION in schema.buffer:
        raise MalformedRequest("an extension type; expected plain types", rule="G116", where="the Arrow schema")
    fields = schema.tables(1)
    if not 1 <= len(fields) <= _MOST_COLUMNS:
        found = f"{len(fields)} columns; expected 1 to {_MOST_COLUMNS}"
        raise MalformedRequest(found, rule="G116", where="the Arrow schema")
    _check_length(schema, fields)
    columns = [_read_field(field, index) for index, field in enumerate(fields)]
    _check_unique(columns)
    return columns


def _check_length(schema: Table, fields: list[Table]) -> None:
    """Refuse a schema that is longer to whoever follows its references than it is."""
    pairs = schema.tables(2)
    most = len(schema.buffer)
    n_bytes = 8 * len(pairs)
    for table in fields:
        of_field = table.tables(6)
        n_bytes += 8 * len(of_field) + table.vector(0, width=1)[1]
        pairs += of_field
        if n_bytes > most:
            break
    for pair in pairs if n_bytes <= most else ():
        n_bytes += pair.vector(0, width=1)[1] + pair.vector(1, width=1)[1]
    if n_bytes > most:
        raise MalformedRequest("references to the same bytes", rule="G116", where="the Arrow schema")


def _read_field(field: Table, index: int) -> ColumnType:
    where = f"column {index}"
    try:
        name = field.text(0).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedRequest("a name that isn't UTF-8", rule="G116", where=where) from None
    if not name:
        raise MalformedRequest("a column has a name", rule="G116", where=where)
    if field.vector(5, width=4)[1]:
        raise MalformedRequest("a nested type; expected numbers or texts", rule="G116", where=where)
    column = _read_type(name, field)
    if column is None:
        expected = "expected null, boolean, integers, floating point, utf8 or large_utf8"
        raise MalformedRequest(f"{quote(name)} is of another type; {expected}", rule="G116", where=where)
    return column


def _read_type(name: str, field: Table) -> ColumnType | None:
    number, details, encoding = field.scalar(2, "B"), field.table(3), field.table(4)
    if details is None:
        return None
    if encoding is not None:
        indices = _find_int(encoding.table(1)) if encoding.table(1) is not None else Datatype.INT32
        if number not in {_UTF8, _LARGE_UTF8} or indices is None or encoding.scalar(3, "h"):
            return None
        return ColumnType(name, Datatype.BYTES, _offset_bytes(number), encoding.scalar(0, "q"), indices)
    if number in {_UTF8, _LARGE_UTF8}:
        return ColumnType(name, Datatype.BYTES, _offset_bytes(number))
    if number == _NULL:
        return ColumnType(name, None)
    datatype = _find_number(number, details)
    return None if datatype is None else ColumnType(name, datatype)


def _offset_bytes(number: int) -> int:
    return 8 if number == _LARGE_UTF8 else 4


def _find_number(number: int, details: Table) -> Datatype | None:
    if number == _BOOL:
        return Datatype.BOOL
    if number == _INT:
        return _find_int(details)
    precision = details.scalar(0, "h")
    return _FLOATS[precision] if number == _FLOAT and 0 <= precision < len(_FLOATS) else None


def _find_int(details: Table | None) -> Datatype | None:
    return None if details is None else _INTS.get((details.scalar(0, "i"), details.scalar(1, "B")))


def _check_unique(columns: list[ColumnType]) -> None:
    names: set[str] = set()
    dictionaries: set[int] = set()
    for index, column in enumerate(columns):
        if column.name in names:
            found = f"{quote(column.name)} names two columns"
            raise MalformedRequest(found, rule="G119", where=f"column {index}")
        names.add(column.name)
        if column.dictionary is not None and column.dictionary in dictionaries:
            raise MalformedRequest("two columns share one dictionary", rule="G116", where=f"column {index}")
        if column.dictionary is not None:
            dictionaries.add(column.dictionary)
