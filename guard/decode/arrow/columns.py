"""Arrow's columns: buffers of one record batch to arrays of cells.

Threat model. The metadata may lie of lengths, nulls and offsets, let several columns share one buffer (so that few
bytes become many cells), let a dictionary's one long text stand in every row, or be compressed. Buffers are bounded by
the message's body, all together as well; offsets go up and end within their texts; nulls are counted. Out of scope:
bits and bytes that belong to no cell.

https://arrow.apache.org/docs/format/Columnar.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.decode.arrow.flatbuffer import Table
from guard.decode.arrow.schema import ColumnType
from guard.decode.json.members import quote
from guard.errors import MalformedRequest
from guard.inference import Datatype

__all__ = ["Batch", "read_batch", "read_columns", "read_dictionary"]

Array = npt.NDArray[Any]


class Batch(NamedTuple):
    """A record batch: how many rows, how many nulls per column, and the buffers within the message's body."""

    n_rows: int
    null_counts: list[int]
    buffers: list[memoryview]


def read_batch(record: Table | None, body: memoryview, columns: list[ColumnType]) -> Batch:
    """Read the table `RecordBatch`, before any cell; raises MalformedRequest (G116)."""
    if record is None:
        raise _bad("no record batch")
    if record.table(3) is not None:
        raise _bad("compressed buffers; expected none")
    start, n_nodes = record.vector(1, width=16)
    nodes = np.frombuffer(record.buffer, "<i8", 2 * n_nodes, start).reshape(-1, 2)
    start, n_buffers = record.vector(2, width=16)
    spans = np.frombuffer(record.buffer, "<i8", 2 * n_buffers, start).reshape(-1, 2)
    n_rows = record.scalar(0, "q")
    if n_nodes != len(columns) or n_buffers != sum(column.n_buffers for column in columns):
        raise _bad("not as many columns or buffers as the schema asks for")
    if n_rows < 0 or (nodes[:, 0] != n_rows).any() or (nodes[:, 1] < 0).any() or (nodes[:, 1] > n_rows).any():
        raise _bad("columns of another length than the batch")
    _check_spans(spans, len(body))
    buffers = [body[offset : offset + length] for offset, length in spans.tolist()]
    return Batch(n_rows, nodes[:, 1].tolist(), buffers)


def _check_spans(spans: npt.NDArray[np.int64], n_bytes: int) -> None:
    # Each on its own first: then the sums below can't wrap.
    if spans.size and (spans.min() < 0 or spans.max() > n_bytes or spans.sum(axis=1).max() > n_bytes):
        raise _bad("buffers outside the body")
    if spans[:, 1].sum() > n_bytes:
        raise _bad("buffers that share bytes")


def read_columns(batch: Batch, columns: list[ColumnType], dictionaries: Mapping[int, Array]) -> list[Array]:
    """Read a batch's cells, one array [N] per column; raises MalformedRequest (G116).

    A null is NaN in floating point, None among texts; integers with nulls become float64, booleans with nulls float16.
    """
    buffers = iter(batch.buffers)
    cells = []
    for column, null_count in zip(columns, batch.null_counts, strict=True):
        try:
            cells.append(_read_column(column, buffers, batch.n_rows, null_count, dictionaries))
        except MalformedRequest as error:
            error.where = f"column {quote(column.name)}"
            raise
    return cells


def read_dictionary(batch: Batch, column: ColumnType) -> Array:
    """Read the texts of a dictionary; raises MalformedRequest (G116)."""
    if batch.null_counts[0]:
        raise _bad("null in a dictionary")
    _, *buffers = batch.buffers
    return _read_texts(buffers[0], buffers[1], batch.n_rows, column.offset_bytes)


