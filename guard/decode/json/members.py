"""The names of an object's members: those that a format doesn't know, and how to quote one."""

from __future__ import annotations

from typing import Any

from guard.inference import Fault

__all__ = ["find_unknown_members", "quote"]

# Enough to recognise a name by; a name may be as long as a body.
_QUOTED_CHARACTERS = 80
_QUOTED_NAMES = 5


def quote(name: str) -> str:
    """Quote what the client sent: short, with control characters escaped."""
    return ascii(name[:_QUOTED_CHARACTERS])


def find_unknown_members(found: dict[str, Any], *, known: frozenset[str], where: str | None) -> tuple[Fault, ...]:
    """Tell members that the format doesn't know, which the model server may take notice of all the same."""
    if found.keys() <= known:
        return ()
    unknown = sorted(found.keys() - known)
    names = ", ".join(map(quote, unknown[:_QUOTED_NAMES]))
    detail = f"{len(unknown)} unknown: {names}; known are {', '.join(sorted(known))}"
    return (Fault("G119", detail, where=where),)
