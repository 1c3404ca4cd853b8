"""The canonical re-encoding: equal in value, and the headers right."""

from __future__ import annotations

import io
import json
import math
import tracemalloc
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.decode.canonical import Canonical, canonicalise
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest
from guard.inference import WireFormat

LIMITS = DecodeLimits(max_depth=1000, max_containers=100_000, max_instances=10)

LENGTH = b"inference-header-content-length"

JSON_FORMATS = [
    WireFormat.V2, WireFormat.V1, WireFormat.MLFLOW, WireFormat.NAMED, WireFormat.RECORDS, WireFormat.ROWS,
    WireFormat.POINTERS, WireFormat.OPENAI,
]  # fmt: skip
OTHERS = [WireFormat.CSV, WireFormat.ARROW, WireFormat.IMAGE, WireFormat.MULTIPART, WireFormat.CUSTOM]


def rewrite(
    body: bytes, wire_format: WireFormat = WireFormat.ROWS, *, undone: bool = False, **headers: bytes
) -> Canonical | None:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return canonicalise(body, wire_format=wire_format, headers=named, limits=LIMITS, undone=undone)


def rewritten(body: bytes, wire_format: WireFormat = WireFormat.ROWS, **more: Any) -> Canonical:
    found = rewrite(body, wire_format, **more)
    assert found is not None
    return found


def test_every_format_is_either_rewritten_or_known_to_stay() -> None:
    assert {*JSON_FORMATS, *OTHERS, WireFormat.V2_BINARY, WireFormat.NPY} == set(WireFormat)


@pytest.mark.parametrize("wire_format", JSON_FORMATS)
def test_json_is_written_anew(wire_format: WireFormat) -> None:
    found = rewritten(b' {"b" : 1.50, "a":[1e2,\n true, null, "\\u0061/\\/"]} ', wire_format)

    assert found.body == b'{"b":1.5,"a":[100.0,true,null,"a//"]}'


@pytest.mark.parametrize("wire_format", OTHERS)
def test_other_formats_stay_as_they_came(wire_format: WireFormat) -> None:
    assert rewrite(b"\x89PNG", wire_format, content_type=b"image/png") is None


@pytest.mark.parametrize("wire_format", OTHERS)
def test_other_formats_are_forwarded_decoded(wire_format: WireFormat) -> None:
    found = rewritten(b"\x89PNG", wire_format, undone=True, content_encoding=b"gzip", content_type=b"image/png")

    assert found.body == b"\x89PNG"
    assert (found.headers[b"content-length"], found.headers[b"content-encoding"]) == (b"4", None)
    assert b"content-type" not in found.headers


JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False).map(abs),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
).filter(lambda value: not any(map(math.isinf, _floats(value))))


def _floats(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [number for part in parts for number in _floats(part)]


@given(JSON)
def test_json_keeps_its_value_and_the_order_of_its_names(value: Any) -> None:
    found = rewritten(json.dumps(value, indent=1).encode())

    for read in (orjson.loads, json.loads):
        assert repr(read(found.body)) == repr(value)
    assert rewritten(found.body).body == found.body


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b"[NaN, Infinity, -Infinity, 1.0]", b"[NaN,Infinity,-Infinity,1.0]"),
        (b'["\\u00e4", NaN]', '["ä",NaN]'.encode()),
        (b"[9007199254740993]", b"[9007199254740993]"),
        (b"[18446744073709551615]", b"[18446744073709551615]"),
        # Beyond 64 bits guard reads a double, tells it by G106, and forwards that very number.
        (b"[18446744073709551616]", b"[1.8446744073709552e+19]"),
        (b"[18446744073709551616, NaN]", b"[1.8446744073709552e+19,NaN]"),
        (b"[-0.0, 1E5, 0.1000]", b"[-0.0,100000.0,0.1]"),
        (b'"\\ud83d\\ude00\\u0000"', '"😀\\u0000"'.encode()),
    ],
)
def test_numbers_and_texts_are_those_that_guard_read(body: bytes, written: bytes) -> None:
    assert rewritten(body, WireFormat.V1).body == written


def test_nesting_beyond_orjson_s_writer_is_written_all_the_same() -> None:
    body = b"[" * 600 + b"]" * 600

    assert rewritten(body).body == body


def test_nesting_beyond_any_writer_is_the_client_s_fault() -> None:
    limits = DecodeLimits(max_depth=100_000, max_containers=100_000, max_instances=1)
    body = b"[" * 1020 + b"]" * 1020

    with pytest.raises(MalformedRequest) as caught:
        canonicalise(body, wire_format=WireFormat.ROWS, headers={}, limits=limits)

    assert caught.value.rule == "G102"


