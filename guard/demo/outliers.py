"""Rows that no measurement gives, though each value is within the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["far_outliers"]

Rows = npt.NDArray[np.float64]

STATISTICS = ("mean_{}", "{}_error", "worst_{}")

# Three of ten measures, twice to three times as large: each value alone could be another row's.
MEASURES_MOVED = 3
LEAST_FACTOR, MOST_FACTOR = 2.0, 3.0


def far_outliers(rows: Rows, *, features: Sequence[str], maxima: Mapping[str, float], seed: int) -> Rows:
    """Scale a few measures of each row, float64 [N, d], with their errors and worst values, up to the maxima.

    The three statistics of a measure are scaled alike, so that a mean stays at or under its worst.
    """
    rng = np.random.default_rng(seed)
    names = sorted({name.removeprefix("mean_") for name in features if name.startswith("mean_")})
    caps = np.array([maxima[name] for name in features])
    moved = rows.copy()
    for row in moved:
        for measure in rng.choice(names, MEASURES_MOVED, replace=False):
            columns = [features.index(statistic.format(measure)) for statistic in STATISTICS]
            row[columns] *= rng.uniform(LEAST_FACTOR, MOST_FACTOR)
    return np.asarray(np.minimum(moved, caps))
