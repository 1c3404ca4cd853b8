"""One fuzzed request through the whole middleware, in front of a host that parses it by other code.

An input is a request in text form: the path, one header a line, an empty line, the body:

    /v2/models/m/infer
    inference-header-content-length: 74

    {"inputs": ...

so that a fuzzer changes path, headers and body alike, and a person can read what it found.
"""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from guard.middleware import GuardMiddleware
from guard.settings import GuardSettings
from guard.verdict import Verdict

__all__ = ["Exchange", "Harness", "Request", "parse_request", "write_request"]

CONTRACT = """
[features.a]
type = "number"
minimum = -1000
maximum = 1000
[features.b]
type = "integer"
[features.kind]
type = "category"
allowed = ["x", "y", 2, 6]
nullable = true
[features.c]
type = "number"
nullable = true
"""

VARIABLES = {
    "GUARD_MODE": "enforce",
    "GUARD_JOURNAL": "off",
    "GUARD_CONTENT_ENCODINGS": "gzip,deflate",
    # An instrumented interpreter is slow; lateness is tested elsewhere.
    "GUARD_SCORE_TIMEOUT_MS": "60000",
}

# What a refused request may get: guard's own failure (503) and the server's (500) aren't among them.
STATUSES = frozenset({200, 400, 413, 415, 422})


class Request(NamedTuple):
    """A request without its transport; header names are in lower case."""

    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Exchange(NamedTuple):
    """What came of a request: the status, the verdict (None where it was refused), the body that the host got."""

    status: int
    verdict: Verdict | None
    received: bytes | None


def parse_request(data: bytes) -> Request:
    """Read an input; whatever the bytes, some request comes of them."""
    head, _, body = data.partition(b"\n\n")
    path, *lines = head.split(b"\n")
    pairs = []
    for line in lines[:16]:
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        if colon and name and name not in {b"content-length", b"transfer-encoding"}:
            pairs.append((name, value.strip()))
    return Request("/" + path.decode("latin-1").lstrip("/"), tuple(pairs), body)


def write_request(path: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """The input that `parse_request` reads as this request."""
    lines = [path, *(f"{name}: {value}" for name, value in headers)]
    return "\n".join(lines).encode("latin-1") + b"\n\n" + body


class Harness:
    """Sends inputs through guard, and raises AssertionError where anything but a verdict comes of one."""

    def __init__(self, **variables: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="guard-fuzz-")
        contract = Path(self._folder.name) / "contract.toml"
        contract.write_text(CONTRACT, encoding="utf-8")
        self._loop = asyncio.new_event_loop()
        self._received: bytes | None = None
        self.app = GuardMiddleware(
            self._host, GuardSettings.from_environ(VARIABLES | {"GUARD_CONTRACT": str(contract)} | variables)
        )
        self.count = 0

    def close(self) -> None:
        """Give back what the harness holds."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._folder.cleanup()

    def send(self, data: bytes) -> Exchange:
        """Send one input; raises AssertionError where guard failed, or two parsers read what it passed differently."""
        request = parse_request(data)
        if not request.body:
            return Exchange(200, None, None)
        self.count += 1
        self._received = None
        scope = _scope(request)
        status = self._loop.run_until_complete(self._exchange(scope, request.body))
        verdict: Verdict | None = scope.get("state", {}).get("guard")
        assert status in STATUSES, f"status {status}"
        found = {finding.rule_id for finding in verdict.findings} if verdict else set()
        assert not found & {"G901", "G902"}, found
        if self._received is not None and verdict is not None:
            _check_one_reading(self._received, verdict)
        return Exchange(status, verdict, self._received)

    async def _exchange(self, scope: dict[str, Any], body: bytes) -> int:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        answer: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            answer.append(message)

        await self.app(scope, receive, send)
        assert answer, "no answer"
        return int(answer[0]["status"])

    async def _host(self, scope: Any, receive: Any, send: Any) -> None:
        body, complete = b"", False
        while not complete:
            message = await receive()
            assert message["type"] == "http.request"
            body += message.get("body", b"")
            complete = not message.get("more_body", False)
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        assert lengths == [str(len(body)).encode()], "the length header is wrong"
        self._received = body
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def _scope(request: Request) -> dict[str, Any]:
    length = (b"content-length", str(len(request.body)).encode())
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": request.path,
        "raw_path": request.path.encode("latin-1"),
        "root_path": "",
        "query_string": b"",
        "headers": [length, *request.headers],
        "client": ("127.0.0.1", 50000),
        "state": {},
    }


# Formats whose body is one JSON document.
_JSON = frozenset({"v1", "v2", "mlflow", "named", "records", "rows", "pointers", "openai"})


def _check_one_reading(body: bytes, verdict: Verdict) -> None:
    """Two parsers that differ much, stdlib's and orjson, must read what guard passed, and to the same values."""
    if verdict.protocol not in _JSON or body[:1] not in {b"{", b"["}:
        return
    one = json.loads(body)
    if _is_finite(one):
        assert _same(one, orjson.loads(body)), "two readings"


def _is_finite(value: Any) -> bool:
    queue = [value]
    for item in queue:
        if type(item) is float and not math.isfinite(item):
            return False
        queue += item.values() if type(item) is dict else item if type(item) is list else ()
    return True


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if type(one) is list:
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
