"""scikit-learn's isolation forest, folded into trees whose leaves weigh what a path to them is long.

Liu, Ting, Zhou, "Isolation Forest" (2008), section 4: a path of `depth` edges to a leaf of n rows has length depth
+ c(n).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import FeatureCard, ForestCard
from guard.training.extras import require
from guard.training.graph.trees import Trees, round_down
from guard.training.rows.encode import ForestColumn

__all__ = ["FoldedForest", "average_path_length", "fit_forest", "fold"]

Matrix = npt.NDArray[np.float32]

# As in the paper: more trees, or more rows a tree, change little.
N_TREES = 100
MOST_SAMPLES = 256


class FoldedForest(NamedTuple):
    """The trees, whose sum is the binary logarithm of the forest's score: minus the mean path over its expectation."""

    trees: Trees
    card: ForestCard


def fit_forest(matrix: Matrix, *, seed: int) -> Any:
    """Fit scikit-learn's IsolationForest to the encoded fit rows, float32 [n, columns]."""
    ensemble = require("sklearn.ensemble")
    max_samples = min(MOST_SAMPLES, len(matrix))
    forest = ensemble.IsolationForest(n_estimators=N_TREES, max_samples=max_samples, random_state=seed, n_jobs=1)
    return forest.fit(matrix)


def fold(
    forest: Any, columns: tuple[ForestColumn, ...], cards: tuple[FeatureCard, ...], *, rows: Matrix | None = None
) -> FoldedForest:
    """Fold a fitted forest into trees over the raw row.

    Without `rows`, 2 to the power of the sum is `-score_samples` of the encoded one. With encoded `rows`, float32
    [n, columns], a leaf counts those of them that reach it, and not just the few that its tree was grown from: the
    paths are those of trees grown from all rows and cut off early. A missing value goes where its fill goes. Where
    none may be missing, it makes the sum NaN.
    """
    trees = Trees()
    n_rows = int(forest.max_samples_) if rows is None else len(rows)
    unit = -1 / (len(forest.estimators_) * average_path_length(n_rows))
    for estimator in forest.estimators_:
        trees.start_tree()
        counts = estimator.tree_.n_node_samples if rows is None else _reached(estimator.tree_, rows)
        _fold_tree(estimator.tree_, counts, trees, columns, unit=unit)
    for place, card in enumerate(cards):
        if not card.nullable and card.type != "string":
            trees.stump(place, math.inf, true=0.0, false=math.nan)
    return FoldedForest(trees, ForestCard(trees=len(forest.estimators_), max_samples=int(forest.max_samples_)))


def _reached(tree: Any, rows: Matrix) -> npt.NDArray[np.intp]:
    """How many rows reach each node that is a leaf, at least the one that made it."""
    return np.maximum(np.bincount(tree.apply(rows), minlength=tree.node_count), 1)


def _fold_tree(
    tree: Any, counts: npt.NDArray[np.intp], trees: Trees, columns: tuple[ForestColumn, ...], *, unit: float
) -> None:
    """Copy one tree; scikit-learn numbers parents before children, and so do we."""
    left, right = tree.children_left.tolist(), tree.children_right.tolist()
    feature, threshold, rows = tree.feature.tolist(), tree.threshold.tolist(), counts.tolist()
    depth = [0] * len(left)
    for node in range(len(left)):
        if left[node] < 0:
            trees.leaf(unit * (depth[node] + average_path_length(rows[node])))
            continue
        depth[left[node]] = depth[right[node]] = depth[node] + 1
        value, missing_is_true = _raw_split(columns[feature[node]], threshold[node])
        trees.branch(columns[feature[node]].feature, value, missing_is_true=missing_is_true)
        trees.connect(node, true=left[node], false=right[node])


def _raw_split(column: ForestColumn, threshold: float) -> tuple[float, bool]:
    """Translate `encoded <= threshold` to the raw value: what it is compared with, and where a missing one goes."""
    if column.kind == "missing":
        # 0 <= threshold < 1: the true way is for what is there, and everything that is there is at most inf.
        return math.inf, False
    missing_is_true = column.fill <= threshold
    if not len(column.frequencies):
        return round_down(threshold), missing_is_true
    return int(np.count_nonzero(column.frequencies <= np.float64(threshold))) - 0.5, missing_is_true


def average_path_length(n: int) -> float:
    """The average path length c(n) of an unsuccessful search in a binary search tree of n rows (equation 1)."""
    if n <= 1:
        return 0.0
    if n == 2:
        return 1.0
    return 2.0 * (math.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
