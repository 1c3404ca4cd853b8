from __future__ import annotations

import threading
from collections.abc import Callable

from guard.journal import Entry
from guard.journal.backlog import Backlog


def test_take_gives_the_oldest_first(make_entry: Callable[..., Entry]) -> None:
    backlog = Backlog(max_entries=10, max_bytes=10**6)
    for _ in range(3):
        backlog.put(make_entry())

    taken = [[numbered.sequence for numbered in backlog.take(2)] for _ in range(3)]

    assert taken == [[1, 2], [3], []]


def test_put_over_the_bound_of_entries_leaves_a_gap(make_entry: Callable[..., Entry]) -> None:
    backlog = Backlog(max_entries=2, max_bytes=10**6)

    accepted = [backlog.put(make_entry()) for _ in range(3)]
    first = [numbered.sequence for numbered in backlog.take(10)]
    backlog.put(make_entry())

    assert accepted == [True, True, False]
    assert first == [1, 2]
    assert [numbered.sequence for numbered in backlog.take(10)] == [4]


def test_put_over_the_bound_of_bytes_is_refused_until_some_are_taken(make_entry: Callable[..., Entry]) -> None:
    entry = make_entry(body=b"x" * 1000)
    backlog = Backlog(max_entries=10, max_bytes=entry.approximate_bytes)

    accepted = [backlog.put(entry), backlog.put(entry)]
    backlog.take(1)

    assert accepted == [True, False]
    assert backlog.put(entry)


def test_put_after_close_is_refused(make_entry: Callable[..., Entry]) -> None:
    backlog = Backlog(max_entries=10, max_bytes=10**6)
    backlog.close()

    assert not backlog.put(make_entry())


def test_wait_returns_at_put_and_at_close(make_entry: Callable[..., Entry]) -> None:
    backlog = Backlog(max_entries=10, max_bytes=10**6)
    results: list[bool] = []

    def consume() -> None:
        while True:
            results.append(backlog.wait())
            if not results[-1]:
                return
            backlog.take(10)

    thread = threading.Thread(target=consume)
    thread.start()
    backlog.put(make_entry())
    while len(backlog):
        pass
    backlog.close()
    thread.join(5)

    assert not thread.is_alive()
    assert results == [True, False]


def test_numbers_of_many_threads_are_dense(make_entry: Callable[..., Entry]) -> None:
    backlog = Backlog(max_entries=10_000, max_bytes=10**9)
    entry = make_entry()
    threads = [threading.Thread(target=lambda: [backlog.put(entry) for _ in range(500)]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [numbered.sequence for numbered in backlog.take(10_000)] == list(range(1, 2001))