def _read_column(
    column: ColumnType, buffers: Iterator[memoryview], n_rows: int, null_count: int, dictionaries: Mapping[int, Array]
) -> Array:
    if column.datatype is None:
        # One NaN for all: the cells take no bytes in the body either.
        return np.broadcast_to(np.float64("nan"), n_rows)
    nulls = _read_nulls(next(buffers), n_rows, null_count)
    if column.dictionary is not None:
        return _read_indexed(next(buffers), n_rows, column, nulls, dictionaries)
    if column.offset_bytes:
        return _with_nulls(_read_texts(next(buffers), next(buffers), n_rows, column.offset_bytes), nulls)
    if column.datatype is Datatype.BOOL:
        return _with_nulls(_read_bits(next(buffers), n_rows), nulls)
    return _with_nulls(_read_numbers(next(buffers), n_rows, column.datatype.numpy), nulls)


def _read_nulls(bitmap: memoryview, n_rows: int, null_count: int) -> Array | None:
    if not len(bitmap) and not null_count:
        return None
    nulls = ~_read_bits(bitmap, n_rows)
    if np.count_nonzero(nulls) != null_count:
        raise _bad(f"{np.count_nonzero(nulls)} nulls, where {null_count} are announced")
    return nulls if null_count else None


def _with_nulls(cells: Array, nulls: Array | None) -> Array:
    if nulls is None:
        return cells
    if cells.dtype.kind in "iu":
        cells = cells.astype(np.float64)
    elif cells.dtype.kind == "b":
        cells = cells.astype(np.float16)
    else:
        cells = cells.copy()
    cells[nulls] = None if cells.dtype.kind == "O" else np.nan
    return cells


def _read_bits(buffer: memoryview, n_rows: int) -> Array:
    needed = (n_rows + 7) // 8
    if len(buffer) < needed:
        raise _bad(f"{len(buffer)} bytes for {n_rows} rows")
    bits = np.frombuffer(buffer, np.uint8, needed)
    return np.unpackbits(bits, count=n_rows, bitorder="little").view(np.bool_)


def _read_numbers(buffer: memoryview, n_rows: int, dtype: np.dtype[Any]) -> Array:
    if len(buffer) < n_rows * dtype.itemsize:
        raise _bad(f"{len(buffer)} bytes for {n_rows} rows")
    return np.frombuffer(buffer, dtype, n_rows)


def _read_texts(offsets: memoryview, data: memoryview, n_rows: int, offset_bytes: int) -> Array:
    if not n_rows:
        return np.empty(0, np.object_)
    ends = _read_numbers(offsets, n_rows + 1, np.dtype(f"<i{offset_bytes}"))
    if ends[0] < 0 or ends[-1] > len(data) or (ends[1:] < ends[:-1]).any():
        raise _bad("offsets that go back, or beyond the texts")
    # Each text by itself: a character mustn't reach into the next one.
    texts = np.empty(n_rows, np.object_)
    places = ends.tolist()
    try:
        texts[:] = [str(data[start:end], "utf-8") for start, end in pairwise(places)]
    except UnicodeDecodeError:
        raise _bad("a text that isn't UTF-8") from None
    return texts


def _read_indexed(
    buffer: memoryview, n_rows: int, column: ColumnType, nulls: Array | None, dictionaries: Mapping[int, Array]
) -> Array:
    texts = dictionaries.get(column.dictionary or 0)
    if texts is None:
        raise _bad("no dictionary of its id")
    indices = _read_numbers(buffer, n_rows, column.indices.numpy)
    used = indices if nulls is None else np.where(nulls, 0, indices)
    if nulls is not None and not len(texts):
        return np.full(n_rows, None, np.object_) if nulls.all() else _outside()
    if n_rows and (used.min() < 0 or used.max() >= len(texts)):
        return _outside()
    return _with_nulls(texts[used.astype(np.intp)], nulls)


def _outside() -> Array:
    raise _bad("an index outside its dictionary")


def _bad(found: str) -> MalformedRequest:
    return MalformedRequest(f"a record batch with {found}", rule="G116")
