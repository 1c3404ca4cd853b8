from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.decode import DecodeLimits
from guard.decode.arrow.batches import decode_arrow
from guard.errors import MalformedRequest, NotScorable, RequestError
from guard.inference import Layout, WireFormat
from tests.strategies.binary import arrow_tables, write_arrow

LIMITS = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)

FORMS = pytest.mark.parametrize("as_file", [False, True], ids=["stream", "file"])


@contextmanager
def refused(rule: str) -> Iterator[None]:
    with pytest.raises((MalformedRequest, NotScorable)) as caught:
        yield
    assert caught.value.rule == rule


def read(body: bytes) -> dict[str, list[Any]]:
    return {tensor.name: tensor.data.ravel().tolist() for tensor in decode_arrow(body, limits=LIMITS).data}


def same(found: list[Any], expected: list[Any]) -> bool:
    """Whether cells are equal, a null being NaN among numbers."""

    def key(cell: Any) -> Any:
        return None if cell is None or (isinstance(cell, float) and math.isnan(cell)) else cell

    return list(map(key, found)) == list(map(key, expected))


def rounded(column: Any) -> list[Any]:
    """A column's values; integers with nulls as float64, as pandas has them too."""
    if pa.types.is_integer(column.type) and column.null_count:
        return [None if cell is None else float(cell) for cell in column.to_pylist()]
    return list(column.to_pylist())


@given(table=arrow_tables(), as_file=st.booleans())
def test_what_pyarrow_writes_is_read_as_it_was(table: Any, as_file: bool) -> None:
    request = decode_arrow(write_arrow(table, as_file=as_file), limits=LIMITS)

    assert (request.wire_format, request.layout, request.n_instances) == (WireFormat.ARROW, Layout.TENSORS, len(table))
    assert [tensor.name for tensor in request.data] == table.column_names
    for tensor in request.data:
        assert tensor.shape == tensor.data.shape == (len(table), 1)
        assert tensor.data.dtype == tensor.datatype.numpy
        assert same(tensor.data.ravel().tolist(), rounded(table[tensor.name]))


@FORMS
def test_batches_are_joined(as_file: bool) -> None:
    table = pa.concat_tables([pa.table({"a": [1, 2], "b": ["x", None]}), pa.table({"a": [3], "b": ["z"]})])

    assert read(write_arrow(table, as_file=as_file)) == {"a": [1, 2, 3], "b": ["x", None, "z"]}


def test_slice_is_read_from_where_it_begins() -> None:
    table = pa.table({"a": ["p", "qq", "rrr", "s"], "b": [True, False, True, True]}).slice(1, 2)

    assert read(write_arrow(table)) == {"a": ["qq", "rrr"], "b": [False, True]}


def test_stream_without_its_end_mark_is_whole() -> None:
    assert read(write_arrow(pa.table({"a": [1]}))[:-8]) == {"a": [1]}


@FORMS
@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_buffers_are_refused(codec: str, as_file: bool) -> None:
    table = pa.table({"a": np.zeros(16)})

    with refused("G116"):
        decode_arrow(write_arrow(table, as_file=as_file, compression=codec), limits=LIMITS)


class Secret(pa.ExtensionType):  # type: ignore[misc]
    """A type whose metadata the host would open."""

    def __init__(self) -> None:
        super().__init__(pa.int64(), "tests.secret")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"\x80\x04."


COLUMNS = {
    "list": pa.array([[1]]),
    "struct": pa.array([{"x": 1}]),
    "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())),
    "fixed-size list": pa.array([[1, 2]], pa.list_(pa.int8(), 2)),
    "binary": pa.array([b"x"]),
    "timestamp": pa.array([0], pa.timestamp("s")),
    "date": pa.array([0], pa.date32()),
    "decimal": pa.array([1], pa.decimal128(5)),
    "string view": pa.array(["x"], pa.string_view()),
    "dictionary of numbers": pa.array([1]).dictionary_encode(),
    "run ends": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([1])),
    "extension": pa.ExtensionArray.from_storage(Secret(), pa.array([1], pa.int64())),
    "uuid": pa.array([bytes(16)], pa.uuid()),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=list(COLUMNS))
def test_other_types_are_refused(column: Any) -> None:
    with refused("G116"):
        decode_arrow(write_arrow(pa.table({"a": column})), limits=LIMITS)


@FORMS
def test_two_columns_of_one_name_are_refused(as_file: bool) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])

    with refused("G119"):
        decode_arrow(write_arrow(table, as_file=as_file), limits=LIMITS)


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (pa.table({"a": list(range(17))}), "G111"),
        (pa.concat_tables([pa.table({"a": [1] * 9})] * 2), "G111"),
        (pa.table({"a": pa.nulls(1_000_000)}), "G111"),
        (pa.table({"a": pa.array([], pa.int8())}), "G208"),
        (pa.table({f"c{index}": [1] for index in range(2_049)}), "G116"),
        (pa.table({"": [1]}), "G116"),
        (pa.table({"a": [1]}).select([]), "G116"),
    ],
)
def test_counts_are_checked(table: Any, rule: str) -> None:
    with refused(rule):
        decode_arrow(write_arrow(table), limits=LIMITS)


@FORMS
def test_trailing_bytes_are_refused(as_file: bool) -> None:
    with refused("G116" if as_file else "G110"):
        decode_arrow(write_arrow(pa.table({"a": [1]}), as_file=as_file) + bytes(8), limits=LIMITS)


