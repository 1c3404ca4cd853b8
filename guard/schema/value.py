"""A single value's JSON Schema as a feature: its type, bounds, allowed values and pattern.

What a contract can't say of the value is told in a warning; where it can't say the value at all, Unsayable is raised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from guard.contract import Feature, FeatureType
from guard.contract.pattern import pattern_fault
from guard.contract.toml import LARGEST_INTEGER
from guard.schema.json_schema import Node, Unsayable, is_number

__all__ = ["read_value"]

# Such a pattern matches the whole text or nothing, as a contract's do.
_ANCHORED = re.compile(r"\^[^|]*(?<!\\)\$")

# Repetitions in RE2's patterns end here.
_MOST_REPEATED = 1000

_LONGEST_DESCRIPTION = 500

_TYPES = {
    "boolean": FeatureType.BOOLEAN,
    "integer": FeatureType.INTEGER,
    "number": FeatureType.NUMBER,
    "string": FeatureType.STRING,
}

# What a contract has no words for.
_UNSAID = ("dependentRequired", "dependentSchemas", "else", "if", "multipleOf", "not", "patternProperties", "then")


def read_value(node: Node, name: str, *, nullable: bool, warnings: list[str]) -> Feature:
    """A single value as a feature; raises Unsayable. What of it can't be said is told in the warnings."""
    schema = node.schema
    kind, allowed, null = _read_type(node)
    reader = _Bounds(schema, ascii(name), warnings)
    minimum, maximum = reader.of_numbers(whole=kind is FeatureType.INTEGER) if kind.is_numeric else (None, None)
    pattern = reader.pattern() if kind is FeatureType.STRING else None
    warnings += [f"{name!a}: {key} can't be said in a contract" for key in _UNSAID if key in schema]
    description = schema.get("description")
    return Feature(
        name,
        kind,
        minimum=minimum,
        maximum=maximum,
        allowed=allowed,
        pattern=pattern,
        nullable=nullable or node.nullable or null,
        description=description[:_LONGEST_DESCRIPTION] if isinstance(description, str) else "",
    )


def _read_type(node: Node) -> tuple[FeatureType, tuple[Any, ...] | None, bool]:
    """The feature's type, its allowed values, and whether null is among them."""
    schema = node.schema
    given = [schema["const"]] if "const" in schema else schema.get("enum")
    if given is not None and (not isinstance(given, list) or not all(_is_value(value) for value in given)):
        raise Unsayable("its allowed values aren't texts, booleans and numbers within 2^53")
    allowed = None if given is None else tuple(value for value in given if value is not None)
    null = given is not None and None in given
    kind = _TYPES.get(node.type or "")
    if allowed and kind in {None, FeatureType.STRING}:
        return FeatureType.CATEGORY, allowed, null
    if kind is None:
        raise Unsayable(f"its type is {ascii(node.type)[:80]}" if node.type else "it has no type")
    return kind, allowed or None, null


def _is_value(value: object) -> bool:
    return value is None or isinstance(value, str | bool) or (is_number(value) and _is_exact(value))


def _is_exact(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= LARGEST_INTEGER)


class _Bounds:
    """Reads the bounds of one value."""

    def __init__(self, schema: dict[str, Any], name: str, warnings: list[str]) -> None:
        self._schema = schema
        self._name = name
        self._warnings = warnings

    def _warn(self, key: str, reason: str) -> None:
        self._warnings.append(f"{self._name}: {key} is left out: {reason}")

    def of_numbers(self, *, whole: bool) -> tuple[float | None, float | None]:
        """The least and the greatest number, both inclusive."""
        least = list(self._lower("minimum", "exclusiveMinimum", whole=whole, sign=1))
        most = [-bound for bound in self._lower("maximum", "exclusiveMaximum", whole=whole, sign=-1)]
        if whole and self._schema.get("format") == "int32":
            least.append(-(2**31))
            most.append(2**31 - 1)
        return max(least, default=None), min(most, default=None)

    def _lower(self, inclusive: str, exclusive: str, *, whole: bool, sign: int) -> Iterator[float]:
        """Lower bounds; upper ones with their sign turned, so that they are lower ones, too."""
        bound, beyond = self._schema.get(inclusive), self._schema.get(exclusive)
        if beyond is True:  # of OpenAPI 3.0, where it is a switch
            bound, beyond = None, bound
        for key, value, strict in ((inclusive, bound, False), (exclusive, beyond, True)):
            if value is None or value is False:
                continue
            if not is_number(value) or not _is_exact(value):
                self._warn(key, "it is no number within 2^53")
            else:
                yield _tightened(sign * value, whole=whole, strict=strict)

    def pattern(self) -> str | None:
        """A pattern for the whole text: of the schema's own, which may match a part of it, or of the lengths."""
        given = self._schema.get("pattern")
        lengths = [self._schema.get(key) for key in ("minLength", "maxLength")]
        if not isinstance(given, str):
            return None if lengths == [None, None] else self._of_lengths(lengths)
        if lengths != [None, None]:
            self._warn("minLength or maxLength", "a contract has one pattern, and it is the given one")
        pattern = given if _ANCHORED.fullmatch(given) else f"(?s:.*)(?:{given})(?s:.*)"
        # Alone, too: its parentheses might only match with those around it.
        fault = pattern_fault(given) or pattern_fault(pattern)
        if fault is not None:
            self._warn("pattern", fault)
        return pattern if fault is None else None

    def _of_lengths(self, lengths: list[Any]) -> str | None:
        if not all(length is None or (type(length) is int and 0 <= length <= _MOST_REPEATED) for length in lengths):
            self._warn("minLength or maxLength", f"a pattern counts to {_MOST_REPEATED}")
            return None
        least, most = lengths
        pattern = f"(?s:.{{{least or 0},{'' if most is None else most}}})"
        fault = pattern_fault(pattern)
        if fault is not None:
            self._warn("minLength or maxLength", fault)
        return pattern if fault is None else None


def _tightened(bound: float, *, whole: bool, strict: bool) -> float:
    """The least number that a lower bound allows; of whole numbers, or of floats."""
    if whole:
        return math.floor(bound) + 1 if strict else math.ceil(bound)
    return math.nextafter(bound, math.inf) if strict else bound
