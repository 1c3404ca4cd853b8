"""A progress bar on stderr, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, TaskID

__all__ = ["Bar", "progress_bar"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One task of a progress display."""

    display: Progress
    task: TaskID
    parts: TaskID

    def step(self, what: str) -> None:
        """Say what begins; one more step is behind."""
        self.display.update(self.task, advance=1, description=what)

    def part(self, done: int, total: int) -> None:
        """Say how much of the step that began last is behind: a second bar, until it is done."""
        self.display.update(self.parts, completed=done, total=total, visible=done < total)

    def reach(self, done: int) -> None:
        """Say how much of the total is behind."""
        self.display.update(self.task, completed=done)


@contextmanager
def progress_bar(what: str, *, total: int) -> Iterator[Bar]:
    """Show a bar while the block runs, and clear it away after."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as display:
        yield Bar(display, display.add_task(what, total=total), display.add_task("of the rows", visible=False))
