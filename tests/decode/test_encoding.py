"""Content-Encoding, undone within limits."""

import contextlib
import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given
from hypothesis import strategies as st

from guard import GuardSettings, Screener
from guard.decode.encoding import check_encoding, decompress
from guard.decode.limits import DecodeLimits
from guard.errors import BodyTooLarge, MalformedRequest, RequestError, UnsupportedMediaType

LIMITS = DecodeLimits(max_depth=64, max_containers=1000, max_instances=10, max_bytes=1 << 20, max_ratio=100)

TEXT = b'{"a": 1, "b": 2}' * 50


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


def with_dictionary(body: bytes) -> bytes:
    stream = zlib.compressobj(zdict=b'{"a": 1, "b"')
    return stream.compress(body) + stream.flush()


ENCODE: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", ENCODE)
@given(body=st.binary(max_size=3000) | st.integers(0, 40).map(lambda n: b"ab" * n * 400))
def test_what_was_compressed_comes_back(encoding: str, body: bytes) -> None:
    assert decompress(ENCODE[encoding](body), encoding, limits=LIMITS) == body


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_identity_leaves_the_body(encoding: str) -> None:
    assert decompress(TEXT, encoding, limits=LIMITS) is TEXT


@pytest.mark.parametrize("encoding", ENCODE)
@pytest.mark.parametrize("pad", [0, 1, 5000])
def test_stream_in_many_pieces_comes_back(encoding: str, pad: int) -> None:
    body = os.urandom(9000) + b"\0" * pad

    assert decompress(ENCODE[encoding](body), encoding, limits=LIMITS) == body


@pytest.mark.parametrize(
    ("body", "encoding", "found"),
    [
        pytest.param(gzip.compress(TEXT)[:-1], "gzip", "cut off", id="cut-off"),
        pytest.param(gzip.compress(TEXT)[:-8], "gzip", "cut off", id="no-checksum"),
        pytest.param(gzip.compress(TEXT)[:5], "gzip", "cut off", id="half-a-header"),
        pytest.param(b"", "gzip", "cut off", id="nothing"),
        pytest.param(zlib.compress(TEXT)[:-1], "deflate", "cut off", id="zlib-cut-off"),
        pytest.param(gzip.compress(TEXT) + b"x", "gzip", "something follows", id="trailing"),
        pytest.param(gzip.compress(TEXT) + b"\0" * 8, "gzip", "something follows", id="padded-as-tar-pads"),
        pytest.param(zlib.compress(TEXT) + b"x", "deflate", "something follows", id="zlib-trailing"),
        pytest.param(gzip.compress(TEXT) + b"x" * 9000, "gzip", "something follows", id="much-trailing"),
        pytest.param(gzip.compress(TEXT) * 2, "gzip", "several members", id="two-members"),
        pytest.param(gzip.compress(b"") + gzip.compress(TEXT), "gzip", "several members", id="empty-member-first"),
        pytest.param(
            gzip.compress(os.urandom(1990)) + gzip.compress(TEXT), "gzip", "several members", id="across-pieces"
        ),
        pytest.param(gzip.compress(TEXT)[:-8] + bytes(8), "gzip", "incorrect data check", id="bad-checksum"),
        pytest.param(gzip.compress(TEXT)[:-4] + bytes(4), "gzip", "incorrect length check", id="bad-length"),
        pytest.param(zlib.compress(TEXT)[:-1] + b"?", "deflate", "incorrect data check", id="zlib-bad-checksum"),
        pytest.param(raw_deflate(TEXT), "deflate", "incorrect header check", id="raw-deflate"),
        pytest.param(zlib.compress(TEXT), "gzip", "incorrect header check", id="zlib-as-gzip"),
        pytest.param(gzip.compress(TEXT), "deflate", "incorrect header check", id="gzip-as-zlib"),
        pytest.param(TEXT, "gzip", "incorrect header check", id="not-compressed"),
        pytest.param(with_dictionary(TEXT), "deflate", "not deflate", id="preset-dictionary"),
    ],
)
def test_what_hosts_could_read_differently_is_refused(body: bytes, encoding: str, found: str) -> None:
    with pytest.raises(MalformedRequest, match=found) as caught:
        decompress(body, encoding, limits=LIMITS)

    assert caught.value.rule == "G123"


