"""A black-box, decision-based attack on the demo's model.

Threat model: the attacker sees the model's label for whatever rows it asks, not the probability, the weights or the
training rows. It has honest rows of both classes, knows the contract (bounds and relations), and keeps to it,
so that only the detector could see its rows. It asks a copy of the model: guard is not in the loop, does not see
the many queries, and gives it no answer to adapt to. Out of scope here: an attacker that has the detector too.

The way is that of HopSkipJump (Chen, Jordan and Wainwright, 2020, algorithm 2), for many rows at once: go
towards the nearest row that the model labels otherwise and stop just past the boundary; from there, feel which way
the boundary faces by asking about random steps, and walk to it straight from the original row. Distances are in
units of each feature's spread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Attacked", "Predict", "attack"]

Rows = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Predict = Callable[[Rows], npt.NDArray[np.int64]]

# Halvings of a line: after 20 the step is a millionth of it, about what float32 can tell apart.
BISECTIONS = 20
# Directions estimated per row, and random steps asked about for each: together about 4,400 queries a row, within
# HopSkipJump's usual budget. Twice the rounds bring the median row no closer.
ROUNDS = 20
PROBES = 200
# Length of a random step, in spreads: small against the way to the boundary, large against float32.
PROBE_LENGTH = 0.02
# How far past the present distance the walk along a new direction may go.
OVERSHOOT = 1.5


class Attacked(NamedTuple):
    """`rows` float32 [K, d], the successful ones; `origins` int64 [K], the row each began as; `n_queries` asked."""

    rows: Rows
    origins: npt.NDArray[np.int64]
    n_queries: int


class _Search:
    """The rows, their labels, and the count of what the model was asked."""

    def __init__(self, rows: Rows, *, predict: Predict, obeys: Callable[[Rows], Mask]) -> None:
        spread = rows.std(axis=0)
        self.rows = rows
        self.spread: Rows = np.where(spread > 0, spread, 1).astype(np.float32)
        self.labels = predict(rows)
        self.n_queries = len(rows)
        self._predict, self._obeys = predict, obeys

    def flipped(self, candidates: Rows) -> Mask:
        """Whether the label is another than the original's, for float32 [..., N, d]."""
        flat = candidates.reshape(-1, candidates.shape[-1])
        self.n_queries += len(flat)
        flipped: Mask = self._predict(flat).reshape(candidates.shape[:-1]) != self.labels
        return flipped

    def succeeds(self, candidates: Rows) -> Mask:
        """Whether the label is flipped and the contract kept, for float32 [N, d]."""
        return self.flipped(candidates) & self._obeys(candidates)

    def distance(self, candidates: Rows) -> Rows:
        """How far candidates are from their originals, float32 [N]."""
        distances: Rows = np.linalg.norm((candidates - self.rows) / self.spread, axis=1)
        return distances


def attack(rows: Rows, *, predict: Predict, obeys: Callable[[Rows], Mask], seed: int) -> Attacked:
    """Move each row, float32 [N, d], until the model labels it otherwise, and no further than needed.

    `obeys` says of float32 [N, d] which rows keep the contract. Without rows of two labels there is nothing
    to go towards, and nothing succeeds.
    """
    search = _Search(rows, predict=predict, obeys=obeys)
    if len(set(search.labels.tolist())) < 2:
        return Attacked(rows[:0], np.empty(0, dtype=np.int64), search.n_queries)
    rng = np.random.default_rng(seed)
    best = _bisect(search, rows[_nearest_of_other_label(search)])
    for _ in range(ROUNDS):
        reach = OVERSHOOT * search.distance(best)[:, None]
        steps = _outward(search, best, rng=rng) * reach * search.spread
        trial = _bisect(search, rows + steps.astype(np.float32))
        nearer = search.succeeds(trial) & (search.distance(trial) < search.distance(best))
        best = np.where(nearer[:, None], trial, best)
    won = np.flatnonzero(search.succeeds(best))
    return Attacked(best[won], won.astype(np.int64), search.n_queries)


def _nearest_of_other_label(search: _Search) -> npt.NDArray[np.intp]:
    scaled, labels = search.rows / search.spread, search.labels
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    return np.asarray(np.where(labels[:, None] == labels[None], np.inf, distances).argmin(axis=1))


def _bisect(search: _Search, candidates: Rows) -> Rows:
    """The point just past the boundary on the way from each row to its candidate."""
    inside, outside = search.rows, candidates
    for _ in range(BISECTIONS):
        middle = (inside + outside) / np.float32(2)
        flipped = search.succeeds(middle)[:, None]
        inside, outside = np.where(flipped, inside, middle), np.where(flipped, middle, outside)
    return outside


def _outward(search: _Search, best: Rows, *, rng: np.random.Generator) -> Rows:
    """Unit directions, float32 [N, d], in which the label flips soonest (Chen et al., equation 16)."""
    steps = rng.standard_normal((PROBES, *best.shape)).astype(np.float32)
    steps /= np.linalg.norm(steps, axis=2, keepdims=True)
    flipped = search.flipped(best + np.float32(PROBE_LENGTH) * steps * search.spread)
    signs = np.where(flipped, np.float32(1), np.float32(-1))
    direction = ((signs - signs.mean(axis=0))[..., None] * steps).mean(axis=0)
    unit: Rows = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), np.float32(1e-9))
    return unit
