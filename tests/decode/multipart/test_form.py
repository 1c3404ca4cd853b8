from __future__ import annotations

import io
import json
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from guard.contract import parse_contract
from guard.decode import DecodeLimits, decode
from guard.decode.source import Source
from guard.errors import MalformedRequest, RequestError, UnsupportedMediaType
from guard.inference import InferenceRequest, Layout, WireFormat
from tests.strategies.binary import Sent, multipart, write_arrow, write_image, write_npy

LIMITS = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)

PNG = write_image(Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)), "PNG")
NPY = write_npy(np.ones((2, 3), np.float32))
ARROW = write_arrow(pa.table({"a": [1.0]}))

FORM = "multipart/form-data; boundary=b"


def read(body: bytes, content_type: str = FORM) -> InferenceRequest:
    source = Source(headers={b"content-type": content_type.encode()})
    return decode(body, limits=LIMITS, allow_non_finite=False, source=source)


def part(name: str, content: bytes | str, *more: str, filename: str | None = None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    head = "\r\n".join([disposition, *more])
    return head.encode() + b"\r\n\r\n" + (content.encode() if isinstance(content, str) else content)


def form(*parts: bytes, boundary: bytes = b"b") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + p + b"\r\n" for p in parts) + b"--" + boundary + b"--\r\n"


def refused(body: bytes, content_type: str = FORM) -> str:
    with pytest.raises(RequestError) as caught:
        read(body, content_type)
    return caught.value.rule


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        *((text, text) for text in ("01", "+1", "1.", "NaN", "", "true", " 1", "1e999", "9" * 40, "ä", "a\r\nb")),
    ],
)
def test_fields_alone_are_a_record(text: str, value: object) -> None:
    request = read(form(part("a", text), part("b", "x")))

    assert (request.wire_format, request.layout, request.n_instances) == (WireFormat.MULTIPART, Layout.RECORDS, 1)
    assert request.data == [{"a": value, "b": "x"}]


def test_large_integer_is_told() -> None:
    (fault,) = read(form(part("a", str(2**53 + 1)))).faults

    assert (fault.rule, fault.where) == ("G106", "parts['a']")


@pytest.mark.parametrize(
    ("content", "layout", "n_instances"),
    [
        (PNG, Layout.IMAGES, 1),
        (NPY, Layout.TENSORS, 2),
        (ARROW, Layout.TENSORS, 1),
        (b'{"instances": [[1, 2], [3, 4]]}', Layout.ROWS, 2),
    ],
)
@pytest.mark.parametrize("more", [(), ("Content-Type: application/octet-stream",)])
def test_a_file_among_fields_is_the_request(
    content: bytes, layout: Layout, n_instances: int, more: tuple[str, ...]
) -> None:
    for body in (
        form(part("file", content, *more, filename="f")),
        form(part("threshold", "0.5"), part("file", content, *more), part("model", "m")),
    ):
        request = read(body)

        assert (request.wire_format, request.layout) == (WireFormat.MULTIPART, layout)
        assert (request.n_instances, request.faults) == (n_instances, ())


def test_csv_file_is_read_where_its_type_says_so() -> None:
    request = read(form(part("file", "a,b\n1,2\n", "Content-Type: text/csv", filename="f.csv")))

    assert (request.wire_format, request.n_instances) == (WireFormat.MULTIPART, 1)


def test_type_of_a_part_that_names_another_format_is_told() -> None:
    request = read(form(part("file", PNG, "Content-Type: application/json", filename="f")))

    assert [(fault.rule, fault.where) for fault in request.faults] == [("G120", "parts['file']")]


@given(sent=multipart())
def test_forms_of_any_kind_are_read(sent: Sent) -> None:
    body, headers = sent

    request = read(body, headers[0][1])

    assert request.wire_format is WireFormat.MULTIPART
    assert request.n_instances >= 1


