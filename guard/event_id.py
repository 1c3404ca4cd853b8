"""Ids of events: UUIDs of version 7, made in batches, since every request needs one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

__all__ = ["new_event_id"]


def new_event_id() -> str:
    """A UUID of version 7 (RFC 9562, section 5.7): ordered by time, so that an index stays compact."""
    time_ms = time.time_ns() // 1_000_000
    head = _HEADS.get(time_ms) or _new_head(time_ms)
    try:
        return head + _TAILS.pop()
    except IndexError:
        _TAILS.extend(_new_tails())
        return head + _TAILS.pop()


def _new_head(time_ms: int) -> str:
    """The part of all ids of one millisecond, of which a busy server makes several."""
    digits = f"{time_ms:012x}"
    head = f"{digits[:8]}-{digits[8:]}-"
    _HEADS.clear()
    _HEADS[time_ms] = head
    return head


def _new_tails() -> Iterator[str]:
    """The random parts of some ids to come: made together, they cost a request next to nothing."""
    digits = os.urandom(10 * _TAILS_AT_ONCE).hex()
    for start in range(0, len(digits), 20):
        part = digits[start : start + 20]
        yield f"7{part[:3]}-{_VARIANT[part[3]]}{part[4:7]}-{part[7:19]}"


_HEADS: dict[int, str] = {}
_TAILS: list[str] = []
_TAILS_AT_ONCE = 64
# The two highest bits of the variant's hexadecimal digit are 10.
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
# A child would give out the same ids as its parent.
os.register_at_fork(after_in_child=_TAILS.clear)
