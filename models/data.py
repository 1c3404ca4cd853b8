"""The breast cancer data that scikit-learn carries, and its seeded split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer

__all__ = ["Rows", "load_rows", "split"]

# One row in four is kept from the model and from the detector. The other three quarters, 427 rows, leave the
# detector more calibration rows than the 100 that a rate of 1 % needs.
HELD_OUT_SHARE = 0.25

# `fit_detector` draws its own split from the same seed: drawn from the same stream, the two would depend on each other.
STREAM = 1


class Rows(NamedTuple):
    """`values` float64 [N, 30] in the order of `features`; `malignant` int64 [N], 1 for a malignant mass."""

    features: tuple[str, ...]
    values: npt.NDArray[np.float64]
    malignant: npt.NDArray[np.int64]

    def take(self, index: npt.NDArray[np.intp]) -> Rows:
        """The rows of `index`, in its order."""
        return Rows(self.features, self.values[index], self.malignant[index])


def load_rows() -> Rows:
    """All 569 rows, both classes."""
    bunch = load_breast_cancer()
    features = tuple(str(name).replace(" ", "_") for name in bunch.feature_names)
    malignant = list(bunch.target_names).index("malignant")
    return Rows(features, bunch.data.astype(np.float64), (bunch.target == malignant).astype(np.int64))


def split(rows: Rows, *, seed: int) -> tuple[Rows, Rows]:
    """The training rows and the held-out ones, drawn at random, so that they are exchangeable."""
    order = np.random.default_rng((seed, STREAM)).permutation(len(rows.values))
    n_held_out = round(HELD_OUT_SHARE * len(order))
    return rows.take(order[n_held_out:]), rows.take(order[:n_held_out])
