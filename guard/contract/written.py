"""A contract as the text of a TOML file.

Threat model: names, descriptions and values that come from a server or a journal. Whatever isn't printed as itself
(quotes, line ends, control and bidi characters) is escaped, so that the file says in an editor what it says to a
parser. Out of scope: lone surrogates, which no TOML file can have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from guard.contract.feature import Feature
from guard.contract.model import Contract

__all__ = ["escape", "to_toml"]


def to_toml(contract: Contract, *, comment: str = "") -> str:
    """The contract as `parse_contract` reads it, under a comment of one line; categories are learned, and left out."""
    text = "\n".join(_lines(contract))
    return f"# {escape(comment)}\n{text}" if comment else text.removeprefix("\n")


def _lines(contract: Contract) -> Iterator[str]:
    for feature in contract.features:
        yield ""
        yield f"[features.{_string(feature.name)}]"
        yield from _members(feature)
    if contract.datatype is not None or contract.instances is not None:
        yield ""
        yield "[request]"
    for key, value in (("datatype", contract.datatype), ("instances", contract.instances)):
        if value is not None:
            yield f"{key} = {_string(value)}"
    for relation in contract.relations:
        yield ""
        yield "[[relations]]"
        yield f"require = {_string(relation.text)}"
    yield ""


def _members(feature: Feature) -> Iterator[str]:
    yield f"type = {_string(feature.type)}"
    for key in ("minimum", "maximum", "pattern", "allowed", "pointer"):
        value = getattr(feature, key)
        if value is not None:
            yield f"{key} = {_value(value)}"
    if feature.nullable:
        yield "nullable = true"
    if feature.description:
        yield f"description = {_string(feature.description)}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _string(text: str) -> str:
    """A basic string of TOML; JSON's escapes are among its own."""
    return escape(json.dumps(text, ensure_ascii=False))


def escape(text: str) -> str:
    r"""The text with every character that isn't printed as `\uNNNN` or `\UNNNNNNNN`."""
    return "".join(char if char.isprintable() else _escaped(ord(char)) for char in text)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
