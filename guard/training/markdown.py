"""Texts of others within Markdown: names of columns, categories."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["plain", "table"]

_SYNTAX = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&])")


def plain(text: str) -> str:
    """The text such that Markdown and HTML show it as it is; what isn't seen is written as an escape."""
    seen = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return _SYNTAX.sub(r"\\\1", seen)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
