"""The journal under fork, kill -9, a full disk, and several processes on one file."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.journal import Entry, Journal
from guard.journal.reader import JournalReader
from guard.journal.records import LabelName

Open = Callable[..., Journal]
Make = Callable[..., Entry]
InChild = Callable[[Callable[[], None]], int]
Wait = Callable[[Callable[[], bool]], None]


def exit_status(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _nothing(lost: int) -> None:
    assert lost == 0


def is_whole(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


def test_fork_gives_the_child_a_writer_of_its_own(
    open_journal: Open, make_entry: Make, url: str, path: Path, in_child: InChild
) -> None:
    journal = open_journal()
    for i in range(50):
        journal.append(make_entry(f"parent-{i}"))

    def work() -> None:
        assert journal.counters() == (0, 0, {"queue_full": 0, "store_error": 0, "unwritable": 0})
        for i in range(50):
            assert journal.append(make_entry(f"child-{i}"))
        assert journal.close() == 0

    pid = in_child(work)
    for i in range(50, 100):
        journal.append(make_entry(f"parent-{i}"))

    assert exit_status(pid) == 0
    assert journal.close() == 0
    rows = JournalReader(url).entries(limit=1000)
    by_writer: dict[str, list[str]] = {}
    for row in rows:
        by_writer.setdefault(row.writer, []).append(row.event_id.split("-")[0])
    assert sorted((set(names).pop(), len(names)) for names in by_writer.values()) == [("child", 50), ("parent", 100)]
    assert is_whole(path)


def test_child_that_appends_nothing_writes_nothing(
    open_journal: Open, make_entry: Make, url: str, in_child: InChild
) -> None:
    journal = open_journal()
    journal.append(make_entry())

    status = exit_status(in_child(lambda: _nothing(journal.close())))
    journal.close()

    assert status == 0
    assert JournalReader(url).counts() == {"flag": 1}


def test_kill_loses_no_more_than_queue_and_batch(
    make_entry: Make, url: str, path: Path, tmp_path: Path, in_child: InChild, wait_until: Wait
) -> None:
    queue_entries, batch_entries = 200, 50
    appended = tmp_path / "appended"

    def work() -> None:
        journal = Journal(url, queue_entries=queue_entries, batch_entries=batch_entries)
        with appended.open("wb", buffering=0) as file:
            while True:
                file.write(b"." if journal.append(make_entry()) else b"x")
                time.sleep(0.0002)

    pid = in_child(work)
    wait_until(lambda: appended.exists() and appended.stat().st_size > 1500)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    accepted = appended.read_bytes().count(b".")
    written = sum(JournalReader(url).counts().values())
    assert is_whole(path)
    # One more: the child may be killed between an append and its mark in the file.
    assert accepted - (queue_entries + batch_entries) <= written <= accepted + 1
    assert written > 0
    refused = appended.read_bytes().count(b"x")
    assert sum(gap.last - gap.first + 1 for gap in JournalReader(url).gaps()) <= refused


def test_several_processes_write_one_file(make_entry: Make, url: str, path: Path, in_child: InChild) -> None:
    def work() -> None:
        journal = Journal(url, batch_entries=20)
        for _ in range(300):
            assert journal.append(make_entry())
            time.sleep(0.001)
        assert journal.close(timeout_s=30) == 0

    pids = [in_child(work) for _ in range(4)]

    assert [exit_status(pid) for pid in pids] == [0, 0, 0, 0]
    reader = JournalReader(url)
    assert (reader.counts(), reader.gaps()) == ({"flag": 1200}, [])
    assert len({row.writer for row in reader.entries(limit=2000)}) == 4
    assert len({row.id for row in reader.entries(limit=2000)}) == 1200
    assert is_whole(path)


def test_reading_and_labelling_beside_a_writer(make_entry: Make, url: str, in_child: InChild, wait_until: Wait) -> None:
    def work() -> None:
        journal = Journal(url)
        for i in range(400):
            journal.append(make_entry(f"event-{i:04}"))
            time.sleep(0.001)
        assert journal.close() == 0

    pid = in_child(work)
    path = Path(url.removeprefix("sqlite:///"))
    wait_until(lambda: path.exists() and bool(_counts(url)))
    reader = JournalReader(url)
    for row in reader.entries(limit=20):
        reader.label([row.event_id], LabelName.BENIGN, reviewer="ann")

    assert exit_status(pid) == 0
    assert reader.counts() == {"flag": 400}


def _counts(url: str) -> dict[str, int]:
    try:
        return JournalReader(url).counts()
    except Exception:  # noqa: BLE001 - the writer may not have made its tables yet
        return {}


def test_full_disk_drops_counts_and_goes_on_when_there_is_room(
    make_entry: Make, url: str, path: Path, in_child: InChild
) -> None:
    room_bytes = 300_000

    def work() -> None:
        journal = Journal(url, body="full", batch_entries=10)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, most))
        for _ in range(20):
            journal.append(make_entry(body=os.urandom(50_000)))
        assert journal.close() == 20
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        journal.append(make_entry("after"))
        assert journal.close() == 0
        assert journal.counters() == (1, 0, {"queue_full": 0, "store_error": 20, "unwritable": 0})

    assert exit_status(in_child(work)) == 0
    assert [row.event_id for row in JournalReader(url).entries()] == ["after"]
    assert is_whole(path)


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise SystemExit"])
def test_exit_of_the_interpreter_flushes(url: str, ending: str) -> None:
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("builders", {str(Path(__file__).with_name("conftest.py"))!r})
builders = importlib.util.module_from_spec(spec)
spec.loader.exec_module(builders)
journal = builders.Journal({url!r})
for _ in range(700):
    journal.append(builders.build_entry())
{ending}
"""

    subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2])

    assert JournalReader(url).counts() == {"flag": 700}
