"""Which journal a command reads."""

from __future__ import annotations

from typing import Annotated

import typer

from guard.errors import JournalError
from guard.journal.reader import JournalReader
from guard.settings import GuardSettings

__all__ = ["JournalOption", "open_journal"]

JournalOption = Annotated[
    str | None, typer.Option("--journal", metavar="URL", help="The journal: sqlite:///FILE. Default: GUARD_JOURNAL.")
]


def open_journal(url: str | None) -> JournalReader:
    """Open the journal that is named, or the one that guard is set to. Raises JournalError, and ConfigError."""
    found = url or GuardSettings.from_environ().journal
    if found == "off":
        raise JournalError("GUARD_JOURNAL is off: nothing is kept; name a journal with --journal")
    return JournalReader(found)
