"""Where a sample's range ends beyond what was seen: extremes extrapolated by their own spacing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["TAIL", "bounds", "ends_at_zero", "outward", "reach_for"]

Matrix = npt.NDArray[np.float32]

# The gap from the extreme to the value that is TAIL-th from the end is log(TAIL) scales of an exponential tail; going
# as far again beyond the extreme leaves about 1 / (10 n) of the rows outside. Where so many values share
# the extreme, as at a natural bound, the gap is 0.
TAIL = 20
LEAST_SHARE = 5

# Rows that all the bounds of a table together may leave outside; to go farther than so many gaps is pointless.
MOST_OUTSIDE = 2e-3
MOST_REACH = 3

# A power law's extreme is a multiple of the TAIL-th value; beyond this multiple, it is a few stray rows.
MOST_RATIO = 10.0

# The lowest values that tell whether a density breaks off at zero or peters out: twice as many as a tail.
EDGE = 2 * TAIL
LEAST_BEYOND = 3.0


def reach_for(n: int, d: int) -> int:
    """How many gaps beyond the extremes keep the rows outside any bound of d features few, by n rows.

    The gap of an exponential tail is the largest of TAIL - 1 exponentials, so that the share beyond s - 1 gaps from
    the extreme is `TAIL / n` times `(TAIL - 1)! s! / (TAIL - 1 + s)!`, on the average.
    """
    for reach in range(1, MOST_REACH):
        s = reach + 1
        beyond = math.exp(math.lgamma(TAIL) + math.lgamma(s + 1) - math.lgamma(TAIL + s))
        if 2 * d * TAIL * beyond <= MOST_OUTSIDE * n:
            return reach
    return MOST_REACH


def bounds(values: Matrix, *, reach: int = 1) -> tuple[float, float]:
    """Give bounds so many gaps beyond the extremes; `values` float32 [n], none missing."""
    tail = _tail(len(values))
    ordered = np.partition(values, (tail - 1, len(values) - tail)).astype(np.float64)
    low = -_farther(-float(ordered[:tail].min()), -float(ordered[tail - 1]), reach)
    return low, _farther(float(ordered[-tail:].max()), float(ordered[-tail]), reach)


def outward(low: float, high: float, *, integral: bool) -> tuple[float, float]:
    """Round bounds to float32 (whole numbers where integral), never inward."""
    if integral:
        low, high = math.floor(low), math.ceil(high)
    limit = float(np.finfo(np.float32).max)
    return _float32(max(low, -limit), -math.inf), _float32(min(high, limit), math.inf)


def ends_at_zero(differences: Matrix) -> bool:
    """Whether the values, which aren't negative but for a few, have a reason not to be.

    Either zero lies as far from them as `bounds` goes, or so many lie just above it that a smooth tail would have
    gone on below: of two windows of one width above zero, n1 in the nearer and n2 in the farther continue as
    n1 min(1, n1 / n2).
    """
    low, _ = bounds(differences)
    if low >= 0:
        return True
    edge = min(EDGE, len(differences) // LEAST_SHARE)
    nearest = np.partition(differences, edge - 1)[:edge].astype(np.float64)
    width = max(float(nearest.max()), 0.0) / 2
    near = int((nearest < width).sum()) if width else edge
    far = edge - near
    return near * min(1.0, near / max(far, 1)) >= LEAST_BEYOND


def _tail(n: int) -> int:
    return max(1, min(TAIL, n // LEAST_SHARE))


def _farther(extreme: float, inner: float, reach: int) -> float:
    """So many times as far beyond the extreme as the inner value lies within it, by difference or by ratio."""
    linear = extreme + reach * (extreme - inner)
    if inner <= 0:
        return linear
    return max(linear, extreme * min(extreme / inner, MOST_RATIO) ** reach)


def _float32(bound: float, direction: float) -> float:
    nearest = np.float32(_four_digits(bound, direction))
    inside = float(nearest) < bound if direction > 0 else float(nearest) > bound
    return float(np.nextafter(nearest, np.float32(direction)) if inside else nearest)


def _four_digits(bound: float, direction: float) -> float:
    """They read well; the last of them moves outward."""
    if bound == 0 or float(bound).is_integer():
        return bound
    step = 10.0 ** (math.floor(math.log10(abs(bound))) - 3)
    rounded = (math.ceil(bound / step) if direction > 0 else math.floor(bound / step)) * step if step else bound
    return rounded if abs(rounded) <= float(np.finfo(np.float32).max) else bound
