"""One declared feature, and what may be wrong with its declaration."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Feature", "FeatureType", "category_text"]

# The longest name that a column of a data set is likely to have; names stand in findings and messages.
MAX_NAME_LENGTH = 200


class FeatureType(enum.StrEnum):
    """What the values of a feature are."""

    NUMBER = "number"
    INTEGER = "integer"
    """a number without a fraction; `3.0` is one"""
    BOOLEAN = "boolean"
    """true or false; also 0 or 1, since a numeric tensor can't say it otherwise"""
    CATEGORY = "category"
    """one of several texts; numbers and booleans count as their text (`category_text`)"""
    STRING = "string"
    """free text; checked, never scored"""

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers without coding."""
        return self is FeatureType.NUMBER or self is FeatureType.INTEGER

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self is FeatureType.CATEGORY or self is FeatureType.STRING


def category_text(value: str | float | bool) -> str:  # noqa: FBT001 - a value, not a switch
    """Give the text that a category's value counts as.

    `true` and `false` for booleans; a number without a fraction is written as an integer (3.0 is "3",
    because a float tensor can't tell it from 3), any other in the shortest form that reads back.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return repr(value)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature, as declared.

    `minimum` and `maximum` are inclusive. `pattern` is in RE2's syntax and matches the whole text.
    `categories` are the texts that the detector was fitted with, in the order of their codes: learned,
    never part of what is declared. `pointer` is a JSON pointer from an instance to the value.
    """

    name: str
    type: FeatureType
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str | int | float | bool, ...] | None = None
    pattern: str | None = None
    nullable: bool = False
    categories: tuple[str, ...] = ()
    description: str = ""
    pointer: str | None = None

    def faults(self) -> Iterator[str]:
        """Yield, in words, everything in which the declaration contradicts itself."""
        at = f'features."{self.name}"'
        if not self.name or len(self.name) > MAX_NAME_LENGTH:
            yield f"{at}: a name has 1 to {MAX_NAME_LENGTH} characters"
        yield from self._bound_faults(at)
        yield from self._allowed_faults(at)
        if self.pattern is not None and not self.type.is_text:
            yield f"{at}.pattern: type {self.type} has none; only category and string features do"

    def _bound_faults(self, at: str) -> Iterator[str]:
        for key, bound in (("minimum", self.minimum), ("maximum", self.maximum)):
            if bound is None:
                continue
            if not self.type.is_numeric:
                yield f"{at}.{key}: type {self.type} has none; only number and integer features do"
            if not math.isfinite(bound):
                yield f"{at}.{key} is {bound}; expected a finite number, or leave it out"
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            yield f"{at}.minimum is {self.minimum}, above its maximum, {self.maximum}"

    def _allowed_faults(self, at: str) -> Iterator[str]:
        if self.allowed is None:
            return
        if not self.allowed:
            yield f"{at}.allowed is empty; expected at least one value, or leave it out"
        for value in self.allowed:
            if not self._has_type(value):
                yield f"{at}.allowed: {value!r} is not of type {self.type}"
            elif self.type.is_numeric and not self._within(float(value)):
                yield f"{at}.allowed: {value!r} lies outside minimum and maximum"

    def _has_type(self, value: str | float | bool) -> bool:  # noqa: FBT001
        match self.type:
            case FeatureType.CATEGORY:
                return True
            case FeatureType.STRING:
                return isinstance(value, str)
            case FeatureType.BOOLEAN:
                return isinstance(value, bool)
        if isinstance(value, bool | str) or not math.isfinite(value):
            return False
        return self.type is FeatureType.NUMBER or float(value).is_integer()

    def _within(self, value: float) -> bool:
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)
