from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.errors import JournalError
from guard.journal import Entry, Journal
from guard.journal.reader import JournalReader

Open = Callable[..., Journal]
Make = Callable[..., Entry]
Wait = Callable[[Callable[[], bool]], None]


def test_close_writes_what_is_queued(open_journal: Open, make_entry: Make, url: str) -> None:
    journal = open_journal()
    accepted = [journal.append(make_entry(f"event-{i:04}")) for i in range(1200)]

    lost = journal.close()

    assert all(accepted)
    assert lost == 0
    assert journal.counters() == (1200, 0, {"queue_full": 0, "store_error": 0, "unwritable": 0})
    assert JournalReader(url).counts() == {"flag": 1200}
    assert JournalReader(url).gaps() == []


def test_entry_is_written_without_close(open_journal: Open, make_entry: Make, url: str, wait_until: Wait) -> None:
    journal = open_journal()

    journal.append(make_entry())

    wait_until(lambda: journal.counters().written == 1)
    assert JournalReader(url).counts() == {"flag": 1}


def test_start_makes_the_journal_before_the_first_entry(open_journal: Open, url: str, path: Path) -> None:
    journal = open_journal()
    journal.add_artifact("settings", "5" * 64, b"{}")

    journal.start()
    journal.start()
    journal.close()

    assert JournalReader(url).entries() == []
    with sqlite3.connect(path) as connection:
        stored = connection.execute("SELECT kind, digest, content FROM artifacts").fetchall()
    connection.close()
    assert stored == [("settings", "5" * 64, b"{}")]


def test_constructor_starts_nothing(open_journal: Open, path: Path) -> None:
    before = threading.active_count()

    journal = open_journal()

    assert threading.active_count() == before
    assert not path.exists()
    assert journal.close() == 0


def test_constructor_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nowhere"):
        Journal(f"sqlite:///{tmp_path}/nowhere/guard.db")


def test_append_after_close_begins_anew(open_journal: Open, make_entry: Make, url: str) -> None:
    journal = open_journal()
    journal.append(make_entry())
    journal.close()

    journal.append(make_entry())
    journal.close()

    rows = JournalReader(url).entries()
    assert [row.sequence for row in rows] == [1, 1]
    assert len({row.writer for row in rows}) == 2
    assert journal.counters().written == 2


def test_full_queue_drops_counts_and_leaves_a_gap(
    open_journal: Open, make_entry: Make, url: str, path: Path, wait_until: Wait
) -> None:
    journal = open_journal(queue_entries=3, batch_entries=1)
    journal.start()
    wait_until(path.exists)
    blocker = locked(path, wait_until)

    accepted = [journal.append(make_entry()) for _ in range(10)]
    blocker.rollback()
    blocker.close()
    wait_until(lambda: journal.counters().queued == 0)
    journal.append(make_entry())
    journal.close()

    assert accepted.count(False) >= 6
    reader = JournalReader(url)
    assert sum(gap.last - gap.first + 1 for gap in reader.gaps()) == accepted.count(False)
    assert journal.counters().dropped["queue_full"] == accepted.count(False)
    assert reader.counts() == {"flag": 11 - accepted.count(False)}


