"""Bodies that aren't JSON, as honest clients write them: npy, Arrow, images, multipart."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

__all__ = ["Sent", "arrow", "arrow_tables", "images", "multipart", "npy", "write_arrow", "write_image", "write_npy"]

Headers = list[tuple[str, str]]
Sent = tuple[bytes, Headers]

_DTYPES = ("?", "i1", "<i2", ">i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8")

_ARROW_STREAM, _ARROW_FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"


def write_npy(array: np.ndarray[Any, Any]) -> bytes:
    """Write an array as np.save does."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def write_arrow(table: pa.Table, *, as_file: bool = False, compression: str | None = None) -> bytes:
    """Write a table as a stream or a file."""
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_file if as_file else pa.ipc.new_stream
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def write_image(image: Image.Image, name: str, **options: Any) -> bytes:
    """Encode an image in the format of that name."""
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


@st.composite
def npy(draw: st.DrawFn) -> Sent:
    """One array [N, ...] or [d] of plain numbers."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6))
    array = draw(hnp.arrays(np.dtype(draw(st.sampled_from(_DTYPES))), shape))
    ordered = np.asfortranarray(array) if draw(st.booleans()) else array
    return write_npy(ordered), [
        ("content-type", draw(st.sampled_from(["application/x-npy", "application/octet-stream"])))
    ]


def _cells(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_integer(kind):
        bits = kind.bit_width
        signed = pa.types.is_signed_integer(kind)
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)
    if pa.types.is_floating(kind):
        return st.floats(width=kind.bit_width)
    return st.none() if pa.types.is_null(kind) else st.text(max_size=6)


_KINDS = (pa.bool_(), pa.int8(), pa.int64(), pa.uint16(), pa.float16(), pa.float32(), pa.float64(), pa.null())
_TEXTS = (pa.string(), pa.large_string())


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    """A table of one to four columns, of any types that are read, with nulls."""
    n_rows = draw(st.integers(1, 9))
    columns: dict[str, pa.Array] = {}
    for index in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(_KINDS + _TEXTS))
        cells = st.none() | _cells(kind) if draw(st.booleans()) else _cells(kind)
        column = pa.array(draw(st.lists(cells, min_size=n_rows, max_size=n_rows)), kind)
        is_indexed = kind in _TEXTS and draw(st.booleans())
        columns[f"feature {index}"] = column.dictionary_encode() if is_indexed else column
    return pa.table(columns)


@st.composite
def arrow(draw: st.DrawFn) -> Sent:
    """A table as a stream or a file, in one or more batches."""
    as_file = draw(st.booleans())
    body = write_arrow(draw(arrow_tables()), as_file=as_file)
    return body, [("content-type", _ARROW_FILE if as_file else _ARROW_STREAM)]


_FORMATS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("PNG", "image/png", ("1", "L", "LA", "P", "RGB", "RGBA")),
    ("JPEG", "image/jpeg", ("L", "RGB")),
    ("WEBP", "image/webp", ("RGB", "RGBA")),
    ("BMP", "image/bmp", ("L", "RGB")),
)


@st.composite
def images(draw: st.DrawFn) -> Sent:
    """A small image in one of the formats and modes that are read."""
    name, media_type, modes = draw(st.sampled_from(_FORMATS))
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    pixels = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (height, width, 3), np.uint8)
    return write_image(Image.fromarray(pixels).convert(draw(st.sampled_from(modes))), name), [
        ("content-type", media_type)
    ]


_NAMES = st.from_regex(r"[a-z][a-z_ 0-9]{0,11}", fullmatch=True)
_FIELDS = st.one_of(
    st.integers(-(2**53), 2**53).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"[a-zA-Zäöü ]{0,12}", fullmatch=True),
)


@st.composite
def multipart(draw: st.DrawFn) -> Sent:
    """A form of fields alone, or of a file with some fields beside it."""
    boundary = draw(st.from_regex(r"[0-9A-Za-z-]{8,40}", fullmatch=True))
    fields = draw(st.dictionaries(_NAMES, _FIELDS, min_size=1, max_size=4))
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode() for name, text in fields.items()]
    if draw(st.booleans()):
        content, headers = draw(images() | npy() | arrow())
        head = f'Content-Disposition: form-data; name="File"; filename="f"\r\nContent-Type: {headers[0][1]}\r\n\r\n'
        parts.insert(draw(st.integers(0, len(parts))), head.encode() + content)
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"
    return body, [("content-type", f"multipart/form-data; boundary={boundary}")]