@pytest.mark.parametrize("content", ["x--b", "x--b\r\n", "\r\n-b", "\r\n--a", "\r\n", "\n", "x--b--"])
def test_delimiter_counts_only_after_a_line_end(content: str) -> None:
    assert read(form(part("a", content), part("c", "1"))).data == [{"a": content, "c": 1}]


@pytest.mark.parametrize(
    "boundary", ["b", "----WebKitFormBoundary7MA4YWxkTrZu0gW", '"a b"', "a" * 70, '"x:=?/()\'+_,.-"']
)
def test_boundaries_of_legal_characters_are_read(boundary: str) -> None:
    body = form(part("a", "1"), boundary=boundary.strip('"').encode())

    assert read(body, f"multipart/form-data; boundary={boundary}").data == [{"a": 1}]


@pytest.mark.parametrize(
    "parameters",
    ["", "; boundary=", "; boundary=" + 71 * "b", '; boundary="b "', '; boundary="b@"', '; boundary="\u00e9"'],
)
def test_other_boundaries_are_refused(parameters: str) -> None:
    assert refused(form(part("a", "1")), "multipart/form-data" + parameters) == "G127"


def test_other_multipart_is_unread() -> None:
    assert refused(form(part("a", "1")), "multipart/mixed; boundary=b") == "G115"


A = part("a", "1")
OTHERS = {
    "preamble": b"x\r\n" + form(A),
    "empty line before": b"\r\n" + form(A),
    "epilogue": form(A) + b"x",
    "two line ends after": form(A) + b"\r\n",
    "no parts": b"--b--\r\n",
    "nothing": b"--b",
    "not closed": form(A)[:-6],
    "closed by one hyphen": form(A)[:-3],
    "bare line feeds": form(A).replace(b"\r\n", b"\n"),
    "delimiter after LF": form(part("a", "1\n--b\r\nContent-Disposition: form-data; name=c")),
    "delimiter after CR": form(part("a", "1\r--b\r\n")),
    "delimiter before content": form(part("a", "--b--")),
    "longer boundary within": form(part("a", "1\r\n--bc")),
    "padding after delimiter": form(A).replace(b"--b\r\n", b"--b \r\n", 1),
    "too many parts": form(*(part(f"p{index}", "1") for index in range(65))),
    "same name twice": form(A, A),
    "no headers": b"--b\r\n\r\nx\r\n--b--\r\n",
    "no disposition": form(b"Content-Type: text/plain\r\n\r\n1"),
    "attachment": form(b'Content-Disposition: attachment; name="a"\r\n\r\n1'),
    "no name": form(b"Content-Disposition: form-data\r\n\r\n1"),
    "empty name": form(part("", "1")),
    "charset field": form(part("_charset_", "utf-16"), A),
    "filename*": form(b"Content-Disposition: form-data; name=a; filename*=UTF-8''x\r\n\r\n1"),
    "name*": form(b"Content-Disposition: form-data; name=a; name*=UTF-8''x\r\n\r\n1"),
    "name twice": form(b"Content-Disposition: form-data; name=a; name=b\r\n\r\n1"),
    "backslash": form(part('a\\"', "1")),
    "quote within": form(part('a"b', "1")),
    "space around the sign": form(b"Content-Disposition: form-data; name = a\r\n\r\n1"),
    "parameter without value": form(b"Content-Disposition: form-data; name\r\n\r\n1"),
    "other parameter": form(b"Content-Disposition: form-data; name=a; size=1\r\n\r\n1"),
    "header twice": form(part("a", "1", "Content-Type: text/plain", "content-type: application/json")),
    "disposition twice": form(part("a", "1", 'Content-Disposition: form-data; name="b"')),
    "folded header": form(part("a", "1", "X: a\r\n b")),
    "space before colon": form(part("a", "1", "Content-Type : text/plain")),
    "control character": form(part("a", "1", "X: \0")),
    "too many headers": form(part("a", "1", *(f"X{index}: 1" for index in range(8)))),
    "long headers": form(part("a", "1", "X: " + 4096 * "x")),
    "transfer encoding": form(part("a", "MQ==", "Content-Transfer-Encoding: base64")),
    "wrong length": form(part("a", "1", "Content-Length: 2")),
    "nested": form(part("a", "1", "Content-Type: multipart/mixed; boundary=c")),
    "two types": form(part("a", "1", "Content-Type: text/plain, application/json")),
    "charset": form(part("a", "1", "Content-Type: text/plain; charset=utf-16")),
    "no UTF-8": form(part("a", b"\xe9")),
    "long field": form(part("a", 4_097 * "x")),
    "two files": form(part("a", PNG, filename="a"), part("c", NPY, filename="c")),
    "file and JSON": form(part("a", PNG, filename="a"), part("c", '{"x": 1}')),
    "headers not UTF-8": form(b"Content-Disposition: form-data; name=a\r\nX: \xe9\r\n\r\n1"),
}