def locked(path: Path, wait_until: Wait) -> sqlite3.Connection:
    """Another connection that holds the write lock."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    wait_until(lambda: bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'labels'").fetchall()))
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_append_doesnt_wait_for_a_locked_database(
    open_journal: Open, make_entry: Make, url: str, path: Path, wait_until: Wait
) -> None:
    journal = open_journal()
    journal.start()
    wait_until(path.exists)
    blocker = locked(path, wait_until)
    entries = [make_entry() for _ in range(200)]

    start_s = time.perf_counter()
    accepted = [journal.append(entry) for entry in entries]
    seconds = time.perf_counter() - start_s
    time.sleep(0.3)
    written_meanwhile = journal.counters().written
    blocker.rollback()
    blocker.close()

    assert seconds < 0.25
    assert all(accepted)
    assert written_meanwhile == 0
    assert journal.close() == 0
    assert JournalReader(url).counts() == {"flag": 200}


def test_store_that_fails_is_given_up_counted_and_logged_once(
    open_journal: Open, make_entry: Make, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    journal = open_journal(batch_entries=2, log=logging.getLogger("guard.test_journal"))
    for _ in range(5):
        journal.append(make_entry())

    lost = journal.close()

    assert lost == 5
    assert journal.counters() == (0, 0, {"queue_full": 0, "store_error": 5, "unwritable": 0})
    complaints = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(complaints) == 2
    assert "unable to open database file" in complaints[0]
    assert complaints[1] == "journal: 5 entries could not be written at the end"


def test_complaint_is_repeated_after_a_minute(
    open_journal: Open, make_entry: Make, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    seconds = iter(range(0, 3000, 61))
    journal = open_journal(clock=lambda: float(next(seconds)), log=logging.getLogger("guard.test_journal"))
    journal.append(make_entry())

    journal.close()

    assert len([record for record in caplog.records if "can't write" in record.getMessage()]) > 1


def test_store_that_comes_back_gets_what_was_kept(
    open_journal: Open, make_entry: Make, url: str, path: Path, caplog: pytest.LogCaptureFixture, wait_until: Wait
) -> None:
    path.mkdir()
    journal = open_journal(log=logging.getLogger("guard.test_journal"))
    journal.append(make_entry())
    wait_until(lambda: any("can't write" in record.getMessage() for record in caplog.records))

    path.rmdir()
    wait_until(lambda: journal.counters().written == 1)

    assert JournalReader(url).counts() == {"flag": 1}


def test_deleted_journal_is_made_anew(
    open_journal: Open, make_entry: Make, url: str, path: Path, wait_until: Wait
) -> None:
    journal = open_journal()
    journal.append(make_entry("before"))
    wait_until(lambda: journal.counters().written == 1)
    path.unlink()

    journal.append(make_entry("after"))
    journal.close()

    assert [row.event_id for row in JournalReader(url).entries()] == ["after"]


def test_entry_that_cant_be_written_doesnt_stop_the_others(open_journal: Open, make_entry: Make, url: str) -> None:
    journal = open_journal()
    for event_id in ("one", "twice", "twice", "three"):
        journal.append(make_entry(event_id))
    journal.append(make_entry("not serialisable", time_s=float("nan")))
    journal.append(make_entry("last"))

    lost = journal.close()

    assert lost == 2
    assert journal.counters().dropped["unwritable"] == 2
    assert {row.event_id for row in JournalReader(url).entries()} == {"one", "twice", "three", "last"}


@pytest.mark.parametrize("where", [None, "off"])
def test_journal_that_is_off_still_logs(
    open_journal: Open, make_entry: Make, caplog: pytest.LogCaptureFixture, where: str | None
) -> None:
    journal = open_journal(where, log=logging.getLogger("guard.test_journal"))
    with caplog.at_level(logging.INFO, logger="guard.test_journal"):
        journal.append(make_entry("an-id"))
        lost = journal.close()

    assert lost == 0
    assert "an-id" in caplog.text


class BrokenHandler(logging.Handler):
    """A handler of the host's own that raises."""

    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("broken handler")


def test_broken_log_handler_doesnt_stop_the_journal(open_journal: Open, make_entry: Make, url: str) -> None:
    log = logging.getLogger("guard.test_broken_handler")
    log.setLevel(logging.INFO)
    log.addHandler(BrokenHandler())
    journal = open_journal(log=log)
    for _ in range(3):
        journal.append(make_entry())

    lost = journal.close()

    assert lost == 0
    assert JournalReader(url).counts() == {"flag": 3}


def test_close_gives_up_in_time_and_says_how_many(
    open_journal: Open, make_entry: Make, path: Path, wait_until: Wait
) -> None:
    journal = open_journal(batch_entries=2)
    journal.start()
    wait_until(path.exists)
    blocker = locked(path, wait_until)
    for _ in range(5):
        journal.append(make_entry())

    start_s = time.monotonic()
    lost = journal.close(timeout_s=0.5)
    seconds = time.monotonic() - start_s
    blocker.rollback()
    blocker.close()

    assert lost == 5
    assert seconds < 2


def test_appends_of_many_threads_are_all_written(open_journal: Open, make_entry: Make, url: str) -> None:
    journal = open_journal()
    threads = [threading.Thread(target=lambda: [journal.append(make_entry()) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lost = journal.close()

    reader = JournalReader(url)
    assert (lost, reader.counts(), reader.gaps()) == (0, {"flag": 800}, [])


def test_package_loads_no_sqlalchemy() -> None:
    code = "import sys, guard.journal; sys.exit('sqlalchemy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2])

    assert done.returncode == 0
