"""Real servers, each in a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.servers.wire import Server

HERE = Path(__file__).parent

COMMANDS = {
    "uvicorn-h11": ["-m", "uvicorn", "echo_app:app", "--http", "h11", "--port", "{port}"],
    "uvicorn-httptools": ["-m", "uvicorn", "echo_app:app", "--http", "httptools", "--port", "{port}"],
    "granian": ["-m", "granian", "--interface", "asgi", "--workers", "1", "--port", "{port}", "echo_app:app"],
    "hypercorn": ["-m", "hypercorn", "--bind", "127.0.0.1:{port}", "echo_app:app"],
}

SERVERS = [f"{name}/{mode}" for name in COMMANDS for mode in ("monitor", "enforce")]

LIMITS = {
    "GUARD_MAX_BODY_BYTES": "4096",
    "GUARD_MAX_INFLIGHT_BYTES": "32768",
    "GUARD_BODY_IDLE_S": "0.8",
    "GUARD_BODY_TIMEOUT_S": "2.0",
}

CONTRACT = '[features.a]\ntype = "number"\nminimum = 0\nmaximum = 10\n[features.b]\ntype = "number"\n'


def free_ports(count: int) -> list[int]:
    """So many, all held until the last is found: else one could be given twice."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server didn't start: {log.read_text()}")


class Started(NamedTuple):
    """A server and the process that it runs in."""

    server: Server
    process: subprocess.Popen[bytes]


def start(name: str, mode: str, port: int, scratch: Path) -> Started:
    (scratch / "contract.toml").write_text(CONTRACT)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GUARD_")}
    environ |= LIMITS | {
        "GUARD_MODE": mode,
        "GUARD_CONTRACT": str(scratch / "contract.toml"),
        "GUARD_JOURNAL": f"sqlite:///{scratch}/guard.db",
    }
    log = scratch / "log"
    command = [sys.executable, *(part.format(port=port) for part in COMMANDS[name])]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=HERE, env=environ, stdout=output, stderr=output)
    return Started(Server(name, mode, port, log), process)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """All servers in both modes, started together: one after the other would take most of the tests' time."""
    started: dict[str, Started] = {}
    try:
        for key, port in zip(SERVERS, free_ports(len(SERVERS)), strict=True):
            name, _, mode = key.partition("/")
            started[key] = start(name, mode, port, tmp_path_factory.mktemp("server"))
        for one in started.values():
            wait_until_listening(one.server.port, one.process, one.server.log)
        yield {key: one.server for key, one in started.items()}
    finally:
        for one in started.values():
            one.process.terminate()
        for one in started.values():
            one.process.wait(timeout=20)
    # Hypercorn's own shutdown may be interrupted; what matters is that guard raised nothing.
    for key, one in started.items():
        log = one.server.log.read_text()
        assert not re.search(r"Traceback[\s\S]*?guard/", log), f"{key} logged a traceback"
        assert "guard failed" not in log, f"{key} logged a failure"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    return servers[request.param]


@pytest.fixture(params=COMMANDS)
def enforcing(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    return servers[f"{request.param}/enforce"]
