"""Share: a count of n, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from guard.detectors.flag_count import binomial_interval

__all__ = ["Share"]


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of n; `low` and `high` are the exact 95 % interval of the probability behind it."""

    count: int
    n: int
    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, n: int) -> Self:
        """Compute the rate, 0 where n is, and its interval."""
        low, high = binomial_interval(count, n)
        return cls(count, n, count / n if n else 0.0, low, high)

    def __str__(self) -> str:
        return f"{self.count:,} of {self.n:,} ({self.rate:.3%}; {self.low:.3%} to {self.high:.3%})"
