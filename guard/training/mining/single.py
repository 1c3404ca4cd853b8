"""Relations of one feature: whole numbers, domains, ranges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from guard.training.mining.candidate import LEAST_PRESENT, Candidate, Features, Matrix, evenly
from guard.training.mining.tails import TAIL, bounds, outward, reach_for

__all__ = ["single_candidates", "widened_range"]

# A domain: few values, each seen often; the outermost so often that there is no tail.
MOST_VALUES = 20
LEAST_EACH = 5

# The values of an indicator are known beforehand; few of either will do.
LEAST_INDICATOR = 2

# From here on every float32 is a whole number.
ALL_WHOLE = 2.0**23

SAMPLE = 5_000

# The estimated share of rows that leave a constant, from which constants say nothing.
MOST_NEW = 1e-3


def single_candidates(features: Features, rows: Matrix) -> Iterator[Candidate]:
    """Propose for each number of the fit rows float32 [n, d] a domain, or a range and whether it is integral.

    That a feature has one value is proposed last, and only where others didn't leave theirs in a single row: the share
    of new rows with a value where there was one alone is estimated by the share of rows that have the only other
    value of a column (Good and Turing).
    """
    reach = reach_for(*rows.shape)
    constants: list[Candidate] = []
    exceptions = 0
    for place, card in enumerate(features):
        if card.is_numeric:
            # One column at a time: a second table might not fit into memory.
            column = np.ascontiguousarray(rows[:, place])
            present = column[~np.isnan(column)]
            exceptions += _has_one_exception(present)
            if len(present) >= LEAST_PRESENT:
                found = _of_column(place, present, reach, may_be_fractional=card.type == "number")
                if present.min() < present.max():
                    yield from found
                else:
                    constants += found
    if exceptions <= MOST_NEW * len(rows):
        yield from constants


def _has_one_exception(present: Matrix) -> bool:
    return int(np.count_nonzero(present != present[:1])) in {1, len(present) - 1}


def _of_column(place: int, present: Matrix, reach: int, *, may_be_fractional: bool) -> Iterator[Candidate]:
    integral = bool((present == np.floor(present)).all())
    fallback = [_range(place, present, reach, integral=integral)]
    telling = int((np.abs(present) < ALL_WHOLE).sum())
    if integral and may_be_fractional and telling >= LEAST_PRESENT:
        fallback.append(Candidate("integral", (place,), telling))
    domain = _domain(present)
    if domain is None:
        yield from fallback
    else:
        numbers = tuple(domain.tolist())
        yield Candidate("domain", (place,), len(present), numbers, fallback=tuple(fallback))


def _range(place: int, present: Matrix, reach: int, *, integral: bool) -> Candidate:
    return Candidate("range", (place,), len(present), outward(*bounds(present, reach=reach), integral=integral))


def widened_range(present: Matrix, old: tuple[float, ...], *, reach: int) -> tuple[float, float]:
    """The range of more rows float32 [n], no narrower than the old; `reach` is that of `bounds`."""
    integral = bool((present == np.floor(present)).all())
    low, high = outward(*bounds(present, reach=reach), integral=integral)
    return min(low, old[0]), max(high, old[1])


def _domain(present: Matrix) -> npt.NDArray[np.float32] | None:
    # The sample decides whether the whole column is worth sorting.
    if len(np.unique(evenly(present[:, None], SAMPLE))) > MOST_VALUES:
        return None
    values, counts = np.unique(present, return_counts=True)
    if values.tolist() == [0, 1]:
        return values if counts.min() >= LEAST_INDICATOR else None
    is_closed = min(counts[0], counts[-1]) >= TAIL and counts.min() >= LEAST_EACH
    return values if len(values) <= MOST_VALUES and is_closed else None
