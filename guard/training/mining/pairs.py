"""Relations of two numbers: `a <= b`, `a > 0` implies `b > 0`, `a = 0` implies `b = 0`.

A pair is proposed where the fit rows keep it and independent features of the same distributions would have broken it
often enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.training.mining.candidate import Candidate, Features, Matrix, evenly, least_expected, tolerated
from guard.training.mining.tails import ends_at_zero

__all__ = ["Pairwise", "pair_candidates"]

Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.float64]
Implication = Literal["positive_implies_positive", "zero_implies_zero"]

# Most pairs fall in the first rows, and never meet the others.
FIRST_ROWS = 256

# Points of each distribution by which two are compared.
N_QUANTILES = 512

# Pairs whose differences are looked at: the strongest.
MOST_ORDERS = 20_000


class Pairwise(NamedTuple):
    """A sample of the rows as pairs of its columns see it.

    `columns` are the places of the numbers, `X` their values float32 [n, c], `comparable` whether
    `<=` can be said of each: not of booleans.
    """

    columns: npt.NDArray[np.intp]
    X: Matrix
    comparable: Bools

    @classmethod
    def of(cls, features: Features, rows: Matrix, *, leave_out: Sequence[int] = ()) -> Pairwise:
        """Take the numbers, but for those that always equal another one."""
        places = [j for j, card in enumerate(features) if card.is_numeric and j not in leave_out]
        columns = np.array(places, dtype=np.intp)
        comparable = np.array([features[j].type != "boolean" for j in places], dtype=np.bool_)
        return cls(columns, rows[:, columns], comparable)


def pair_candidates(pairwise: Pairwise) -> Iterator[Candidate]:
    """Propose relations of two features, redundant ones among them."""
    if len(pairwise.columns) > 1:
        yield from _orders(pairwise)
        yield from _implications(pairwise)


def _orders(pairwise: Pairwise) -> Iterator[Candidate]:
    left, right = _never_above(pairwise)
    expected = _expected_above(pairwise.X, left, right)
    enough = np.flatnonzero(expected >= least_expected(pairwise.X.shape[1] ** 2))
    strongest = enough[np.argsort(-expected[enough], kind="stable")][:MOST_ORDERS]
    for place in np.sort(strongest).tolist():
        a, b = int(left[place]), int(right[place])
        if _has_reason(pairwise.X[:, a], pairwise.X[:, b]):
            features = (int(pairwise.columns[a]), int(pairwise.columns[b]))
            yield Candidate("order", features, round(float(expected[place])))


def _never_above(pairwise: Pairwise) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The pairs, as two lists of columns, of which the first isn't above the second in more rows than tolerated."""
    first = pairwise.X[:FIRST_ROWS]
    allowed = tolerated(len(pairwise.X))
    kept = np.stack([(column[:, None] > first).sum(axis=0) <= allowed for column in first.T])
    kept &= pairwise.comparable[:, None] & pairwise.comparable[None, :]
    # A share of 1 beside a count: `a > 0` implies `b > 0` says as much.
    kept &= ~(_unit_interval(pairwise.X)[:, None] & _count(pairwise.X)[None, :])
    np.fill_diagonal(kept, val=False)
    left, right = np.nonzero(kept)
    columns = np.ascontiguousarray(pairwise.X.T)
    held = [int((columns[a] > columns[b]).sum()) <= allowed for a, b in zip(left, right, strict=True)]
    return left[held], right[held]


def _expected_above(X: Matrix, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]) -> Counts:
    """How many rows would have the left above the right, were they independent: float64, one a pair."""
    quantiles = [_quantiles(column) for column in X.T]
    present = (~np.isnan(X)).sum(axis=0)
    share = np.array([_share_above(quantiles[a], quantiles[b]) for a, b in zip(left, right, strict=True)])
    return np.asarray(share.reshape(-1) * np.minimum(present[left], present[right]), dtype=np.float64)


def _quantiles(column: Matrix) -> Matrix:
    return np.sort(evenly(np.sort(column[~np.isnan(column)])[:, None], N_QUANTILES)[:, 0])


def _share_above(a: Matrix, b: Matrix) -> float:
    return float(np.searchsorted(b, a, side="left").mean() / len(b)) if len(a) and len(b) else 0.0


def _unit_interval(X: Matrix) -> Bools:
    return np.asarray(((X >= 0) & (X <= 1) | np.isnan(X)).all(axis=0))


def _count(X: Matrix) -> Bools:
    return np.asarray(((X >= 0) & (np.floor(X) == X) | np.isnan(X)).all(axis=0))


def _has_reason(a: Matrix, b: Matrix) -> bool:
    difference = b - a
    return ends_at_zero(difference[~np.isnan(difference)])


def _implications(pairwise: Pairwise) -> Iterator[Candidate]:
    X = pairwise.X
    yield from _implied(pairwise, "positive_implies_positive", X > 0, X <= 0)
    # Without negative values, `a = 0` implies `b = 0` is `b > 0` implies `a > 0`.
    signed: Bools = np.asarray((X < 0).sum(axis=0) > tolerated(len(X)))
    mixed = signed[:, None] | signed[None, :]
    yield from _implied(pairwise, "zero_implies_zero", X == 0, np.abs(X) > 0, among=mixed)


def _implied(
    pairwise: Pairwise, kind: Implication, condition: Bools, breach: Bools, *, among: Bools | None = None
) -> Iterator[Candidate]:
    n = len(condition)
    # Counts below 2^24 are exact in float32, and BLAS makes them.
    broken = condition.T.astype(np.float32) @ breach.astype(np.float32)
    expected: Counts = np.outer(condition.sum(axis=0), breach.sum(axis=0)) / max(n, 1)
    found: Bools = np.asarray((broken <= tolerated(n)) & (expected >= least_expected(expected.size)))
    np.fill_diagonal(found, val=False)
    if among is not None:
        found &= among
    for a, b in np.argwhere(found).tolist():
        features = (int(pairwise.columns[a]), int(pairwise.columns[b]))
        yield Candidate(kind, features, round(float(expected[a, b])))
