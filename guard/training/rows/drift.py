"""Whether the rows at the end of a file are of another kind than those at its beginning.

Then they are ordered, in time perhaps, and not exchangeable: the promise speaks of rows drawn like the calibration
rows, and what comes next is drawn like the last ones at best.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard

__all__ = ["Drift", "drifting"]

# The first and the last tenth are compared.
PART = 0.1

# The probability that any feature at all of exchangeable rows is named (Bonferroni): the features are no family.
FALSE_ALARMS = 0.001

# A difference that many rows make sure of, but that moves no rate by more than this, isn't worth a warning.
LEAST_DISTANCE = 0.05

Matrix = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


class Drift(NamedTuple):
    """A feature, and the largest difference between its distribution functions at both ends: Kolmogorov-Smirnov's."""

    name: str
    distance: float


def drifting(rows: Matrix, positions: Places, features: tuple[FeatureCard, ...]) -> tuple[Drift, ...]:
    """Name the features that differ between the ends of the file, the most different first.

    `rows` float32 [N, d] stand at the `positions`, intp [N], of the file. A missing value counts as one below all
    others, a category by its code: the test is valid for both, and stricter than it need be.
    """
    size = int(len(rows) * PART)
    if not size:
        return ()
    order = np.argsort(positions, kind="stable")
    first, last = _missing_lowest(rows[order[:size]]), _missing_lowest(rows[order[len(rows) - size :]])
    least = max(LEAST_DISTANCE, _significant(size, FALSE_ALARMS / len(features)))
    distances = [_distance(first[:, place], last[:, place]) for place in range(len(features))]
    found = [Drift(card.name, by) for card, by in zip(features, distances, strict=True) if by >= least]
    return tuple(sorted(found, key=lambda drift: -drift.distance))


def _significant(size: int, alpha: float) -> float:
    """The distance of two samples of one size that is exceeded with probability alpha at most, however few or tied.

    `e exp(-size D^2)` bounds it: Wei and Dudley, "Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities" (2012).
    """
    return math.sqrt((1 - math.log(alpha)) / size)


def _distance(first: Matrix, last: Matrix) -> float:
    values = np.concatenate([first, last])
    below = [np.searchsorted(np.sort(part), values, side="right") for part in (first, last)]
    return float(np.abs(below[0] - below[1]).max() / len(first))


def _missing_lowest(rows: Matrix) -> Matrix:
    return np.where(np.isnan(rows), np.float32(-np.inf), rows)
