"""Arrow IPC as a body: a stream or a file of record batches, one tensor [N, 1] per column.

Threat model. guard reads the messages itself, rather than hand them to a library in C++: flatbuffers whose references
multiply, compressed buffers (a bomb in each), extension types and files whose index at the end names other batches than
stand before it are refused before anything is allocated, and rows and columns counted. Out of scope: compression,
nested types, and dictionaries that change between batches, which are all refused, whoever means well by them.

https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.decode.arrow.columns import Array, Batch, read_batch, read_columns, read_dictionary
from guard.decode.arrow.flatbuffer import Table, read_root
from guard.decode.arrow.schema import ColumnType, read_schema
from guard.decode.json.batch import check_count
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest
from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat

__all__ = ["decode_arrow", "looks_like_arrow"]

_FILE_MAGIC = b"ARROW1"
_FILE_START = b"ARROW1\0\0"
_CONTINUATION = b"\xff\xff\xff\xff"
_END = _CONTINUATION + bytes(4)

# Numbers of the union `MessageHeader`, and of the versions that have the layout read here.
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
_VERSIONS = frozenset({3, 4})

# A piece costs some microseconds, however small: a column of one batch.
_MOST_PIECES = 4_096

# A dictionary's text may stand in every row; unfolded, texts are as long as that many times the body at most.
_MOST_UNFOLDED = 4
_FREE_BYTES = 65_536

_BY_DTYPE = {datatype.numpy: datatype for datatype in Datatype if datatype is not Datatype.BF16}


class _Message(NamedTuple):
    kind: int
    header: Table
    body: memoryview
    block: tuple[int, int, int]
    """where it begins, and the lengths of metadata and body, as a file's footer lists them"""


def looks_like_arrow(body: bytes) -> bool:
    """Whether the body begins as an Arrow file or stream does."""
    return body.startswith((_FILE_START, _CONTINUATION))


def decode_arrow(body: bytes, *, limits: DecodeLimits) -> InferenceRequest:
    """Decode record batches.

    Raises MalformedRequest with rule G110, G111, G116 or G119, NotScorable with rule G208.
    """
    if body.startswith(_FILE_START):
        end = _footer_start(body)
        messages = _walk(body, len(_FILE_START), end)
        _check_footer(read_root(body[end:-10]), messages)
    else:
        messages = _walk(body, 0, len(body))
    columns = _columns_of(messages)
    dictionaries, batches = _read_batches(messages, columns)
    n_instances = sum(batch.n_rows for batch in batches)
    check_count(n_instances, where=None, limits=limits)
    texts = _read_dictionaries(dictionaries, columns)
    parts = [read_columns(batch, columns, texts) for batch in batches if batch.n_rows]
    if sum(max(map(len, entries), default=0) for entries in texts.values()) * n_instances > _most_unfolded(body):
        _check_unfolded(parts, columns, most=_most_unfolded(body))
    tensors = tuple(_join(column, [part[index] for part in parts]) for index, column in enumerate(columns))
    return InferenceRequest(WireFormat.ARROW, Layout.TENSORS, tensors, n_instances=n_instances)


def _footer_start(body: bytes) -> int:
    length = int.from_bytes(body[-10:-6], "little")
    start = len(body) - 10 - length
    if not body.endswith(_FILE_MAGIC) or start < len(_FILE_START):
        raise MalformedRequest("no footer at its end", rule="G116", where="the Arrow file")
    return start


def _walk(body: bytes, at: int, end: int) -> list[_Message]:
    """Take the messages apart, and refuse bytes after the last."""
    messages: list[_Message] = []
    while at < end:
        if body[at : at + 8] == _END:
            at += len(_END)
            break
        if len(messages) >= _MOST_PIECES:
            raise _bad_message(at, f"more than {_MOST_PIECES} messages")
        message = _read_message(body, at, end)
        messages.append(message)
        at += message.block[1] + message.block[2]
    if at < end:
        raise MalformedRequest(f"{end - at} bytes after the end of the Arrow stream", rule="G110")
    return messages


def _read_message(body: bytes, at: int, end: int) -> _Message:
    length = int.from_bytes(body[at + 4 : at + 8], "little")
    start = at + 8
    if body[at : at + 4] != _CONTINUATION or length % 8 or start + length > end:
        raise _bad_message(at, "no message, or one that is cut off")
    root = read_root(body[start : start + length])
    kind, header, n_bytes = root.scalar(1, "B"), root.table(2), root.scalar(3, "q")
    if root.scalar(0, "h") not in _VERSIONS or header is None or root.vector(4, width=4)[1]:
        raise _bad_message(at, "of another version, without content, or with metadata of its own")
    if n_bytes < 0 or n_bytes % 8 or start + length + n_bytes > end:
        raise _bad_message(at, "a body that is cut off")
    content = memoryview(body)[start + length : start + length + n_bytes]
    return _Message(kind, header, content, (at, 8 + length, n_bytes))


