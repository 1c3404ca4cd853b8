"""What a promised false-alarm rate means for a test of m rows.

Given the n calibration rows, the rate is Beta(k, n + 1 - k) (`guard.detectors.promise`), so that the flags among m
fresh rows, which share one calibration, are beta-binomial with the same parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from guard.detectors.promise import Promise

__all__ = ["UPPER_POINT", "beta_binomial_point", "binomial_interval", "flag_count_points", "most_flags"]

# One-sided: a detector that keeps its promise is over this in one test of forty.
UPPER_POINT = 0.975

# A distribution's terms after which this much is left are summed as one.
NEGLIGIBLE = 1e-12

# Of a distribution, computed at first; doubled until they are enough.
FIRST_TERMS = 64

BISECTIONS = 60

Floats = npt.NDArray[np.float64]


def most_flags(promise: Promise, *, n_rows: int, share: float = UPPER_POINT) -> int:
    """How many of `n_rows` clean rows may be flagged before the promise counts as broken: the 97.5 % point."""
    return flag_count_points([(promise, n_rows)], share)[0]


def flag_count_points(groups: Iterable[tuple[Promise, int]], *shares: float) -> tuple[int, ...]:
    """The points of the flagged rows' number in all groups, each with a promise and a number of rows of its own.

    A point is the smallest count whose cumulative probability reaches the share. The calibrations are disjoint, so
    the counts are independent; a group whose promise isn't carried adds nothing.
    """
    total = np.ones(1)
    for promise, n_rows in groups:
        if promise.carried and n_rows:
            alpha, beta = promise.k, promise.n_calibration + 1 - promise.k
            total = np.convolve(total, _beta_binomial(n_rows, alpha, beta))
    cumulative = np.cumsum(total)
    return tuple(int(np.searchsorted(cumulative, share)) for share in shares)


def beta_binomial_point(share: float, *, n_trials: int, alpha: float, beta: float) -> int:
    """The smallest count whose cumulative probability reaches `share`."""
    cumulative = np.cumsum(_beta_binomial(n_trials, alpha, beta))
    return min(int(np.searchsorted(cumulative, share)), n_trials)


def binomial_interval(count: int, n: int, *, share: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval (1934) of the probability of what was seen `count` times in n.

    It covers the true one with probability `share` or more, in any size.
    """
    if count > n - count:
        low, high = binomial_interval(n - count, n, share=share)
        return 1 - high, 1 - low
    room = (1 - share) / 2
    low = 0.0 if count == 0 else _solve(count - 1, n, 1 - room)
    high = 1.0 if count == n else _solve(count, n, room)
    return low, high


def _solve(most: int, n: int, share: float) -> float:
    """The p at which P(Binomial(n, p) <= most) is `share`, by bisection near most / n, where it must lie."""
    room = math.ceil(10 * math.sqrt(most + 1)) + 10
    counts = np.arange(max(most - 3 * room, 0), most + 1, dtype=np.float64)
    steps = np.log((n - counts[:-1]) / (counts[:-1] + 1))
    log_choose = _log_choose(n, int(counts[0])) + np.concatenate([[0.0], np.cumsum(steps)])
    low, high = max(most - room, 0) / n, min((most + room) / n, 1.0)
    for _ in range(BISECTIONS):
        p = (low + high) / 2
        below = float(np.exp(log_choose + counts * math.log(p) + (n - counts) * math.log1p(-p)).sum())
        low, high = (p, high) if below > share else (low, p)
    return (low + high) / 2


def _beta_binomial(n: int, alpha: float, beta: float) -> Floats:
    """The probabilities of 0, 1, ... of n, each from the one before, as far as they are worth telling."""
    first = _log_beta(alpha, n + beta) - _log_beta(alpha, beta)
    size = min(n, FIRST_TERMS + math.ceil(4 * n * alpha / (alpha + beta)))
    while True:
        counts = np.arange(size, dtype=np.float64)
        steps = np.log((n - counts) * (counts + alpha)) - np.log((counts + 1) * (n - counts - 1 + beta))
        masses: Floats = np.exp(first + np.concatenate([[0.0], np.cumsum(steps)]))
        cumulative = np.cumsum(masses)
        if size == n or cumulative[-1] >= 1 - NEGLIGIBLE:
            return masses[: int(np.searchsorted(cumulative, 1 - NEGLIGIBLE)) + 1]
        size = min(n, 2 * size)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
