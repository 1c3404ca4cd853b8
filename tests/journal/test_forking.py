from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from guard.journal.forking import outside_forks

InChild = Callable[[Callable[[], None]], int]


def test_fork_waits_for_what_must_not_be_cut(in_child: InChild) -> None:
    events: list[str] = []
    within = threading.Event()

    def work() -> None:
        with outside_forks():
            within.set()
            time.sleep(0.2)
            events.append("left")

    thread = threading.Thread(target=work)
    thread.start()
    within.wait()
    os.waitpid(in_child(lambda: None), 0)
    events.append("forked")
    thread.join()

    assert events == ["left", "forked"]


def test_fork_doesnt_wait_for_ever(in_child: InChild) -> None:
    done = threading.Event()

    def work() -> None:
        with outside_forks():
            done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    start_s = time.monotonic()
    pid = in_child(lambda: None)
    seconds = time.monotonic() - start_s
    done.set()
    thread.join()
    os.waitpid(pid, 0)

    assert seconds < 5
