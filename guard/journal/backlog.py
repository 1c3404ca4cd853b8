"""The bounded queue between the serving threads and the writer.

`put` never waits for the store. Every entry gets its number here, one that is refused too, so that a gap
in the numbers of a writer is a lost entry.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from typing import NamedTuple

from guard.journal.entry import Entry

__all__ = ["Backlog", "Numbered"]


class Numbered(NamedTuple):
    """An entry and its number, counted from 1 in each writer."""

    sequence: int
    entry: Entry


class Backlog:
    """Entries that wait to be written, bounded in number and in bytes."""

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._queue: deque[tuple[Numbered, int]] = deque()
        self._held_bytes = 0
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, entry: Entry) -> bool:
        """Queue an entry; False where it is full, or closed."""
        size_bytes = entry.approximate_bytes
        with self._lock:
            number = next(self._numbers)
            full = len(self._queue) >= self._max_entries or self._held_bytes + size_bytes > self._max_bytes
            if full or self._closed:
                return False
            self._queue.append((Numbered(number, entry), size_bytes))
            self._held_bytes += size_bytes
            sleeping, self._idle = self._idle, False
        if sleeping:
            self._wake.set()
        return True

    def wait(self) -> bool:
        """Sleep until there is something to take; False once it is closed."""
        with self._lock:
            if self._queue or self._closed:
                return not self._closed
            self._idle = True
            self._wake.clear()
        self._wake.wait()
        return not self._closed

    def take(self, limit: int) -> list[Numbered]:
        """Remove the oldest entries."""
        with self._lock:
            taken = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
            self._held_bytes -= sum(size_bytes for _, size_bytes in taken)
        return [numbered for numbered, _ in taken]

    def close(self) -> None:
        """Refuse what comes from now on, and wake the writer; what is queued may still be taken."""
        with self._lock:
            self._closed = True
        self._wake.set()
