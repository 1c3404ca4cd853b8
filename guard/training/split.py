"""Three shares of the rows: fit, select, calibrate; no row is in two."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Shares", "rows_needed", "split_rows"]

# A forest learns from 256 rows a tree, so more fit rows gain little; what calibrates narrows the promise as
# 1/sqrt(n). Ranges and categories are learned from the fit rows too, and want half.
SELECT_SHARE = 0.15
CALIBRATE_SHARE = 0.35

# Beyond these, more rows of a share say nothing new, and the calibration table would outgrow the file.
MOST_SELECT = 50_000
MOST_CALIBRATE = 200_000

Indices = npt.NDArray[np.intp]


class Shares(NamedTuple):
    """Row numbers, ascending: fit learns, select chooses what is chosen, calibrate is only counted."""

    fit: Indices
    select: Indices
    calibrate: Indices


def split_rows(n: int, *, seed: int) -> Shares:
    """Split n rows by a seeded permutation."""
    order = np.random.default_rng(seed).permutation(n)
    n_calibrate, n_select = _sizes(n)
    parts = np.split(order, [n_calibrate, n_calibrate + n_select])
    calibrate, select, fit = (np.sort(part) for part in parts)
    return Shares(fit, select, calibrate)


def rows_needed(n_calibrate: int) -> int:
    """The fewest rows in all of which this many calibrate."""
    n = math.floor(n_calibrate / CALIBRATE_SHARE)
    while _sizes(n)[0] >= n_calibrate:
        n -= 1
    return n + 1


def _sizes(n: int) -> tuple[int, int]:
    return min(math.ceil(CALIBRATE_SHARE * n), MOST_CALIBRATE), min(math.ceil(SELECT_SHARE * n), MOST_SELECT)
