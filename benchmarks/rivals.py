"""Outlier detectors of scikit-learn and PyOD, each as its documentation has it.

PyOD isn't guard's, and brings 200 MB of numba and llvmlite: `pip install pyod`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

__all__ = ["PACKAGE", "Rival", "installed", "rivals", "score"]

PACKAGE = "pyod"

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


class Rival(NamedTuple):
    """An unfitted detector, by its seed, and what its rows are scaled by."""

    make: Callable[[int], Any]
    scaler: Callable[[], Any]


def installed() -> bool:
    """Whether PyOD is there."""
    return importlib.util.find_spec(PACKAGE) is not None


def rivals() -> Mapping[str, Rival]:
    """Each by its name: scikit-learn's forest, and PyOD's detectors where it is installed.

    `z` scales by the standard deviation, `mm` by the range, of the training rows; the forest and ECOD don't depend on
    the scale, and INNE, the slowest, is run once. KNN is the distance to the 5th neighbour, as PyOD has it; KNN3 the
    mean of three.
    """
    forest = Rival(lambda seed: IsolationForest(random_state=seed), StandardScaler)
    return {"forest": forest, **(_pyod() if installed() else {})}


def _pyod() -> Mapping[str, Rival]:
    both: Mapping[str, Callable[[int], Any]] = {
        "KNN": lambda _: _class("knn", "KNN")(),
        "KNN3": lambda _: _class("knn", "KNN")(n_neighbors=3, method="mean"),
        "LOF": lambda _: _class("lof", "LOF")(),
    }
    scalers = {"z": StandardScaler, "mm": MinMaxScaler}
    found = {f"{name} {short}": Rival(make, by) for name, make in both.items() for short, by in scalers.items()}
    return found | {
        "INNE z": Rival(lambda seed: _class("inne", "INNE")(random_state=seed), StandardScaler),
        "ECOD": Rival(lambda _: _class("ecod", "ECOD")(), StandardScaler),
    }


def _class(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.models.{module}"), name)


def score(rival: Rival, train: Matrix, test: Matrix, *, seed: int) -> Floats:
    """Fit to the training rows and score the test rows, float64 [n]; higher is more anomalous.

    PyOD's ECOD counts the rows that it scores among those it ranks them by, so all must be given at once.
    """
    scaler = rival.scaler().fit(train.astype(np.float64))
    detector = rival.make(seed).fit(scaler.transform(train.astype(np.float64)))
    rows = scaler.transform(test.astype(np.float64))
    # scikit-learn's scores fall with anomaly, PyOD's rise.
    found = -detector.score_samples(rows) if isinstance(detector, IsolationForest) else detector.decision_function(rows)
    return np.asarray(found, dtype=np.float64)
