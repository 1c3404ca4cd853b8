"""Reading a body within limits, handing it on unchanged, and answering in the app's place.

Threat model: a client that announces one length and sends another, sends for ever, pauses for ever, or
leaves half-way; many clients that do so at once. Out of scope: headers that never end (the server's
business, before an application is called).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, MutableMapping
from typing import Any, NamedTuple, cast

import orjson

from guard.errors import BodyTimeout, BodyTooLarge, MalformedRequest, OverBudget
from guard.settings import GuardSettings

__all__ = [
    "ASGIApp",
    "ByteBudget",
    "Message",
    "Receive",
    "RequestHeaders",
    "Scope",
    "Send",
    "Upload",
    "may_have_body",
    "read_headers",
    "send_problem",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

DISCONNECT = "http.disconnect"

# So many pieces of a body are kept as they came. Servers pass 64 KiB and more at a time, but a client that sends
# its bytes one by one has each in a message of some hundred bytes.
MOST_MESSAGES = 256

# How much of a refused body is received after the answer, and for how long: enough for a client to finish
# sending, little enough that nobody is served for refused bodies.
LINGER_BYTES = 67_108_864
LINGER_S = 2.0

# One client may hold this share of the byte budget, so that it can't shut out the others.
CLIENT_SHARE = 8


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
        raise _too_large(settings)


def _too_large(settings: GuardSettings) -> BodyTooLarge:
    return BodyTooLarge(f"the body is longer than {settings.max_body_bytes} bytes", rule="G101")


class ByteBudget:
    """Counts the bytes that all bodies being read hold, in this process, and each client's share."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.client_max_bytes = max_bytes // CLIENT_SHARE
        self.held_bytes = 0
        self._by_client: dict[str, int] = {}

    def take(self, client: str, n_bytes: int) -> None:
        """Count bytes received; raises OverBudget where they are more than may be held."""
        held = self._by_client.get(client, 0) + n_bytes
        if self.held_bytes + n_bytes > self.max_bytes or held > self.client_max_bytes:
            raise OverBudget("the bodies being read hold all the bytes that they may", rule="G114")
        self.held_bytes += n_bytes
        self._by_client[client] = held

    def release(self, client: str, n_bytes: int) -> None:
        """Give back what `take` counted."""
        self.held_bytes -= n_bytes
        left = self._by_client.get(client, 0) - n_bytes
        if left > 0:
            self._by_client[client] = left
        else:
            self._by_client.pop(client, None)


class Upload:
    """One request's body: read within limits, then handed on as it came.

    An instance is the `receive` for the app behind. It gives back the very messages that were read (of
    more than MOST_MESSAGES the rest as one), then delegates to the real `receive` with no await before it:
    frameworks probe for a disconnect inside a cancelled scope, where any earlier suspension would lose it.
    """

    __slots__ = ("_budget", "_client", "_gone", "_held_bytes", "_messages", "_receive", "_tail", "complete")

    def __init__(self, receive: Receive, *, budget: ByteBudget, client: str) -> None:
        self._receive = receive
        self._budget = budget
        self._client = client
        self._messages: list[Message] = []
        self._tail: bytearray | None = None
        self._held_bytes = 0
        self._gone = False
        self.complete = False

    async def read(self, settings: GuardSettings) -> bytes:
        """The whole body.

        Raises BodyTooLarge, BodyTimeout, OverBudget, and MalformedRequest where the client left before
        the end. What was read until then can still be handed on. Exceptions of the real `receive` are
        not caught.
        """
        steps = self._receive().__await__()
        try:
            waiting_for = next(steps)
        except StopIteration as done:
            # What has arrived already, as most bodies have, needs no timer.
            chunk = self._take(done.value, settings)
            if self.complete:
                return chunk
            await self._read_rest(None, settings)
        else:
            await self._read_rest(_Resumed(waiting_for, steps), settings)
        return b"".join([*(message.get("body") or b"" for message in self._messages), self._tail or b""])

    async def _read_rest(self, begun: _Resumed | None, settings: GuardSettings) -> None:
        """Read on under both deadlines; `begun` is a call of `receive` that waits already."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        end = start + settings.body_timeout_s
        try:
            async with asyncio.timeout_at(min(end, start + settings.body_idle_s)) as deadline:
                while not self.complete:
                    message = await (begun or self._receive())
                    begun = None
                    # An empty piece is no sign of life.
                    if self._take(message, settings):
                        deadline.reschedule(min(end, loop.time() + settings.body_idle_s))
        except TimeoutError:
            if not deadline.expired():
                raise
            raise BodyTimeout("the body didn't arrive in time", rule="G113") from None

    def _take(self, message: Message, settings: GuardSettings) -> bytes:
        """Keep a message to be handed on, and count its bytes."""
        if message["type"] == DISCONNECT:
            self._gone = True
            raise MalformedRequest("the client left before the end of the body", rule="G118")
        chunk: bytes = message.get("body") or b""
        self.complete = not message.get("more_body", False)
        if len(self._messages) < MOST_MESSAGES:
            self._messages.append(message)
        else:
            if self._tail is None:
                self._tail = bytearray()
            self._tail += chunk
        if self._held_bytes + len(chunk) > settings.max_body_bytes:
            raise _too_large(settings)
        self._budget.take(self._client, len(chunk))
        self._held_bytes += len(chunk)
        return chunk

    async def __call__(self) -> Message:
        """The next message for the app behind."""
        if self._messages:
            return self._replay()
        if self._gone:
            # Hypercorn tells of a disconnect once and then blocks for ever.
            return {"type": DISCONNECT}
        message = await self._receive()
        if message["type"] == DISCONNECT:
            self._gone = True
        return message

    def _replay(self) -> Message:
        message = self._messages.pop(0)
        if not self._messages:
            if self._tail is not None:
                rest = {"type": "http.request", "body": bytes(self._tail), "more_body": not self.complete}
                self._messages, self._tail = [rest], None
            else:
                self.release()
        return message

    async def drain(self) -> None:
        """Receive the rest of a refused body and forget it, within LINGER_BYTES and LINGER_S.

        A server that closes while the client still sends resets the connection, and the client may never
        see the answer.
        """
        left = LINGER_BYTES
        if self._gone:
            return
        try:
            async with asyncio.timeout(LINGER_S):
                while left > 0 and not self.complete:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self.complete = message["type"] == DISCONNECT or not message.get("more_body", False)
        except TimeoutError:
            return

    def release(self) -> None:
        """Give the bytes back to the budget; harmless when done twice."""
        if self._held_bytes:
            self._budget.release(self._client, self._held_bytes)
            self._held_bytes = 0


class _Resumed:
    """An awaitable that goes on where the first step of another one stopped.

    The step has been taken in the same task, and what it waits for is handed to the event loop here.
    """

    __slots__ = ("_steps", "_waiting_for")

    def __init__(self, waiting_for: Any, steps: Any) -> None:
        self._waiting_for = waiting_for
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Message]:
        waiting_for = self._waiting_for
        while True:
            try:
                yield waiting_for
            except BaseException as error:
                # A cancellation is the inner awaitable's to see; granian's can't be thrown into, nor by `await`.
                throw = getattr(self._steps, "throw", None)
                if throw is None:
                    raise
                try:
                    waiting_for = throw(error)
                except StopIteration as done:
                    return cast("Message", done.value)
            else:
                return cast("Message", (yield from self._steps))


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
