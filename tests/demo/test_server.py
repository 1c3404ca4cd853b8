from __future__ import annotations

import socket
import threading

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from guard.demo.server import serving
from guard.errors import GuardError


async def hello(_: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])


async def broken(scope: object, receive: object, send: object) -> None:
    raise RuntimeError("won't start")


def test_serving_answers_and_then_frees_the_port() -> None:
    with serving(APP) as base_url:
        answer = httpx.get(base_url, trust_env=False)

    assert answer.text == "hello"
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url, trust_env=False)
    assert "guard-demo" not in {thread.name for thread in threading.enumerate()}


def test_serving_on_a_taken_port_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(GuardError, match=f"127.0.0.1:{port}.*--port"), serving(APP, port=port):
            pass


def test_serving_an_app_that_fails_to_start_says_so() -> None:
    with pytest.raises(GuardError, match="didn't start"), serving(broken):
        pass
