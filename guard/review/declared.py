"""What an operator had declared, told from what fitting learned, and written as the TOML that settings name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from guard.contract import Contract, Feature, Relation

__all__ = ["declared_part", "to_toml"]


def declared_part(kept: Contract, learned: Contract | None) -> Contract | None:
    """What must have been declared, so that merged with what was learned it gives the kept contract; None for nothing.

    What was declared just as it was learned can't be told from it.
    """
    if learned is None:
        return kept
    known = dict(zip(learned.names, learned.features, strict=True))
    relations = tuple(relation for relation in kept.relations if relation not in learned.relations)
    named = set().union(*(_names(relation, kept) for relation in relations))
    features = tuple(
        replace(feature, categories=())
        for feature in kept.features
        if feature.name in named or _differs(feature, known.get(feature.name))
    )
    return Contract(features, relations, source=kept.source) if features else None


def _differs(feature: Feature, learned: Feature | None) -> bool:
    return learned is None or replace(feature, description="") != replace(learned, description="")


def _names(relation: Relation, contract: Contract) -> set[str]:
    """The features that a relation names: they must be declared with it."""
    bound = relation.bind(dict(zip(contract.names, contract.features, strict=True)))
    return {contract.names[place] for place in bound.numeric.tolist()} | set(bound.textual)


def to_toml(contract: Contract) -> str:
    """The contract as `parse_contract` reads it; categories are learned, and left out."""
    return "\n".join(_lines(contract))


def _lines(contract: Contract) -> Iterator[str]:
    for feature in contract.features:
        yield f"[features.{_string(feature.name)}]"
        yield from _members(feature)
    for relation in contract.relations:
        yield "[[relations]]"
        yield f"require = {_string(relation.text)}"
    yield ""


def _members(feature: Feature) -> Iterator[str]:
    yield f"type = {_string(feature.type)}"
    for key in ("minimum", "maximum", "pattern", "allowed"):
        value = getattr(feature, key)
        if value is not None:
            yield f"{key} = {_value(value)}"
    yield f"nullable = {_value(feature.nullable)}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _string(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own, and DEL must be escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
