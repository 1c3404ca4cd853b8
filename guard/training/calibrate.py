"""From scores to weights, chosen on the select rows, and to p-values, counted on the calibration rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import Calibration, PartCard, Tail
from guard.detectors.promise import crowd_rank
from guard.detectors.votes import votes as vote_decades

__all__ = ["LEAST_COUNT", "LEAST_DECADES", "LN10", "Vote", "calibrate", "fit_tail", "weigh"]

Vector = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

LN10 = math.log(10)

# From this quantile on, a part's tail probability is extrapolated, by the mean excess.
TAIL_START = 0.9

# A mean excess below this is rounding, of a sum of float32 or of the root of a difference.
LEAST_SCALE = 1e-3

# The same of what is in decades already, whose tail has a scale of 0.43 if it is what it should be; and of a logarithm.
LEAST_DECADES_SCALE, LEAST_LOG_SCALE = 0.1, 0.01

# Above the 90 % point, relative: less is rounding.
NOISE = 1e-6

# Of a group, below which it has the weights of all.
LEAST_GROUP = 60

# What is taken from a one-sided part, of a count and of decades, so that above 0 it is evidence and else it isn't.
LEAST_COUNT, LEAST_DECADES = 0.5, 0.01

# One row whose broken relations are so rare, where no select row breaks any.
PRIOR_DECADES = 3.0

# The share of clean rows that may break relations without costing other votes much; how many standard deviations of
# chance are left out when it is counted.
COSTLY, SURE = 0.0005, 1.65

# The tail is fitted to the calibration scores' top tenth; a shape takes so many of them, a mean excess fewer.
TAIL_SHARE = 0.1
LEAST_EXCEEDANCES = 20

# A score is in decades of rarity, so its tail should fall by e per 1/ln 10; this floor only keeps ties from a scale
# of 0.
LEAST_TAIL_SCALE = 0.01

# Beyond the largest score, whatever the top tenth says: among some thousand clean rows one lies far beyond what that
# foretells. Chosen on clean rows of the development sets (benchmarks/promise.py).
LEAST_TAIL_SHAPE = 0.5

# Up to so many rows the table is whole; beyond, so many of the most extreme are, and so many quantiles of the bulk.
MOST_EXACT = 20_000
LEAST_EXTREME = 2048
BULK_STEPS = 2048


def weigh(
    parts: Matrix,
    votes: Sequence[Vote],
    groups: Groups,
    *,
    n_groups: int,
    fresh: npt.NDArray[np.bool_] | None = None,
) -> tuple[PartCard, ...]:
    """Choose how parts become decades of rarity, on the select rows: their parts, float32 [n, P], and groups, [n].

    `fresh` are the rows on which no relation was chosen, all by default: they alone say how often relations break.
    Source: beyond its 90 % point a part is taken as exponential, so that its tail probability in decades is linear.
    """
    values = parts.astype(np.float64)
    cards = tuple(
        _one_sided(vote, values[slice(None) if fresh is None else fresh, place], n_groups)
        if vote.one_sided
        else _two_sided(vote, values[:, place], groups, n_groups)
        for place, vote in enumerate(votes)
    )
    rescaled = {vote.vote for vote in votes if vote.rescaled}
    if rescaled:
        means = vote_decades(values, cards, groups)
        tails = {name: _exponential(means[name], LEAST_DECADES_SCALE) for name in rescaled}
        cards = tuple(_rescale(card, *tails[card.vote]) if card.vote in rescaled else card for card in cards)
    return tuple(
        card if vote.one_sided else card.model_copy(update={"base": card.base - vote.discount})
        for card, vote in zip(cards, votes, strict=True)
    )


class Vote(NamedTuple):
    """What is known of a part before it is weighed: which vote it is in, and what that counts less, in decades.

    Where `by_group`, each group of classes has its own weight; a `rescaled` vote's mean is made decades once more. What
    is `on_top`, one-sided and a vote of its own, counts beside the highest other vote. `expected` is the share of clean
    rows in which something one-sided is to be found anyway.
    """

    part: str
    vote: str
    one_sided: bool = False
    discount: float = 0.0
    by_group: bool = False
    rescaled: bool = False
    on_top: bool = False
    expected: float = 0.0


def _two_sided(vote: Vote, values: Floats, groups: Groups, n_groups: int) -> PartCard:
    least = LEAST_LOG_SCALE if vote.by_group else LEAST_SCALE
    overall = _exponential(values, least)
    tails = [overall] * n_groups
    if vote.by_group:
        members = [values[groups == group] for group in range(n_groups)]
        tails = [_exponential(found, least) if len(found) >= LEAST_GROUP else overall for found in members]
    start, scale = zip(*tails, strict=True)
    return PartCard(name=vote.part, vote=vote.vote, base=1.0, start=start, scale=scale)


def _rescale(card: PartCard, start: float, scale: float) -> PartCard:
    """Make decades of a vote whose mean over the parts is exponential beyond `start`."""
    slope = 1 / (scale * LN10)
    scales = tuple(found / slope for found in card.scale)
    return card.model_copy(update={"base": 1 + (card.base - start) * slope, "scale": scales})


def _exponential(values: Floats, least: float = LEAST_SCALE) -> tuple[float, float]:
    """The 90 % point, and the mean excess over it, `least` at least."""
    start = float(np.quantile(values, TAIL_START))
    excess = values[values > start + NOISE * max(1.0, abs(start))] - start
    return start, max(float(excess.mean()), least) if len(excess) else least


def _one_sided(vote: Vote, values: Floats, n_groups: int) -> PartCard:
    """For parts that few rows have at all: how rare that is, and by how much they have it."""
    if vote.part == "unseen":
        # So that one is as rare as having any, and each further one as much again.
        step = _rarity(int(np.count_nonzero(values > 0)), len(values))
        base, scale = step * LEAST_COUNT, 1 / (step * LN10)
    else:
        base, scale = _sums(values[values > 0], len(values), expected=vote.expected * len(values))
    return PartCard(
        name=vote.part,
        vote=vote.vote,
        base=base,
        start=(0.0,) * n_groups,
        scale=(scale,) * n_groups,
        one_sided=True,
        on_top=vote.on_top,
    )


def _sums(found: Floats, n: int, *, expected: float) -> tuple[float, float]:
    """Base and scale of sums of decades, of which n rows have so few.

    Relations break together, so their sums have a heavy tail: the largest of n is no rarer than one in n. Where clean
    rows break relations more often than COSTLY for sure, each more often counts so much less: or they would use up
    the false alarms that the other votes need.
    """
    count = len(found) + expected
    base = _rarity(count, n)
    scale = (float(found.sum()) + PRIOR_DECADES) / (len(found) + 1)
    room = math.log10(n + 1) - base
    if len(found) and room > 0:
        scale = max(scale, float(found.max()) / (room * LN10))
    surely = (count - SURE * math.sqrt(count)) / n
    return base - max(math.log10(max(surely, COSTLY) / COSTLY), 0.0), scale


def _rarity(count: float, n: int) -> float:
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


def fit_tail(scores: Vector) -> Tail:
    """Fit what extrapolates beyond the largest score to the top tenth of the scores, float32 [n].

    A generalised Pareto by probability-weighted moments (Hosking, Wallis, "Parameter and quantile estimation for
    the generalized Pareto distribution", 1987) where its tail is the heavier one, else an exponential by the mean
    excess. It starts where it gives 1 / (n + 1), and not before the largest score; from there on it falls no faster
    than by LEAST_TAIL_SHAPE.
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
    scale += shape * (start - threshold)
    return Tail(start=start, scale=scale, shape=max(shape, LEAST_TAIL_SHAPE), exceedances=n_top)


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
    return max(2 * mean * weighted / difference, LEAST_TAIL_SCALE), shape


def _as_float32_from(value: float) -> float:
    """The least float32 that isn't smaller: the graph compares with it."""
    nearest = np.float32(value)
    return float(nearest if float(nearest) >= value else np.nextafter(nearest, np.float32(np.inf)))
