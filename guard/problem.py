"""The answer in the app's place: a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from guard.asgi import Send
from guard.paths import Protocol
from guard.upload import Upload

__all__ = ["problem_body", "send_problem"]

# What a client is told: a status, a title and an event id. More would be an oracle for an attacker.
TITLES = {
    400: "The request can't be read",
    408: "The request body didn't arrive in time",
    413: "The request body is too large",
    415: "The request body is of no known kind",
    422: "The request was refused",
    503: "The service can't take the request now",
}
RETRY_AFTER_S = 1


# Statuses of which asking again may help; all others stand for a verdict, which doesn't change.
RETRIED = frozenset({408, 503})

# KServe's client reads `error` only where the type is this very text.
_PLAIN_JSON = frozenset({Protocol.V1, Protocol.V2})


def problem_body(status: int, *, event_id: str, protocol: Protocol = Protocol.ANY, path: str = "/") -> bytes:
    """The problem document of a rejection (RFC 9457), with the members that the protocol's own clients read.

    `error` is a text for V1, V2 and paths of no protocol, and an object for OpenAI's. Anthropic's clients find `type`
    to be `error`, as a relative reference, which RFC 9457 allows; MLflow's find `error_code` and `message`.
    """
    title = TITLES.get(status, TITLES[422])
    message = f"{title} (guard, event {event_id})"
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "instance": f"urn:uuid:{event_id}",
        "error": message,
    }
    if protocol is Protocol.OPENAI:
        problem |= _anthropic(status, message) if _is_anthropic(path) else _openai(status, message)
    elif protocol is Protocol.INVOCATIONS:
        problem |= {"error_code": _MLFLOW_CODES.get(status, "BAD_REQUEST"), "message": message}
    return orjson.dumps(problem)


def _is_anthropic(path: str) -> bool:
    return path.rstrip("/").endswith("/messages")


def _openai(status: int, message: str) -> dict[str, object]:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _anthropic(status: int, message: str) -> dict[str, object]:
    return {
        "type": "error",
        "error": {"type": _ANTHROPIC_TYPES.get(status, "invalid_request_error"), "message": message},
    }


_ANTHROPIC_TYPES = {413: "request_too_large", 503: "api_error"}

# Of the names in MLflow's databricks.proto; its client raises another exception for any other name.
_MLFLOW_CODES = {422: "INVALID_PARAMETER_VALUE", 503: "TEMPORARILY_UNAVAILABLE"}


async def send_problem(
    send: Send,
    *,
    status: int,
    event_id: str,
    protocol: Protocol = Protocol.ANY,
    path: str = "/",
    close: bool = False,
    upload: Upload | None = None,
) -> None:
    """Answer with a problem document; `close` where a body may be left unread, `upload` to drain it before the end."""
    body = problem_body(status, event_id=event_id, protocol=protocol, path=path)
    headers = [
        (b"content-type", b"application/json" if protocol in _PLAIN_JSON else b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *_extra_headers(status, close=close),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if upload is not None:
        # Granian gives up a request as soon as the answer is whole; so its last byte waits.
        await send({"type": "http.response.body", "body": body[:-1], "more_body": True})
        await upload.drain()
        body = body[-1:]
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _extra_headers(status: int, *, close: bool) -> Iterable[tuple[bytes, bytes]]:
    if status in RETRIED:
        yield b"retry-after", str(RETRY_AFTER_S).encode()
    else:
        # openai's and anthropic's clients honour it; a verdict doesn't change by asking again.
        yield b"x-should-retry", b"false"
    if close:
        yield b"connection", b"close"
