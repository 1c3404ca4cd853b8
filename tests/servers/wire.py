"""HTTP/1.1 as bytes: requests with any framing, and the answers to them, over a raw socket."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BROKEN = b'{"a": 1, "b": '
HONEST = json.dumps([{"a": 1.5, "b": -2}, {"a": 2.5, "b": 3}]).encode()
HOSTILE = json.dumps({"a": 99, "b": 0}).encode()

JSON = b"content-type: application/json"
CHUNKS = b"transfer-encoding: chunked"

# A server that hasn't answered by then hangs.
TIMEOUT_S = 10.0


@dataclass
class Answer:
    """An HTTP answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running server."""

    name: str
    mode: str
    port: int
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)

    def exchange(self, *pieces: bytes, pause_s: float = 0.0) -> list[Answer]:
        """Send the pieces, with a pause between them, and read every answer until the server is done."""
        with self.connect() as connection:
            for index, piece in enumerate(pieces):
                if index:
                    time.sleep(pause_s)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(piece)
            return read_answers(connection)

    def post(self, body: bytes, **headers: str) -> Answer:
        return self.exchange(request(body, close=True, **headers))[0]


def request(body: bytes, *, close: bool = True, **headers: str) -> bytes:
    """A POST as bytes; a header's underscores become hyphens."""
    fields = {"content-length": str(len(body)), "content-type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}".encode() for name, value in fields.items() if value]
    return compose(*lines, body=body, close=close)


def compose(
    *lines: bytes, body: bytes = b"", first: bytes = b"POST /predict HTTP/1.1", last: bytes = b"", close: bool = True
) -> bytes:
    """A request from its very lines."""
    ends = [b"connection: close"] if close else []
    return b"\r\n".join([first, b"host: localhost", *lines, *ends, b"", b""]) + body + last


def length(body: bytes) -> bytes:
    return b"content-length: %d" % len(body)


def chunks(body: bytes, *, size: int = 0, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    """A body in chunks of a size, or in one; the last chunk, and the trailers."""
    step = size or len(body) or 1
    parts = [body[start : start + step] for start in range(0, len(body), step)]
    sent = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts)
    return b"%s0%s\r\n%s\r\n" % (sent, extension, trailers)


def chunked(*parts: bytes, close: bool = True) -> bytes:
    """A POST in the chunks that are given."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))
    return compose(CHUNKS, body=body, close=close)


def padded(size: int) -> bytes:
    """An honest body of so many bytes."""
    return HONEST + b" " * (size - len(HONEST))


def read_answers(connection: socket.socket) -> list[Answer]:
    """All answers until the server closes; TimeoutError where it neither answers nor closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return list(parse_answers(data))


def read_answer(connection: socket.socket) -> Answer:
    """One answer of a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data or not _is_whole(data):
        piece = connection.recv(65536)
        assert piece, f"the server closed after {data!r}"
        data += piece
    (answer,) = parse_answers(data)
    return answer


def _is_whole(data: bytes) -> bool:
    head, _, body = data.partition(b"\r\n\r\n")
    return len(body) >= int(_headers(head).get("content-length", 0))


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def parse_answers(data: bytes) -> Iterator[Answer]:
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        headers = _headers(head)
        if headers.get("transfer-encoding") == "chunked":
            # The servers' own error pages; what they say doesn't matter here.
            body, _, data = data.partition(b"0\r\n\r\n")
        elif "content-length" in headers:
            n_bytes = int(headers["content-length"])
            body, data = data[:n_bytes], data[n_bytes:]
        else:
            is_last = headers.get("connection") == "close"  # its body goes on to the end
            body, data = (data, b"") if is_last else (b"", data)
        yield Answer(int(head.split()[1]), headers, body)


def assert_echoed(answer: Answer, body: bytes) -> None:
    """The app got these very bytes, and guard had judged them."""
    assert answer.status == 200
    told = answer.json
    assert told["bytes"] == len(body)
    assert told["sha256"] == hashlib.sha256(body).hexdigest()
    assert told["action"] is not None or not body
