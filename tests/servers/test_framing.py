"""One request in every framing that HTTP/1.1 has, and in some that it hasn't, on real servers.

Whatever a server makes of the framing, what reaches the app was judged, and never as something else than it is.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from tests.servers.wire import (
    CHUNKS,
    HONEST,
    HOSTILE,
    JSON,
    Server,
    assert_echoed,
    chunks,
    compose,
    length,
    padded,
    read_answers,
    request,
)

H11, HTTPTOOLS, GRANIAN, HYPERCORN = "uvicorn-h11", "uvicorn-httptools", "granian", "hypercorn"

# The body is judged as it is; or a rule refuses the request for its headers; or the server itself does.
JUDGED = "judged"
STATUS = {"G109": 415, "G117": 400, "G120": 415}

Outcome = str | int


class Case(NamedTuple):
    """A framing, and what becomes of it; `unlike` names the servers that differ."""

    name: str
    build: Callable[[bytes], bytes]
    outcome: Outcome = JUDGED
    unlike: Mapping[str, Outcome] = MappingProxyType({})

    def on(self, server: Server) -> Outcome:
        return self.unlike.get(server.name, self.outcome)


def lengths(*lines: bytes) -> Callable[[bytes], bytes]:
    """With these headers, and the body as it is; %d becomes its length."""
    return lambda body: compose(*(line.replace(b"%d", b"%d" % len(body)) for line in lines), JSON, body=body)


def chunked(*lines: bytes, extension: bytes = b"", trailers: bytes = b"", size: int = 0) -> Callable[[bytes], bytes]:
    """With these headers beside Transfer-Encoding, and the body in chunks."""
    return lambda body: compose(
        CHUNKS, *lines, JSON, body=chunks(body, size=size, extension=extension, trailers=trailers)
    )


def coded(value: bytes) -> Callable[[bytes], bytes]:
    """With this Transfer-Encoding, and the body in chunks."""
    return lambda body: compose(b"transfer-encoding: " + value, JSON, body=chunks(body))


def sized(size: str) -> Callable[[bytes], bytes]:
    """In one chunk with this size, in which {0} stands for the true one."""
    return lambda body: compose(CHUNKS, JSON, body=size.format(len(body)).encode() + b"\r\n" + body + b"\r\n0\r\n\r\n")


def asked(first: bytes, *lines: bytes) -> Callable[[bytes], bytes]:
    """With this request line and these headers beside Content-Length."""
    return lambda body: compose(length(body), *lines, first=first, body=body)


# What stands here is what the servers do (uvicorn 0.54, granian 2.8, hypercorn 0.18); guard's part is the rules.
CASES = (
    Case("length", lengths(b"content-length: %d")),
    Case("one chunk", chunked()),
    Case("a chunk for each byte", chunked(size=1)),
    Case("trailers", chunked(trailers=b"x-sum: 1\r\ncontent-length: 3\r\n"), unlike={HTTPTOOLS: 400}),
    Case("chunk extensions", chunked(extension=b';name="v;0"', size=7)),
    Case("chunk size with zeros", sized("000{0:X}")),
    Case("coding in capitals", coded(b"CHUNKED")),
    # two lengths: granian drops Content-Length, so that nothing is left to contradict
    Case(
        "length of the chunks beside chunks", chunked(b"content-length: 59"), "G117", {HTTPTOOLS: 400, GRANIAN: JUDGED}
    ),
    Case("short length beside chunks", chunked(b"content-length: 5"), "G117", {HTTPTOOLS: 400, GRANIAN: JUDGED}),
    Case("length 0 beside chunks", chunked(b"content-length: 0"), "G117", {HTTPTOOLS: 400, GRANIAN: JUDGED}),
    Case("two equal lengths", lengths(b"content-length: %d", b"content-length: %d"), unlike={HTTPTOOLS: 400}),
    Case("two equal lengths in one line", lengths(b"content-length: %d, %d"), unlike={HTTPTOOLS: 400, GRANIAN: 400}),
    Case("a shorter length second", lengths(b"content-length: %d", b"content-length: 5"), 400),
    Case("a shorter length first", lengths(b"content-length: 5", b"content-length: %d"), 400),
    # one length, written oddly
    Case("length with spaces", lengths(b"content-length:   %d  ")),
    Case("length with zeros", lengths(b"content-length: 000%d")),
    Case("length with a plus", lengths(b"content-length: +%d"), 400),
    Case("negative length", lengths(b"content-length: -5"), 400),
    Case("hexadecimal length", lengths(b"content-length: 0x2b"), 400),
    Case("length with an underscore", lengths(b"content-length: 4_3"), 400),
    Case("length of 30 digits", lengths(b"content-length: " + b"9" * 30), 400),
    Case("space before the colon", lengths(b"content-length : %d"), 400),
    # chunk sizes that are none
    Case("chunk size of letters", sized("zz"), 400),
    Case("negative chunk size", sized("-5"), 400),
    Case("chunk size with 0x", sized("0x{0:x}"), 400),
    Case("chunk longer than its size", sized("5"), 400),
    # transfer codings; httptools and granian look at the last one alone, and decode none
    Case("gzip, chunked", coded(b"gzip, chunked"), 400, {HTTPTOOLS: JUDGED, GRANIAN: JUDGED, HYPERCORN: 501}),
    Case("chunked, chunked", coded(b"chunked, chunked"), 400, {GRANIAN: JUDGED, HYPERCORN: 501}),
    Case("identity", coded(b"identity"), 400, {HYPERCORN: 501}),
    Case("xchunked", coded(b"xchunked"), 400, {HYPERCORN: 501}),
    Case("vertical tab before chunked", coded(b"\x0bchunked"), 400),
    # request lines
    Case("HTTP/1.0 with a length", asked(b"POST /predict HTTP/1.0", JSON)),
    Case(
        "HTTP/1.0 in chunks",
        lambda body: compose(CHUNKS, JSON, first=b"POST /predict HTTP/1.0", body=chunks(body)),
        unlike={GRANIAN: 400},
    ),
    Case("absolute form", asked(b"POST http://localhost/predict HTTP/1.1", JSON)),
    Case("encoded path", asked(b"POST /pr%65dict%2Fx?q=%00 HTTP/1.1", JSON)),
    Case("path in UTF-8", asked(b"POST /pr\xc3\xa9dict HTTP/1.1", JSON), 400, {GRANIAN: JUDGED}),
    Case("GET with a body", asked(b"GET /predict HTTP/1.1", JSON)),
    Case("OPTIONS with a body", asked(b"OPTIONS /predict HTTP/1.1", JSON)),
    Case("DELETE with a body", asked(b"DELETE /predict HTTP/1.1", JSON)),
    Case("a method of its own", asked(b"SCREEN /predict HTTP/1.1", JSON), unlike={HTTPTOOLS: 400}),
    # headers
    Case("names in odd case", lambda body: compose(b"CoNtEnT-LeNgTh: %d" % len(body), JSON.upper(), body=body)),
    Case("no Content-Type", asked(b"POST /predict HTTP/1.1")),
    Case("two Content-Types", asked(b"POST /predict HTTP/1.1", JSON, b"content-type: text/plain"), "G120"),
    Case("the same Content-Type twice", asked(b"POST /predict HTTP/1.1", JSON, JSON), "G120"),
    Case("Content-Encoding", asked(b"POST /predict HTTP/1.1", JSON, b"content-encoding: gzip"), "G109"),
    Case(
        "folded Content-Type",
        asked(b"POST /predict HTTP/1.1", JSON + b";\r\n charset=utf-8"),
        unlike={HTTPTOOLS: 400, GRANIAN: 400},
    ),
    Case("folded length", lengths(b"content-length:\r\n %d"), unlike={HTTPTOOLS: 400, GRANIAN: 400}),
    Case("NUL in a header", asked(b"POST /predict HTTP/1.1", JSON, b"x-a: a\0b"), 400),
    Case("two hosts", asked(b"POST /predict HTTP/1.1", JSON, b"host: other"), unlike={H11: 400, HYPERCORN: 400}),
)


@pytest.mark.parametrize("body", [HONEST, HOSTILE], ids=["honest", "hostile"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_framing(server: Server, case: Case, body: bytes) -> None:
    outcome = case.on(server)

    (answer,) = server.exchange(case.build(body))

    assert answer.status == expected_status(outcome, server.mode, body)
    if answer.status == 200:
        assert_echoed(answer, body)
        assert answer.json["action"] == ("allow" if outcome == JUDGED and body is HONEST else "reject")
        assert outcome == JUDGED or outcome in answer.json["rules"]
    assert_echoed(server.post(HONEST), HONEST)


def expected_status(outcome: Outcome, mode: str, body: bytes) -> int:
    if isinstance(outcome, int):
        return outcome
    if mode == "monitor":
        return 200
    if outcome != JUDGED:
        return STATUS[outcome]
    return 200 if body is HONEST else 422


@pytest.mark.parametrize("ending", [b"", b"x"], ids=["honest", "broken"])
def test_more_chunks_than_guard_keeps_apart_are_judged_whole(server: Server, ending: bytes) -> None:
    body = padded(1000) + ending

    (answer,) = server.exchange(compose(CHUNKS, JSON, body=chunks(body, size=1)))

    if ending and server.mode == "enforce":
        assert answer.status == 400
    else:
        assert_echoed(answer, body)
        assert answer.json["action"] == ("reject" if ending else "allow")


@pytest.mark.parametrize("method", [b"POST", b"GET", b"OPTIONS", b"DELETE"])
@pytest.mark.parametrize("lines", [(), (b"content-length: 0",), (CHUNKS,)], ids=["none", "length 0", "no chunks"])
def test_request_without_a_body_passes(server: Server, method: bytes, lines: tuple[bytes, ...]) -> None:
    ending = b"0\r\n\r\n" if CHUNKS in lines else b""

    (answer,) = server.exchange(compose(*lines, first=method + b" /x HTTP/1.1", body=ending))

    assert_echoed(answer, b"")
    assert answer.json["action"] is None


@pytest.mark.parametrize("lines", [(), (b"content-length: 0",)], ids=["none", "length 0"])
def test_head_request_passes(server: Server, lines: tuple[bytes, ...]) -> None:
    with server.connect() as connection:
        connection.sendall(compose(*lines, first=b"HEAD /x HTTP/1.1"))
        data = connection.recv(65536)

    assert data.startswith(b"HTTP/1.1 200")


def test_body_compressed_for_the_transfer_is_never_served(enforcing: Server) -> None:
    """Httptools and granian hand it on compressed, as something that isn't JSON."""
    sent = compose(b"transfer-encoding: gzip, chunked", JSON, body=chunks(gzip.compress(HONEST)))

    (answer,) = enforcing.exchange(sent)

    assert answer.status == {H11: 400, HYPERCORN: 501}.get(enforcing.name, 415)


def test_body_beside_an_upgrade_is_judged_or_dropped(server: Server) -> None:
    """Httptools takes what follows for another protocol's, and gives the app a request without a body."""
    inner = request(HOSTILE)
    upgrade = (b"connection: close, upgrade", b"upgrade: h2c", length(inner), JSON)

    (answer,) = server.exchange(compose(*upgrade, body=inner, close=False))

    if server.name == HTTPTOOLS:
        assert_echoed(answer, b"")
    elif server.mode == "monitor":
        assert_echoed(answer, inner)
        assert answer.json["action"] == "reject"
    else:
        assert answer.status == 415


def test_chunk_that_ends_early_is_never_a_success(server: Server) -> None:
    """The client announces more, then ends its side of the connection."""
    for body in (b"ff\r\n" + HONEST, b"%x\r\n" % len(HONEST) + HONEST + b"\r\n"):
        with server.connect() as connection:
            connection.sendall(compose(CHUNKS, JSON, body=body))
            connection.shutdown(1)
            answers = read_answers(connection)

        assert all(answer.status >= 400 for answer in answers)
    assert_echoed(server.post(HONEST), HONEST)
