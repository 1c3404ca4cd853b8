"""Flatbuffers, as far as Arrow's metadata need them: tables, their fields, vectors and strings.

Threat model. Every offset is the client's: it may point before the buffer, beyond it, or to what another one points to
as well, so that a few bytes stand for many. Each read is bounded, nothing is followed that isn't asked for, and callers
count what they take. Out of scope: alignment and padding, which change no value.

https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from guard.errors import MalformedRequest

__all__ = ["Table", "read_root"]


class Table(NamedTuple):
    """A table within a buffer; its fields are known by their place in the schema. Raises MalformedRequest (G116)."""

    buffer: bytes
    at: int

    def scalar(self, slot: int, code: str, default: int = 0) -> int:
        """Read an integer; `code` is struct's."""
        at = self._find(slot)
        return default if at is None else _read(self.buffer, at, code)

    def table(self, slot: int) -> Table | None:
        """Follow a field that is a table."""
        at = self._find(slot)
        return None if at is None else Table(self.buffer, at + _read(self.buffer, at, "I"))

    def vector(self, slot: int, *, width: int) -> tuple[int, int]:
        """Return where the elements of a vector begin, and how many there are; they lie within the buffer."""
        at = self._find(slot)
        if at is None:
            return 0, 0
        at += _read(self.buffer, at, "I")
        count = _read(self.buffer, at, "I")
        if at + 4 + count * width > len(self.buffer):
            raise _broken()
        return at + 4, count

    def tables(self, slot: int) -> list[Table]:
        """Follow a field that is a vector of tables; several may be one and the same."""
        start, count = self.vector(slot, width=4)
        offsets = struct.unpack_from(f"<{count}I", self.buffer, start) if count else ()
        return [Table(self.buffer, start + 4 * index + offset) for index, offset in enumerate(offsets)]

    def text(self, slot: int) -> bytes:
        """Read a string."""
        start, length = self.vector(slot, width=1)
        return self.buffer[start : start + length]

    def _find(self, slot: int) -> int | None:
        vtable = self.at - _read(self.buffer, self.at, "i")
        place = 4 + 2 * slot
        if place + 2 > _read(self.buffer, vtable, "H"):
            return None
        offset = _read(self.buffer, vtable + place, "H")
        return self.at + offset if offset else None


def read_root(buffer: bytes) -> Table:
    """Return the table that a buffer begins with a reference to."""
    return Table(buffer, _read(buffer, 0, "I"))


_FORMATS = {code: struct.Struct(f"<{code}") for code in "BbHhIiq"}


def _read(buffer: bytes, at: int, code: str) -> int:
    # struct counts negative offsets from the end.
    if at < 0:
        raise _broken()
    try:
        (value,) = _FORMATS[code].unpack_from(buffer, at)
    except struct.error:
        raise _broken() from None
    return int(value)


def _broken() -> MalformedRequest:
    return MalformedRequest("Arrow metadata that point outside themselves", rule="G116")
