"""The ADBench sets of `../shared/data/tabular`, split and measured as the README there states."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.training.evaluation.metrics import auroc, recall_at

__all__ = ["RATES", "Figures", "Task", "measure", "set_names", "split"]

DATA = Path(os.environ.get("INFERENCE_GUARD_DATA", "../shared/data")) / "tabular"

# False-positive rates at which recall is measured.
RATES = (0.01, 0.05)

Matrix = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]


class Task(NamedTuple):
    """One set and seed: rows to train on, `n_anomalies` of them anomalies, and rows to test, float32 [n, d] each."""

    name: str
    seed: int
    train: Matrix
    clean: Matrix
    anomalous: Matrix
    n_anomalies: int


class Figures(NamedTuple):
    """How well scores tell the anomalies of a task from its clean test rows; recall at each of RATES."""

    auroc: float
    recall_1: float
    recall_5: float


def set_names() -> list[str]:
    """Every set that is there; raises SystemExit where none is."""
    names = sorted(path.stem for path in DATA.glob("*.npz"))
    if not names:
        raise SystemExit(f"{DATA} isn't there; set INFERENCE_GUARD_DATA")
    return names


def split(name: str, seed: int, *, contamination: float = 0.0) -> Task:
    """Take a random half of the normal rows for training; the others and all anomalies test.

    With `contamination`, so large a share of the training rows are anomalies, at most half of those that there are;
    they don't test.
    """
    with np.load(DATA / f"{name}.npz") as archive:
        rows, anomalous = archive["X"].astype(np.float32), archive["y"] == 1
    random = np.random.default_rng(1000 + seed)
    normal = random.permutation(np.flatnonzero(~anomalous))
    train, clean = normal[: len(normal) // 2], normal[len(normal) // 2 :]
    strange = np.flatnonzero(anomalous)
    n_anomalies = min(len(strange) // 2, round(contamination / (1 - contamination) * len(train)))
    if contamination:
        strange = random.permutation(strange)
        train = random.permutation(np.concatenate([train, strange[:n_anomalies]]))
    return Task(name, seed, rows[train], rows[clean], rows[strange[n_anomalies:]], n_anomalies)


def measure(clean: Scores, anomalous: Scores) -> Figures:
    """AUROC, and the share of anomalies above the score that leaves floor(rate * n) clean rows above it."""
    if np.isnan(clean).any() or np.isnan(anomalous).any():
        raise ValueError("a score is NaN, which no figure can be made of")
    return Figures(auroc(clean, anomalous), *(recall_at(clean, anomalous, rate) for rate in RATES))
