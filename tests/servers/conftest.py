"""Real servers, each in a process of its own, and a raw socket to speak to them."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

COMMANDS = {
    "uvicorn-h11": ["-m", "uvicorn", "echo_app:app", "--http", "h11", "--port", "{port}"],
    "uvicorn-httptools": ["-m", "uvicorn", "echo_app:app", "--http", "httptools", "--port", "{port}"],
    "granian": ["-m", "granian", "--interface", "asgi", "--workers", "1", "--port", "{port}", "echo_app:app"],
    "hypercorn": ["-m", "hypercorn", "--bind", "127.0.0.1:{port}", "echo_app:app"],
}

LIMITS = {
    "GUARD_MAX_BODY_BYTES": "4096",
    "GUARD_MAX_INFLIGHT_BYTES": "32768",
    "GUARD_BODY_IDLE_S": "0.6",
    "GUARD_BODY_TIMEOUT_S": "1.5",
}

CONTRACT = '[features.a]\ntype = "number"\nminimum = 0\nmaximum = 10\n[features.b]\ntype = "number"\n'


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
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

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
    if close:
        fields["connection"] = "close"
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return "\r\n".join(["POST /predict HTTP/1.1", "host: localhost", *lines, "", ""]).encode() + body


def read_answers(connection: socket.socket) -> list[Answer]:
    data = b""
    with contextlib.suppress(ConnectionResetError, TimeoutError):
        while piece := connection.recv(65536):
            data += piece
    return list(parse_answers(data))


def parse_answers(data: bytes) -> Iterator[Answer]:
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            # The servers' own error pages; what they say doesn't matter here.
            data = data.partition(b"0\r\n\r\n")[2]
        length = int(headers.get("content-length", 0))
        yield Answer(int(first.split()[1]), headers, data[:length])
        data = data[length:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server didn't start: {log.read_text()}")


@pytest.fixture(scope="module", params=[f"{name}/{mode}" for name in COMMANDS for mode in ("monitor", "enforce")])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    name, _, mode = request.param.partition("/")
    scratch = tmp_path_factory.mktemp("server")
    (scratch / "contract.toml").write_text(CONTRACT)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GUARD_")}
    environ |= LIMITS | {
        "GUARD_MODE": mode,
        "GUARD_CONTRACT": str(scratch / "contract.toml"),
        "GUARD_JOURNAL": f"sqlite:///{scratch}/guard.db",
    }
    port, log = free_port(), scratch / "log"
    command = [sys.executable, *(part.format(port=port) for part in COMMANDS[name])]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=HERE, env=environ, stdout=output, stderr=output)
    try:
        wait_until_listening(port, process, log)
        yield Server(name, mode, port, log)
    finally:
        process.terminate()
        process.wait(timeout=20)
    # Hypercorn's own shutdown may be interrupted; what matters is that guard raised nothing.
    assert not re.search(r"Traceback[\s\S]*?guard/", log.read_text())


@pytest.fixture
def post() -> Any:
    return request
