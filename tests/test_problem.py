"""The answer in the app's place."""

import asyncio
import json
from typing import Any

import httpx2
import openai
import pytest

from guard.asgi import Message
from guard.paths import Protocol
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


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        (Protocol.V1, b"application/json"),
        (Protocol.V2, b"application/json"),
        (Protocol.OPENAI, b"application/problem+json"),
        (Protocol.INVOCATIONS, b"application/problem+json"),
        (Protocol.ANY, b"application/problem+json"),
    ],
)
def test_problem_s_type_is_one_that_the_protocol_s_clients_read(protocol: Protocol, expected: bytes) -> None:
    start, _ = answer(status=422, protocol=protocol)

    assert dict(start["headers"])[b"content-type"] == expected


RFC_9457 = {"type", "title", "status", "instance"}
READ = "The request can't be read (guard, event e1)"


def members(status: int, protocol: Protocol, path: str = "/") -> dict[str, Any]:
    problem: dict[str, Any] = json.loads(problem_body(status, event_id="e1", protocol=protocol, path=path))
    assert problem.keys() >= RFC_9457
    return problem


@pytest.mark.parametrize("protocol", [Protocol.V1, Protocol.V2, Protocol.ANY])
def test_problem_has_an_error_text(protocol: Protocol) -> None:
    problem = members(400, protocol, path="/v1/messages")

    assert problem["error"] == READ
    assert problem.keys() == RFC_9457 | {"error"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses/"])
def test_problem_of_openai_has_an_error_object(path: str) -> None:
    problem = members(400, Protocol.OPENAI, path)

    assert problem["type"] == "about:blank"
    assert problem["error"] == {"message": READ, "type": "invalid_request_error", "param": None, "code": None}


def test_problem_of_openai_tells_the_server_s_fault_from_the_client_s() -> None:
    assert members(503, Protocol.OPENAI)["error"]["type"] == "server_error"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid_request_error"), (413, "request_too_large"), (503, "api_error")]
)
def test_problem_of_anthropic_is_its_own_error_document(status: int, kind: str) -> None:
    problem = members(status, Protocol.OPENAI, "/v1/messages/")

    assert problem["type"] == "error"
    assert problem["error"] == {"type": kind, "message": f"{problem['title']} (guard, event e1)"}


@pytest.mark.parametrize(
    ("status", "code"), [(400, "BAD_REQUEST"), (422, "INVALID_PARAMETER_VALUE"), (503, "TEMPORARILY_UNAVAILABLE")]
)
def test_problem_of_mlflow_has_its_error_code_and_message(status: int, code: str) -> None:
    problem = members(status, Protocol.INVOCATIONS)

    assert problem["error_code"] == code
    assert problem["message"] == f"{problem['title']} (guard, event e1)"


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_openai_s_client_raises_its_own_error_and_asks_once(status: int) -> None:
    asked = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        start, body = answer(status=status, protocol=Protocol.OPENAI, path="/v1/chat/completions")
        return httpx2.Response(start["status"], headers=start["headers"], content=body["body"])

    with httpx2.Client(transport=httpx2.MockTransport(handler)) as http:
        client = openai.OpenAI(api_key="k", base_url="http://host/v1", http_client=http)
        with pytest.raises(openai.APIStatusError, match="event e1") as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])

    assert caught.value.status_code == status
    assert caught.value.type == "invalid_request_error"
    assert len(asked) == 1


@pytest.mark.parametrize(("status", "header"), [(408, b"retry-after"), (503, b"retry-after"), (422, b"x-should-retry")])
def test_problem_says_whether_to_retry(status: int, header: bytes) -> None:
    start, _ = answer(status=status, path="/")

    assert header in dict(start["headers"])


def test_problem_closes_the_connection_when_a_body_is_left_unread() -> None:
    start, _ = answer(status=413, path="/", close=True)

    assert (b"connection", b"close") in start["headers"]
