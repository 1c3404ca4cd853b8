"""A host in a process of its own, bare or behind guard."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.hosts.table import HERE, Host

__all__ = ["Running", "serve"]

# Ray needs 17 s on an idle machine, and a busy one may have several times as much to do.
START_S = 300.0
STOP_S = 60.0

# A frame of guard's that is the last of a traceback; the host's own exceptions pass through it.
RAISED_BY_GUARD = re.compile(r'File "[^"\n]*/guard/[^"\n]*", line \d+, in .*\n(?:    .*\n)*(?=\S)')

# What hosts would send home, or write outside of the folder that they are given.
QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "OMP_NUM_THREADS": "1",
}


class Running(NamedTuple):
    """A host that answers."""

    mode: str
    url: str
    port: int


@contextlib.contextmanager
def serve(host: Host, python: Path, *, mode: str, scratch: Path) -> Iterator[Running]:
    """Start the host in one of `checks.MODES`, wait until it is healthy, and stop it with all its processes."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    port, log = _free_port(), scratch / "log"
    words = {"python": str(python), "port": str(port), "folder": str(host.place)}
    command = [part.format(**words) for part in host.start.split()]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env=_environ(host, mode, scratch, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        running = Running(mode, f"http://127.0.0.1:{port}", port)
        _wait_until_healthy(f"{running.url}{host.health}", process, log)
        yield running
    finally:
        _stop(process)
    if RAISED_BY_GUARD.search(log.read_text(errors="replace")):
        raise AssertionError(f"guard raised in the host: {_end(log)}")


def _environ(host: Host, mode: str, scratch: Path, port: int) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GUARD_", "PYTHON", "COV_"))}
    guard = {
        "GUARD_MODE": "enforce" if mode == "canonical" else mode,
        "GUARD_FORWARD": "canonical" if mode == "canonical" else "original",
        "GUARD_CONTRACT": str(HERE / "contract.toml"),
        "GUARD_JOURNAL": f"sqlite:///{scratch}/guard.db",
    }
    own = {
        "HOME": str(scratch),
        "BENTOML_HOME": str(scratch / "bentoml"),
        "HOST_PORT": str(port),
        "HOST_OTHER_PORT": str(_free_port()),
        "HOST_SCRATCH": str(scratch),
        "PYTHONUNBUFFERED": "1",
    }
    return kept | QUIET | guard | own | dict(host.environ)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    said = "ended" if process.poll() is not None else f"isn't healthy after {START_S:.0f} s"
    raise AssertionError(f"the host {said}: {_end(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the host to end, then end what is left of its session."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=STOP_S)


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]
