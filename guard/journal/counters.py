"""How many entries were written, and how many were lost and why."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Literal, NamedTuple

__all__ = ["Counters", "DropReason", "Tally"]

# The queue had no room; the store failed until the batch was given up; the store refused this one entry.
DropReason = Literal["queue_full", "store_error", "unwritable"]


class Counters(NamedTuple):
    """The figures of this process: entries written, entries waiting, entries dropped by reason."""

    written: int
    queued: int
    dropped: Mapping[DropReason, int]


class Tally:
    """Counts for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = 0
        self._dropped: dict[DropReason, int] = {"queue_full": 0, "store_error": 0, "unwritable": 0}

    def write(self, n_entries: int) -> None:
        """Count entries as written."""
        with self._lock:
            self._written += n_entries

    def drop(self, reason: DropReason, n_entries: int = 1) -> None:
        """Count entries as lost."""
        with self._lock:
            self._dropped[reason] += n_entries

    def read(self, *, queued: int) -> Counters:
        """The figures as they are now."""
        with self._lock:
            return Counters(self._written, queued, dict(self._dropped))
