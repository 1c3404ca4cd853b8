"""Black-box mimicry: columns of a row are swapped for those of rows that the model takes for the class wanted.

The attacker asks for probabilities. Where he knows relations, he takes no step that breaks one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.attacks.knowledge import Knowledge
from benchmarks.attacks.victims import Victim

__all__ = ["accumulate", "swap_few"]

QUERIES = 300
MOST_SWAPPED = 6

Matrix = npt.NDArray[np.float32]


def accumulate(
    victim: Victim, rows: Matrix, target: int, known: Knowledge, random: np.random.Generator, *, sure: bool = False
) -> Matrix:
    """Swap 1 to 6 columns a query and keep what raises the probability, until the class is `target`.

    With `sure`, on and on for all queries.
    """
    rows = rows.copy()
    best = victim.probability(rows, target)
    for _ in range(QUERIES):
        live = np.arange(len(rows)) if sure else np.flatnonzero(victim.predict(rows) != target)
        if not len(live):
            break
        trial = _swapped(rows[live], known.donors, random)
        reached = victim.probability(trial, target)
        better = (reached > best[live]) & known.lawful(trial)
        rows[live[better]], best[live[better]] = trial[better], reached[better]
    return rows


def swap_few(victim: Victim, rows: Matrix, target: int, known: Knowledge, random: np.random.Generator) -> Matrix:
    """Swap 1 to 6 columns of the original row, afresh at each query, until the class is `target`."""
    found = rows.copy()
    live = np.arange(len(rows))
    for _ in range(QUERIES):
        if not len(live):
            break
        trial = _swapped(rows[live], known.donors, random)
        done = (victim.predict(trial) == target) & known.lawful(trial)
        found[live[done]] = trial[done]
        live = live[~done]
    return found


def _swapped(rows: Matrix, donors: Matrix, random: np.random.Generator) -> Matrix:
    """Each row with 1 to 6 columns of one donor."""
    rank = random.random(rows.shape).argsort(axis=1).argsort(axis=1)
    few = random.integers(1, MOST_SWAPPED + 1, (len(rows), 1))
    return np.where(rank < few, donors[random.integers(len(donors), size=len(rows))], rows)