def _bad_message(at: int, found: str) -> MalformedRequest:
    return MalformedRequest(found, rule="G116", where=f"the Arrow message at byte {at}")


def _check_footer(footer: Table, messages: list[_Message]) -> None:
    """Refuse a file whose index tells of other batches than the stream in it, which readers may choose from."""
    schema = footer.table(1)
    if schema is None or read_schema(schema) != _columns_of(messages):
        raise MalformedRequest("not the schema of the messages", rule="G119", where="the Arrow footer")
    for slot, kind in ((2, _DICTIONARY), (3, _RECORDS)):
        start, count = footer.vector(slot, width=24)
        words = np.frombuffer(footer.buffer, "<i8", 3 * count, start).reshape(-1, 3)
        # The middle one has 32 bits, and 32 of padding.
        listed = [(at, length & 0xFFFF_FFFF, n_bytes) for at, length, n_bytes in words.tolist()]
        if listed != [message.block for message in messages if message.kind == kind]:
            raise MalformedRequest("not the messages that stand in the file", rule="G119", where="the Arrow footer")


def _columns_of(messages: list[_Message]) -> list[ColumnType]:
    kinds = [message.kind for message in messages]
    n_dictionaries = kinds.count(_DICTIONARY)
    if kinds != [_SCHEMA] + [_DICTIONARY] * n_dictionaries + [_RECORDS] * (len(kinds) - n_dictionaries - 1):
        found = "messages out of order; expected a schema, dictionaries, record batches"
        raise MalformedRequest(found, rule="G116", where="the Arrow stream")
    return read_schema(messages[0].header)


def _read_batches(messages: list[_Message], columns: list[ColumnType]) -> tuple[list[tuple[int, Batch]], list[Batch]]:
    """Read where the cells lie, of dictionaries with their ids and of record batches, but no cell."""
    by_id = {column.dictionary: column for column in columns if column.dictionary is not None}
    n_batches = sum(message.kind == _RECORDS for message in messages)
    if n_batches * len(columns) > _MOST_PIECES:
        found = f"{len(columns)} columns in {n_batches} batches; fewer and longer batches are read"
        raise MalformedRequest(found, rule="G116", where="the Arrow stream")
    dictionaries = []
    for message in messages:
        if message.kind == _DICTIONARY:
            number = message.header.scalar(0, "q")
            if number not in by_id or message.header.scalar(2, "B"):
                raise MalformedRequest("a dictionary of no column, or a part of one", rule="G116", where="a dictionary")
            batch = read_batch(message.header.table(1), message.body, [ColumnType("", Datatype.BYTES, 4)])
            dictionaries.append((number, batch))
    batches = [read_batch(message.header, message.body, columns) for message in messages if message.kind == _RECORDS]
    return dictionaries, batches


def _read_dictionaries(dictionaries: list[tuple[int, Batch]], columns: list[ColumnType]) -> dict[int, Array]:
    by_id = {column.dictionary: column for column in columns}
    texts: dict[int, Array] = {}
    for number, batch in dictionaries:
        if number in texts:
            raise MalformedRequest("one id for two dictionaries", rule="G116", where="a dictionary")
        texts[number] = read_dictionary(batch, by_id[number])
    return texts


def _most_unfolded(body: bytes) -> int:
    return _MOST_UNFOLDED * max(len(body), _FREE_BYTES)


def _check_unfolded(parts: list[list[Array]], columns: list[ColumnType], *, most: int) -> None:
    """Refuse dictionaries whose texts, each as often as it stands, are many times the body."""
    unfolded = 0
    for index, column in enumerate(columns):
        if column.dictionary is not None:
            unfolded += sum(len(text) for part in parts for text in part[index].tolist() if text is not None)
        if unfolded > most:
            found = f"texts longer than {most} characters when taken from their dictionaries"
            raise MalformedRequest(found, rule="G116", where="the Arrow stream")


def _join(column: ColumnType, parts: list[npt.NDArray[Any]]) -> Tensor:
    cells = parts[0] if len(parts) == 1 else np.concatenate(parts)
    # [N, 1], never [N]: as many rows as there are features would be taken for one row.
    return Tensor(column.name, _BY_DTYPE[cells.dtype], (len(cells), 1), cells.reshape(-1, 1))
