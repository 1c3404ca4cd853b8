"""How often clean rows will break the relations of one kind that survive selection, and fewer of them if too often.

Among thousands of candidates, some that new rows will break pass the selection rows by luck. Cross-validation tells:
drop those that one half of the selection rows breaks, and count the rows of the other half that break the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from guard.detectors.relations import holds
from guard.training.mining.candidate import BLOCK_ROWS, Candidate, Matrix

__all__ = ["within_budget"]

# Clean rows that may break any relation of one kind, by cross-validation.
MOST_BROKEN_SHARE = 2e-3
LEAST_ALLOWED = 1

Rows = npt.NDArray[np.intp]


def within_budget(candidates: Sequence[Candidate], select: Matrix) -> list[Candidate]:
    """Keep the most supported of each kind: all, or a half, a quarter and so on, as the selection rows can bear."""
    kept = []
    for kind in sorted({candidate.kind for candidate in candidates}):
        family = [candidate for candidate in candidates if candidate.kind == kind]
        family.sort(key=lambda candidate: (-candidate.support, candidate.features))
        breaches = _breaches(family, select)
        size = len(family)
        while size and _surviving(breaches[:size]) > max(LEAST_ALLOWED, MOST_BROKEN_SHARE * len(select)):
            size //= 2
        kept += family[:size]
    return kept


def _breaches(candidates: Sequence[Candidate], select: Matrix) -> list[Rows]:
    """The rows that break each."""
    found: list[list[Rows]] = [[] for _ in candidates]
    for start in range(0, len(select), BLOCK_ROWS):
        block = np.asfortranarray(select[start : start + BLOCK_ROWS])
        for place, candidate in enumerate(candidates):
            found[place].append(np.flatnonzero(~holds([candidate], block)[:, 0]) + start)
    return [np.concatenate([*rows, np.empty(0, dtype=np.intp)]).astype(np.intp) for rows in found]


def _surviving(breaches: Sequence[Rows]) -> int:
    """How many rows break a relation that no row of the other half breaks."""
    broken: set[int] = set()
    for rows in breaches:
        parity = rows % 2
        if len(rows) and parity.min() == parity.max():
            broken.update(rows.tolist())
    return len(broken)