def test_second_stream_behind_the_first_is_refused() -> None:
    with refused("G110"):
        decode_arrow(2 * write_arrow(pa.table({"a": [1]})), limits=LIMITS)


def test_dictionary_that_changes_is_refused() -> None:
    tables = [pa.table({"a": pa.array(texts).dictionary_encode()}) for texts in (["x"], ["y"])]

    with refused("G116"):
        decode_arrow(write_arrow(pa.concat_tables(tables)), limits=LIMITS)


def test_long_text_in_every_row_is_refused_where_it_stands_once_in_the_body() -> None:
    text = "x" * 100_000
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 16, pa.int8()), pa.array([text]))

    with refused("G116"):
        decode_arrow(write_arrow(pa.table({"a": column})), limits=LIMITS)


def patched(body: bytes, old: bytes, new: bytes) -> bytes:
    assert body.count(old) == 1
    return body.replace(old, new)


def test_columns_that_share_their_bytes_are_refused() -> None:
    body = write_arrow(pa.table({"a": [1.0] * 8, "b": [2.0] * 8}))
    # The second column's buffer, at 64, is moved onto the first.
    second = struct.pack("<4q", 64, 0, 64, 64)

    assert read(patched(body, second, struct.pack("<4q", 64, 0, 0, 64)))["b"] == [1.0] * 8
    with refused("G116"):
        decode_arrow(patched(body, second, struct.pack("<4q", 64, 0, 0, 128)), limits=LIMITS)


@pytest.mark.parametrize("span", [(-8, 64), (120, 64), (2**62, 2**62), (64, 2**63 - 1), (64, 56)])
def test_buffer_outside_the_body_is_refused(span: tuple[int, int]) -> None:
    body = write_arrow(pa.table({"a": [1.0] * 8, "b": [2.0] * 8}))

    with refused("G116"):
        decode_arrow(patched(body, struct.pack("<4q", 64, 0, 64, 64), struct.pack("<4q", 64, 0, *span)), limits=LIMITS)


def test_file_whose_footer_names_another_batch_is_refused() -> None:
    table = pa.concat_tables([pa.table({"a": [1]}), pa.table({"a": [2]})])
    body = write_arrow(table, as_file=True)
    stream = write_arrow(table)
    start = body.rindex(struct.pack("<q", 8 + stream.index(b"\xff\xff\xff\xff", 8)))
    twice = bytearray(body)
    twice[start + 24 : start + 48] = body[start : start + 24]

    with refused("G119"):
        decode_arrow(bytes(twice), limits=LIMITS)


def test_null_count_that_lies_is_refused() -> None:
    body = write_arrow(pa.table({"a": [1.0, None, 3.0]}))

    with refused("G116"):
        decode_arrow(patched(body, struct.pack("<2q", 3, 1), struct.pack("<2q", 3, 0)), limits=LIMITS)


def test_schema_whose_references_multiply_is_refused() -> None:
    # Each entry of the metadata refers to the one long text.
    metadata = {"x": "y" * 4000} | {str(index): f"v{index}" for index in range(50)}
    table = pa.table({"a": [1]}).replace_schema_metadata(metadata)
    body = bytearray(write_arrow(table))
    assert decode_arrow(bytes(body), limits=LIMITS).n_instances == 1
    long_text = body.index(struct.pack("<I", 4000) + b"yyyy")
    for index in range(50):
        place = body.index(f"v{index}\0".encode()) - 4
        reference = next(at for at in range(0, len(body) - 4, 4) if at + struct.unpack_from("<I", body, at)[0] == place)
        struct.pack_into("<I", body, reference, long_text - reference)

    with refused("G116"):
        decode_arrow(bytes(body), limits=LIMITS)


BASES = [
    write_arrow(table, as_file=as_file)
    for as_file in (False, True)
    for table in (
        pa.table({"a": [1.0, None], "b": ["x", "yé"], "c": [True, None]}),
        pa.table(
            {"a": pa.array(["x", "y", "x"]).dictionary_encode(), "b": pa.nulls(3), "c": pa.array([1, 2, 3], pa.int8())}
        ),
    )
]


def as_pyarrow_reads(body: bytes) -> dict[str, list[Any]] | None:
    try:
        reader = pa.ipc.open_file(body) if body.startswith(b"ARROW1") else pa.ipc.open_stream(body)
        table = reader.read_all()
        table.validate(full=True)
        return {name: rounded(table[name]) for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, NotImplementedError):
        return None


@settings(max_examples=400)
@given(
    base=st.sampled_from(BASES),
    edits=st.lists(
        st.tuples(st.integers(8, 2000), st.sampled_from([0, 1, 2, 4, 8, 127, 128, 255]) | st.integers(0, 255)),
        max_size=3,
    ),
)
def test_damaged_arrow_is_refused_or_read_as_pyarrow_reads_it(base: bytes, edits: list[tuple[int, int]]) -> None:
    body = bytearray(base)
    for at, value in edits:
        body[at % len(body)] = value
    try:
        found = read(bytes(body))
    except RequestError:
        return
    expected = as_pyarrow_reads(bytes(body))
    if expected is not None:
        assert found.keys() == expected.keys()
        assert all(same(found[name], expected[name]) for name in found)


@given(at=st.integers(0, 2000), base=st.sampled_from(BASES))
def test_cut_off_arrow_raises_request_errors_alone(at: int, base: bytes) -> None:
    try:
        decode_arrow(base[: at % len(base)], limits=LIMITS)
    except RequestError:
        return
