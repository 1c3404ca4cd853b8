"""A few points for many: all of them, some, or the centres of clusters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from guard.training.extras import require

__all__ = ["LOCAL_NEIGHBOURS", "Prototypes", "choose_private", "choose_prototypes", "nearest", "prototype_count"]

Matrix = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

# Numbers that the prototypes of one space may have in all, and how many prototypes there are at least and at most.
PROTOTYPE_NUMBERS, LEAST_PROTOTYPES, MOST_PROTOTYPES = 61_440, 2048, 4096

# Rows that the prototypes are found among: more change them little.
MOST_CLUSTERED = 20_000

# With nearly as many prototypes as points, points themselves do.
NEARLY_ALL = 0.8

# Of so many nearest prototypes is the distance by which a local one is scaled.
LOCAL_NEIGHBOURS = 5

ROUNDS, BATCH = 8, 1024

# Of a private prototype: points that it is the mean of, at least and about.
LEAST_MEMBERS, MEAN_MEMBERS = 5, 10


class Prototypes(NamedTuple):
    """Float32 [m, e], and the points that each stands for, by number: itself, the nearest, or all of its cluster."""

    prototypes: Matrix
    members: tuple[Places, ...]


def prototype_count(n_points: int, width: int) -> int:
    """How many prototypes may stand for so many points of so many columns."""
    return min(n_points, MOST_PROTOTYPES, max(LEAST_PROTOTYPES, PROTOTYPE_NUMBERS // width))


def choose_prototypes(points: Matrix, *, seed: int, width: int) -> Prototypes:
    """Choose them for points float32 [n, e], of which `width` columns count."""
    n, m = len(points), prototype_count(len(points), width)
    if n <= m:
        return Prototypes(points, _each(np.arange(n)))
    random = np.random.default_rng([seed, m])
    if m > NEARLY_ALL * n:
        chosen = np.sort(random.choice(n, m, replace=False))
        return Prototypes(points[chosen], _each(chosen))
    places = np.sort(random.choice(n, min(n, MOST_CLUSTERED), replace=False))
    among = points[places]
    centres = _centres(among, m, seed=seed)
    return Prototypes(centres, _each(places[nearest(among, centres, 1)[1][:, 0]]))


def choose_private(points: Matrix, *, seed: int, width: int) -> Prototypes:
    """Choose means of LEAST_MEMBERS points or more each, for points float32 [n, e], of which `width` columns count.

    Points that no such cluster takes in have none.
    """
    random = np.random.default_rng([seed, LEAST_MEMBERS])
    places = np.sort(random.choice(len(points), min(len(points), MOST_CLUSTERED), replace=False))
    among = points[places]
    m = max(1, min(prototype_count(len(among), width), len(among) // MEAN_MEMBERS))
    labels = nearest(_centres(among, m, seed=seed), among, 1)[1][:, 0]
    clusters = [np.flatnonzero(labels == label) for label in range(m)]
    kept = [cluster for cluster in clusters if len(cluster) >= LEAST_MEMBERS] or [np.arange(len(among))]
    means = np.stack([among[cluster].mean(axis=0, dtype=np.float64) for cluster in kept])
    return Prototypes(means.astype(np.float32), tuple(places[cluster] for cluster in kept))


def _each(places: Places) -> tuple[Places, ...]:
    return tuple(places[:, None])


def _centres(points: Matrix, m: int, *, seed: int) -> Matrix:
    cluster = require("sklearn.cluster")
    # One thread: the order of sums is that of the rows, and the same rows give the same bytes.
    with require("threadpoolctl").threadpool_limits(1):
        means = cluster.MiniBatchKMeans(
            m,
            init="random",
            n_init=1,
            max_iter=ROUNDS,
            batch_size=BATCH,
            random_state=seed,
            reassignment_ratio=0.0,
            compute_labels=False,
        )
        centres: Matrix = means.fit(points).cluster_centers_.astype(np.float32)
    return centres


def nearest(points: Matrix, others: Matrix, k: int) -> tuple[Matrix, Places]:
    """Distances to the k nearest of `points` for each of `others`, ascending, and which they are."""
    neighbours = require("sklearn.neighbors").NearestNeighbors(n_neighbors=min(k, len(points)), algorithm="brute")
    with require("threadpoolctl").threadpool_limits(1):
        distances, places = neighbours.fit(points).kneighbors(others)
    return distances, places
