"""What a promised false-alarm rate means for a test of m rows.

Given the n calibration rows, the rate is Beta(k, n + 1 - k) (`guard.detectors.promise`), so that the flags among m
fresh rows, which share one calibration, are beta-binomial with the same parameters.
"""

from __future__ import annotations

import math

from guard.detectors.promise import Promise

__all__ = ["UPPER_POINT", "beta_binomial_point", "most_flags"]

# One-sided: a detector that keeps its promise is over this in one test of forty.
UPPER_POINT = 0.975


def most_flags(promise: Promise, *, n_rows: int) -> int:
    """How many of `n_rows` clean rows may be flagged before the promise counts as broken: the 97.5 % point."""
    if not promise.carried:
        return 0
    return beta_binomial_point(
        UPPER_POINT, n_trials=n_rows, alpha=promise.k, beta=promise.n_calibration + 1 - promise.k
    )


def beta_binomial_point(share: float, *, n_trials: int, alpha: float, beta: float) -> int:
    """The smallest count whose cumulative probability reaches `share`."""
    cumulative = 0.0
    for count in range(n_trials):
        log_choose = math.lgamma(n_trials + 1) - math.lgamma(count + 1) - math.lgamma(n_trials - count + 1)
        drawn = _log_beta(count + alpha, n_trials - count + beta) - _log_beta(alpha, beta)
        cumulative += math.exp(log_choose + drawn)
        if cumulative >= share:
            return count
    return n_trials


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
