r"""Lossless text for databases.

Threat model: a client that sends what a database refuses, so that its request leaves no entry. SQLite
and PostgreSQL refuse lone surrogates, PostgreSQL also NUL. Both are stored as `\uXXXX`, and a backslash
as two, so that every string comes back as it was. Out of scope: length, which the caller bounds.
"""

from __future__ import annotations

import re

__all__ = ["escape", "unescape"]

_REFUSED = re.compile("[\\\\\0\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(?:\\|u([0-9a-f]{4}))")


def escape(text: str) -> str:
    """The text as any database takes it; unchanged where it holds nothing to escape."""
    return _REFUSED.sub(_escaped, text) if _REFUSED.search(text) else text


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    return _ESCAPED.sub(_unescaped, text) if "\\" in text else text


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return "\\\\" if char == "\\" else f"\\u{ord(char):04x}"


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1]
    return "\\" if digits is None else chr(int(digits, 16))
