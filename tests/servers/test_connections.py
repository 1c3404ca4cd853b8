"""Several requests on one connection, and connections that end before the request does."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import time
from collections.abc import Callable

import pytest

from tests.servers.wire import (
    BROKEN,
    CHUNKS,
    HONEST,
    HOSTILE,
    JSON,
    Answer,
    Server,
    assert_echoed,
    chunked,
    chunks,
    compose,
    length,
    padded,
    read_answer,
    read_answers,
    request,
)

HEAD = compose(length(HONEST), JSON)


def assert_judged(answer: Answer, server: Server, body: bytes) -> None:
    if body is HONEST or server.mode == "monitor":
        assert_echoed(answer, body)
        assert answer.json["action"] == ("allow" if body is HONEST else "reject")
    else:
        assert answer.status == {BROKEN: 400, HOSTILE: 422}[body]


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_pipelined_requests_are_answered_in_order(server: Server, framing: str) -> None:
    bodies = [HONEST, HOSTILE, HONEST, BROKEN, HOSTILE, HONEST]
    build: Callable[..., bytes] = request if framing == "length" else chunked
    sent = b"".join(build(body, close=index == len(bodies) - 1) for index, body in enumerate(bodies))

    answers = server.exchange(sent)

    assert len(answers) == len(bodies)
    for answer, body in zip(answers, bodies, strict=True):
        assert_judged(answer, server, body)


def test_connection_is_kept_after_a_rejection(server: Server) -> None:
    with server.connect() as connection:
        for body in (HONEST, HOSTILE, HONEST, BROKEN, BROKEN, HONEST):
            connection.sendall(request(body, close=False))
            assert_judged(read_answer(connection), server, body)


def test_what_follows_an_over_long_body_is_no_request_of_its_own(server: Server) -> None:
    """The body holds what looks like a request; after the early 413 the server must not take it for one."""
    inner = request(HONEST)
    body = padded(9000 - len(inner)) + inner

    answers = server.exchange(request(HONEST, close=False) + request(body, close=False) + request(HONEST))

    assert_echoed(answers[0], HONEST)
    if server.mode == "monitor":
        assert_echoed(answers[1], body)
        assert answers[1].json["rules"] == ["G101"]
        assert_echoed(answers[2], HONEST)
        assert len(answers) == 3
    else:
        # `connection: close` is what it says.
        assert [answer.status for answer in answers] == [200, 413]
        assert answers[1].headers["connection"] == "close"


def test_refused_headers_with_a_body_left_unread_end_the_connection(server: Server) -> None:
    sent = compose(length(HONEST), b"content-encoding: gzip", JSON, body=HONEST, close=False)

    answers = server.exchange(sent + request(HONEST))

    if server.mode == "monitor":
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].json["rules"] == ["G109"]
    else:
        assert [answer.status for answer in answers] == [415]


def first_answer(server: Server, head: bytes) -> bytes:
    with server.connect() as connection:
        connection.sendall(head)
        return connection.recv(65536)[:12]


@pytest.mark.parametrize(
    ("lines", "status"),
    [((b"content-length: 9000",), 413), ((length(HONEST), b"content-encoding: br"), 415)],
    ids=["over-long", "encoded"],
)
def test_what_headers_give_away_is_refused_before_the_body_is_asked_for(
    server: Server, lines: tuple[bytes, ...], status: int
) -> None:
    first = first_answer(server, compose(*lines, b"expect: 100-continue", JSON))

    # In monitor the app asks for the body; hypercorn asks by itself.
    asks = server.mode == "monitor" or server.name == "hypercorn"
    assert first == (b"HTTP/1.1 100" if asks else b"HTTP/1.1 %d" % status)


@pytest.mark.parametrize(("body", "status"), [(HONEST, 200), (HOSTILE, 422)], ids=["honest", "hostile"])
def test_body_that_was_asked_for_is_judged(server: Server, body: bytes, status: int) -> None:
    head = compose(length(body), b"expect: 100-continue", JSON)

    with server.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        (answer,) = read_answers(connection)

    assert answer.status == (200 if server.mode == "monitor" else status)
    assert_judged(answer, server, body)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_over_long_body_is_refused_in_enforce_and_whole_in_monitor(server: Server, framing: str) -> None:
    body = padded(9000)

    answer = server.post(body) if framing == "length" else server.exchange(chunked(body[:5000], body[5000:]))[0]

    if server.mode == "monitor":
        assert_echoed(answer, body)
        assert answer.json["rules"] == ["G101"]
    else:
        assert answer.status == 413
        assert answer.headers.get("connection") == "close"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_refusal_of_an_over_long_body_doesnt_wait_for_its_end(enforcing: Server, framing: str) -> None:
    head = compose(b"content-length: 100000000" if framing == "length" else CHUNKS, JSON)
    piece = padded(65_536) if framing == "length" else chunks(padded(65_536))[:-5]
    start = time.monotonic()

    with enforcing.connect() as connection:
        connection.sendall(head + piece)
        answer = read_answer(connection)

    assert answer.status == 413
    assert time.monotonic() - start < 1.9


def test_over_long_body_s_answer_reaches_a_client_that_sends_it_all_first(server: Server) -> None:
    """http.client reads nothing before it has sent everything: a reset would take the answer from it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/predict", body=padded(10_000_000), headers={"content-type": "application/json"})

    answer = connection.getresponse()

    assert answer.status == (200 if server.mode == "monitor" else 413)
    assert answer.read()
    connection.close()


ABORTED = {
    "in the request line": HEAD[:10],
    "in the headers": HEAD[:40],
    "after the headers": HEAD,
    "in the body": HEAD + HONEST[:-10],
    "in a chunk": compose(CHUNKS, body=b"ff\r\n" + HONEST),
    "between chunks": compose(CHUNKS, body=b"%x\r\n%s\r\n" % (len(HONEST), HONEST)),
    "before the answer": HEAD + HONEST,
    "in an over-long body": compose(b"content-length: 9000", body=padded(5000)),
}


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "ended"])
@pytest.mark.parametrize("sent", ABORTED.values(), ids=ABORTED)
def test_aborted_request_leaves_the_server_well(server: Server, sent: bytes, reset: bool) -> None:
    for _ in range(3):
        with server.connect() as connection:
            connection.sendall(sent)
            if reset:  # instead of an orderly end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)

    assert_echoed(server.post(HONEST), HONEST)
