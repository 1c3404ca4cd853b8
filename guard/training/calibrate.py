"""From scores to weights, chosen on the select rows, and to p-values, counted on the calibration rows."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import Calibration, Tail, Weights
from guard.detectors.promise import crowd_rank

__all__ = ["calibrate", "fit_tail", "lookup_p_values", "weigh"]

Vector = npt.NDArray[np.float32]

LN10 = math.log(10)

# The share of the select rows whose forest scores are extrapolated from, by their mean excess.
FOREST_QUANTILE = 0.9

# A forest score's excess below this is rounding: 2^-x of a sum of float32.
LEAST_FOREST_SCALE = 1e-3

# One row a tenth of a width outside, so that a range that no select row left has a scale too.
RANGE_PRIOR_WIDTHS = 0.1

# The tail is fitted to the calibration scores' top tenth; a shape takes so many of them, a mean excess fewer.
TAIL_SHARE = 0.1
LEAST_EXCEEDANCES = 20

# A score is in decades of rarity, so its tail should fall by e per 1/ln 10; this floor only keeps ties from a scale
# of 0.
LEAST_TAIL_SCALE = 0.01

# The graph raises to the power -1/shape in float32; below this, one is put that falls more slowly.
LEAST_SHAPE = 0.01

# Up to so many rows the table is whole; beyond, so many of the most extreme are, and so many quantiles of the bulk.
MOST_EXACT = 20_000
LEAST_EXTREME = 2048
BULK_STEPS = 2048


def weigh(parts: Mapping[str, Vector]) -> Weights:
    """Choose how parts become decades of rarity, on the select rows' parts, float32 [n] each.

    Parts that the graph lacks weigh nothing. Source of the forest's: the excess over the 90 % point is taken as
    exponential, so that its tail probability in decades is linear.
    """
    forest = parts["forest"].astype(np.float64)
    start = float(np.quantile(forest, FOREST_QUANTILE))
    excess = forest[forest > start] - start
    scale = max(float(excess.mean()), LEAST_FOREST_SCALE) if len(excess) else LEAST_FOREST_SCALE
    beyond = parts.get("range", np.empty(0, dtype=np.float32)).astype(np.float64)
    beyond = beyond[beyond > 0]
    unseen = int(np.count_nonzero(parts.get("unseen", np.empty(0))))
    return Weights(
        forest_start=start,
        forest_scale=scale,
        range_base=_rarity(len(beyond), len(forest)),
        range_scale=(float(beyond.sum()) + RANGE_PRIOR_WIDTHS) / (len(beyond) + 1),
        unseen_step=_rarity(unseen, len(forest)),
    )


def _rarity(count: int, n: int) -> float:
    """How rare it is, in decades, that a row is one of `count` in n; at least a little, so that it counts."""
    return max(-math.log10((1 + count) / (n + 1)), 0.01)


def calibrate(scores: Vector, *, rates: tuple[float, ...], confidence: float | None) -> Calibration:
    """Make the table from score to p-value of the calibration scores, float32 [n], as the graph itself gave them."""
    n = len(scores)
    distinct, counts = np.unique(scores, return_counts=True)
    above = n - np.cumsum(counts)
    kept = _kept(above, n)
    return Calibration(
        n=n,
        scores=tuple(distinct[kept].tolist()),
        above=tuple(above[kept].tolist()),
        exact=n <= MOST_EXACT,
        tail=fit_tail(scores),
        rates=rates,
        confidence=confidence,
    )


def _kept(above: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.bool_]:
    """Which distinct scores stay in the table: all, or the most extreme and the steps of the bulk."""
    if n <= MOST_EXACT:
        return np.ones(len(above), dtype=np.bool_)
    extreme = above <= max(crowd_rank(n), LEAST_EXTREME)
    step = (above * BULK_STEPS) // n
    return np.asarray(extreme | (step != np.append(step[1:], -1)))


def lookup_p_values(calibration: Calibration) -> npt.NDArray[np.float64]:
    """The table's p-values: for a score up to the first kept one, up to the second and so on, and above the last."""
    above = np.array([calibration.n, *calibration.above], dtype=np.float64)
    return np.asarray((1 + above) / (calibration.n + 1))


def fit_tail(scores: Vector) -> Tail:
    """Fit what extrapolates beyond the largest score to the top tenth of the scores, float32 [n].

    A generalised Pareto by probability-weighted moments (Hosking, Wallis, "Parameter and quantile estimation for
    the generalized Pareto distribution", 1987) where its tail is the heavier one, else an exponential by the mean
    excess. It starts where it gives 1 / (n + 1), and not before the largest score.
    """
    ordered = np.sort(scores.astype(np.float64))
    n_top = math.ceil(TAIL_SHARE * len(ordered))
    threshold = ordered[-n_top - 1]
    excess = ordered[-n_top:] - threshold
    scale, shape = max(float(excess.mean()), LEAST_TAIL_SCALE), 0.0
    if n_top >= LEAST_EXCEEDANCES and (found := _pareto(excess)):
        scale, shape = found
    # The tail has n_top / (n + 1) at the threshold; it falls to 1 / (n + 1) after `reach`.
    reach = scale * math.log(n_top) if shape == 0 else scale * (n_top**shape - 1) / shape
    start = _as_float32_from(max(threshold + reach, ordered[-1]))
    # The excess over a later start has the same shape, and a scale that grew with it.
    return Tail(start=start, scale=scale + shape * (start - threshold), shape=shape, exceedances=n_top)


def _pareto(excess: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Scale and shape; None unless the shape is positive, that is, heavier than an exponential."""
    n = len(excess)
    mean = float(excess.mean())
    # The plotting positions of the paper's equation: (i - 0.35) / n, ascending.
    weighted = float(np.mean((1 - (np.arange(1, n + 1) - 0.35) / n) * excess))
    difference = mean - 2 * weighted
    if difference <= 0 or weighted <= 0:
        return None
    shape = 2 - mean / difference
    if shape <= 0:
        return None
    return max(2 * mean * weighted / difference, LEAST_TAIL_SCALE), max(shape, LEAST_SHAPE)


def _as_float32_from(value: float) -> float:
    """The least float32 that isn't smaller: the graph compares with it."""
    nearest = np.float32(value)
    return float(nearest if float(nearest) >= value else np.nextafter(nearest, np.float32(np.inf)))
