"""uvicorn on loopback, in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from guard.errors import GuardError

__all__ = ["serving"]

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 20.0
POLL_S = 0.02


@contextmanager
def serving(app: Callable[..., Awaitable[Any]], *, port: int = 0) -> Iterator[str]:
    """Serve the app, yield its address once it answers, and let it finish at the end; port 0 takes a free one.

    Raises GuardError where the port is taken, or the app doesn't start.
    """
    listener = _listen(port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on", proxy_headers=False, ws="none"))
    thread = threading.Thread(target=_run, args=(server, listener), name="guard-demo", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_TIMEOUT_S)
        listener.close()


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's delay off only where the protocol is named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise GuardError(f"can't listen on {LOOPBACK}:{port}: {error.strerror}; choose another --port") from None
    return listener


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    with suppress(SystemExit):  # uvicorn's way to say that the app didn't start; here a thread alone would end
        server.run(sockets=[listener])


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise GuardError("the demo's server didn't start")
        time.sleep(POLL_S)