@pytest.mark.parametrize("body", OTHERS.values(), ids=list(OTHERS))
def test_what_parsers_differ_in_is_refused(body: bytes) -> None:
    assert refused(body) == "G127"


def test_length_that_is_right_is_read() -> None:
    assert read(form(part("a", "1", "Content-Length: 1"))).data == [{"a": 1}]


@pytest.mark.parametrize(
    "body",
    [
        form(part("a", b"\x80\x04\x95", filename="model.pkl")),
        form(A, part("c", b"PK\x03\x04", "Content-Type: image/png", filename="x.png")),
        form(part("a", "1", "Content-Type: application/x-pickle")),
    ],
)
def test_code_in_any_part_is_refused(body: bytes) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read(body)

    assert caught.value.rule == "G121"


def test_file_of_no_known_format_is_unread() -> None:
    assert refused(form(part("a", "text", filename="a.txt"))) == "G115"


@pytest.mark.parametrize("value", [" \t" * 1_900 + "\1", "a;" + " " * 3_900, "form-data" + " ;" * 1_900])
def test_headers_take_time_linear_in_their_length(value: str) -> None:
    body = form(part("a", "1", f"X: {value}"), b"Content-Disposition: " + value.encode() + b"\r\n\r\n1")
    start = time.perf_counter()

    assert refused(body) == "G127"

    assert time.perf_counter() - start < 0.5, "a pattern that goes back takes seconds"


def test_place_within_a_file_is_told() -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(form(part("up", json.dumps({"instances": 5}))))

    assert (caught.value.rule, caught.value.where) == ("G116", "parts['up']: instances")


@given(sent=multipart(), edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=3))
def test_damaged_forms_raise_request_errors_alone(sent: Sent, edits: list[tuple[int, int]]) -> None:
    body = bytearray(sent[0])
    for at, value in edits:
        body[at % len(body)] = value
    try:
        read(bytes(body), sent[1][0][1])
    except RequestError:
        return


def test_files_are_the_very_bytes() -> None:
    array = np.frombuffer(b"\r\n--a\r\n\r\n--", np.uint8).reshape(1, -1)

    (tensor,) = read(form(part("file", write_npy(array), filename="f"))).data

    np.testing.assert_array_equal(tensor.data, np.load(io.BytesIO(write_npy(array))))


def read_beside(name: str) -> InferenceRequest:
    """A file of one record, beside a field of that name, under a contract of the feature `a`."""
    contract = parse_contract('[features.a]\ntype = "number"\n')
    source = Source(headers={b"content-type": FORM.encode()}, contract=contract)
    body = form(part(name, "1e9"), part("file", '{"a": 1}', filename="f.json"))
    return decode(body, limits=LIMITS, allow_non_finite=False, source=source)


def test_feature_as_a_field_beside_a_file_is_refused() -> None:
    # A host that reads fields takes this one; guard would have judged the one in the file.
    with pytest.raises(MalformedRequest, match="beside a file") as caught:
        read_beside("a")

    assert caught.value.rule == "G127"


def test_other_field_beside_a_file_is_left() -> None:
    assert read_beside("threshold").data == [{"a": 1}]
