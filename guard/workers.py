"""Threads for what takes long, off the event loop.

Threat model: many clients whose bodies take long to judge. Few are judged at a time; one whose request is late or gone
while it waits for its turn is let go of at once, since the byte budget counts it no longer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["THREADS", "Workers"]

T = TypeVar("T")

# Judging holds the interpreter's lock for the most part; more threads would wait for each other.
THREADS = 2


class _Job(Generic[T]):
    """A call that waits for a thread, until nobody waits for what comes of it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], T]) -> None:
        self._call: Callable[[], T] | None = call

    def __call__(self) -> T:
        call, self._call = self._call, None
        if call is None:
            raise asyncio.CancelledError
        return call()

    def forget(self) -> None:
        """Let go of the call, and of the body that it is about."""
        self._call = None


class Workers:
    """Threads for long judgements, started in each process at the first need."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """What the call gives. One that nobody waits for any longer isn't begun, and its body isn't kept."""
        pool = self._pool
        if pool is None or self._pid != os.getpid():
            pool = ThreadPoolExecutor(THREADS, thread_name_prefix="guard-screen")
            self._pool, self._pid = pool, os.getpid()
        job = _Job(call)
        del call
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, job)
        except asyncio.CancelledError:
            # Until its turn comes, the pool keeps a cancelled job, and with it this exception and the frames that the
            # exception passes. So another goes up, to those that have the body.
            job.forget()
            raise asyncio.CancelledError from None