@pytest.mark.parametrize("boundary", range(2046, 2051))
def test_second_member_is_found_wherever_the_first_ends(boundary: int) -> None:
    # Stored as it is, within 23 bytes of header, block and checksum.
    first = gzip.compress(os.urandom(boundary - 23), 0)
    assert len(first) == boundary

    with pytest.raises(MalformedRequest, match="several members"):
        decompress(first + gzip.compress(TEXT), "gzip", limits=LIMITS)


@pytest.mark.parametrize("encoding", ENCODE)
@pytest.mark.parametrize(("over", "fits"), [(0, True), (1, False)])
def test_length_limit_is_exact(encoding: str, over: int, fits: bool) -> None:
    limits = DecodeLimits(max_depth=1, max_containers=1, max_instances=1, max_bytes=100_000, max_ratio=100_000)
    body = ENCODE[encoding](b"x" * (100_000 + over))
    if fits:
        assert len(decompress(body, encoding, limits=limits)) == 100_000
        return
    with pytest.raises(BodyTooLarge) as caught:
        decompress(body, encoding, limits=limits)
    assert (caught.value.rule, caught.value.status) == ("G122", 413)


@pytest.mark.parametrize(("length", "fits"), [(65_536, True), (65_537, False)])
def test_ratio_counts_above_64_kib(length: int, fits: bool) -> None:
    body = gzip.compress(b"x" * length)
    assert len(body) < 655
    if fits:
        assert len(decompress(body, "gzip", limits=LIMITS)) == length
        return
    with pytest.raises(BodyTooLarge, match="hold more than 65536 bytes"):
        decompress(body, "gzip", limits=LIMITS)


def test_ratio_allows_its_multiple_of_a_long_body() -> None:
    body = gzip.compress(os.urandom(1000) + b"x" * 90_000)

    assert len(decompress(body, "gzip", limits=LIMITS)) == 91_000


def test_bomb_costs_no_more_memory_than_what_may_come_out() -> None:
    limits = DecodeLimits(max_depth=1, max_containers=1, max_instances=1, max_bytes=8 << 20, max_ratio=2000)
    bomb = gzip.compress(b"\0" * (64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            decompress(bomb, "gzip", limits=limits)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 13 << 20


@pytest.mark.parametrize(
    "encoding",
    ["GZIP", "Gzip", " gzip", "gzip ", "x-gzip", "gzip,gzip", "gzip, identity", "deflate", "br", "zstd", "identity,",
     "Identity", "gzip\0", ","],
)  # fmt: skip
def test_anything_but_the_very_name_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        check_encoding(encoding, accepted=("gzip",))

    assert caught.value.rule == "G109"


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "deflate"])
def test_accepted_name_passes(encoding: str) -> None:
    check_encoding(encoding, accepted=("gzip", "deflate"))


@given(body=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_read_or_refused(body: bytes, encoding: str) -> None:
    for bytes_ in (body, ENCODE[encoding](body)[: len(body)] + body):
        with contextlib.suppress(RequestError):
            decompress(bytes_, encoding, limits=LIMITS)


def triton_request(encoding: str | None, *, binary: bool) -> tuple[bytes, dict[str, str]]:
    """What tritonclient posts: its body and the headers that it adds, with no Content-Type."""
    tensor = triton.InferInput("x", [1, 4], "FP32")
    tensor.set_data_from_numpy(np.array([[1, 2, 3, 4]], np.float32), binary_data=binary)
    body, json_length = triton.InferenceServerClient.generate_request_body([tensor])
    headers = {} if json_length is None else {"Inference-Header-Content-Length": str(json_length)}
    if encoding is not None:
        body = ENCODE[encoding](body)
        headers["Content-Encoding"] = encoding
    return body, headers


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [False, True])
def test_tritonclient_s_length_of_the_json_counts_in_the_decoded_body(
    encoding: str | None,
    binary: bool,
) -> None:
    body, headers = triton_request(encoding, binary=binary)
    variables = {"GUARD_CONTENT_ENCODINGS": "gzip,deflate", "GUARD_JOURNAL": "off"}

    screener = Screener(GuardSettings.from_environ(variables))
    verdict = screener.screen(body, headers=headers, path="/v2/models/m/infer")

    assert [finding.rule_id for finding in verdict.findings] == []
    assert (verdict.protocol, verdict.n_instances) == ("v2-binary" if binary else "v2", 1)
