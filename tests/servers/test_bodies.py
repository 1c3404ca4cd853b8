"""Chunked, over-long, aborted, pipelined and slow bodies on real servers."""

import hashlib
import http.client
import json
import socket
import struct
import time
from typing import Any

import pytest

HONEST = json.dumps([{"a": 1.5, "b": -2}, {"a": 2.5, "b": 3}]).encode()
BROKEN = b'{"a": 1, "b": '
HOSTILE = json.dumps({"a": 99, "b": 0}).encode()


def chunked(*chunks: bytes, close: bool = True) -> bytes:
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
    head += b"connection: close\r\n\r\n" if close else b"\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def padded(size: int) -> bytes:
    return HONEST + b" " * (size - len(HONEST))


def assert_echoed(answer: Any, body: bytes) -> None:
    assert answer.status == 200
    assert answer.json["bytes"] == len(body)
    assert answer.json["sha256"] == hashlib.sha256(body).hexdigest()


def test_honest_body_reaches_the_app_unchanged_with_its_verdict(server: Any) -> None:
    answer = server.post(HONEST, x_guard_verdict="allow")

    assert_echoed(answer, HONEST)
    assert answer.json["action"] == "allow"
    assert "x-guard-verdict" not in answer.json["headers"]


def test_chunked_body_reaches_the_app_unchanged(server: Any) -> None:
    assert_echoed(server.exchange(chunked(HONEST[:7], HONEST[7:20], HONEST[20:]))[0], HONEST)


@pytest.mark.parametrize("body", [BROKEN, HOSTILE], ids=["broken", "hostile"])
def test_body_to_be_refused_is_refused_in_enforce_alone(server: Any, body: bytes) -> None:
    answer = server.post(body)

    if server.mode == "monitor":
        assert_echoed(answer, body)
        assert answer.json["action"] == "reject"
    else:
        assert answer.status == (400 if body is BROKEN else 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["instance"].startswith("urn:uuid:")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_over_long_body_is_refused_in_enforce_and_whole_in_monitor(server: Any, framing: str) -> None:
    body = padded(9000)

    answer = server.post(body) if framing == "length" else server.exchange(chunked(body[:5000], body[5000:]))[0]

    if server.mode == "monitor":
        assert_echoed(answer, body)
        assert answer.json["rules"] == ["G101"]
    else:
        assert answer.status == 413
        assert answer.headers.get("connection") == "close"


def test_over_long_body_is_refused_before_it_is_asked_for(server: Any, post: Any) -> None:
    head = post(b"", content_length="9000", expect="100-continue")

    with server.connect() as connection:
        connection.sendall(head)
        first = connection.recv(65536)

    if server.mode == "monitor" or server.name == "hypercorn":
        # In monitor the app asks for the body; hypercorn asks by itself.
        assert first.startswith(b"HTTP/1.1 100")
    else:
        assert first.startswith(b"HTTP/1.1 413")


def test_expect_continue_with_an_honest_body_is_served(server: Any, post: Any) -> None:
    head = post(b"", content_length=str(len(HONEST)), expect="100-continue")

    answers = server.exchange(head, HONEST, pause_s=0.2)

    assert [answer.status for answer in answers] == [100, 200]
    assert_echoed(answers[-1], HONEST)


def test_slow_body_within_the_deadlines_is_served(server: Any, post: Any) -> None:
    whole = post(HONEST)
    pieces = [whole[:-20], whole[-20:-10], whole[-10:]]

    assert_echoed(server.exchange(*pieces, pause_s=0.2)[0], HONEST)


def test_stalled_body_is_refused_in_enforce_and_served_in_monitor(server: Any, post: Any) -> None:
    whole = post(HONEST)
    start = time.monotonic()

    answers = server.exchange(whole[:-10], whole[-10:], pause_s=1.2)

    if server.mode == "monitor":
        assert_echoed(answers[0], HONEST)
        assert answers[0].json["rules"] == ["G113"]
    else:
        assert answers[0].status == 408
        assert time.monotonic() - start < 5


def test_trickling_body_meets_the_total_deadline(server: Any, post: Any) -> None:
    whole = post(HONEST)
    head, body = whole[: -len(HONEST)], [HONEST[i : i + 8] for i in range(0, len(HONEST), 8)]

    answers = server.exchange(head + body[0], *body[1:], pause_s=0.4)

    if server.mode == "monitor":
        assert_echoed(answers[0], HONEST)
    else:
        assert answers[0].status == 408


def test_aborted_body_leaves_the_server_well(server: Any, post: Any) -> None:
    whole = post(HONEST)
    for _ in range(5):
        with server.connect() as connection:
            connection.sendall(whole[:-10])
            # A reset instead of an orderly end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert_echoed(server.post(HONEST), HONEST)


def test_malformed_chunk_is_never_answered_as_a_success(server: Any) -> None:
    head = chunked(HONEST)[: -len(b"0\r\n\r\n")]

    answers = server.exchange(head + b"zz\r\nwhat\r\n0\r\n\r\n")

    assert all(answer.status >= 400 for answer in answers)
    assert_echoed(server.post(HONEST), HONEST)


def test_pipelined_requests_are_answered_in_order(server: Any, post: Any) -> None:
    answers = server.exchange(post(HONEST, close=False) + post(HOSTILE, close=False) + post(HONEST))

    assert len(answers) == 3
    assert_echoed(answers[0], HONEST)
    assert answers[1].status == (200 if server.mode == "monitor" else 422)
    assert_echoed(answers[2], HONEST)


def test_both_length_headers_are_never_served_in_enforce(server: Any) -> None:
    both = chunked(HONEST).replace(b"host:", b"content-length: 5\r\nhost:", 1)

    answers = server.exchange(both)

    if server.name == "granian":
        # It drops Content-Length, reads the chunks and closes: there is nothing left to contradict.
        assert "content-length" not in answers[0].json["headers"]
    elif server.mode == "enforce":
        assert answers[0].status == 400


def test_length_of_nothing_beside_chunks_is_no_way_round(server: Any) -> None:
    both = chunked(BROKEN).replace(b"host:", b"content-length: 0\r\nhost:", 1)

    answers = server.exchange(both)

    if server.mode == "enforce":
        assert all(answer.status == 400 for answer in answers)


def test_request_without_a_body_passes(server: Any) -> None:
    answer = server.exchange(b"GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")[0]

    assert answer.status == 200
    assert answer.json["action"] is None


def test_head_request_that_is_refused_has_no_body(server: Any, post: Any) -> None:
    answers = server.exchange(post(BROKEN).replace(b"POST", b"HEAD", 1))

    assert answers[0].status == (200 if server.mode == "monitor" else 400)


def test_over_long_body_s_answer_reaches_a_client_that_sends_it_all_first(server: Any) -> None:
    """http.client reads nothing before it has sent everything: a reset would take the answer from it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/predict", body=padded(3_000_000), headers={"content-type": "application/json"})

    answer = connection.getresponse()

    assert answer.status == (200 if server.mode == "monitor" else 413)
    assert answer.read()
    connection.close()
