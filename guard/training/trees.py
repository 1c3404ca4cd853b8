"""Trees as the attributes of one TreeEnsembleRegressor (ai.onnx.ml, version 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Trees", "lookup_tree"]


class Trees:
    """Trees under construction; every branch asks `x[feature] <= value`.

    A missing value goes the false way unless `missing_is_true`. The operator sums, over the trees, the weights of
    the leaves reached.
    """

    def __init__(self) -> None:
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

    def leaf(self, weight: float) -> int:
        """Add a leaf; returns its number in the tree."""
        node = self._add("LEAF", 0, 0.0)
        for name, value in zip(self._leaves, (self._tree, node, 0, float(weight)), strict=True):
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
        return nodes | leaves | {"n_targets": 1, "post_transform": "NONE"}

    def _add(self, mode: str, feature: int, value: float, *, missing_is_true: bool = False) -> int:
        node = self._next_node
        self._next_node += 1
        row = (self._tree, node, mode, feature, float(value), 0, 0, int(missing_is_true))
        for values, item in zip(self._nodes.values(), row, strict=True):
            values.append(item)
        return node


def lookup_tree(thresholds: npt.NDArray[np.float32], weights: Sequence[float] | npt.NDArray[np.float64]) -> Trees:
    """Give a balanced tree that looks up weights[i] for the first i with x <= thresholds[i], else the last weight.

    `thresholds` are ascending, float32 [n]; `weights` are [n + 1]. A NaN finds a NaN.
    """
    steps = [*thresholds.tolist(), math.inf]
    values = [*weights, math.nan]
    trees = Trees()
    trees.start_tree()

    def grow(first: int, last: int) -> int:
        if first == last:
            return trees.leaf(values[first])
        middle = (first + last) // 2
        node = trees.branch(0, steps[middle])
        trees.connect(node, true=grow(first, middle), false=grow(middle + 1, last))
        return node

    grow(0, len(values) - 1)
    return trees
