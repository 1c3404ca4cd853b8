"""Training rows from a file, in chunks: CSV, Parquet, npy or npz."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from guard.contract import FeatureType
from guard.errors import TrainingError
from guard.training.extras import require
from guard.training.rows.csv_blocks import BLOCK_BYTES, Block, csv_blocks
from guard.training.rows.data import CHUNK_ROWS, Dataset, Selection, Source, array_source
from guard.training.rows.files import FORMATS, read_array, read_header, refuse_repeated
from guard.training.rows.frames import TextTypes, frame_source, parts_source, typed_source, types_of

__all__ = ["open_source", "to_source"]

# A slice of a Parquet file costs as much again for each group of rows that it only touches.
PARQUET_ROWS = 4 * CHUNK_ROWS
PARQUET_COLUMNS = 8

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

OnPart = Callable[[int, int], None]


def open_source(path: Path, *, selection: Selection, on_bytes: OnPart = lambda *_: None, smaller: int = 1) -> Source:
    """Open a file by its ending; raises TrainingError, which says what is wrong with it.

    A CSV file is read through for its types; `on_bytes` is told how much of it, and of how much. Chunks are `smaller`
    times smaller than they need be.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise TrainingError(f"{path} is of no known format; expected one of: {', '.join(FORMATS)}")
    if not path.is_file():
        raise TrainingError(f"{path} is not a file")
    if ending == ".csv":
        source = _open_csv(path, selection, on_bytes, BLOCK_BYTES // smaller)
    elif ending == ".parquet":
        source = _open_parquet(path, selection, PARQUET_ROWS // smaller)
    else:
        source = _open_array(path, selection, CHUNK_ROWS // smaller)
    if source.n_rows == 0:
        raise TrainingError(f"{path} holds no rows")
    return source


def to_source(data: Any, names: Sequence[str] | None, selection: Selection) -> Source:
    """Take an array [n, d], whose columns `names` names, a polars DataFrame, a Dataset, or a Source as it is."""
    if isinstance(data, Source):
        return data
    if isinstance(data, Dataset):
        return Source.of(data)
    # Only a frame has it; a missing polars must not matter to whoever brings an array.
    if hasattr(data, "get_columns"):
        return frame_source(data, selection=selection)
    rows = np.asarray(data)
    return array_source(lambda: rows, names=names, selection=selection)


def _open_array(path: Path, selection: Selection, chunk_rows: int) -> Source:
    if path.suffix.lower() == ".npy":
        return array_source(lambda: read_array(path), selection=selection, chunk_rows=chunk_rows)
    rows = read_array(path)
    return array_source(lambda: rows, selection=selection, chunk_rows=chunk_rows)


def _open_parquet(path: Path, selection: Selection, chunk_rows: int) -> Source:
    polars = require("polars")
    try:
        frame = polars.scan_parquet(path, low_memory=True)
        schema = frame.collect_schema()
        n_rows = frame.select(polars.len()).collect().item()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, "Parquet", error) from None

    def parts() -> Iterator[Any]:
        wanted = selection.wanted(list(schema))
        for start in range(0, n_rows, chunk_rows):
            try:
                yield _slice(frame.slice(start, chunk_rows), wanted)
            except (polars.exceptions.PolarsError, OSError) as error:
                raise _unreadable(path, "Parquet", error, after=start) from None

    return parts_source(parts, schema, n_rows, selection)


def _slice(rows: Any, wanted: list[str]) -> Any:
    """Read few columns at a time: polars may hold as much of each as stands in its group of rows, perhaps all."""
    starts = range(0, len(wanted), PARQUET_COLUMNS)
    frames = [rows.select(wanted[start : start + PARQUET_COLUMNS]).collect() for start in starts]
    return require("polars").concat(frames, how="horizontal")


def _open_csv(path: Path, selection: Selection, on_bytes: OnPart, block_bytes: int) -> Source:
    names = read_header(path)
    refuse_repeated(names, path)
    if not names:
        raise TrainingError(f"{path} holds no rows")
    _refuse_other_separators(names, path)
    features, wanted = selection.features(names), selection.wanted(names)
    header = _numbered(names)
    texts, n_rows = TextTypes(wanted, starts=FeatureType.INTEGER), 0
    for block in csv_blocks(path, header=header, block_bytes=block_bytes):
        part = _read_block(block, path, names, wanted, after=n_rows)
        if not n_rows:
            _refuse_dates(block, names, wanted)
        texts.add(part)
        n_rows += part.height
        on_bytes(block.done, path.stat().st_size)

    def parts() -> Iterator[Any]:
        after = 0
        for block in csv_blocks(path, header=header, block_bytes=block_bytes):
            yield (part := _read_block(block, path, names, wanted, after=after))
            after += part.height

    return typed_source(parts, texts.types, features, n_rows, selection)


def _numbered(names: list[str]) -> bytes:
    """A header of the columns' places: polars doesn't find names again that hold a quote."""
    return ",".join(map(str, range(len(names)))).encode() + b"\n"


def _refuse_other_separators(names: list[str], path: Path) -> None:
    found = next((kind for mark, kind in SEPARATORS.items() if len(names) == 1 and mark in names[0]), None)
    if found is not None:
        raise TrainingError(
            f"{path} has one column, {names[0][:100]!r}: expected commas between the columns, and not {found}; write "
            f"it with commas, or rename the column"
        )


def _read_block(block: Block, path: Path, names: list[str], wanted: list[str], *, after: int) -> Any:
    polars = require("polars")
    places = {str(names.index(name)): name for name in wanted}
    schema = {str(place): polars.String for place in range(len(names))}
    try:
        return polars.read_csv(block.text, schema=schema, columns=list(places)).rename(places)
    except (polars.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, "CSV", error, after=after) from None


def _refuse_dates(block: Block, names: list[str], wanted: list[str]) -> None:
    polars = require("polars")
    places = {str(names.index(name)): name for name in wanted}
    found = polars.read_csv(
        block.text, columns=list(places), try_parse_dates=True, n_rows=1000, infer_schema_length=1000
    ).schema
    types_of({places[place]: kind for place, kind in found.items() if kind.is_temporal()}, tuple)


def _unreadable(path: Path, kind: str, error: Exception, *, after: int = 0) -> TrainingError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    where = f", after row {after:,}" if after else ""
    return TrainingError(f"{path} can't be read as {kind}{where}: {first}")
