"""What looking at a body costs: the memory at its peak, and the longest time that the event loop stood still."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guard.middleware import GuardMiddleware
from guard.screening import Screener
from guard.settings import GuardSettings
from guard.verdict import Verdict
from tests.resources.bodies import BODIES, CONTRACT, VARIABLES, Hostile, small_bodies

__all__ = [
    "SMALLEST_BYTES",
    "guarded",
    "peak_bytes",
    "peak_ratio",
    "post",
    "screen",
    "stall_seconds",
    "warm",
]

# A shorter body counts as this long: objects that every request needs would weigh too much.
SMALLEST_BYTES = 65_536

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_bytes(call: Callable[[], object], *, warm: Callable[[], object]) -> int:
    """How much more memory is resident while `call` runs than before, at its peak; measured in a child process.

    Python's and NumPy's allocations, and those of C libraries, count alike; pages reserved and never touched don't.
    `warm` runs before, so that code which is read for the first time doesn't count.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            warm()
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)  # what was freed and kept would hide what is taken
            _CLEAR.write_text("5", encoding="ascii")  # the peak begins anew
            before = _resident("VmRSS")
            call()
            os.write(write_end, struct.pack("<q", _resident("VmHWM") - before))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    assert found, "the child process died"
    return int(struct.unpack("<q", found)[0])


def screen(screener: Screener, hostile: Hostile) -> Verdict:
    """Judge a body, without the transport."""
    headers = {name.encode(): value.encode() for name, value in hostile.headers}
    return screener.examine(hostile.body, route=screener.paths.match(hostile.path), headers=headers).verdict


def warm(screener: Screener) -> None:
    """Take each way through the code once, with bodies that cost nothing."""
    for hostile in small_bodies():
        screen(screener, hostile)


def _resident(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
    assert found
    return 1024 * int(found[1])


async def post(app: GuardMiddleware, hostile: Hostile) -> int:
    """Send a body; return the status."""
    length = (b"content-length", str(len(hostile.body)).encode())
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": hostile.path, "root_path": "",
        "headers": [length, *((name.encode(), value.encode()) for name, value in hostile.headers)],
        "client": ("127.0.0.1", 50000), "state": {},
    }  # fmt: skip
    messages = [{"type": "http.request", "body": hostile.body, "more_body": False}]
    answer: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answer.append(message)

    await app(scope, receive, send)
    return int(answer[0]["status"])


def stall_seconds(app: GuardMiddleware, hostile: Hostile) -> float:
    """The longest time for which nothing else ran on the event loop while the body was looked at."""

    async def run() -> float:
        longest, last, done = 0.0, time.perf_counter(), False

        async def tick() -> None:
            nonlocal longest, last
            while not done:
                await asyncio.sleep(0)
                now = time.perf_counter()
                longest, last = max(longest, now - last), now

        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        longest = 0.0
        await post(app, hostile)
        done = True
        await ticker
        return longest

    return asyncio.run(run())


def peak_ratio(name: str) -> float:
    """The memory that a body takes at the peak, as a multiple of its size; measured in a fresh interpreter."""
    command = [sys.executable, "-m", "tests.resources.measure", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return float(done.stdout)


async def host(scope: Any, receive: Any, send: Any) -> None:
    """Answer without a look."""
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def guarded(folder: Path) -> GuardMiddleware:
    """A host behind guard in `enforce`, with the contract that the bodies are meant for."""
    contract = folder / "contract.toml"
    contract.write_text(CONTRACT, encoding="utf-8")
    return GuardMiddleware(host, GuardSettings.from_environ(VARIABLES | {"GUARD_CONTRACT": str(contract)}))


def main() -> None:
    """Print the ratio of the body that is named."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        screener = guarded(Path(folder)).screener
        hostile = BODIES[sys.argv[1]]()
        peak = peak_bytes(lambda: screen(screener, hostile), warm=lambda: warm(screener))
        print(peak / max(len(hostile.body), SMALLEST_BYTES))


if __name__ == "__main__":
    main()
