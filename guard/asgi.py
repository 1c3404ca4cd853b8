"""ASGI's types, and what a request's headers say before its body is read.

Threat model: a client whose headers contradict each other, or pretend to be guard's. Out of scope: headers
that never end (the server's business, before an application is called).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

from guard.errors import BodyTooLarge, MalformedRequest
from guard.settings import GuardSettings

__all__ = [
    "ASGIApp",
    "Message",
    "Receive",
    "RequestHeaders",
    "Scope",
    "Send",
    "check_headers",
    "is_http_1",
    "may_have_body",
    "read_headers",
    "replace_headers",
    "strip_spoofed",
    "too_large",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestHeaders(NamedTuple):
    """The headers that guard looks at, and whether any looks like one of its own."""

    values: dict[bytes, bytes]
    spoofed: bool

    def text(self, name: bytes) -> str | None:
        """A header's value as text (latin-1, as HTTP has it)."""
        value = self.values.get(name)
        return None if value is None else value.decode("latin-1")


def read_headers(scope: Scope) -> RequestHeaders:
    """The headers by lower-case name; several with one name are joined by commas, as HTTP reads them."""
    headers = scope["headers"]
    if type(headers) is not list and type(headers) is not tuple:
        # ASGI allows any iterable, and the app will want to read it too.
        headers = scope["headers"] = list(headers)
    values = dict(headers)
    names = b"".join(values)
    # Nearly always: as servers give them, each once, and none that could look like guard's own.
    if len(values) == len(headers) and names.islower() and b"guard" not in names:
        return RequestHeaders(values, False)
    return _read_headers(headers)


def _read_headers(headers: Iterable[tuple[bytes, bytes]]) -> RequestHeaders:
    values: dict[bytes, bytes] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        values[name] = values[name] + b"," + value if name in values else value
    return RequestHeaders(values, any(map(_looks_like_ours, values)))


def _looks_like_ours(name: bytes) -> bool:
    return name.replace(b"_", b"-").startswith(b"x-guard-")


def strip_spoofed(scope: Scope) -> Scope:
    """A copy of the scope without the headers that look like guard's own."""
    kept = [pair for pair in scope["headers"] if not _looks_like_ours(pair[0].lower())]
    return {**scope, "headers": kept}


def replace_headers(scope: Scope, changes: Mapping[bytes, bytes | None]) -> Scope:
    """A copy of the scope with headers set, each once, or dropped (None); names are in lower case."""
    kept = [pair for pair in scope["headers"] if pair[0].lower() not in changes]
    return {**scope, "headers": [*kept, *((name, value) for name, value in changes.items() if value is not None)]}


def may_have_body(scope: Scope, headers: RequestHeaders) -> bool:
    """Whether a body may follow.

    HTTP/1 says so in its headers: chunks are a body whatever length stands beside them. HTTP/2 and later need
    no length header: there a body has to be looked for.
    """
    if b"transfer-encoding" in headers.values or not is_http_1(scope):
        return True
    length = headers.values.get(b"content-length", b"0")
    return length != b"0" and length.strip() != b"0"


def is_http_1(scope: Scope) -> bool:
    """Whether the request came by HTTP/1.0 or 1.1."""
    version: str = scope.get("http_version", "1.1")
    return version[:1] == "1"


def check_headers(headers: RequestHeaders, settings: GuardSettings) -> None:
    """Refuse what the headers alone give away, before a byte of the body is asked for.

    Raises MalformedRequest (contradicting lengths) and BodyTooLarge.
    """
    length = headers.values.get(b"content-length")
    if length is None:
        return
    if b"transfer-encoding" in headers.values:
        raise MalformedRequest("both Content-Length and Transfer-Encoding are given", rule="G117", where="headers")
    if not length.isdigit() and not length.strip().isdigit():
        # Two of them, joined by a comma, aren't digits either.
        raise MalformedRequest("Content-Length isn't one number", rule="G117", where="headers")
    # Counted by digits first: int() of a long run of them is slow, and refused from 4,300 on.
    if len(length) > 18 or int(length) > settings.max_body_bytes:
        raise too_large(settings)


def too_large(settings: GuardSettings) -> BodyTooLarge:
    """The error for a body that is longer than it may be."""
    return BodyTooLarge(f"the body is longer than {settings.max_body_bytes} bytes", rule="G101")
