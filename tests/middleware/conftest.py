"""A small ASGI client that calls an app as a server does, and settings for it."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from guard import GuardSettings

CONTRACT = """
[features.a]
type = "number"
minimum = 0
maximum = 10

[features.b]
type = "number"
nullable = true
"""


@dataclass
class Answer:
    """What an app sent."""

    messages: list[Any] = field(default_factory=list)

    @property
    def status(self) -> int | None:
        return int(self.messages[0]["status"]) if self.messages else None

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def http_scope(
    path: str = "/predict", *, method: str = "POST", headers: Iterable[tuple[bytes, bytes]] = (), **more: Any
) -> Any:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
        **more,
    }


async def call_async(app: Any, *chunks: bytes, gone: bool = False, **options: Any) -> Answer:
    """One request; `gone`: the client leaves after the last chunk without ending the body."""
    headers = list(options.pop("headers", ()))
    body = b"".join(chunks)
    if not any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in headers):
        headers.append((b"content-length", str(len(body)).encode()))
    scope = options.pop("scope", None) or http_scope(headers=headers, **options)
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False})
    answer = Answer()

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        answer.messages.append(message)

    await app(scope, receive, send)
    return answer


class Probe:
    """An app that remembers what it got and answers 200 with the length of the body."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.scopes: list[Any] = []
        self.saw_disconnect = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.saw_disconnect = True
                self.bodies.append(body)
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(body)).encode()})

    @property
    def verdict(self) -> Any:
        return self.scopes[-1]["state"].get("guard")


@pytest.fixture
def call() -> Callable[..., Answer]:
    return lambda app, *chunks, **options: asyncio.run(call_async(app, *chunks, **options))


@pytest.fixture
def scope_of() -> Callable[..., Any]:
    return http_scope


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., GuardSettings]:
    """Settings with a contract of two features and a journal in a folder of their own."""
    contract = tmp_path / "contract.toml"
    contract.write_text(CONTRACT)

    def make(mode: str = "enforce", **variables: str) -> GuardSettings:
        environ = {
            "GUARD_MODE": mode,
            "GUARD_CONTRACT": str(contract),
            "GUARD_JOURNAL": f"sqlite:///{tmp_path / 'guard.db'}",
            **{f"GUARD_{name.upper()}": value for name, value in variables.items()},
        }
        return GuardSettings.from_environ({name: value for name, value in environ.items() if value})

    return make
