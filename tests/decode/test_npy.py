from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.decode import DecodeLimits
from guard.decode.npy import decode_npy
from guard.errors import MalformedRequest, NotScorable, RequestError, UnsupportedMediaType
from guard.inference import Datatype, Layout, WireFormat
from tests.strategies.binary import Sent, npy, write_npy

LIMITS = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)


def write(literal: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(literal))
    return b"\x93NUMPY" + version + length + literal.encode("latin-1") + data


def header(descr: str = "'<f4'", order: str = "False", shape: str = "(1, 2)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


@given(sent=npy())
def test_what_numpy_saves_is_read_as_numpy_loads_it(sent: Sent) -> None:
    body, _ = sent
    expected = np.load(io.BytesIO(body))

    request = decode_npy(body, limits=LIMITS)

    (tensor,) = request.data
    assert (request.wire_format, request.layout) == (WireFormat.NPY, Layout.TENSORS)
    assert request.n_instances == (1 if expected.ndim == 1 else len(expected))
    assert tensor.shape == tensor.data.shape == expected.shape
    assert tensor.data.dtype == tensor.datatype.numpy == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(tensor.data, expected)


@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0"])
def test_each_version_is_read(version: bytes) -> None:
    (tensor,) = decode_npy(write(header(), struct.pack("<2f", 1, 2), version), limits=LIMITS).data

    assert tensor.data.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    "literal",
    [
        "{'descr':'<f4','fortran_order':False,'shape':(1,2)}",
        "{'shape': (1, 2), 'descr': '<f4', 'fortran_order': True}      \n",
        "{'fortran_order': False, 'shape': (1, 2,), 'descr': '<f4', }",
    ],
)
def test_header_of_other_writers_is_read(literal: str) -> None:
    assert decode_npy(write(literal, bytes(8)), limits=LIMITS).data[0].shape == (1, 2)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (write(header(), bytes(9)), "G110"),
        (write(header(), bytes(7)), "G116"),
        (write(header(shape="(1000000000000,)"), bytes(8)), "G116"),
        (write(header(shape="(9223372036854775807, 9223372036854775807)"), bytes(8)), "G111"),
        (write(header(shape="(1, 4294967296, 4294967296)"), bytes(8)), "G116"),
        (write(header(shape="(17, 1)"), bytes(68)), "G111"),
        (write(header(shape="(-1, 2)"), bytes(8)), "G116"),
        (write(header(shape="(True, 2)"), bytes(8)), "G116"),
        (write(header(shape="(2)"), bytes(8)), "G116"),
        (write(header(shape="(02,)"), bytes(8)), "G116"),
        (write(header(shape="(2L,)"), bytes(8)), "G116"),
        (write(header(shape="()"), bytes(4)), "G116"),
        (write(header(shape="(" + "1, " * 33 + ")"), bytes(4)), "G116"),
        (write(header(shape="[1, 2]"), bytes(8)), "G116"),
        (write(header(descr="'<c8'"), bytes(16)), "G116"),
        (write(header(descr="'<U1'"), bytes(8)), "G116"),
        (write(header(descr="'|S4'"), bytes(8)), "G116"),
        (write(header(descr="'<M8[ns]'"), bytes(16)), "G116"),
        (write(header(descr="'|V4'"), bytes(8)), "G116"),
        (write(header(descr="'<f16'"), bytes(32)), "G116"),
        (write(header(descr="[('a', '<f4')]"), bytes(8)), "G116"),
        (write(header(descr="'\\x3cf4'"), bytes(8)), "G116"),
        (write(header(order="None"), bytes(8)), "G116"),
        (write(header(order="0"), bytes(8)), "G116"),
        (write("{'descr': '<f4', 'shape': (1, 2)}", bytes(8)), "G116"),
        (write("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}", bytes(8)), "G116"),
        (write("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), 'x': 1}", bytes(8)), "G116"),
        (write("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}; 1", bytes(8)), "G116"),
        (write("(" * 900, bytes(8)), "G116"),
        (write("-" * 900 + "1", bytes(8)), "G116"),
        (write(header() + " " * 10_000, bytes(8)), "G116"),
        (write(header(), bytes(8), b"\4\0"), "G116"),
        (write(header())[:30], "G116"),
        (b"\x93NUMPY", "G116"),
        (write(header(descr="'|b1'"), b"\1\2"), "G116"),
    ],
)
def test_lying_or_odd_npy_is_refused(body: bytes, rule: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode_npy(body, limits=LIMITS)

    assert caught.value.rule == rule


@pytest.mark.parametrize("shape", ["(0, 2)", "(0,)", "(3, 0)"])
def test_array_without_values_cannot_be_scored(shape: str) -> None:
    with pytest.raises(NotScorable) as caught:
        decode_npy(write(header(shape=shape)), limits=LIMITS)

    assert caught.value.rule == "G208"


@pytest.mark.parametrize("array", [np.array([{}]), np.array([(1, {})], dtype=[("a", "f4"), ("b", "O")])])
def test_objects_are_a_pickle_inside(array: Any) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        decode_npy(write_npy(array), limits=LIMITS)

    assert caught.value.rule == "G121"
    assert "a pickle inside" in caught.value.detail


def test_big_endian_is_converted_and_order_honoured() -> None:
    array = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))

    (tensor,) = decode_npy(write_npy(array), limits=LIMITS).data

    assert tensor.datatype is Datatype.INT32
    assert tensor.data.tolist() == [[0, 1, 2], [3, 4, 5]]


@given(sent=npy(), at=st.integers(0, 200), value=st.integers(0, 255))
def test_damaged_npy_raises_request_errors_alone(sent: Sent, at: int, value: int) -> None:
    body = bytearray(sent[0])
    body[6 + at % (len(body) - 6)] = value
    try:
        (tensor,) = decode_npy(bytes(body), limits=LIMITS).data
    except RequestError:
        return
    np.testing.assert_array_equal(tensor.data, np.load(io.BytesIO(body)))
