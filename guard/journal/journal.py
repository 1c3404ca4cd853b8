"""Journal: where the serving path leaves entries, without ever waiting for the store.

What is lost is counted, and shows as a gap in the writer's numbers. After kill -9 what was queued and the batch in
hand are gone: at most `queue_entries` + `batch_entries`.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable

from guard.journal.backlog import Backlog
from guard.journal.counters import Counters, Tally
from guard.journal.entry import Artifact, Entry
from guard.journal.location import sqlite_path
from guard.journal.rows import BodyKept
from guard.journal.writer import Writer

__all__ = ["Journal"]

LOGGER = logging.getLogger("guard")


class Journal:
    """One bounded queue and one writer thread in each process, started at the first need.

    `url` is `sqlite:///FILE`; with None or `off` entries are only logged. `body` says what is kept of a request.
    After a fork the child has a queue, a thread, a connection and a writer id of its own; what the parent had
    queued is the parent's to write. Raises JournalError where the URL can't be used.
    """

    def __init__(
        self,
        url: str | None,
        *,
        body: BodyKept = "features",
        queue_entries: int = 10_000,
        queue_bytes: int = 67_108_864,
        batch_entries: int = 500,
        clock: Callable[[], float] = time.time,
        log: logging.Logger = LOGGER,
    ) -> None:
        self._path = None if url in {None, "off"} else sqlite_path(str(url))
        self._body = body
        self._queue_entries = queue_entries
        self._queue_bytes = queue_bytes
        self._batch_entries = batch_entries
        self._clock = clock
        self._log = log
        self._artifacts: dict[str, Artifact] = {}
        self._pid = os.getpid()
        self._tally = Tally()
        self._writer: Writer | None = None
        # A lock that another thread held at a fork stays locked in the child: each process has its own.
        self._locks: dict[int, threading.Lock] = {}

    def append(self, entry: Entry) -> bool:
        """Queue an entry; False where it was dropped, which is counted."""
        try:
            writer = self._running()
        except RuntimeError:  # no thread can be started: the interpreter is ending
            self._tally.drop("store_error")
            return False
        if writer.backlog.put(entry):
            return True
        self._tally.drop("queue_full")
        return False

    def add_artifact(self, kind: str, digest: str, content: bytes) -> None:
        """Keep something that verdicts depend on; it is written before the entries that follow."""
        self._artifacts[digest] = Artifact(digest, kind, content)

    def start(self) -> None:
        """Start the writer of this process, unless it runs."""
        self._running()

    def close(self, timeout_s: float = 10.0) -> int:
        """Write what is queued and stop the writer; returns how many entries could not be written in time.

        The next `append` or `start` begins anew. Runs at the interpreter's exit too.
        """
        writer, self._writer = self._writer, None
        if writer is None or writer.pid != os.getpid():
            return 0
        atexit.unregister(self.close)
        lost = writer.close(timeout_s=timeout_s)
        if lost:
            self._log.error("journal: %d entries could not be written at the end", lost)
        return lost

    def counters(self) -> Counters:
        """What became of the entries of this process."""
        writer = self._writer
        if self._pid != os.getpid():
            return Tally().read(queued=0)
        return self._tally.read(queued=len(writer.backlog) if writer else 0)

    def _running(self) -> Writer:
        writer = self._writer
        if writer is not None and writer.pid == os.getpid():
            return writer
        return self._start_here()

    def _start_here(self) -> Writer:
        pid = os.getpid()
        with self._locks.setdefault(pid, threading.Lock()):
            if self._pid != pid:
                self._pid, self._tally = pid, Tally()
            writer = self._writer
            if writer is None or writer.pid != pid:
                writer = self._new_writer()
                writer.start()
                self._writer = writer
                atexit.register(self.close)
            return writer

    def _new_writer(self) -> Writer:
        return Writer(
            Backlog(max_entries=self._queue_entries, max_bytes=self._queue_bytes),
            path=self._path,
            body=self._body,
            batch_entries=self._batch_entries,
            artifacts=lambda: list(self._artifacts.values()),
            tally=self._tally,
            clock=self._clock,
            log=self._log,
        )
