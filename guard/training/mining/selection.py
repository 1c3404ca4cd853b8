"""What the selection rows say of each candidate: keep it, widen it, or drop it for what stands in for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.relations import holds
from guard.training.mining.candidate import BLOCK_ROWS, Candidate, Matrix, tolerated
from guard.training.mining.linear import equality_numbers
from guard.training.mining.single import widened_range
from guard.training.mining.tails import reach_for

__all__ = ["Judged", "judge", "kept_by"]

# A relation that more of the selection rows break says too little of those that break it.
MOST_BROKEN_SHARE = 1e-3

# What is widened may be broken by as many rows before, even where a share of them is less than one.
MOST_WIDENED = 3

Counts = npt.NDArray[np.int64]


class Judged(NamedTuple):
    """A relation, widened perhaps, with how many selection rows it was checked on and how many broke it before."""

    candidate: Candidate
    checked: int
    broken: int


def kept_by(rows: Matrix, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that all the fit rows keep, but for a few; they were found on a sample."""
    _, broken = _count(rows, candidates)
    return [candidate for candidate, n in zip(candidates, broken.tolist(), strict=True) if n <= tolerated(len(rows))]


def judge(candidates: Sequence[Candidate], fit: Matrix, select: Matrix) -> list[Judged]:
    """Judge each on the selection rows float32 [k, d]; a dropped one's fallbacks are judged in its place."""
    found: list[Judged] = []
    waiting = list(candidates)
    while waiting:
        checked, broken = _count(select, waiting)
        verdicts = [
            (candidate, _judge(Judged(candidate, n, m), fit, select))
            for candidate, n, m in zip(waiting, checked.tolist(), broken.tolist(), strict=True)
        ]
        found += [verdict for _, verdict in verdicts if verdict is not None]
        waiting = [other for candidate, verdict in verdicts if verdict is None for other in candidate.fallback]
    return found


def _judge(found: Judged, fit: Matrix, select: Matrix) -> Judged | None:
    candidate, checked, broken = found
    most = int(MOST_BROKEN_SHARE * checked)
    # A domain isn't widened: one new value says that it isn't closed.
    if broken and candidate.kind in {"range", "equality"}:
        return _widened(found, fit, select) if broken <= max(most, MOST_WIDENED) else None
    return found if broken <= most else None


def _widened(found: Judged, fit: Matrix, select: Matrix) -> Judged | None:
    candidate = found.candidate
    places = list(candidate.features)
    rows = np.concatenate([fit[:, places], select[:, places]])
    rows = rows[~np.isnan(rows).any(axis=1)]
    numbers: tuple[float, ...] | None
    if candidate.kind == "range":
        numbers = widened_range(rows[:, 0], candidate.numbers, reach=reach_for(*fit.shape))
    else:
        numbers = equality_numbers(rows.astype(np.float64), np.array(candidate.numbers[:-2]))
    return None if numbers is None else found._replace(candidate=candidate._replace(numbers=numbers))


def _count(rows: Matrix, candidates: Sequence[Candidate]) -> tuple[Counts, Counts]:
    """How many rows have all features of each relation, and how many of them break it."""
    checked = np.zeros(len(candidates), dtype=np.int64)
    broken = np.zeros(len(candidates), dtype=np.int64)
    for block in _blocks(rows):
        present = ~np.isnan(block)
        for place, candidate in enumerate(candidates):
            checked[place] += int(present[:, list(candidate.features)].all(axis=1).sum())
        broken += (~holds(candidates, block)).sum(axis=0)
    return checked, broken


def _blocks(rows: Matrix) -> Iterator[Matrix]:
    for start in range(0, len(rows), BLOCK_ROWS):
        # Column by column in memory, since relations read columns.
        yield np.asfortranarray(rows[start : start + BLOCK_ROWS])
