"""The words and signs of a relation."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from guard.errors import ContractError

__all__ = ["Token", "fail", "tokenize"]

# A relation is one line that a reviewer reads; one that is longer is better split in two.
MAX_LENGTH = 1000
MAX_TOKENS = 200

TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d][\w.]*)
    |`(?P<name>[^`]+)`
    |"(?P<double>[^"]*)"|'(?P<single>[^']*)'
    |(?P<sign><=|>=|==|!=|[<>+\-*()])
    |(?P<end>\Z))""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """One word, sign, number or string, and the character at which it begins, counted from 1."""

    kind: str
    text: str
    column: int


def tokenize(text: str) -> list[Token]:
    """Split a relation; the last token is of the kind `end`.

    Raises ContractError where something begins no token, or there is too much of it.
    """
    if len(text) > MAX_LENGTH:
        raise ContractError(f"relation `{text[:40]}...` has {len(text)} characters; at most {MAX_LENGTH} are read")
    tokens: list[Token] = []
    place = 0
    while not tokens or tokens[-1].kind != "end":
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            rest = text[place:].lstrip()
            fail(text, column=len(text) - len(rest) + 1, what=f"{rest[:1]!r} begins nothing that is known here")
        kind = match.lastgroup
        tokens.append(Token(kind, match[kind], match.start(kind) + 1))
        place = match.end()
    if len(tokens) > MAX_TOKENS:
        raise ContractError(f"relation `{text[:40]}...` has more than {MAX_TOKENS} words and signs")
    return tokens


def fail(text: str, *, column: int, what: str) -> NoReturn:
    """Raise ContractError about one place in a relation."""
    raise ContractError(f"relation `{text}`, character {column}: {what}")
