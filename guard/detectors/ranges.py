"""The learned ranges, as the numbers that the graph computes with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard

__all__ = ["HALF_WIDTH", "Ranges", "excess", "learned_ranges"]

Vector = npt.NDArray[np.float32]

# Half a width, and room for the rounding of three float32 operations on a value that lies on the bound.
HALF_WIDTH = np.float32(0.5 + 1e-6)

# Of a constant's magnitude; beyond it a value is another one, and not the constant written with other digits.
CONSTANT_TOLERANCE = 1e-6

# The inverse of the narrowest width told from none, so that no product is NaN: (inf - middle) * 1e30 is inf.
LARGEST_INVERSE = 1e30

# Widths beyond the range that are still told apart: x = inf has a finite score.
LARGEST_EXCESS = 1e9


class Ranges(NamedTuple):
    """The distance of x beyond its range, in widths, is `min(|x - middle| * inverse, cap) - HALF_WIDTH`.

    Each is float32 [d]. The cap is 0 for features without a range, and holds a constant's departure to one width.
    """

    middle: Vector
    inverse: Vector
    cap: Vector


def learned_ranges(features: Sequence[FeatureCard]) -> Ranges:
    """The ranges of the features, in their order."""
    rows = np.array([_range(card) for card in features], dtype=np.float32)
    return Ranges(*(np.ascontiguousarray(column) for column in rows.T))


def _range(card: FeatureCard) -> tuple[float, float, float]:
    if not card.is_numeric or card.minimum is None or card.maximum is None:
        return 0.0, 1.0, 0.0
    if card.constant:
        width, cap = CONSTANT_TOLERANCE * abs(card.minimum), 1.0 + float(HALF_WIDTH)
        return card.minimum, 1 / max(width, 1 / LARGEST_INVERSE), cap
    middle = float(np.float32((card.minimum + card.maximum) / 2))
    # The rounded middle is nearer to one bound: twice the farther distance covers both.
    width = 2 * max(card.maximum - middle, middle - card.minimum)
    return middle, 1 / max(width, 1 / LARGEST_INVERSE), LARGEST_EXCESS


def excess(row: npt.ArrayLike, ranges: Ranges) -> Vector:
    """How far each value lies beyond its range, in widths, float32 [d]; 0 or less inside, and for a missing value."""
    with np.errstate(over="ignore"):
        values = np.asarray(row).astype(np.float32)
        distance = np.minimum(np.abs(values - ranges.middle) * ranges.inverse, ranges.cap)
    beyond: Vector = np.nan_to_num(distance - HALF_WIDTH, nan=-float(HALF_WIDTH)).astype(np.float32)
    return beyond
