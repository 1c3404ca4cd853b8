"""Where a journal lies: its URL, its file, and the file's rights.

Threat model: other users of the host. The journal holds what clients sent and the detector, so that its
file is made for the owner alone, whatever the umask, before SQLite opens it; SQLite gives its side files
the same rights. Out of scope: the rights of a file that exists already.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from guard.errors import JournalError

__all__ = ["create_private", "sqlite_path"]

_PREFIX = "sqlite:///"

# Closing any descriptor of a file drops every POSIX lock that the process has on it
# (https://www.sqlite.org/howtocorrupt.html, section 2.2): no other thread opens it in that moment.
_CREATING = threading.Lock()


def sqlite_path(url: str) -> Path:
    """The absolute path of the file that `sqlite:///FILE` names.

    Raises JournalError where the URL is another, or the file's folder doesn't exist.
    """
    name = url.removeprefix(_PREFIX)
    if name == url or not name or name.startswith(":") or "?" in name:
        raise JournalError(f"the journal is {_without_password(url)!r}; expected sqlite:///FILE")
    path = Path(name).absolute()
    if not path.parent.is_dir():
        raise JournalError(f"the folder of the journal doesn't exist: {str(path.parent)!r}; create it first")
    return path


def create_private(path: Path) -> None:
    """Create the file, empty and with mode 0600, unless there is one."""
    with _CREATING, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}…@{rest.rpartition('@')[2]}" if "@" in rest else url
