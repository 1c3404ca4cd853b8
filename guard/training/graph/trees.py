"""Trees as the attributes of one TreeEnsembleRegressor (ai.onnx.ml, version 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Lookup", "Trees", "lookup_tree", "round_down"]


class Trees:
    """Trees under construction; every branch asks `x[feature] <= value`.

    A missing value goes the false way unless `missing_is_true`. The operator sums, over the trees and for each of
    `n_targets`, the weights of the leaves reached.
    """

    def __init__(self, *, n_targets: int = 1) -> None:
        self.n_targets = n_targets
        self._next_node = 0
        self._tree = -1
        self._nodes: dict[str, list[Any]] = {
            name: []
            for name in (
                "treeids",
                "nodeids",
                "modes",
                "featureids",
                "values",
                "truenodeids",
                "falsenodeids",
                "missing_value_tracks_true",
            )
        }
        self._leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}

    def start_tree(self) -> None:
        """Begin the next tree; its first node is its root."""
        self._tree += 1
        self._next_node = 0

    def leaf(self, weight: float, *, target: int = 0) -> int:
        """Add a leaf that weighs for one target; returns its number in the tree."""
        node = self._add("LEAF", 0, 0.0)
        for name, value in zip(self._leaves, (self._tree, node, target, float(weight)), strict=True):
            self._leaves[name].append(value)
        return node

    def shared_leaf(self, weights: Sequence[float], targets: Sequence[int]) -> int:
        """Add a leaf that weighs for several targets; returns its number in the tree."""
        node = self._add("LEAF", 0, 0.0)
        for weight, target in zip(weights, targets, strict=True):
            if weight or target == targets[0]:
                for name, value in zip(self._leaves, (self._tree, node, target, float(weight)), strict=True):
                    self._leaves[name].append(value)
        return node

    def branch(self, feature: int, value: float, *, missing_is_true: bool = False) -> int:
        """Add a branch, whose children `connect` tells; returns its number in the tree."""
        return self._add("BRANCH_LEQ", feature, value, missing_is_true=missing_is_true)

    def connect(self, node: int, *, true: int, false: int) -> None:
        """Tell a branch of the current tree its children."""
        place = len(self._nodes["nodeids"]) - self._next_node + node
        self._nodes["truenodeids"][place] = true
        self._nodes["falsenodeids"][place] = false

    def stump(self, feature: int, value: float, *, true: float, false: float) -> None:
        """Add a tree of one branch and two weights; a missing value goes the false way."""
        self.start_tree()
        root = self.branch(feature, value)
        self.connect(root, true=self.leaf(true), false=self.leaf(false))

    def attributes(self) -> dict[str, Any]:
        """Give the operator's attributes."""
        nodes = {f"nodes_{name}": values for name, values in self._nodes.items()}
        if not any(self._nodes["missing_value_tracks_true"]):
            # Without it, the runtime takes a faster path.
            del nodes["nodes_missing_value_tracks_true"]
        leaves = {f"target_{name}": values for name, values in self._leaves.items()}
        return nodes | leaves | {"n_targets": self.n_targets, "post_transform": "NONE"}

    def _add(self, mode: str, feature: int, value: float, *, missing_is_true: bool = False) -> int:
        node = self._next_node
        self._next_node += 1
        row = (self._tree, node, mode, feature, float(value), 0, 0, int(missing_is_true))
        for values, item in zip(self._nodes.values(), row, strict=True):
            values.append(item)
        return node


class Lookup(NamedTuple):
    """A table: weights[i] for the first i with x <= thresholds[i], else the last weight.

    `thresholds` are ascending, float32 [n]; `weights` are [n + 1].
    """

    thresholds: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float64]


def lookup_tree(tables: Sequence[Lookup]) -> Trees:
    """Give a balanced tree that looks feature 0 up: of several tables, in the one whose place is feature 1.

    A NaN finds a NaN.
    """
    trees = Trees()
    trees.start_tree()

    def choose(first: int, last: int) -> int:
        if first == last:
            table = tables[first]
            return grow([*table.thresholds.tolist(), math.inf], [*table.weights.tolist(), math.nan])
        middle = (first + last) // 2
        node = trees.branch(1, middle + 0.5)
        trees.connect(node, true=choose(first, middle), false=choose(middle + 1, last))
        return node

    def grow(steps: list[float], values: list[float]) -> int:
        if len(values) == 1:
            return trees.leaf(values[0])
        middle = (len(values) - 1) // 2
        node = trees.branch(0, steps[middle])
        true, false = slice(middle + 1), slice(middle + 1, None)
        trees.connect(node, true=grow(steps[true], values[true]), false=grow(steps[false], values[false]))
        return node

    choose(0, len(tables) - 1)
    return trees


def round_down(threshold: float) -> float:
    """The largest float32 that is no larger: x <= threshold then decides alike for every float32 x."""
    # scikit-learn writes 1e300 for "whatever isn't missing".
    with np.errstate(over="ignore"):
        nearest = np.float32(threshold)
    # Back to float: NumPy would compare in float32, where the two are equal.
    return float(nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf)))
