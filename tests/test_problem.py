"""The answer in the app's place."""

import asyncio
import json
from typing import Any

import pytest

from guard.asgi import Message
from guard.problem import problem_body, send_problem


def answer(**kwargs: Any) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(send_problem(send, event_id="e1", **kwargs))
    return sent


def test_problem_has_the_members_of_rfc_9457_and_the_protocol_s_error_text() -> None:
    start, body = answer(status=422, path="/v2/models/m/infer")

    problem = json.loads(body["body"])
    assert start["status"] == 422
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert problem == {
        "type": "about:blank",
        "title": "The request was refused",
        "status": 422,
        "instance": "urn:uuid:e1",
        "error": "The request was refused (guard, event e1)",
    }


def test_problem_on_openai_paths_has_an_error_object() -> None:
    problem = json.loads(problem_body(400, event_id="e1", path="/v1/chat/completions"))

    assert problem["error"]["message"] == "The request can't be read (guard, event e1)"
    assert problem["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("status", "header"), [(408, b"retry-after"), (503, b"retry-after"), (422, b"x-should-retry")])
def test_problem_says_whether_to_retry(status: int, header: bytes) -> None:
    start, _ = answer(status=status, path="/")

    assert header in dict(start["headers"])


def test_problem_closes_the_connection_when_a_body_is_left_unread() -> None:
    start, _ = answer(status=413, path="/", close=True)

    assert (b"connection", b"close") in start["headers"]
