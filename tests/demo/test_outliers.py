from __future__ import annotations

import numpy as np
import numpy.typing as npt

from guard.demo.outliers import far_outliers

FEATURES = tuple(
    pattern.format(measure)
    for pattern in ("mean_{}", "{}_error", "worst_{}")
    for measure in ("radius", "texture", "area", "symmetry")
)
MAXIMA = dict.fromkeys(FEATURES, 5.0)


def outliers_of(rows: npt.NDArray[np.float64], *, seed: int = 0) -> npt.NDArray[np.float64]:
    return far_outliers(rows, features=FEATURES, maxima=MAXIMA, seed=seed)


def test_far_outliers_move_three_measures() -> None:
    rows = np.ones((20, 12))

    moved = outliers_of(rows)

    assert ((moved > rows).sum(axis=1) == 9).all()
    assert moved[moved > 1].min() >= 2
    assert moved.max() <= 3


def test_far_outliers_keep_means_under_worst_values() -> None:
    rows = np.ones((20, 12))
    rows[:, 8:] = 1.5

    moved = outliers_of(rows)

    assert (moved[:, :4] <= moved[:, 8:]).all()


def test_far_outliers_stay_under_the_maxima() -> None:
    assert outliers_of(np.full((20, 12), 4.0)).max() == 5.0


def test_far_outliers_leave_the_rows_given_alone() -> None:
    rows = np.ones((3, 12))

    outliers_of(rows)

    assert (rows == 1).all()
