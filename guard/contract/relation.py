"""Relations between features, evaluated on whole batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.contract.expression import Columns, Expression, Sort
from guard.contract.feature import Feature
from guard.contract.grammar import parse

__all__ = ["BoundRelation", "Pairs", "Relation", "group_pairs"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

# `a > b` is `b < a`: two signs fewer to group by.
MIRRORED = {">": "<", ">=": "<="}
PAIR_UFUNCS: dict[str, np.ufunc] = {"<=": np.less_equal, "<": np.less, "==": np.equal, "!=": np.not_equal}


@dataclass(frozen=True, slots=True)
class Relation:
    """A condition that every instance meets, such as `a <= b` or `if kind == "x" then y > 0`.

    Numbers are compared exactly, as float64; where rounding matters, write a tolerance
    (`total - a - b <= 0.001`).
    """

    text: str

    def bind(self, features: Mapping[str, Feature]) -> BoundRelation:
        """Tie it to features, whose order is that of the matrix.

        Raises ContractError, with the place, where it can't be read or names an unknown feature.
        """
        return _bind(self.text, parse(self.text, features=features), features)


class BoundRelation(NamedTuple):
    """A relation that knows its columns.

    `numeric` are the columns of the matrix that it reads, `textual` its text features. `pair` is
    (sign, left column, right column) if it only compares two numeric features.
    """

    text: str
    holds: Callable[[Columns], Any]
    numeric: npt.NDArray[np.intp]
    textual: tuple[str, ...]
    pair: tuple[str, int, int] | None

    def broken(self, values: FloatArray, texts: Mapping[str, list[str | None]]) -> BoolArray:
        """Say which of N instances break it, given values [N, d] and the texts of text features.

        An instance that lacks any feature that the relation names doesn't break it.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            broken = np.logical_not(self.holds(Columns(values, texts))) & ~self._lacking(values, texts)
        return np.asarray(broken, dtype=np.bool_)

    def _lacking(self, values: FloatArray, texts: Mapping[str, list[str | None]]) -> BoolArray:
        lacking = np.isnan(values[:, self.numeric]).any(axis=1)
        for name in self.textual:
            lacking |= np.array([text is None for text in texts[name]], dtype=np.bool_)
        return np.asarray(lacking)


class Pairs(NamedTuple):
    """All relations of two features under one sign: one comparison decides them together.

    `places` are their numbers among the relations of the contract.
    """

    compare: np.ufunc
    left: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]
    places: tuple[int, ...]

    def hold(self, values: FloatArray) -> BoolArray:
        """Compare the columns of values [N, d]: bool [N, number of pairs], False where one is NaN (!= apart)."""
        found = self.compare(values.take(self.left, axis=1), values.take(self.right, axis=1))
        return np.asarray(found)

    def hold_or_lack(self, values: FloatArray) -> BoolArray:
        """Compare the same, True where one is NaN."""
        missing = np.isnan(values)
        return self.hold(values) | missing.take(self.left, axis=1) | missing.take(self.right, axis=1)


def group_pairs(relations: Sequence[BoundRelation]) -> tuple[Pairs, ...]:
    """Gather the relations of two numeric features by sign."""
    groups: dict[str, list[tuple[int, int, int]]] = {}
    for place, relation in enumerate(relations):
        if relation.pair is not None:
            sign, left, right = relation.pair
            groups.setdefault(sign, []).append((left, right, place))
    return tuple(_pairs(PAIR_UFUNCS[sign], members) for sign, members in groups.items())


def _pairs(compare: np.ufunc, members: list[tuple[int, int, int]]) -> Pairs:
    left, right, places = zip(*members, strict=True)
    return Pairs(compare, np.array(left, dtype=np.intp), np.array(right, dtype=np.intp), places)


def _bind(text: str, found: Expression, features: Mapping[str, Feature]) -> BoundRelation:
    columns = {name: place for place, name in enumerate(features)}
    numeric = sorted(columns[name] for name in found.names if not features[name].type.is_text)
    textual = tuple(sorted(name for name in found.names if features[name].type.is_text))
    pair = _as_pair(found, columns)
    return BoundRelation(text, found.evaluate, np.array(numeric, dtype=np.intp), textual, pair)


def _as_pair(found: Expression, columns: Mapping[str, int]) -> tuple[str, int, int] | None:
    if found.comparison is None:
        return None
    sign, left, right = found.comparison
    if left.sort is not Sort.NUMBER or left.feature is None or right.feature is None:
        return None
    if sign in MIRRORED:
        sign, left, right = MIRRORED[sign], right, left
    return sign, columns[left.feature or ""], columns[right.feature or ""]
