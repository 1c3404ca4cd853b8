"""JSON Schema, as OpenAPI has it, with its references resolved.

Threat model: a document with references in a circle, nested without end, or each to many others. Steps are counted,
and a reference within itself is told. References to elsewhere are never fetched. Out of scope: that the server keeps
to its own document.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from guard.errors import ContractError

__all__ = ["Node", "Resolver", "Unsayable", "is_number"]

_MOST_STEPS = 100_000
_MOST_REFERENCES = 32

_CHOICES = ("anyOf", "oneOf")


class Unsayable(Exception):
    """A contract can't say this; the text says what."""


class Node(NamedTuple):
    """A schema without references: its members, whether null is allowed, and the references on the way to it."""

    schema: dict[str, Any]
    nullable: bool
    trail: tuple[str, ...]

    @property
    def type(self) -> str | None:
        """The only type beside null; None where the schema doesn't say one. Raises Unsayable for several."""
        given = self.schema.get("type")
        types = [kind for kind in (given if isinstance(given, list) else [given]) if kind != "null"]
        if len(types) > 1:
            raise Unsayable(f"it has several types, {', '.join(map(str, types))[:80]}")
        if types and isinstance(types[0], str):
            return types[0]
        return "object" if "properties" in self.schema else "array" if "items" in self.schema else None


class Resolver:
    """Follows the references of one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._steps = 0

    def resolve(self, schema: Any, trail: tuple[str, ...] = ()) -> Node:
        """The schema without references; raises Unsayable, and ContractError for a document that is broken."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise ContractError(f"the document has more than {_MOST_STEPS:,} schemas on the way to the features")
        if not isinstance(schema, dict):
            raise Unsayable("it has no schema")
        if "$ref" in schema:
            target, trail = self.follow(schema["$ref"], trail)
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            return self.resolve({**target, **beside}, trail)
        for member in ("allOf", *_CHOICES):
            if member in schema:
                return self._combine(schema, member, trail)
        types = schema.get("type")
        nullable = schema.get("nullable") is True or types == "null" or (isinstance(types, list) and "null" in types)
        return Node(schema, nullable, trail)

    def follow(self, reference: Any, trail: tuple[str, ...] = ()) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What a local reference stands for, and the trail with it."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise Unsayable(f"it refers to {ascii(reference)[:80]}; only the document itself is read")
        if reference in trail or len(trail) >= _MOST_REFERENCES:
            raise Unsayable(f"{ascii(reference)[:80]} refers to itself, or too far")
        found: Any = self._document
        for token in reference[2:].split("/"):
            name = token.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise ContractError(f"the document has no {ascii(reference)[:80]}, to which it refers")
        return found, (*trail, reference)

    def _combine(self, schema: dict[str, Any], member: str, trail: tuple[str, ...]) -> Node:
        parts = schema[member]
        if not isinstance(parts, list) or not parts:
            raise ContractError(f"{member} is no array of schemas")
        rest = {key: value for key, value in schema.items() if key != member}
        if member == "allOf":
            nodes = [self.resolve(part, trail) for part in (*parts, rest)]
            merged: dict[str, Any] = {}
            for node in nodes:
                merged = _merge(merged, node.schema)
            trails = tuple(dict.fromkeys(step for node in nodes for step in node.trail))
            return Node(merged, all(node.nullable for node in nodes[:-1]) or nodes[-1].nullable, trails)
        if not rest.keys().isdisjoint(_CHOICES):
            raise Unsayable(f"it has {member} beside another choice")
        others = [part for part in parts if not (isinstance(part, dict) and part.get("type") == "null")]
        if len(others) != 1:
            raise Unsayable(f"{member} gives {len(others)} choices")
        node = self.resolve(others[0], trail)
        return node._replace(schema=_merge(node.schema, rest), nullable=node.nullable or len(others) < len(parts))


def _merge(schema: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both schemas; properties and required members of both, the tighter of bounds, else the other's members."""
    merged = {**schema, **other}
    for key, join in (("properties", dict), ("required", list)):
        both = [part[key] for part in (schema, other) if isinstance(part.get(key), join)]
        if len(both) == 2:
            merged[key] = {**both[0], **both[1]} if join is dict else [*both[0], *both[1]]
    for key, tighter in (("minimum", max), ("maximum", min)):
        bounds = [part[key] for part in (schema, other) if is_number(part.get(key))]
        if len(bounds) == 2:
            merged[key] = tighter(bounds)
    return merged


def is_number(value: object) -> bool:
    """Whether a JSON value is a number, and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)
