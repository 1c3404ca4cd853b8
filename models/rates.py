"""The false-alarm rate on held-out rows, over many splits and fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from guard.detectors import Promise, cut, load_detector
from guard.detectors.flag_count import most_flags
from guard.training import fit_detector
from models.data import Rows, load_rows, split
from models.network import compile_network
from models.train import train

__all__ = ["FLAG_FPR", "REJECT_FPR", "Rate", "measure", "over"]

# The defaults of GUARD_FLAG_FPR and GUARD_REJECT_FPR.
FLAG_FPR = 0.01
REJECT_FPR = 0.001


class Rate(NamedTuple):
    """One seed: of `n_rows` held-out rows, how many are flagged and how many rejected.

    `most` is what the promise allows of the flagged ones. `rejected` rests on the extrapolated tail, which no
    promise covers, where `n_calibration` doesn't carry the rate.
    """

    seed: int
    n_calibration: int
    n_rows: int
    flagged: int
    rejected: int
    most: int

    @property
    def is_over(self) -> bool:
        """Whether more are flagged than the promise allows."""
        return self.flagged > self.most


def measure(seeds: Sequence[int], *, contract: str, folder: Path) -> Iterator[Rate]:
    """Split, fit and score, once a seed; `folder` takes the detectors, `contract` is TOML text."""
    rows = load_rows()
    for seed in seeds:
        yield _measure(rows, seed=seed, contract=contract, folder=folder)


def over(rates: Sequence[Rate]) -> int:
    """For how many seeds the promise was not kept."""
    return sum(rate.is_over for rate in rates)


def _measure(rows: Rows, *, seed: int, contract: str, folder: Path) -> Rate:
    training, heldout = split(rows, seed=seed)
    path = folder / f"detector-{seed}.onnx"
    network = compile_network(train(training, seed=seed), features=training.features, metadata={})
    fit_detector(training.values, names=training.features, model=network, contract=contract, seed=seed).save(path)
    detector = load_detector(path)
    n, m = detector.manifest.calibrations[0].n, len(heldout.values)
    p_values = detector.score(heldout.values).p_value.astype(np.float64)
    flagged, rejected = (int((p_values <= cut(n, fpr)).sum()) for fpr in (FLAG_FPR, REJECT_FPR))
    return Rate(seed, n, m, flagged, rejected, most_flags(Promise(FLAG_FPR, n), n_rows=m))
