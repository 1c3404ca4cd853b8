"""Keeps a fork out of the moments in which a writer holds a lock that isn't ours.

In the child only the forking thread goes on. A lock that the writer's thread held just then, such as that of a
module being imported or of SQLite's memory, would stay locked there, and the child's own writer would wait
for ever. So a fork waits for the writers, but not long: a writer that waits for a locked database holds none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["outside_forks"]

LONGEST_WAIT_S = 1.0


class _Gate:
    """Lets writers pass while nobody forks."""

    def __init__(self) -> None:
        self.open_again()

    def open_again(self) -> None:
        """Begin anew: in a child, nobody is left to release what was held."""
        self._changed = threading.Condition(threading.Lock())
        self._busy = 0

    def enter(self) -> None:
        with self._changed:
            self._busy += 1

    def leave(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def shut(self) -> None:
        """Wait for those within, and let nobody in until `open`."""
        self._changed.acquire()
        self._changed.wait_for(lambda: self._busy == 0, timeout=LONGEST_WAIT_S)

    def open(self) -> None:
        self._changed.release()


_gate = _Gate()


@contextmanager
def outside_forks() -> Iterator[None]:
    """Do something that no fork may fall into."""
    _gate.enter()
    try:
        yield
    finally:
        _gate.leave()


os.register_at_fork(before=_gate.shut, after_in_parent=_gate.open, after_in_child=_gate.open_again)
