"""How well scores tell anomalies from clean rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Roc", "auroc", "recall_at", "roc"]

# Rates such as 0.01 aren't exact in binary: 0.29 * 100 must count as 29.
ROUNDING = 1e-9

Scores = npt.NDArray[np.floating]
Floats = npt.NDArray[np.float64]


class Roc(NamedTuple):
    """Share of clean rows and of anomalies above each threshold, both ascending from 0 to 1."""

    false_positive_rate: Floats
    recall: Floats


def auroc(clean: Scores, anomalous: Scores) -> float:
    """The probability that an anomaly scores higher than a clean row, ties counting half; NaN without either."""
    if not len(clean) or not len(anomalous):
        return math.nan
    ordered = np.sort(clean)
    lower = (
        np.searchsorted(ordered, anomalous, side="left").sum() + np.searchsorted(ordered, anomalous, side="right").sum()
    )
    return float(lower) / (2 * len(clean) * len(anomalous))


def recall_at(clean: Scores, anomalous: Scores, rate: float) -> float:
    """The share of anomalies strictly above the score that leaves floor(rate * n) of the n clean rows above it."""
    if not len(clean) or not len(anomalous):
        return math.nan
    above = math.floor(rate * len(clean) + ROUNDING)
    threshold = np.sort(clean)[len(clean) - 1 - min(above, len(clean) - 1)]
    return float((anomalous > threshold).mean())


def roc(clean: Scores, anomalous: Scores) -> Roc:
    """The whole curve, a point for each distinct clean score; neither may be empty."""
    ordered, wanted = np.sort(clean), np.sort(anomalous)
    thresholds = np.unique(ordered)[::-1]
    false_positives = len(ordered) - np.searchsorted(ordered, thresholds, side="right")
    found = len(wanted) - np.searchsorted(wanted, thresholds, side="right")
    return Roc(
        np.append(false_positives / len(ordered), 1.0),
        np.append(found / len(wanted), 1.0),
    )
