"""Functional dependence: the category `a` determines the category `b`, as a city does its country."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from guard.training.mining.candidate import Candidate, Features, Matrix, least_expected, tolerated

__all__ = ["determination_candidates"]

Counts = npt.NDArray[np.int64]

# A code of fewer rows says nothing of what goes with it.
LEAST_ROWS = 10

# The share of rows whose code says something.
LEAST_COVERED = 0.5


def determination_candidates(features: Features, rows: Matrix) -> Iterator[Candidate]:
    """Propose which category determines which, by the fit rows float32 [n, d]."""
    codes = {
        place: np.where(np.isnan(rows[:, place]), -1, rows[:, place]).astype(np.int64)
        for place, card in enumerate(features)
        if card.type == "category" and not card.constant
    }
    n_tested = len(codes) * (len(codes) - 1)
    for a, first in codes.items():
        for b, second in codes.items():
            if a != b:
                shape = (len(features[a].categories), len(features[b].categories))
                candidate = _determination(_contingency(first, second, shape), n_tested)
                if candidate is not None:
                    yield candidate._replace(features=(a, b))


def _contingency(first: Counts, second: Counts, shape: tuple[int, int]) -> Counts:
    seen = (first >= 0) & (second >= 0)
    flat = np.bincount(first[seen] * shape[1] + second[seen], minlength=shape[0] * shape[1])
    return flat.reshape(shape)


def _determination(counts: Counts, n_tested: int) -> Candidate | None:
    n, rows = int(counts.sum()), counts.sum(axis=1)
    others = rows - counts.max(axis=1)
    says = rows >= LEAST_ROWS
    if rows[says].sum() < LEAST_COVERED * n or others[says].sum() > tolerated(n):
        return None
    chosen = counts.argmax(axis=1)
    expected = float((rows * (1 - counts.sum(axis=0)[chosen] / max(n, 1)))[says].sum())
    if expected < least_expected(n_tested):
        return None
    table = tuple((int(code),) if speaks else () for code, speaks in zip(chosen, says, strict=True))
    return Candidate("determines", (), round(expected), table=table)
