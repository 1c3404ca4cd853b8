"""Training rows from a file: CSV, Parquet, npy or npz."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.errors import TrainingError
from guard.training.data import Dataset, Selection, from_array, from_frame
from guard.training.extras import require

__all__ = ["FORMATS", "looks_like_number", "read_array", "read_dataset", "read_header"]

FORMATS = (".csv", ".parquet", ".npy", ".npz")

# The array of an archive that holds several.
ARRAY_NAME = "X"


def read_dataset(path: Path, *, selection: Selection) -> Dataset:
    """Read a file by its ending; raises TrainingError, which says what is wrong with it."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise TrainingError(f"{path} is of no known format; expected one of: {', '.join(FORMATS)}")
    if not path.is_file():
        raise TrainingError(f"{path} is not a file")
    if ending in {".npy", ".npz"}:
        return from_array(read_array(path), selection=selection)
    frame = _read_csv(path) if ending == ".csv" else _read_parquet(path)
    if frame.height == 0:
        raise TrainingError(f"{path} holds no rows")
    return from_frame(frame, selection=selection)


def read_array(path: Path) -> npt.NDArray[Any]:
    """Read the array of an npy file, or the only one, or `X`, of an npz archive."""
    try:
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix.lower() == ".npy" else None)
    except (OSError, ValueError, EOFError) as error:
        raise TrainingError(f"{path} can't be read as an array: {error}") from None
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        names = loaded.files
        if len(names) != 1 and ARRAY_NAME not in names:
            raise TrainingError(f"{path} holds the arrays {names}; expected one, or one named {ARRAY_NAME}")
        array: npt.NDArray[Any] = loaded[ARRAY_NAME if ARRAY_NAME in names else names[0]]
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


def _refuse_repeated(names: list[str], path: Path) -> None:
    # polars would name them anew, `a_duplicated_0`, which no client sends.
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        remedy = (
            "the first row was read as names; add a header"
            if all(map(looks_like_number, names))
            else "rename or remove the others"
        )
        raise TrainingError(f"{path} has several columns named {', '.join(map(repr, repeated[:20]))}: {remedy}")


def _read_csv(path: Path) -> Any:
    _refuse_repeated(read_header(path), path)
    polars = require("polars")
    try:
        # The types are inferred of all rows: a stray text in the last one must not end the reading.
        return polars.read_csv(path, infer_schema_length=None, try_parse_dates=True)
    except (polars.exceptions.PolarsError, OSError) as error:
        raise TrainingError(f"{path} can't be read as CSV: {_first_line(error)}") from None


def _read_parquet(path: Path) -> Any:
    polars = require("polars")
    try:
        return polars.read_parquet(path)
    except (polars.exceptions.PolarsError, OSError) as error:
        raise TrainingError(f"{path} can't be read as Parquet: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
