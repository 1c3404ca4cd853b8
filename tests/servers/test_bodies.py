"""Honest, broken and hostile bodies on real servers: verdict, answer, and what the app receives."""

from __future__ import annotations

import pytest

from tests.servers.wire import BROKEN, HONEST, HOSTILE, Server, assert_echoed, chunked, request


def test_honest_body_reaches_the_app_unchanged_with_its_verdict(server: Server) -> None:
    answer = server.post(HONEST, x_guard_verdict="allow")

    assert_echoed(answer, HONEST)
    assert answer.json["action"] == "allow"
    assert "x-guard-verdict" not in answer.json["headers"]


def test_chunked_body_reaches_the_app_unchanged(server: Server) -> None:
    assert_echoed(server.exchange(chunked(HONEST[:7], HONEST[7:20], HONEST[20:]))[0], HONEST)


@pytest.mark.parametrize("body", [BROKEN, HOSTILE], ids=["broken", "hostile"])
def test_body_to_be_refused_is_refused_in_enforce_alone(server: Server, body: bytes) -> None:
    answer = server.post(body)

    if server.mode == "monitor":
        assert_echoed(answer, body)
        assert answer.json["action"] == "reject"
    else:
        assert answer.status == (400 if body is BROKEN else 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["instance"].startswith("urn:uuid:")


def test_head_request_that_is_refused_has_no_body(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(request(BROKEN).replace(b"POST", b"HEAD", 1))
        data = b""
        while piece := connection.recv(65536):
            data += piece

    assert data.startswith(b"HTTP/1.1 200" if server.mode == "monitor" else b"HTTP/1.1 400")
    assert data.endswith(b"\r\n\r\n")
