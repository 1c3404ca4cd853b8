"""Files that are written whole or not at all."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

from guard.errors import ConfigError, TrainingError

__all__ = ["refuse_same_files", "write_whole"]


def refuse_same_files(places: Mapping[str, Path | None]) -> None:
    """Raise ConfigError where two of the files, by what they are to the command, are the same; None is no file."""
    given = [(role, path) for role, path in places.items() if path is not None]
    faults = [
        f"{role} and {other} are the same file, {path}: name another for one of them"
        for (role, path), (other, second) in itertools.combinations(given, 2)
        if _is_same(path, second)
    ]
    if faults:
        raise ConfigError(faults)


def _is_same(path: Path, other: Path) -> bool:
    # By name for those that aren't there yet; the file system knows of links and of names in capitals.
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, then put it there; raises TrainingError."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)  # noqa: PTH105 - atomic, and overwrites on every system
    except OSError as error:
        raise TrainingError(f"{path} can't be written: {error.strerror}") from None
