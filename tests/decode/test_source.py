"""What came with a body."""

from __future__ import annotations

import time

import pytest

from guard.decode import Source
from guard.decode.media import Media, read_media_type
from guard.errors import MalformedRequest
from guard.paths import Protocol

TRITON = b"application/vnd.sagemaker-triton.binary+json;json-header-size="
VERTEX = b"application/vnd.vertex-ai-triton.binary+json;json-header-size="
HEADER = b"inference-header-content-length"


@pytest.mark.parametrize("protocol", [Protocol.V2, Protocol.INVOCATIONS, Protocol.ANY])
@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({HEADER: b"12"}, 12),
        ({b"content-type": TRITON + b"150"}, 150),
        ({b"content-type": VERTEX + b"0"}, 0),
        ({b"content-type": b'application/octet-stream; JSON-Header-Size="7"'}, 7),
        ({b"content-type": b"application/json"}, None),
        ({}, None),
    ],
)
def test_length_of_the_json_header_is_read(protocol: Protocol, headers: dict[bytes, bytes], length: int | None) -> None:
    assert Source(protocol, headers).json_length() == length


@pytest.mark.parametrize("protocol", [Protocol.V1, Protocol.OPENAI])
def test_length_means_nothing_where_no_host_reads_it(protocol: Protocol) -> None:
    assert Source(protocol, {HEADER: b"12"}).json_length() is None


@pytest.mark.parametrize(
    "headers",
    [
        {HEADER: b"12", b"content-type": TRITON + b"12"},
        {HEADER: b"-1"},
        {HEADER: b"12,12"},
        {HEADER: b""},
        {b"content-type": TRITON + b"1.5"},
        {b"content-type": TRITON + b"+5"},
        {b"content-type": TRITON},
        {b"content-type": TRITON + b"9" * 13},
        {HEADER: "٣".encode()},
    ],
)
def test_length_that_is_no_number_or_given_twice_is_refused(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(MalformedRequest) as caught:
        Source(Protocol.V2, headers).json_length()

    assert (caught.value.rule, caught.value.where) == ("G117", "headers")


@pytest.mark.parametrize(
    ("parameters", "charset"),
    [
        (b"", None),
        (b"; charset=utf-8", "utf-8"),
        (b'; Charset="UTF-8"; profile=x', "UTF-8"),
        (b"; charset=utf-7; charset=utf-8", "uncertain"),
        (b"; profile; charset=utf-7", "uncertain"),
        (b";; charset=utf-7", "uncertain"),
        (b"; charset = utf-7", "uncertain"),
        (b"; charset*=utf-8''utf-7", "uncertain"),
        (b'; profile="; charset=utf-7"', "uncertain"),
        (b'; profile="; charset=utf-7"; charset=utf-8', "uncertain"),
        (b"; profile=" + b"x" * 600 + b"; charset=utf-7", "utf-7"),
    ],
)
def test_charset_that_parsers_wouldnt_all_find_is_uncertain(parameters: bytes, charset: str | None) -> None:
    read = read_media_type(b"application/json" + parameters)

    assert read.parameters.get("charset") == charset
    assert read.media in {Media.JSON, Media.SEVERAL}


@pytest.mark.parametrize(
    "text", [b"a/b", b"a" * 60_000, b";" * 60_000, b"a/b;" + b" " * 60_000 + b"x", b'a/b;c="\\' * 15_000]
)
def test_content_types_take_time_linear_in_their_length(text: bytes) -> None:
    start = time.process_time()
    read_media_type(text)

    assert time.process_time() - start < 0.05
