"""The answer in the app's place: a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from guard.asgi import Send
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


def problem_body(status: int, *, event_id: str, path: str) -> bytes:
    """The problem document of a rejection (RFC 9457).

    `error` has the shape that the protocol's own clients read: an object on OpenAI's paths, text elsewhere.
    """
    title = TITLES.get(status, TITLES[422])
    message = f"{title} (guard, event {event_id})"
    openai = path.rstrip("/").endswith(OPENAI_PATHS)
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            "instance": f"urn:uuid:{event_id}",
            "error": {"message": message, "type": "invalid_request_error", "code": None} if openai else message,
        }
    )


OPENAI_PATHS = ("/chat/completions", "/completions", "/embeddings", "/responses")


async def send_problem(
    send: Send, *, status: int, event_id: str, path: str, close: bool = False, upload: Upload | None = None
) -> None:
    """Answer with a problem document; `close` where a body may be left unread, `upload` to drain it before the end."""
    body = problem_body(status, event_id=event_id, path=path)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *_extra_headers(status, close=close),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": upload is not None})
    if upload is not None:
        await upload.drain()
        await send({"type": "http.response.body", "body": b""})


def _extra_headers(status: int, *, close: bool) -> Iterable[tuple[bytes, bytes]]:
    if status in {408, 503}:
        yield b"retry-after", str(RETRY_AFTER_S).encode()
    else:
        # openai's client honours it; a verdict doesn't change by asking again.
        yield b"x-should-retry", b"false"
    if close:
        yield b"connection", b"close"