def test_framing_headers_say_what_is_forwarded() -> None:
    found = rewritten(b"[1, 2]", transfer_encoding=b"chunked", content_type=b"application/json")

    assert found.headers[b"content-length"] == b"5"
    dropped = {name for name, value in found.headers.items() if value is None}
    assert dropped == {
        b"content-encoding", b"transfer-encoding", b"content-digest", b"repr-digest", b"digest", b"content-md5", LENGTH,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given_type", "forwarded"),
    [
        (None, b"application/json"),
        (b"text/plain", b"application/json"),
        (b"application/octet-stream", b"application/json"),
        (b"text/csv", b"application/json"),
        (b"application/json,text/plain", b"application/json"),
        (b"application/json; charset=utf-16", b"application/json"),
        (b"application/json", None),
        (b"Application/JSON; charset=UTF-8", None),
        (b"application/vnd.kserve+json", None),
        (b"text/json", None),
    ],
)
def test_json_says_that_it_is_json(given_type: bytes | None, forwarded: bytes | None) -> None:
    found = rewritten(b"[1]") if given_type is None else rewritten(b"[1]", content_type=given_type)

    assert found.headers.get(b"content-type") == forwarded


def test_length_of_the_json_in_the_content_type_is_set_where_no_tensor_follows() -> None:
    media_type = b"application/vnd.sagemaker-triton.binary+json;json-header-size="

    found = rewritten(b"[1, 2]", WireFormat.V2, content_type=media_type + b"6", inference_header_content_length=b"6")

    assert found.headers[b"content-type"] == media_type + b"5"
    assert found.headers[LENGTH] is None


TENSOR = np.array([1.5, -2.0], "<f4").tobytes()
HEAD = b'{ "inputs": [ {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}} ] }'
WRITTEN_HEAD = b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}'


def test_binary_tensors_keep_their_bytes_behind_a_new_head() -> None:
    found = rewritten(
        HEAD + TENSOR,
        WireFormat.V2_BINARY,
        inference_header_content_length=b"%d" % len(HEAD),
        content_type=b"application/octet-stream",
    )

    assert found.body == WRITTEN_HEAD + TENSOR
    assert found.headers[LENGTH] == b"%d" % len(WRITTEN_HEAD)
    assert found.headers[b"content-length"] == b"%d" % len(found.body)
    assert b"content-type" not in found.headers


@pytest.mark.parametrize("vendor", ["sagemaker-triton", "vertex-ai-triton"])
@pytest.mark.parametrize("spelling", ["{type};json-header-size={n}", '{type}; Charset=utf-8; JSON-header-size="{n}"'])
def test_binary_tensors_length_in_the_content_type_is_written_anew(vendor: str, spelling: str) -> None:
    media_type = f"application/vnd.{vendor}.binary+json"
    content_type = spelling.format(type=media_type, n=len(HEAD)).encode()

    found = rewritten(HEAD + TENSOR, WireFormat.V2_BINARY, content_type=content_type)

    assert found.body == WRITTEN_HEAD + TENSOR
    assert found.headers[b"content-type"] == f"{media_type};json-header-size={len(WRITTEN_HEAD)}".encode()
    assert LENGTH not in found.headers


def test_raw_binary_request_stays_as_it_came() -> None:
    assert rewrite(TENSOR, WireFormat.V2_BINARY, inference_header_content_length=b"0") is None
    found = rewritten(TENSOR, WireFormat.V2_BINARY, undone=True, inference_header_content_length=b"0")
    assert (found.body, LENGTH in found.headers) == (TENSOR, False)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "u1", "?", "<i8"])
def test_npy_keeps_its_array_behind_a_new_header(version: tuple[int, int], order: Any, dtype: str) -> None:
    array = np.array(np.arange(12).reshape(3, 4), dtype, order=order)
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    shape_spaced = file.getvalue().replace(b"(3, 4)", b"(3,4 )")

    found = rewritten(shape_spaced, WireFormat.NPY)

    again = np.load(io.BytesIO(found.body), allow_pickle=False)
    assert (again.dtype, again.flags.f_contiguous) == (array.dtype, array.flags.f_contiguous)
    np.testing.assert_array_equal(again, array)
    assert b"(3, 4)" in found.body[:128]
    assert found.headers[b"content-length"] == b"%d" % len(found.body)


def test_long_list_of_numbers_holds_no_more_than_its_text() -> None:
    body = b"[" + b"1," * 100_000 + b"1]"
    tracemalloc.start()
    try:
        found = rewritten(body)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found.body == body
    assert held_bytes < 2 * len(body)
