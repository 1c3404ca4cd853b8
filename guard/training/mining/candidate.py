"""A relation that the fit rows suggest, before the selection rows have their say; and when rows suffice."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard
from guard.detectors.relations import Kind

__all__ = ["BLOCK_ROWS", "LEAST_PRESENT", "Candidate", "Features", "Matrix", "evenly", "least_expected", "tolerated"]

Matrix = npt.NDArray[np.float32]
Features = tuple[FeatureCard, ...]

BLOCK_ROWS: Final = 65_536
"""Rows at a time, so that columns of a block stay in the cache."""

LEAST_PRESENT: Final = 30
"""Fewer rows show nothing."""

# Of the fit rows, in which a relation may be broken all the same: a typing error in a million rows ends no law.
TOLERATED_SHARE = 1e-4

# The chance, over all pairs of independent features, that one looks like a relation.
FALSE_RELATION = 1e-6
LEAST_EXPECTED = 20.0


class Candidate(NamedTuple):
    """A relation with its support; fields as in a card.

    `fallback` are the weaker relations that stand in for it where the selection rows break it.
    """

    kind: Kind
    features: tuple[int, ...]
    support: int
    numbers: tuple[float, ...] = ()
    table: tuple[tuple[int, ...], ...] = ()
    fallback: tuple[Candidate, ...] = ()


def tolerated(n: int) -> int:
    """How many of n fit rows may break a relation."""
    return int(TOLERATED_SHARE * n)


def least_expected(n_tested: int) -> float:
    """How many breaches must be expected under independence for their absence to be no accident.

    The chance of none where E are expected is exp(-E), and n_tested relations had that chance (Bonferroni).
    """
    return max(LEAST_EXPECTED, math.log(max(n_tested, 1) / FALSE_RELATION))


def evenly(rows: Matrix, most: int) -> Matrix:
    """At most so many of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]
