"""Pieces of a relation, as closures over NumPy arrays."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Columns", "Expression", "Sort", "binary"]


class Columns(NamedTuple):
    """What a relation is evaluated on: values float64 [N, d], and the texts of text features, [N] each."""

    values: npt.NDArray[np.float64]
    texts: Mapping[str, list[str | None]]


class Sort(enum.Enum):
    """What an expression stands for."""

    NUMBER = "a number"
    TEXT = "a text"
    TRUTH = "a condition"


class Expression(NamedTuple):
    """A piece of a relation, ready to be evaluated on N instances.

    `feature` is the name if it is a feature alone, `literal` the text if it is a string alone;
    `comparison` is the sign with both sides if it is a comparison.
    """

    sort: Sort
    evaluate: Callable[[Columns], Any]
    names: frozenset[str]
    column: int
    feature: str | None = None
    literal: str | None = None
    comparison: tuple[str, Expression, Expression] | None = None


def binary(ufunc: np.ufunc, left: Expression, right: Expression, sort: Sort) -> Expression:
    """Join two pieces by an elementwise operation."""
    first, second = left.evaluate, right.evaluate
    return Expression(sort, lambda c: ufunc(first(c), second(c)), left.names | right.names, left.column)
