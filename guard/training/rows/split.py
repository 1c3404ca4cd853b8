"""Three shares of the rows: fit, select, calibrate; no row is in two."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_FIT", "Shares", "Sizes", "rows_needed", "share_sizes", "split_rows", "thin_out"]

# A forest learns from 256 rows a tree, so more fit rows gain little; what calibrates narrows the promise as
# 1/sqrt(n). Ranges and categories are learned from the fit rows too, and want half.
SELECT_SHARE = 0.15
CALIBRATE_SHARE = 0.35

# Beyond these, more rows of a share say nothing new, and the calibration table would outgrow the file.
MOST_SELECT = 50_000
MOST_CALIBRATE = 200_000

# A forest, a coreset and mined relations learn no more from more rows than that; ranges and categories do, and see all.
MOST_FIT = 500_000

Indices = npt.NDArray[np.intp]


class Sizes(NamedTuple):
    """How many rows each share has."""

    fit: int
    select: int
    calibrate: int


class Shares(NamedTuple):
    """Row numbers, ascending: fit learns, select chooses what is chosen, calibrate is only counted."""

    fit: Indices
    select: Indices
    calibrate: Indices


def split_rows(n: int, *, seed: int) -> Shares:
    """Split n rows by a seeded permutation."""
    order = np.random.default_rng(seed).permutation(n)
    sizes = share_sizes(n)
    parts = np.split(order, [sizes.calibrate, sizes.calibrate + sizes.select])
    calibrate, select, fit = (np.sort(part) for part in parts)
    return Shares(fit, select, calibrate)


def rows_needed(n_calibrate: int) -> int:
    """The fewest rows in all of which this many calibrate."""
    n = math.floor(n_calibrate / CALIBRATE_SHARE)
    while share_sizes(n).calibrate >= n_calibrate:
        n -= 1
    return n + 1


def share_sizes(n: int) -> Sizes:
    """How many of n rows each share has."""
    calibrate, select = (
        min(math.ceil(CALIBRATE_SHARE * n), MOST_CALIBRATE),
        min(math.ceil(SELECT_SHARE * n), MOST_SELECT),
    )
    return Sizes(n - select - calibrate, select, calibrate)


def thin_out(rows: Indices, *, most: int, seed: int) -> Indices:
    """Take at most so many of the rows, ascending: all of them, or a seeded uniform sample."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([seed, most]).choice(rows, most, replace=False))
