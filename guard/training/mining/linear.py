"""Linear equalities of few features: `a = b`, `a = b + c`, `a + b + c = 100`, up to rounding.

The correlation matrix has an eigenvalue of (nearly) zero for each; row reduction of those eigenvectors by their
largest loadings separates equalities that share no pivot, and an eigenvector of the features left refits each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from guard.training.mining.candidate import LEAST_PRESENT, Candidate, Features, Matrix, evenly, tolerated

__all__ = ["equality_candidates", "equality_numbers"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

SAMPLE = 20_000

# An equality leaves this share of each term's standard deviation unexplained, at most; its square is an eigenvalue's.
MOST_RESIDUAL = 1e-3

# In standard deviations of its feature, beside the largest; a smaller coefficient is rounding.
LEAST_LOADING = 3e-3

# Terms: any coefficients, or all of one size, as shares that add up to a whole have them.
MOST_TERMS = 4
MOST_EQUAL_TERMS = 12

# Rows in which a feature isn't at its most frequent value: fewer fall together by accident.
LEAST_VARYING = 20

# A feature that is missing more often leaves too few complete rows.
MOST_MISSING = 0.5

# With fewer rows than this for each feature, features add up by accident.
ROWS_PER_FEATURE = 2

LARGEST_DENOMINATOR = 12
WIDENING = 1.5

# float32 rounds each coefficient, product and sum.
FLOAT32 = float(np.finfo(np.float32).eps)


def equality_candidates(features: Features, rows: Matrix) -> Iterator[Candidate]:
    """Propose equalities of numbers (copies also of booleans), by the fit rows float32 [n, d]."""
    sample = evenly(rows, SAMPLE)
    copies = _copies(features, sample)
    for original, copy in copies:
        candidate = _judged((original, copy), np.array([1.0, -1.0]), rows)
        if candidate is not None:
            yield candidate
    repeated = {copy for _, copy in copies}
    places = [j for j, c in enumerate(features) if c.type in {"number", "integer"} and j not in repeated]
    columns, X = _complete(np.array(places, dtype=np.intp), sample)
    if len(X) >= ROWS_PER_FEATURE * len(columns) + LEAST_VARYING and len(columns) > 1:
        for chosen, coefficients in _null_combinations(X):
            candidate = _judged(tuple(columns[chosen].tolist()), coefficients, rows)
            if candidate is not None:
                yield candidate


def _copies(features: Features, sample: Matrix) -> list[tuple[int, int]]:
    """(original, copy) of columns that are the same throughout."""
    first: dict[tuple[bool, bytes], int] = {}
    found = []
    for place, card in enumerate(features):
        if card.is_numeric and _varying(sample[:, place]) >= LEAST_VARYING:
            # Adding 0 makes 0 of -0.
            key = (card.type == "boolean", (sample[:, place] + np.float32(0)).tobytes())
            if key in first:
                found.append((first[key], place))
            first.setdefault(key, place)
    return found


def _varying(column: Matrix | Floats) -> int:
    present = column[~np.isnan(column)]
    return len(present) - int(np.unique(present, return_counts=True)[1].max(initial=0))


def _complete(columns: Indices, sample: Matrix) -> tuple[Indices, Floats]:
    """The columns that vary, and the rows in which none is missing; columns missing too often stay out."""
    present = np.isnan(sample[:, columns]).mean(axis=0) <= MOST_MISSING
    varying = np.array([_varying(sample[:, j]) >= LEAST_VARYING for j in columns], dtype=np.bool_)
    kept = columns[present & varying]
    X = sample[:, kept].astype(np.float64)
    complete = X[np.isfinite(X).all(axis=1)]
    still = np.array([_varying(column) >= LEAST_VARYING for column in complete.T], dtype=np.bool_)
    return kept[still], complete[:, still]


def _null_combinations(X: Floats) -> Iterator[tuple[Indices, Floats]]:
    """Yield (columns, coefficients) of combinations that are constant, of few terms each."""
    deviations = X.std(axis=0)
    Z = (X - X.mean(axis=0)) / deviations
    correlation = Z.T @ Z / len(Z)
    values, vectors = np.linalg.eigh(correlation)
    basis = vectors[:, values <= MOST_RESIDUAL**2].T
    for row in _reduced(basis):
        chosen = np.flatnonzero(np.abs(row) > LEAST_LOADING * np.abs(row).max())
        if 1 < len(chosen) <= MOST_EQUAL_TERMS:
            loadings = np.linalg.eigh(correlation[np.ix_(chosen, chosen)])[1][:, 0]
            coefficients = _snapped(loadings / deviations[chosen])
            if len(chosen) <= MOST_TERMS or np.ptp(np.abs(coefficients)) == 0:
                yield chosen, coefficients


def _reduced(basis: Floats) -> Floats:
    """Reduce to row echelon form, each step by the largest entry left."""
    rows = basis.copy()
    for step in range(len(rows)):
        below, pivot = divmod(int(np.abs(rows[step:]).argmax()), rows.shape[1])
        rows[[step, step + below]] = rows[[step + below, step]]
        rows[step] /= rows[step, pivot]
        others = np.arange(len(rows)) != step
        rows[others] -= np.outer(rows[others, pivot], rows[step])
    return rows


def _snapped(coefficients: Floats) -> Floats:
    """Scale so that the smallest is 1, and take simple fractions where they are meant."""
    smallest = np.abs(coefficients).argmin()
    ratios = coefficients / coefficients[smallest]
    # The sum of the others, rather than less than nothing: the first positive.
    ratios *= np.sign(ratios[0])
    simple = np.array([float(Fraction(ratio).limit_denominator(LARGEST_DENOMINATOR)) for ratio in ratios])
    meant = np.abs(simple - ratios) <= 1e-3 * np.abs(ratios)
    return np.where(meant, simple, [float(f"{ratio:.6g}") for ratio in ratios])


def _judged(places: tuple[int, ...], coefficients: Floats, rows: Matrix) -> Candidate | None:
    order = np.argsort(places)
    places, coefficients = tuple(places[j] for j in order), coefficients[order]
    X = rows[:, places].astype(np.float64)
    X = X[np.isfinite(X).all(axis=1)]
    numbers = equality_numbers(X, coefficients)
    support = min((_varying(column) for column in X.T), default=0)
    if numbers is None or support < LEAST_VARYING or len(X) < LEAST_PRESENT:
        return None
    return Candidate("equality", places, support, numbers)


def equality_numbers(X: Floats, coefficients: Floats) -> tuple[float, ...] | None:
    """Coefficients, offset and tolerance by rows float64 [n, terms]; None where that is no equality."""
    if not len(X):
        return None
    totals = X @ coefficients
    extremes = np.sort(totals)
    spare = tolerated(len(totals)) // 2
    low, high = float(extremes[spare]), float(extremes[len(extremes) - 1 - spare])
    terms = np.abs(X * coefficients)
    rounding = 4 * len(coefficients) * FLOAT32 * float(terms.sum(axis=1).max())
    scale = float((np.abs(coefficients) * X.std(axis=0)).min())
    if (high - low) / 2 > 10 * MOST_RESIDUAL * scale:
        return None
    offset = _simple((low + high) / 2, within=max((high - low) / 2, rounding))
    spread = max(high - offset, offset - low, 0.0)
    tolerance = WIDENING * spread + rounding
    if tolerance < 0.5 and _whole(X) and float(offset).is_integer() and _whole(coefficients):
        tolerance = 0.5
    # As float32, since that is what the graph has; the tolerance is rounded up, to two digits.
    return (*(float(np.float32(c)) for c in coefficients), float(np.float32(offset)), _rounded_up(tolerance))


def _whole(values: Floats) -> bool:
    return bool((values == np.floor(values)).all())


def _simple(value: float, *, within: float) -> float:
    """The number of the fewest digits that is no farther away."""
    for digits in range(1, 9):
        near = float(f"{value:.{digits - 1}e}") if abs(value) > within else 0.0
        if abs(near - value) <= within:
            return near
    return value


def _rounded_up(value: float) -> float:
    step = 10.0 ** (math.floor(math.log10(value)) - 1) if value > 0 else 0.0
    nearest = np.float32(math.ceil(value / step) * step if step else value)
    return float(nearest if float(nearest) >= value else np.nextafter(nearest, np.float32(np.inf)))
