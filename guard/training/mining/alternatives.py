"""Relations that don't show in a correlation: of shares, and of features that repeat one of two others.

`a + b` is 0 or 1, an equality for the rows that have something to share out; `a * b` is a whole number, where `a` is
a share of the count `b`; `a` is `b` or `c`, which is what the larger or the smaller of two features leaves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from guard.training.mining.candidate import LEAST_PRESENT, Candidate, Features, Matrix, least_expected

__all__ = ["either_candidates", "share_candidates", "two_sums_candidates"]

Bools = npt.NDArray[np.bool_]

# Fewer distinct values agree by accident.
LEAST_DISTINCT = 10

# Most pairs fall in the first rows, and never meet the others.
FIRST_ROWS = 256

# Of the whole that shares add up to: what rounding leaves, and what is spared for more of it.
MOST_ROUNDING, WIDENING = 1e-3, 1.5

# float32 rounds each share and their sum.
FLOAT32 = float(np.finfo(np.float32).eps)

# From a whole number, for shares rounded to as many digits as float32 has; one of 25 products is as near by accident.
NEAR_WHOLE = 0.02

# How many candidates for `b` and `c` each `a` has: those that it equals most often.
MOST_PARTNERS = 32


def two_sums_candidates(features: Features, sample: Matrix) -> Iterator[Candidate]:
    """Propose pairs of features, none negative, that add up to one whole or are both 0, by rows float32 [n, d]."""
    places = [place for place in _numbers(features, sample) if np.nanmin(sample[:, place]) == 0]
    n_tested = len(places) ** 2
    for at, a in enumerate(places):
        for b in _adding_up(sample, a, np.array(places[at + 1 :], dtype=np.intp)):
            candidate = _two_sums(sample[:, a], sample[:, b], n_tested)
            if candidate is not None:
                yield candidate._replace(features=(a, b))


def _numbers(features: Features, sample: Matrix) -> list[int]:
    """Numbers of enough distinct values; the first rows tell most."""
    return [
        place
        for place, card in enumerate(features)
        if card.type in {"number", "integer"} and len(np.unique(_present(sample[:, place]))) >= LEAST_DISTINCT
    ]


def _present(column: Matrix) -> Matrix:
    return column[np.isfinite(column)]


def _adding_up(sample: Matrix, a: int, others: npt.NDArray[np.intp]) -> list[int]:
    """Which of the others add up with `a` to one whole in the first rows."""
    first = sample[:FIRST_ROWS]
    totals = first[:, [a]] + first[:, others]
    shared = np.where(totals > 0, totals, np.nan)
    known = np.isfinite(shared).any(axis=0)
    most = np.max(shared, axis=0, initial=0.0, where=np.isfinite(shared))
    least = np.min(shared, axis=0, initial=np.inf, where=np.isfinite(shared))
    fits = most - least <= MOST_ROUNDING * most
    found: list[int] = others[fits & known].tolist()
    return found


def _two_sums(first: Matrix, second: Matrix, n_tested: int) -> Candidate | None:
    present = np.isfinite(first) & np.isfinite(second)
    a, b = first[present], second[present]
    totals = a + b
    shared = totals[totals > 0]
    if len(shared) < LEAST_PRESENT or shared.max() - shared.min() > MOST_ROUNDING * shared.max():
        return None
    middle, spread = (shared.max() + shared.min()) / 2, (shared.max() - shared.min()) / 2
    room = WIDENING * spread + 4 * FLOAT32 * middle
    low, high = float(np.float32(middle - room)), float(np.float32(middle + room))
    # As if they were independent: each with the value that the row before has.
    others = a + np.roll(b, 1)
    broken = int(((others != 0) & ((others < low) | (others > high))).sum())
    return Candidate("two_sums", (), broken, (low, high)) if broken >= least_expected(n_tested) else None


def share_candidates(features: Features, sample: Matrix) -> Iterator[Candidate]:
    """Propose features from 0 to 1 that are a share of a count, by rows float32 [n, d]."""
    places = _numbers(features, sample)
    whole = [place for place in places if (_fraction(sample[:, place]) == 0).all()]
    shares = [place for place in places if place not in whole and _is_share(sample[:, place])]
    n_tested = len(shares) * len(whole)
    for a in shares:
        for b in whole:
            support = _share_support(sample[:, a], sample[:, b])
            if support >= least_expected(n_tested):
                yield Candidate("share", (a, b), support, (float(np.float32(NEAR_WHOLE)),))


def _fraction(values: Matrix) -> Matrix:
    """How far present values lie from the nearest whole number."""
    present = _present(values)
    found: Matrix = np.abs(present - np.floor(present + np.float32(0.5)))
    return found


def _is_share(column: Matrix) -> bool:
    present = _present(column)
    return bool(((present >= 0) & (present <= 1)).all())


def _share_support(first: Matrix, second: Matrix) -> int:
    """How many rows would break it if the count were that of the row before; 0 where one breaks it as it is."""
    if any((_fraction(first[rows] * second[rows]) > NEAR_WHOLE).any() for rows in (slice(FIRST_ROWS), slice(None))):
        return 0
    return int((_fraction(first * np.roll(second, 1)) > NEAR_WHOLE).sum())


def either_candidates(features: Features, sample: Matrix) -> Iterator[Candidate]:
    """Propose triples of numbers of which the first equals one of the others, by rows float32 [n, d]."""
    places = np.array(_numbers(features, sample), dtype=np.intp)
    n_tested = len(places) ** 3
    for a in places.tolist():
        partners = _partners(sample, a, places[places != a])
        equal: Bools = np.asarray(sample[:, partners] == sample[:, [a]])
        missed = (~equal).astype(np.float32)
        for i, j in np.argwhere(np.triu(missed.T @ missed == 0, 1)).tolist():
            support = _support(sample, (a, int(partners[i]), int(partners[j])), equal[:, [i, j]])
            if support >= least_expected(n_tested):
                yield Candidate("either", (a, int(partners[i]), int(partners[j])), support)


def _partners(sample: Matrix, a: int, others: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Features that `a` equals in some rows and not in others, among the rows in which it isn't as it mostly is."""
    values, counts = np.unique(sample[:, a], return_counts=True)
    telling = sample[sample[:, a] != values[counts.argmax()]]
    agreeing = (telling[:, others] == telling[:, [a]]).sum(axis=0)
    fits = (agreeing >= LEAST_PRESENT) & (agreeing <= len(telling) - LEAST_PRESENT)
    order = np.argsort(-agreeing[fits], kind="stable")[:MOST_PARTNERS]
    return np.sort(others[fits][order])


def _support(sample: Matrix, places: tuple[int, int, int], equal: Bools) -> int:
    """How many rows would break it if the first feature were the row's before; 0 where one of the others suffices."""
    if (equal.sum(axis=0) > len(equal) - LEAST_PRESENT).any():
        return 0
    a, b, c = (sample[:, place] for place in places)
    other = np.roll(a, 1)
    return int(((other != b) & (other != c)).sum())
