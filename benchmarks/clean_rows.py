"""Clean rows that a detector hasn't seen: the normal rows of ADBench's sets and of URL phishing, in two halves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from guard.detectors import open_detector
from guard.training import fit_detector
from guard.training.evaluation.scored import Group, ScoredRows, groups_of, score_matrix

DATA = Path(os.environ.get("INFERENCE_GUARD_DATA", "../shared/data"))

# Of normal rows: half of them leave 350 to calibrate, so that 1 % rests on three of them or more.
LEAST_NORMALS = 2000

# `fit_detector` draws its own split from the same seed: drawn from the same stream, the two would depend on each other.
STREAM = 1

Matrix = npt.NDArray[np.float64]


class Heldout(NamedTuple):
    """What a detector says of clean rows that it hasn't seen, and the groups of classes that it was calibrated by.

    `values` are the rows themselves, float64 [N, d], `places` where they stood in the file.
    """

    rows: ScoredRows
    groups: tuple[Group, ...]
    values: Matrix
    places: npt.NDArray[np.intp]

    @property
    def n(self) -> int:
        """How many rows calibrated, of the first group."""
        return self.groups[0].n


def find_sets() -> tuple[str, ...]:
    """The sets with LEAST_NORMALS or more."""
    paths = sorted((DATA / "tabular").glob("*.npz"))
    if not paths:
        raise SystemExit(f"{DATA / 'tabular'} holds no sets; set INFERENCE_GUARD_DATA")
    return tuple(path.stem for path in paths if len(read_normals(path.stem)) >= LEAST_NORMALS)


def read_normals(name: str) -> Matrix:
    """The normal rows of a set, float64 [n, d]."""
    path = DATA / "tabular" / f"{name}.npz"
    if not path.exists():
        raise SystemExit(f"{path} isn't there; set INFERENCE_GUARD_DATA")
    with np.load(path) as found:
        rows: Matrix = found["X"][found["y"] == 0].astype(np.float64)
    return rows


def read_phishing() -> tuple[pl.DataFrame, npt.NDArray[np.bool_]]:
    """The 87 features of each URL, and which are phishing."""
    path = DATA / "phishing" / "phishing.csv"
    if not path.exists():
        raise SystemExit(f"{path} isn't there; set INFERENCE_GUARD_DATA")
    frame = pl.read_csv(path)
    return frame.drop("status"), frame["status"].to_numpy() == "phishing"


def halves(n: int, *, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Two halves of n places, each in random order."""
    order = np.random.default_rng([seed, STREAM]).permutation(n)
    return order[: n // 2], order[n // 2 :]


def hold_out(values: Matrix, *, seed: int, most: int | None = None, **options: Any) -> Heldout:
    """Fit to a random half of the rows, or at most so many of it, and score the other half."""
    training, heldout = halves(len(values), seed=seed)
    names = [f"f{place}" for place in range(values.shape[1])]
    fitted = fit_detector(values[training[:most]], names=names, seed=seed, **options)
    detector = open_detector(fitted.content, source="the new detector")
    rows = score_matrix(detector, values[heldout])
    return Heldout(rows, groups_of(detector.manifest), values[heldout], heldout)
