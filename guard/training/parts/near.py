"""Prototypes of the clean rows, in two scalings: how far a row lies from the nearest of them.

Source of nearest neighbours as outlier score: Ramaswamy, Rastogi, Shim, "Efficient Algorithms for Mining Outliers from
Large Data Sets" (2000); of scaling distances by those among the neighbours: Breunig et al., "LOF" (2000), here with
half the power.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import SpaceCard
from guard.training.parts.prototypes import LOCAL_NEIGHBOURS, Prototypes, choose_private, choose_prototypes, nearest
from guard.training.rows.encode import ForestColumn

__all__ = ["Mix", "Near", "Projection", "Space", "fit_near"]

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Choose = Callable[..., Prototypes]

# How much of a range, and of an indicator of what is missing, counts as one unit beside a standard deviation.
RANGE_SCALE, INDICATOR_SCALE = 5.0, 0.7

# Wider rows are projected to so many directions, found among so many rows.
WIDEST, DIRECTIONS, PROJECTED_ROWS = 96, 95, 2000

# A column of at most so many values is discrete; where half of the columns are, the rows lie on a lattice, on which
# local distances tell how many rows share a point and nothing else.
FEW_VALUES, MOSTLY = 10, 0.5

# The least local distance: as a quantile of them all, as a share of the median of those above 0, and absolutely.
LEAST_LOCAL, LEAST_DISTANCE = 0.05, 1e-6


class Mix(NamedTuple):
    """What is made of the distances to the k nearest, ascending: `names` by columns of `weights`, [k, c]."""

    names: tuple[str, ...]
    weights: Floats


# Where rows are clean, near and far neighbours are heard alike; where some of them aren't, a row must be far from
# several, since the nearest may be of its own kind.
MEANS = Mix(
    ("1", "3", "5"), np.array([[1, 1 / 3, 1 / 5], [0, 1 / 3, 1 / 5], [0, 1 / 3, 1 / 5], [0, 0, 0.2], [0, 0, 0.2]])
)
FIFTH = Mix(("5th",), np.array([[0.0], [0.0], [0.0], [0.0], [1.0]]))


class Projection(NamedTuple):
    """Orthonormal directions [e, r] of the scaled row.

    What is left of two rows outside of them is taken as orthogonal, so that `|b - p|^2 = |b|^2 + |p|^2 - 2 (Vb).(Vp)`.
    """

    directions: Floats


class Space(NamedTuple):
    """One scaling of the standardised row: `scale` [e], prototypes [m, e] in it, and weights [m] of squared distances.

    `members` are the fit rows that each prototype stands for.
    """

    name: str
    scale: Floats
    prototypes: Floats
    weights: Floats
    members: tuple[npt.NDArray[np.intp], ...]
    projection: Projection | None = None

    @property
    def card(self) -> SpaceCard:
        """What the manifest says of it."""
        directions = None if self.projection is None else self.projection.directions.shape[1]
        return SpaceCard(
            name=self.name, prototypes=len(self.prototypes), columns=len(self.scale), directions=directions
        )


class Near(NamedTuple):
    """How a row is standardised, `(row - mean) * inverse` [e] each, and the spaces that distances are taken in."""

    mean: Floats
    inverse: Floats
    spaces: tuple[Space, ...]
    mix: Mix


def fit_near(rows: Matrix, columns: tuple[ForestColumn, ...], *, seed: int, clean: bool, private: bool = False) -> Near:
    """Fit to encoded rows, float32 [n, e]; of `clean` ones more can be learned from each, of `private` ones means."""
    mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    ranges = np.ptp(rows, axis=0).astype(np.float64)
    constant = ranges == 0
    inverse = 1 / np.where(constant | (spread == 0), 1.0, spread)
    indicator = np.array([column.kind == "missing" for column in columns])
    by_range = RANGE_SCALE / np.where(constant, 1.0, ranges) / inverse
    scales = {
        "range": np.where(indicator, INDICATOR_SCALE / inverse, by_range),
        "spread": np.where(indicator, 1 / inverse, 1.0),
    }
    standardised = ((rows - mean.astype(np.float32)) * inverse.astype(np.float32)).astype(np.float32)
    local = clean and not _is_lattice(rows)
    choose = choose_private if private else choose_prototypes
    spaces = tuple(_space(name, standardised, scale, choose, seed=seed, local=local) for name, scale in scales.items())
    return Near(mean, inverse, spaces, MEANS if clean else FIFTH)


def _is_lattice(rows: Matrix) -> bool:
    """Whether most columns are discrete; a projection is no lattice."""
    if rows.shape[1] > WIDEST:
        return False
    few = [len(np.unique(rows[:, place])) <= FEW_VALUES for place in range(rows.shape[1])]
    return bool(np.mean(few) >= MOSTLY)


def _space(name: str, standardised: Matrix, scale: Floats, choose: Choose, *, seed: int, local: bool) -> Space:
    points = standardised * scale.astype(np.float32)
    found = choose(points, seed=seed, width=min(points.shape[1], WIDEST))
    weights = _local_weights(found.prototypes) if local else np.ones(len(found.prototypes))
    projection = _project(points, seed=seed) if points.shape[1] > WIDEST else None
    return Space(name, scale, found.prototypes.astype(np.float64), weights, found.members, projection)


def _project(points: Matrix, *, seed: int) -> Projection:
    chosen = np.random.default_rng([seed, PROJECTED_ROWS]).permutation(len(points))[:PROJECTED_ROWS]
    directions = np.linalg.svd(points[np.sort(chosen)].astype(np.float64), full_matrices=False)[2][:DIRECTIONS]
    return Projection(directions.T)


def _local_weights(prototypes: Matrix) -> Floats:
    """The median local distance over each prototype's own, so that dense parts count as near as sparse ones."""
    if len(prototypes) <= 1:
        return np.ones(len(prototypes))
    distances = nearest(prototypes, prototypes, LOCAL_NEIGHBOURS + 1)[0][:, 1:].astype(np.float64).mean(axis=1)
    apart = distances[distances > 0]
    usual = LEAST_LOCAL * float(np.median(apart)) if len(apart) else 0.0
    floor = max(float(np.quantile(distances, LEAST_LOCAL)), usual, LEAST_DISTANCE)
    local = np.maximum(distances, floor)
    return np.asarray(np.median(local) / local)
