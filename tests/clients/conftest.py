"""Real clients speak over real sockets to a host behind guard."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

CONTRACT = """
[features.a]
type = "number"
minimum = 0
maximum = 10

[features.b]
type = "number"
maximum = 10
nullable = true
"""

# The declared model's features are numbers; what is open has no contract, and decodes no encodings.
VARIABLES = {
    "numbers": {"GUARD_CONTRACT": "{scratch}/contract.toml", "GUARD_CONTENT_ENCODINGS": "gzip,deflate"},
    "open": {},
}


@dataclass(frozen=True)
class Host:
    """A running host, and how guard forwards to it."""

    name: str
    forward: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def seen(self) -> list[dict[str, Any]]:
        """What the witness and the host saw since the last time."""
        with urllib.request.urlopen(f"{self.url}/seen", timeout=60) as answer:
            seen: list[dict[str, Any]] = json.loads(answer.read())
        return seen

    def assert_forwarded(self, seen: dict[str, Any]) -> None:
        """The host read what the client sent, and its answer came back as it was."""
        sent, received = seen["sent"], seen["received"]
        assert received is not None
        assert not sent["value"].startswith("unreadable")
        assert received["value"] == sent["value"]
        if self.forward == "original":
            assert received == sent
        else:
            headers = dict(received["headers"])
            assert headers.get("content-length", str(received["length"])) == str(received["length"])
            assert "content-encoding" not in headers
        assert seen["status"] == 200
        assert seen["returned"] == seen["answered"]

    def assert_one_served(self) -> dict[str, Any]:
        """One request came, and was served; what was seen of it."""
        (seen,) = self.seen()
        self.assert_forwarded(seen)
        return seen

    def assert_one_refused(self, status: int) -> None:
        """One request came, was refused, and wasn't sent again: the host saw none of it."""
        (seen,) = self.seen()
        assert seen["status"] == status
        assert seen["received"] is None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the host didn't start: {log.read_text()}")


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Host]]:
    """Each host, forwarded to in both ways; started together."""
    started: dict[tuple[str, str], tuple[Host, subprocess.Popen[bytes], Path]] = {}
    try:
        for name in VARIABLES:
            for forward in ("original", "canonical"):
                scratch = tmp_path_factory.mktemp("host")
                host = Host(name, forward, free_port())
                started[name, forward] = (host, start(host, scratch), scratch / "log")
        for host, process, log in started.values():
            wait_until_listening(host.port, process, log)
        yield {key: host for key, (host, _, _) in started.items()}
    finally:
        for _, process, _ in started.values():
            process.terminate()
        for _, process, _ in started.values():
            process.wait(timeout=30)
    for _, _, log in started.values():
        assert "Traceback" not in log.read_text()


def start(host: Host, scratch: Path) -> subprocess.Popen[bytes]:
    (scratch / "contract.toml").write_text(CONTRACT)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GUARD_")}
    environ |= {
        "GUARD_MODE": "enforce",
        "GUARD_FORWARD": host.forward,
        "GUARD_JOURNAL": f"sqlite:///{scratch}/guard.db",
    }
    environ |= {name: value.format(scratch=scratch) for name, value in VARIABLES[host.name].items()}
    command = [sys.executable, "-m", "uvicorn", "tests.clients.host_app:app", "--lifespan", "on"]
    with (scratch / "log").open("wb") as output:
        return subprocess.Popen(
            [*command, "--port", str(host.port)], cwd=ROOT, env=environ, stdout=output, stderr=output
        )


@pytest.fixture(params=["original", "canonical"])
def forward(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def numbers(hosts: dict[tuple[str, str], Host], forward: str) -> Host:
    """A host whose model has two features of 0 to 10, and may lack the second."""
    host = hosts["numbers", forward]
    host.seen()
    return host


@pytest.fixture
def unbounded(hosts: dict[tuple[str, str], Host], forward: str) -> Host:
    """A host of which nothing is declared."""
    host = hosts["open", forward]
    host.seen()
    return host
