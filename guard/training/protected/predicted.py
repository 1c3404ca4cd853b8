"""The class that the protected model predicts for each row, as far as fitting is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.options import FitOptions
from guard.errors import TrainingError
from guard.training.protected.classes import ClassFunction, from_model, predict, surrogate
from guard.training.protected.groups import choose_groups
from guard.training.rows.gather import Gathered

__all__ = ["Predicted", "find_classes"]

Codes = npt.NDArray[np.int64]


class Predicted(NamedTuple):
    """The function that gives a row's class, what it gives for the fit rows, [n_fit], and each class's group."""

    function: ClassFunction
    fit: Codes
    groups: tuple[int, ...]


def find_classes(gathered: Gathered, model: str | Path | bytes | None, options: FitOptions) -> Predicted | None:
    """Make the function from the model's file, or from the column of predictions; None where neither was given.

    Raises TrainingError where both were given, or either doesn't fit.
    """
    if model is not None and options.predictions is not None:
        raise TrainingError("both a model and a column of predictions were given; give the model alone")
    if model is not None:
        function = from_model(
            model, features=gathered.features, fit_rows=gathered.fit, select_rows=gathered.select, seed=options.seed
        )
    elif gathered.classes is not None:
        function = _surrogate(gathered, options.seed)
    else:
        return None
    fit, select = predict(function, gathered.fit), predict(function, gathered.select)
    counts = np.bincount(np.concatenate([fit, select]), minlength=len(function.names))
    groups = choose_groups(
        counts.tolist(),
        n_calibrate=len(gathered.calibrate),
        rate=options.rates[0],
        confidence=options.confidence,
    )
    return Predicted(function, fit, groups)


def _surrogate(gathered: Gathered, seed: int) -> ClassFunction:
    classes = gathered.classes
    assert classes is not None  # noqa: S101 - the caller has looked
    # A class that no fit row has can't be learned.
    fit, select = classes.fit >= 0, classes.select >= 0
    return surrogate(
        gathered.fit[fit],
        classes.fit[fit].astype(np.int64),
        gathered.select[select],
        classes.select[select].astype(np.int64),
        names=classes.names,
        features=gathered.features,
        seed=seed,
    )
