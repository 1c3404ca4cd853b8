"""A CSV file in blocks of whole records, each under a header: however large, one block at a time is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.errors import TrainingError

__all__ = ["BLOCK_BYTES", "LARGEST_RECORD", "Block", "csv_blocks"]

BLOCK_BYTES = 2**24

# Without an end of a record in so many bytes, a quote was opened and never closed.
LARGEST_RECORD = 2**25

QUOTE, LINE_FEED = ord('"'), ord("\n")


class Block(NamedTuple):
    """A header and some records under it, and how many bytes of the file lie behind them."""

    text: bytes
    done: int


def csv_blocks(path: Path, *, header: bytes, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Give the records in order, each block with `header`, a whole record, in place of the file's first one.

    A record ends at a line feed that an even number of quotes precedes.
    """
    buffer, behind_first = b"", False
    with path.open("rb") as file:
        while read := file.read(block_bytes):
            buffer += read
            ends = _record_ends(buffer)
            if not len(ends):
                _check_size(buffer, path)
                continue
            if not behind_first:
                buffer, ends, behind_first = buffer[ends[0] :], ends[1:] - ends[0], True
            if len(ends):
                text, buffer = buffer[: ends[-1]], buffer[ends[-1] :]
                yield Block(header + text, file.tell() - len(buffer))
        if buffer and behind_first:
            yield Block(header + buffer, file.tell())


def _record_ends(buffer: bytes) -> npt.NDArray[np.intp]:
    """Where the next record begins, for each record that is whole; the buffer begins with a record."""
    read = np.frombuffer(buffer, dtype=np.uint8)
    breaks = read == LINE_FEED
    if b'"' in buffer:
        breaks &= ~np.logical_xor.accumulate(read == QUOTE)
    return np.flatnonzero(breaks) + 1


def _check_size(buffer: bytes, path: Path) -> None:
    if len(buffer) > LARGEST_RECORD:
        raise TrainingError(
            f"{path} can't be read as CSV: a record of more than {LARGEST_RECORD:,} bytes; close its quote"
        )
