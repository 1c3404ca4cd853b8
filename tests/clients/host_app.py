"""A model server in small, behind guard, with a witness before it; run by uvicorn in a process of its own.

The witness keeps what the server handed over and what went back; the host keeps what reached it. `GET /seen` tells both
of every request, and forgets them. The host parses by itself, with nothing of guard's.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from guard import GuardMiddleware
from tests.clients.v2 import answer_v2, read_v2

Scope = dict[str, Any]
Answer = tuple[dict[str, str], list[bytes]]

SEEN: list[dict[str, Any]] = []

UNFOLD: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}


def parse(path: str, headers: Mapping[str, str], body: bytes) -> Any:
    """The value of a request, by the protocol of its path."""
    plain = UNFOLD[headers.get("content-encoding", "")](body)
    return read_v2(plain, headers) if path.startswith("/v2/") else json.loads(plain)


def describe(scope: Scope, body: bytes) -> dict[str, Any]:
    """What is told of one request: its bytes' digest, its headers in their order, and its value."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    try:
        value = json.dumps(parse(scope["path"], dict(headers), body))
    except (ValueError, KeyError, EOFError, TypeError, struct.error, zlib.error, OSError) as error:
        value = f"unreadable: {type(error).__name__}"
    return {"sha256": hashlib.sha256(body).hexdigest(), "length": len(body), "headers": headers, "value": value}


def respond_openai(path: str, request: Any) -> Answer:
    """The stub of a language model: it repeats the last text."""
    if path.endswith("/embeddings"):
        texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
        vector = base64.b64encode(struct.pack("<2f", 0.5, len(texts))).decode()
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        return as_json({"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    text = request["messages"][-1]["content"] if path.endswith("/chat/completions") else request["prompt"]
    head = {"id": "1", "created": 1, "model": "m"}
    if request.get("stream"):
        events = [
            {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": part}}]}
            for part in text.split()
        ]
        sent = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
        return {"content-type": "text/event-stream"}, [*sent, b"data: [DONE]\n\n"]
    choice = {"index": 0, "finish_reason": "stop", "text": text, "message": {"role": "assistant", "content": text}}
    return as_json({**head, "object": "completion", "choices": [choice]})


def as_json(value: Any) -> Answer:
    """An answer in JSON."""
    return {"content-type": "application/json"}, [json.dumps(value).encode()]


def respond(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """The host's own answer."""
    request = parse(path, headers, body)
    if path.startswith("/v2/"):
        answered, content = answer_v2(request)
        return answered, [content]
    if ":predict" in path:
        return as_json({"predictions": [sum(instance) for instance in request["instances"]]})
    return respond_openai(path, request)


async def read(receive: Any) -> bytes:
    """The whole body."""
    body, complete = b"", False
    while not complete:
        message = await receive()
        body += message.get("body", b"")
        complete = not message.get("more_body", False)
    return body


async def host(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request."""
    body = await read(receive)
    scope["witness"]["received"] = describe(scope, body)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    answered, pieces = respond(scope["path"], headers, body)
    scope["witness"]["answered"] = hashlib.sha256(b"".join(pieces)).hexdigest()
    fields = [(name.encode(), value.encode()) for name, value in answered.items()]
    await send({"type": "http.response.start", "status": 200, "headers": [*fields, (b"x-host", b"summing")]})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


async def tell(send: Any) -> None:
    """Answer with all that was seen since the last time."""
    content = json.dumps(SEEN).encode()
    SEEN.clear()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


guarded = GuardMiddleware(host)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The witness, outside of guard."""
    if scope["type"] != "http":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/seen":
        await tell(send)
        return
    seen: dict[str, Any] = {"received": None, "answered": None}
    SEEN.append(seen)
    messages: list[Any] = []
    returned: list[bytes] = []

    async def kept_receive() -> Any:
        message = await receive()
        messages.append(message)
        body = b"".join(message.get("body", b"") for message in messages)
        seen["sent"] = describe(scope, body)
        return message

    async def kept_send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen["status"] = message["status"]
        returned.append(message.get("body", b""))
        seen["returned"] = hashlib.sha256(b"".join(returned)).hexdigest()
        await send(message)

    await guarded({**scope, "witness": seen}, kept_receive, kept_send)
