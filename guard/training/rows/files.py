"""What fitting and scoring read files with: the formats, the header of a CSV file, the array of an npy or npz file."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.errors import TrainingError

__all__ = ["FORMATS", "looks_like_number", "read_array", "read_header", "refuse_repeated"]

FORMATS = (".csv", ".parquet", ".npy", ".npz")

# The array of an archive that holds several.
ARRAY_NAME = "X"


def read_array(path: Path, *, name: str | None = None) -> npt.NDArray[Any]:
    """Read the array of an npy file, or of an npz archive the one of that name; without, the only one, or `X`."""
    try:
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix.lower() == ".npy" else None)
    except (OSError, ValueError, EOFError) as error:
        raise TrainingError(f"{path} can't be read as an array: {error}") from None
    if isinstance(loaded, np.ndarray):
        if name is not None:
            raise TrainingError(f"{path} has no array {name!r}: an npy file holds one, without a name")
        return loaded
    with loaded:
        names = loaded.files
        if name is not None and name not in names:
            raise TrainingError(f"{path} has no array {name!r}; it holds {names}")
        if name is None and len(names) != 1 and ARRAY_NAME not in names:
            raise TrainingError(f"{path} holds the arrays {names}; expected one, or one named {ARRAY_NAME}")
        array: npt.NDArray[Any] = loaded[name or (ARRAY_NAME if ARRAY_NAME in names else names[0])]
        return array


def read_header(path: Path) -> list[str]:
    """Read the names of a CSV file's columns, as they are written there."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file, strict=True), [])
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise TrainingError(f"{path} can't be read as CSV: {error}") from None


def looks_like_number(name: str) -> bool:
    """Say whether a column's name could be a value: then the file may lack a header."""
    try:
        float(name)
    except ValueError:
        return False
    return True


def refuse_repeated(names: list[str], path: Path) -> None:
    """Raise TrainingError for names that stand more than once in a header."""
    # polars would name them anew, `a_duplicated_0`, which no client sends.
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        remedy = (
            "the first row was read as names; add a header"
            if all(map(looks_like_number, names))
            else "rename or remove the others"
        )
        raise TrainingError(f"{path} has several columns named {', '.join(map(repr, repeated[:20]))}: {remedy}")
