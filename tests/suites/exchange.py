"""Requests to an app behind guard, at the level of ASGI, where a client may send any bytes."""

from __future__ import annotations

from typing import Any, NamedTuple, Self
from urllib.parse import unquote_to_bytes

import orjson

from guard import GuardMiddleware, GuardSettings

__all__ = ["CONTRACT", "Answer", "Gate", "event_id"]

# A request with an amount of 99 is refused.
CONTRACT = """\
[features.amount]
type = "number"
maximum = 10
[features.kind]
type = "category"
allowed = ["plain"]
"""

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What the client gets."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Gate:
    """An app behind guard that keeps the bodies it receives; leaving the context writes the journal to its end."""

    def __init__(self, settings: GuardSettings) -> None:
        self.received: list[bytes] = []
        self.guard = GuardMiddleware(self._serve, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.guard.recorder.close()

    async def send(
        self,
        body: bytes,
        *,
        path: bytes | str = b"/infer",
        raw_path: bytes | None = None,
        headers: Headers | None = None,
    ) -> Answer:
        """Send one request; `path` is percent-encoded, as on the wire, or decoded already."""
        sent: list[Any] = []
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            return next(messages, {"type": "http.disconnect"})

        async def keep(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": path if isinstance(path, str) else unquote_to_bytes(path).decode(),
            "raw_path": raw_path if isinstance(path, str) else path,
            "query_string": b"",
            "root_path": "",
            "headers": [(b"content-length", b"%d" % len(body)), *(headers or [])],
            "client": ("192.0.2.1", 50_000),
            "server": ("localhost", 80),
        }
        await self.guard(scope, receive, keep)
        start, *rest = sent
        return Answer(start["status"], dict(start["headers"]), b"".join(part.get("body", b"") for part in rest))

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        body, is_more = b"", True
        while is_more:
            message = await receive()
            body += message.get("body", b"")
            is_more = message.get("more_body", False)
        self.received.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})


def event_id(answer: Answer) -> str:
    """The event id that a rejection names."""
    return str(answer.json["instance"]).removeprefix("urn:uuid:")
