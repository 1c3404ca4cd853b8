"""Mined relations: what held between the features of the fit rows, as cards, and as NumPy.

A relation isn't a promise: clean rows break it now and then, and a row that does is evidence, never a fault by
itself. Whoever trusts one moves it to the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

__all__ = ["KINDS", "LARGEST", "Kind", "RelationCard", "Statement", "holds"]

Kind = Literal[
    "integral",
    "order",
    "equality",
    "domain",
    "range",
    "positive_implies_positive",
    "zero_implies_zero",
    "determines",
    "two_sums",
    "either",
    "share",
]

KINDS: Final[tuple[Kind, ...]] = (
    "integral",
    "order",
    "equality",
    "domain",
    "range",
    "positive_implies_positive",
    "zero_implies_zero",
    "determines",
    "two_sums",
    "either",
    "share",
)
"""In the order in which cards stand."""

LARGEST: Final = np.finfo(np.float32).max
"""What an equality takes an infinite value for."""

Bools = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float32]


class Statement(Protocol):
    """What a relation says, without its evidence."""

    @property
    def kind(self) -> Kind:
        """One of KINDS."""
        ...

    @property
    def features(self) -> tuple[int, ...]:
        """Places of the features."""
        ...

    @property
    def numbers(self) -> tuple[float, ...]:
        """Bounds, values or coefficients, by the kind."""
        ...

    @property
    def table(self) -> tuple[tuple[int, ...], ...]:
        """Of `determines`: the codes that go with each."""
        ...


class RelationCard(BaseModel):
    """One relation as mining found it; `features` are places in the order of the graph's input.

    `numbers` are: of a domain its values, ascending; of a range its bounds, inclusive; of an equality the
    coefficients, then offset and tolerance (`|c1 x1 + c2 x2 + ... - offset| <= tolerance`); of `two_sums` the bounds
    between which the features' sum lies where it isn't 0; else none. `either` says that the first feature is equal to
    the second or to the third; `share` that the first, times the second, is a whole number, within the one number
    given. `table`, of `determines`, has for each code of the first feature the codes that the
    second may have, none meaning any.

    `support` counts the fit rows that would have broken it were its features independent of each other; where it
    concerns one feature, or is an equality, those that put it to the test. `checked` selection rows had all
    its features, `broken` of them broke it before it was widened, and `decades` is the evidence in breaking it,
    `-log10((1 + broken) / (1 + checked))`.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    id: str
    kind: Kind
    text: str
    features: tuple[int, ...]
    numbers: tuple[float, ...] = ()
    table: tuple[tuple[int, ...], ...] = ()
    support: int
    checked: int
    broken: int
    decades: float


def holds(relations: Sequence[Statement], rows: Matrix) -> Bools:
    """Say which relations each raw row float32 [N, d] keeps, bool [N, r], computed in float32 as the graph does.

    A relation holds where a value that it reads is missing.
    """
    kept = np.ones((len(rows), len(relations)), dtype=np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        for place, relation in enumerate(relations):
            columns = [rows[:, feature] for feature in relation.features]
            kept[:, place] = ~_BROKEN[relation.kind](relation, columns)
    return kept


# Each says where it is broken. A comparison with NaN is false, which is what a missing value asks for.


def _integral(_: Statement, columns: list[Matrix]) -> Bools:
    return np.greater(columns[0], np.floor(columns[0]))


def _order(_: Statement, columns: list[Matrix]) -> Bools:
    return np.greater(columns[0], columns[1])


def _equality(relation: Statement, columns: list[Matrix]) -> Bools:
    *coefficients, offset, tolerance = np.array(relation.numbers, dtype=np.float32)
    finite = [np.clip(column, -LARGEST, LARGEST) for column in columns]
    total = np.sum([factor * column for factor, column in zip(coefficients, finite, strict=True)], axis=0)
    return np.asarray(np.abs(total - offset) > tolerance)


def _domain(relation: Statement, columns: list[Matrix]) -> Bools:
    values = np.array(relation.numbers, dtype=np.float32)
    return np.asarray(~np.isin(columns[0], values) & ~np.isnan(columns[0]))


def _range(relation: Statement, columns: list[Matrix]) -> Bools:
    low, high = np.array(relation.numbers, dtype=np.float32)
    return np.asarray((columns[0] < low) | (columns[0] > high))


def _positive_implies_positive(_: Statement, columns: list[Matrix]) -> Bools:
    return np.asarray((columns[0] > 0) & (columns[1] <= 0))


def _zero_implies_zero(_: Statement, columns: list[Matrix]) -> Bools:
    return np.asarray((columns[0] == 0) & (np.abs(columns[1]) > 0))


def _determines(relation: Statement, columns: list[Matrix]) -> Bools:
    broken = np.zeros(len(columns[0]), dtype=np.bool_)
    present = ~np.isnan(columns[1])
    for code, allowed in enumerate(relation.table):
        if allowed:
            broken |= (columns[0] == code) & present & ~np.isin(columns[1], allowed)
    return broken


def _two_sums(relation: Statement, columns: list[Matrix]) -> Bools:
    low, high = np.array(relation.numbers, dtype=np.float32)
    total = columns[0] + columns[1]
    return np.asarray((np.abs(total) > 0) & ((total < low) | (total > high)))


def _either(_: Statement, columns: list[Matrix]) -> Bools:
    first, second, third = columns
    return np.asarray((np.abs(first - second) > 0) & (np.abs(first - third) > 0))


def _share(relation: Statement, columns: list[Matrix]) -> Bools:
    product = columns[0] * columns[1]
    return np.asarray(np.abs(product - np.floor(product + np.float32(0.5))) > np.float32(relation.numbers[0]))


_BROKEN: dict[Kind, Callable[[Statement, list[Matrix]], Bools]] = {
    "integral": _integral,
    "order": _order,
    "equality": _equality,
    "domain": _domain,
    "range": _range,
    "positive_implies_positive": _positive_implies_positive,
    "zero_implies_zero": _zero_implies_zero,
    "determines": _determines,
    "two_sums": _two_sums,
    "either": _either,
    "share": _share,
}
