"""What a conformal p-value promises: ranks, cuts, and the exact tests on them. NumPy-free.

A row is flagged where its p-value, `(1 + #{calibration scores >= s}) / (n + 1)`, is at most k / (n + 1). Over
calibration and test draws a clean exchangeable row is flagged with probability at most k / (n + 1); given the
calibration rows, the rate is Beta(k, n + 1 - k) (Vovk, "Conditional validity of inductive conformal predictors",
2012, section 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "CROWD_SHARE",
    "Promise",
    "calibration_rows_needed",
    "crowd_rank",
    "cut",
    "is_extrapolated",
    "rank",
    "rank_count_limit",
    "upper_rate",
]

# Rates such as 0.01 aren't exact in binary: 0.29 * 100 must count as 29.
ROUNDING = 1e-9

# p-values leave the graph as float32, which rounds them by less than 6e-8 of their size; neighbouring
# ranks lie 1/k apart, and k stays far below 1e6.
TIE_MARGIN = 1e-6

# The mildly unusual: the share of calibration rows among which a batch's instances are counted.
CROWD_SHARE = 0.1


def rank(n: int, fpr: float, confidence: float | None = None) -> int:
    """The largest k that keeps a rate of `fpr` with n calibration rows; 0 where none does.

    Without a confidence it is kept on average: k = floor(fpr (n + 1)). With one, the rate given the calibration
    rows is at most `fpr` with that probability: the largest k with P(Binomial(n, fpr) >= k) >= confidence.
    """
    if confidence is None:
        return math.floor(fpr * (n + 1) + ROUNDING)
    k, below = 0, 0.0
    while k <= n and below + (mass := _binomial(k, n, fpr)) <= 1 - confidence:
        below += mass
        k += 1
    return k


def cut(n: int, fpr: float, confidence: float | None = None) -> float:
    """The largest p-value that is flagged, a hair above k / (n + 1) for what float32 rounded up.

    Where the calibration rows don't carry the rate, only extrapolated p-values are flagged.
    """
    k = rank(n, fpr, confidence)
    if k == 0:
        return min(fpr, (1 - 2 * TIE_MARGIN) / (n + 1))
    return k / (n + 1) * (1 + TIE_MARGIN)


def is_extrapolated(p_value: float, n: int) -> bool:
    """Whether a p-value comes from the fitted tail, below 1 / (n + 1), where nothing is promised."""
    return p_value < (1 - TIE_MARGIN) / (n + 1)


def upper_rate(n: int, k: int, *, share: float = 0.95) -> float:
    """The quantile of Beta(k, n + 1 - k): what the rate is at most, with probability `share`.

    By bisection, since P(Beta(k, n + 1 - k) <= x) = P(Binomial(n, x) >= k).
    """
    if k == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if 1 - math.fsum(_binomial(j, n, middle) for j in range(k)) < share:
            low = middle
        else:
            high = middle
    return high


def calibration_rows_needed(fpr: float, confidence: float | None = None) -> int:
    """The fewest calibration rows that carry a rate: those with k >= 1."""
    if confidence is None:
        return math.ceil(1 / fpr - ROUNDING / fpr) - 1
    return math.ceil(math.log(1 - confidence) / math.log1p(-fpr) - ROUNDING)


@dataclass(frozen=True, slots=True)
class Promise:
    """What n calibration rows promise at one rate."""

    fpr: float
    n_calibration: int
    confidence: float | None = None

    @property
    def k(self) -> int:
        """The rank from the top down to which a row is flagged."""
        return rank(self.n_calibration, self.fpr, self.confidence)

    @property
    def carried(self) -> bool:
        """Whether the calibration rows carry the rate at all."""
        return self.k > 0

    @property
    def mean(self) -> float:
        """The false-positive rate on average over calibration draws."""
        return self.k / (self.n_calibration + 1)

    @property
    def needed(self) -> int:
        """The calibration rows that would carry it."""
        return calibration_rows_needed(self.fpr, self.confidence)

    def describe(self, *, approximate: bool = False) -> str:
        """Say it in one sentence; `approximate` for a cross-fitted detector, of which it holds only about."""
        if not self.carried:
            return f"not carried by {self.n_calibration} calibration rows, so nothing is promised; {self.needed} would"
        upper = upper_rate(self.n_calibration, self.k)
        about, n_ranks = "about " * approximate, self.n_calibration + 1
        text = f"a clean row is flagged with probability {about}{self.mean:.3%} (k = {self.k} of n + 1 = {n_ranks})"
        if approximate:
            return f"{text}, since each row both fitted and calibrated"
        sure = f"; at most {self.fpr:.3%} with confidence {self.confidence:g}" if self.confidence is not None else ""
        return f"{text}{sure}; given these calibration rows, below {upper:.3%} with probability 95 %"


def crowd_rank(n: int) -> int:
    """The rank k0 down to which an instance counts as mildly unusual."""
    return math.ceil(CROWD_SHARE * (n + 1) - ROUNDING)


@lru_cache(maxsize=4096)
def rank_count_limit(n: int, m: int, rate: float) -> int:
    """The smallest c with P(K >= c) <= rate, for the number K of m clean instances with p <= k0 / (n + 1).

    All m share one calibration set, so under exchangeability K is beta-binomial(m, k0, n + 1 - k0),
    k0 = `crowd_rank(n)`; ties only make K smaller. m + 1, which no batch reaches, where there is no such c.
    """
    k0 = crowd_rank(n)
    above = 0.0
    for c in range(m, -1, -1):
        above += _beta_binomial(c, m, k0, n + 1 - k0)
        if above > rate:
            return c + 1
    return 0


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _binomial(k: int, n: int, p: float) -> float:
    if p in {0.0, 1.0}:
        return float(k == (n if p else 0))
    return math.exp(_log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p))


def _beta_binomial(c: int, m: int, a: int, b: int) -> float:
    return math.exp(_log_choose(m, c) + _log_beta(c + a, m - c + b) - _log_beta(a, b))
