"""Rows to be scored, in chunks: columns by name from CSV and Parquet, by position from npy and npz.

CSV and npy need no extra: a host that only serves can score a file.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract import category_text
from guard.detectors.manifest import FeatureCard, Manifest
from guard.errors import TrainingError
from guard.training.extras import require
from guard.training.rows.data import to_texts
from guard.training.rows.files import FORMATS, read_array, read_header

__all__ = ["CHUNK_ROWS", "Chunk", "Stream", "open_stream"]

CHUNK_ROWS = 4096

_TRUTH = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}


class Chunk(NamedTuple):
    """Raw rows, float64 [N, d] in the manifest's order, and how much of the stream's total lies behind them.

    `carried` has the texts, None where missing, of the columns that were asked for beside the features.
    """

    rows: npt.NDArray[np.float64]
    done: int
    carried: Mapping[str, list[str | None]]


class Stream(NamedTuple):
    """Chunks in the order of the file, the columns that were ignored, and the total that `done` counts to."""

    chunks: Iterator[Chunk]
    ignored: tuple[str, ...]
    total: int


def open_stream(path: Path, manifest: Manifest, *, carry: Sequence[str] = ()) -> Stream:
    """Open a file by its ending; raises TrainingError, here or at a chunk that holds what isn't of a feature's type.

    `carry` names columns, or arrays of an npz archive, to be given beside the features.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise TrainingError(f"{path} is of no known format; expected one of: {', '.join(FORMATS)}")
    if not path.is_file():
        raise TrainingError(f"{path} is not a file")
    if ending == ".csv":
        return _open_csv(path, manifest, carry)
    return _open_parquet(path, manifest, carry) if ending == ".parquet" else _open_array(path, manifest, carry)


def _open_csv(path: Path, manifest: Manifest, carry: Sequence[str]) -> Stream:
    header = read_header(path)
    ignored = _match(header, manifest, path, carry)
    return Stream(_csv_chunks(path, header, manifest, carry), ignored, path.stat().st_size)


def _csv_chunks(path: Path, header: list[str], manifest: Manifest, carry: Sequence[str]) -> Iterator[Chunk]:
    places = [header.index(name) for name in manifest.names]
    beside = {name: header.index(name) for name in carry}
    with path.open("rb") as raw:
        reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), strict=True)
        next(reader)
        first = 1
        try:
            while lines := list(itertools.islice(reader, CHUNK_ROWS)):
                _check_lengths(lines, len(header), first)
                columns = [[line[place] or None for line in lines] for place in places]
                carried = {name: [line[place] or None for line in lines] for name, place in beside.items()}
                yield Chunk(_matrix(columns, manifest, first), raw.tell(), carried)
                first += len(lines)
        except (csv.Error, UnicodeDecodeError) as error:
            raise TrainingError(f"{path} can't be read as CSV, after row {first - 1}: {error}") from None


def _check_lengths(lines: list[list[str]], expected: int, first: int) -> None:
    for row, line in enumerate(lines, start=first):
        if len(line) != expected:
            raise TrainingError(f"row {row} has {len(line)} cells; the header has {expected}")


def _open_parquet(path: Path, manifest: Manifest, carry: Sequence[str]) -> Stream:
    polars = require("polars")
    try:
        frame = polars.scan_parquet(path)
        ignored = _match(frame.collect_schema().names(), manifest, path, carry)
        total = frame.select(polars.len()).collect().item()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise TrainingError(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from None
    chosen = frame.select(list(dict.fromkeys([*manifest.names, *carry])))
    return Stream(_parquet_chunks(chosen, total, manifest, carry), ignored, total)


def _parquet_chunks(frame: Any, total: int, manifest: Manifest, carry: Sequence[str]) -> Iterator[Chunk]:
    for start in range(0, total, CHUNK_ROWS):
        chunk = frame.slice(start, CHUNK_ROWS).collect()
        columns = [chunk[name].to_list() for name in manifest.names]
        carried = {name: to_texts(chunk[name].to_list()) for name in carry}
        yield Chunk(_matrix(columns, manifest, start + 1), start + chunk.height, carried)


def _open_array(path: Path, manifest: Manifest, carry: Sequence[str]) -> Stream:
    rows, wanted = read_array(path), len(manifest.features)
    if rows.ndim != 2 or rows.shape[1] != wanted or rows.dtype.kind not in "biuf":
        raise TrainingError(
            f"{path} holds {rows.dtype} of shape {rows.shape}; expected numbers of shape (rows, {wanted})"
        )
    beside = {name: read_array(path, name=name) for name in carry}
    for name, array in beside.items():
        if array.shape != rows.shape[:1]:
            raise TrainingError(
                f"{path} holds {name!r} of shape {array.shape}; expected one value for each of the rows"
            )
    return Stream(_array_chunks(rows, manifest, beside), (), len(rows))


def _array_chunks(
    rows: npt.NDArray[Any], manifest: Manifest, beside: Mapping[str, npt.NDArray[Any]]
) -> Iterator[Chunk]:
    coded = any(card.type in {"category", "string"} for card in manifest.features)
    for start in range(0, len(rows), CHUNK_ROWS):
        part = rows[start : start + CHUNK_ROWS]
        values = _matrix(part.T.tolist(), manifest, start + 1) if coded else part.astype(np.float64)
        carried = {name: to_texts(array[start : start + CHUNK_ROWS].tolist()) for name, array in beside.items()}
        yield Chunk(values, start + len(part), carried)


def _match(names: Sequence[str], manifest: Manifest, path: Path, carry: Sequence[str]) -> tuple[str, ...]:
    for name in carry:
        if name not in names:
            raise TrainingError(f"{path} has no column {name!r}; its columns are: {', '.join(map(repr, names[:50]))}")
    missing = [name for name in manifest.names if name not in names]
    if missing:
        raise TrainingError(
            f"{path} lacks the columns: {', '.join(map(repr, missing))}; the detector was fitted with them"
        )
    return tuple(name for name in names if name not in {*manifest.names, *carry})


def _matrix(columns: Sequence[list[Any]], manifest: Manifest, first: int) -> npt.NDArray[np.float64]:
    read = [_read(card, cells, first) for card, cells in zip(manifest.features, columns, strict=True)]
    return np.stack(read, axis=1)


def _read(card: FeatureCard, cells: list[Any], first: int) -> npt.NDArray[np.float64]:
    if card.type == "string":
        return np.full(len(cells), np.nan)
    if card.type == "category":
        codes = {text: code for code, text in enumerate(card.categories)}
        return np.array([_code(cell, codes) for cell in cells], dtype=np.float64)
    return np.array([_number(cell, card, row) for row, cell in enumerate(cells, start=first)], dtype=np.float64)


def _number(cell: Any, card: FeatureCard, row: int) -> float:
    if cell is None:
        return math.nan
    try:
        if isinstance(cell, str) and card.type == "boolean":
            return _TRUTH[cell.strip().lower()]
        return float(cell)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise TrainingError(
            f"row {row}, counted from 1: {card.name!r} is {str(cell)[:100]!r}; expected a {card.type}, or nothing"
        ) from None


def _code(cell: Any, codes: dict[str, int]) -> float:
    """The code of a category; a text that is a number counts as that number, however it is written."""
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN isn't equal to itself
        return math.nan
    if isinstance(cell, str) and cell not in codes:
        return codes.get(_canonical(cell), -1)
    return codes.get(category_text(cell), -1)


def _canonical(text: str) -> str:
    if text.lower() in {"true", "false"}:
        return text.lower()
    try:
        return category_text(float(text))
    except ValueError:
        return text
