"""The writer thread: takes entries from the backlog, logs them, and commits them in groups.

A batch that the store refuses is kept and tried again, for some seconds; then it is dropped and counted, so
that a store that is gone doesn't stop the log.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from guard.journal.backlog import Backlog, Numbered
from guard.journal.counters import Tally
from guard.journal.entry import Artifact
from guard.journal.forking import outside_forks
from guard.journal.log import log_entry
from guard.journal.rows import BodyKept, EntryRows, entry_rows

if TYPE_CHECKING:
    from guard.journal.store import Store

__all__ = ["Writer"]

# Entries gather for so long after the first: one commit for them all, and the serving thread is
# interrupted twenty times a second at most.
GATHER_S = 0.05

RETRY_DELAYS_S = (0.1, 0.2, 0.4, 0.8, 1.6)

COMPLAINT_INTERVAL_S = 60.0


class Writer:
    """One thread of one process, with its backlog; `id` is random, so that no two share a sequence."""

    def __init__(
        self,
        backlog: Backlog,
        *,
        path: Path | None,
        body: BodyKept,
        batch_entries: int,
        artifacts: Callable[[], Iterable[Artifact]],
        tally: Tally,
        clock: Callable[[], float],
        log: logging.Logger,
    ) -> None:
        self.backlog = backlog
        self.id = secrets.token_hex(8)
        self.pid = os.getpid()
        self._path = path
        self._body = body
        self._batch_entries = batch_entries
        self._artifacts = artifacts
        self._tally = tally
        self._clock = clock
        self._log = log
        self._closing = threading.Event()
        self._in_hand = 0
        self._complained_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="guard-journal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, *, timeout_s: float) -> int:
        """Let the thread write what is queued; returns how many entries it could not write in time."""
        before = self._lost_in_store()
        self.backlog.close()
        self._closing.set()
        self._thread.join(timeout_s)
        return self._lost_in_store() - before + len(self.backlog) + self._in_hand

    def _lost_in_store(self) -> int:
        dropped = self._tally.read(queued=0).dropped
        return dropped["store_error"] + dropped["unwritable"]

    def _run(self) -> None:
        store = self._open_store()
        if store is not None:
            self._store(store, [])
        queue_full = 0
        while self.backlog.wait():
            self._closing.wait(GATHER_S)
            self._drain(store)
            queue_full = self._complain_of_full_queue(queue_full)
        self._drain(store)
        if store is not None:
            self._store(store, [])
            with outside_forks():
                store.close()

    def _open_store(self) -> Store | None:
        if self._path is None:
            return None
        with outside_forks():
            from guard.journal.store import Store  # noqa: PLC0415 - SQLAlchemy takes long to import

        return Store(self._path, clock=self._clock)

    def _drain(self, store: Store | None) -> None:
        while batch := self.backlog.take(self._batch_entries):
            self._in_hand = len(batch)
            for numbered in batch:
                self._write_log(numbered)
            if store is not None:
                self._store(store, self._serialise(batch))
            self._in_hand = 0

    def _write_log(self, numbered: Numbered) -> None:
        try:
            log_entry(self._log, numbered.entry)
        except Exception as error:  # noqa: BLE001 - a faulty log handler must not stop the journal
            self._complain(f"an entry can't be logged: {type(error).__name__}")

    def _serialise(self, batch: Sequence[Numbered]) -> list[EntryRows]:
        rows = []
        for numbered in batch:
            try:
                rows.append(entry_rows(numbered, writer=self.id, body=self._body))
            except Exception as error:  # noqa: BLE001 - one entry must not take the others with it
                self._tally.drop("unwritable")
                self._complain(f"an entry can't be serialised: {type(error).__name__}")
        return rows

    def _store(self, store: Store, rows: list[EntryRows]) -> None:
        """Write the rows, and artifacts that are new; once closing, the tries follow without a pause."""
        for delay_s in (*RETRY_DELAYS_S, None):
            try:
                with outside_forks():
                    refused = store.write(rows, self._artifacts())
            except Exception as error:  # noqa: BLE001 - whatever fails, the thread goes on
                self._complain(f"can't write: {error}")
            else:
                self._count(len(rows) - refused, refused)
                return
            if delay_s is not None:
                self._closing.wait(delay_s)
        self._tally.drop("store_error", len(rows))

    def _count(self, written: int, refused: int) -> None:
        self._tally.write(written)
        if refused:
            self._tally.drop("unwritable", refused)
            self._complain("the store refused an entry")

    def _complain_of_full_queue(self, known: int) -> int:
        queue_full = self._tally.read(queued=0).dropped["queue_full"]
        if queue_full > known:
            self._complain("the queue was full")
        return queue_full

    def _complain(self, what: str) -> None:
        now_s = self._clock()
        if self._complained_s is not None and abs(now_s - self._complained_s) < COMPLAINT_INTERVAL_S:
            return
        self._complained_s = now_s
        dropped = self._tally.read(queued=0).dropped
        with suppress(Exception):
            self._log.error("journal: %s; entries dropped so far: %s", what, dict(dropped))
