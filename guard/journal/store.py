"""The journal in SQLite: how it is opened, and how batches go in.

Several processes may write one file. SQLite's write-ahead log could corrupt it then, before version 3.51.3
(https://www.sqlite.org/wal.html, "The WAL-Reset Bug"): with an older library the rollback journal is used.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError, SQLAlchemyError

from guard.errors import JournalError
from guard.journal.entry import Artifact
from guard.journal.location import create_private
from guard.journal.rows import EntryRows
from guard.journal.schema import artifacts, entries, findings, migrate

__all__ = ["Store", "journal_mode", "open_engine"]

WAL_SAFE = (3, 51, 3)

BUSY_TIMEOUT_S = 5.0

# Rows in one statement. With executemany SQLite lets go of the interpreter's lock at every row, and the
# writer must win it back from the serving thread: measured beside a busy thread 300 to 1,100 rows a
# second, with 64 rows a statement 7,000 to 26,000. Few sizes, so that the statements stay prepared.
CHUNKS = (64, 16, 4, 1)

# What an entry itself may be refused for; anything else is the store's fault.
_ENTRY_FAULTS = (IntegrityError, DataError, InterfaceError, ProgrammingError, ArithmeticError, TypeError, ValueError)


class Store:
    """One writing connection, of the thread that uses it; opened at the first need, and again after a failure."""

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._connection: sa.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._stored_digests: set[str] = set()

    def write(self, batch: Sequence[EntryRows], wanted: Iterable[Artifact] = ()) -> int:
        """Write the entries in one transaction, and before them the artifacts that aren't there yet.

        Returns how many entries could not be written by their own fault. Raises JournalError where the
        store failed: nothing of the batch was written then.
        """
        try:
            connection = self._connected()
            self._write_artifacts(connection, wanted)
            return _write_batch(connection, batch) if batch else 0
        except (SQLAlchemyError, OSError) as error:
            self.close()
            raise JournalError(f"{str(self._path)!r}: {_reason(error)}") from None

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> sa.Connection:
        # A file that was deleted or replaced would go on taking entries that nobody will find.
        if self._connection is not None and _file_id(self._path) == self._file:
            return self._connection
        self.close()
        create_private(self._path)
        engine = open_engine(self._path, writes=True)
        migrate(engine)
        self._connection = engine.connect()
        self._file = _file_id(self._path)
        self._stored_digests.clear()
        return self._connection

    def _write_artifacts(self, connection: sa.Connection, wanted: Iterable[Artifact]) -> None:
        missing = [artifact for artifact in wanted if artifact.digest not in self._stored_digests]
        if not missing:
            return
        with connection.begin():
            for artifact in missing:
                _write_artifact(connection, artifact, first_seen_s=self._clock())
        self._stored_digests.update(artifact.digest for artifact in missing)


def open_engine(path: Path, *, writes: bool) -> sa.Engine:
    """An engine without a pool on an SQLite file; a writing one takes the write lock as a transaction begins.

    A transaction that reads first and then writes fails at once where another has committed in between.
    """
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(
        url, poolclass=sa.NullPool, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S}
    )
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    pragmas = ["foreign_keys=ON"]
    if writes:
        pragmas += [f"journal_mode={journal_mode(sqlite3.sqlite_version_info)}", "synchronous=FULL"]

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where SQLAlchemy says, not where sqlite3 guesses
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def journal_mode(version: tuple[int, int, int]) -> str:
    """How a writer with this version of SQLite makes its transactions whole."""
    return "WAL" if version >= WAL_SAFE else "TRUNCATE"


def _write_batch(connection: sa.Connection, batch: Sequence[EntryRows]) -> int:
    try:
        with connection.begin():
            _insert(connection, batch)
    except _ENTRY_FAULTS:
        return _write_singly(connection, batch)
    return 0


def _write_singly(connection: sa.Connection, batch: Sequence[EntryRows]) -> int:
    """Write what can be written; one entry that can't must not take the others with it."""
    refused = 0
    with connection.begin():
        for rows in batch:
            try:
                with connection.begin_nested():
                    _insert(connection, [rows])
            except _ENTRY_FAULTS:
                refused += 1
    return refused


def _insert(connection: sa.Connection, batch: Sequence[EntryRows]) -> None:
    # The write lock is held, so that nobody else takes these ids.
    first_id = 1 + int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(entries.c.id), 0))) or 0)
    _insert_rows(connection, entries, [(i, *rows.entry) for i, rows in enumerate(batch, first_id)])
    _insert_rows(connection, findings, [(i, *f) for i, rows in enumerate(batch, first_id) for f in rows.findings])


def _insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[object, ...]]) -> None:
    start = 0
    for size in CHUNKS:
        while len(rows) - start >= size:
            values = tuple(value for row in rows[start : start + size] for value in row)
            connection.exec_driver_sql(_statement(table, size), values)
            start += size


@lru_cache(maxsize=16)
def _statement(table: sa.Table, n_rows: int) -> str:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    row = f"({', '.join('?' * len(table.columns))})"
    return f"INSERT INTO {table.name} ({columns}) VALUES {', '.join([row] * n_rows)}"  # noqa: S608 - our own names


def _write_artifact(connection: sa.Connection, artifact: Artifact, *, first_seen_s: float) -> None:
    known = connection.scalar(sa.select(sa.literal(1)).where(artifacts.c.digest == artifact.digest))
    if known is None:
        row = {**artifact._asdict(), "first_seen_s": first_seen_s}
        connection.execute(sa.insert(artifacts).values(row))


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - once in every batch; a Path's costs three times as much
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _reason(error: Exception) -> str:
    """The driver's words; SQLAlchemy would add the statement."""
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)
