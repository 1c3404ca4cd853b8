from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.errors import JournalError
from guard.journal import Entry
from guard.journal.backlog import Numbered
from guard.journal.entry import Artifact
from guard.journal.rows import EntryRows, entry_rows
from guard.journal.store import Store, journal_mode

Batch = Callable[..., list[EntryRows]]


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path, clock=lambda: 123.0)
    yield store
    store.close()


@pytest.fixture
def batch(make_entry: Callable[..., Entry]) -> Batch:
    def build(n_entries: int, *, writer: str = "w", **changes: object) -> list[EntryRows]:
        numbered = (Numbered(i, make_entry(**changes)) for i in range(1, n_entries + 1))
        return [entry_rows(each, writer=writer, body="full") for each in numbered]

    return build


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("version", "mode"),
    [((3, 40, 1), "TRUNCATE"), ((3, 51, 2), "TRUNCATE"), ((3, 51, 3), "WAL"), ((3, 54, 0), "WAL"), ((4, 0, 0), "WAL")],
)
def test_journal_mode_avoids_the_wal_reset_bug(version: tuple[int, int, int], mode: str) -> None:
    assert journal_mode(version) == mode


@pytest.mark.parametrize("n_entries", [1, 3, 64, 65, 341])
def test_write_links_findings_to_their_entries(store: Store, batch: Batch, path: Path, n_entries: int) -> None:
    store.write(batch(2, writer="before"))

    store.write(batch(n_entries))

    linked = query(path, "SELECT e.sequence FROM entries e JOIN findings f ON f.entry_id = e.id WHERE writer = 'w'")
    assert linked == [(i,) for i in range(1, n_entries + 1)]


def test_unwritable_entries_dont_take_the_others_with_them(store: Store, batch: Batch, path: Path) -> None:
    rows = batch(5)
    rows[1] = batch(1, writer="other", status=None, n_instances=2**70)[0]
    rows[3] = rows[0]

    refused = store.write(rows)

    assert refused == 2
    assert query(path, "SELECT sequence FROM entries ORDER BY id") == [(1,), (3,), (5,)]
    assert query(path, "SELECT count(*) FROM findings") == [(3,)]


def test_artifacts_are_written_once_before_entries(store: Store, batch: Batch, path: Path) -> None:
    settings = Artifact("5" * 64, "settings", b"{}")
    detector = Artifact("d" * 64, "detector", b"\0onnx")

    store.write([], [settings])
    store.write(batch(1), [settings, detector])
    Store(path, clock=lambda: 456.0).write([], [settings])

    stored = query(path, "SELECT kind, content, first_seen_s FROM artifacts ORDER BY kind")
    assert stored == [("detector", b"\0onnx", 123.0), ("settings", b"{}", 123.0)]


def test_deleted_file_is_made_anew_with_its_artifacts(store: Store, batch: Batch, path: Path) -> None:
    settings = Artifact("5" * 64, "settings", b"{}")
    store.write(batch(1), [settings])
    path.unlink()

    store.write(batch(2), [settings])

    assert query(path, "SELECT count(*) FROM entries") == [(2,)]
    assert query(path, "SELECT count(*) FROM artifacts") == [(1,)]


@pytest.mark.parametrize(
    "content", [None, b"not a database, but longer than the header of one: " * 20], ids=["folder", "text"]
)
def test_path_that_is_no_database_is_an_error_of_the_store(
    store: Store, batch: Batch, path: Path, content: bytes | None
) -> None:
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)

    with pytest.raises(JournalError, match=r"guard\.db"):
        store.write(batch(1))


def test_failed_write_can_be_tried_again(store: Store, batch: Batch, path: Path) -> None:
    rows = batch(2)
    path.mkdir()
    with pytest.raises(JournalError):
        store.write(rows)
    path.rmdir()

    refused = store.write(rows)

    assert refused == 0
    assert query(path, "SELECT count(*) FROM entries") == [(2,)]


def test_error_of_the_store_holds_nothing_of_the_entry(store: Store, batch: Batch, path: Path) -> None:
    store.write([])
    query(path, "DROP TABLE findings")

    with pytest.raises(JournalError) as failure:
        store.write(batch(1, client="the client's secret"))

    assert "secret" not in str(failure.value)


def test_synchronous_is_full_on_every_connection(store: Store) -> None:
    store.write([])

    connection = store._connected()

    assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
