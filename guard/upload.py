"""Reading a body within limits, and handing it on unchanged, or as guard wrote it anew.

Threat model: a client that announces one length and sends another, sends for ever, pauses for ever, sends
its bytes one by one, or leaves half-way; many clients that do so at once. Out of scope: what the app behind keeps of
a body once it has it.

Memory. Bodies that arrive, wait to be judged, or wait to be taken by the app count into GUARD_MAX_INFLIGHT_BYTES, a
re-encoded body in place of the one that came. One that came in pieces is joined to be judged, so that memory is twice
the budget at most. What is unfolded and decoded while a body is judged isn't counted: that happens on the event loop
and in `guard.workers.THREADS` threads, one body in each at a time, so that three at most are in hand however many
clients there are. Of what is read, at most GUARD_MAX_BODY_BYTES after a Content-Encoding is undone, most formats take
up to 16 times the size; JSON of small objects, arrays and texts takes up to 37 times, and images what
GUARD_MAX_IMAGE_PIXELS allows (`benchmarks/hostile_bodies.py`). A body that waits for a thread no longer, its request
being late, is let go of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, cast

from guard.asgi import Message, Receive, too_large
from guard.errors import BodyTimeout, MalformedRequest, OverBudget
from guard.settings import GuardSettings

__all__ = ["MOST_MESSAGES", "ByteBudget", "Upload"]

DISCONNECT = "http.disconnect"

# So many pieces of a body are kept as they came. Servers pass 64 KiB and more at a time, but a client that sends
# its bytes one by one has each in a message of some hundred bytes.
MOST_MESSAGES = 256

# How much of a refused body is received after the answer, and for how long: enough for a client to finish
# sending, little enough that nobody is served for refused bodies.
LINGER_BYTES = 67_108_864
LINGER_S = 2.0
# A client that has seen the answer and stopped waits for its end no longer than this.
LINGER_IDLE_S = 0.25

# One client may hold this share of the byte budget, so that it can't shut out the others.
CLIENT_SHARE = 8


class ByteBudget:
    """Counts the bytes that all bodies not yet handed on hold, in this process, and each client's share."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.client_max_bytes = max_bytes // CLIENT_SHARE
        self.held_bytes = 0
        self._by_client: dict[str, int] = {}

    def take(self, client: str, n_bytes: int) -> None:
        """Count bytes; raises OverBudget where they are more than may be held."""
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
    """One request's body: read within limits, then handed on as it came, or as it was replaced.

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
            raise too_large(settings)
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

    def replace(self, body: bytes) -> None:
        """Hand on another body, in one message, instead of the one that was read whole.

        The budget counts it in place of the one that came. Raises OverBudget where it can't: then there is nothing
        left to hand on.
        """
        self.release()
        self._messages, self._tail = [], None
        self._budget.take(self._client, len(body))
        self._held_bytes = len(body)
        self._messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def drain(self) -> None:
        """Receive the rest of a refused body and forget it, within LINGER_BYTES, LINGER_S and LINGER_IDLE_S.

        A server that closes while the client still sends resets the connection, and the client may never
        see the answer.
        """
        left = LINGER_BYTES
        if self._gone:
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + LINGER_S
        try:
            async with asyncio.timeout_at(end) as deadline:
                while left > 0 and not self.complete:
                    deadline.reschedule(min(end, loop.time() + LINGER_IDLE_S))
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
