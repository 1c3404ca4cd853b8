"""The graph's part for the predicted class: what a forest makes of it, and how far the row lies from its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from guard.training.graph.nodes import GraphBuilder
from guard.training.graph.trees import Trees, round_down
from guard.training.parts.conditional import Conditional, Gaussians

__all__ = ["add_conditional"]

# Added to a probability and to a squared distance, so that their logarithms are finite.
LEAST_PROBABILITY, LEAST_SQUARE = 0.01, 1e-6

# Standard deviations beyond which a value is no farther: its square stays finite in float32.
FARTHEST = 1e3


def add_conditional(graph: GraphBuilder, encoded: str, index: str, conditional: Conditional) -> tuple[str, str]:
    """Add two columns, float32 [N, 1] each: minus the log of the class's probability, the log of the squared distance.

    `encoded` is float32 [N, e], `index` the class, int64 [N].
    """
    column = graph.node("Unsqueeze", index, graph.constant([1], dtype=np.int64))
    shares = graph.sum_trees(encoded, _trees(conditional))
    share = graph.node("GatherElements", shares, column, axis=1)
    doubt = graph.node("Neg", graph.node("Log", graph.node("Add", share, graph.constant(LEAST_PROBABILITY))))
    squares = _squares(graph, _standardised(graph, encoded, conditional.gaussians), conditional)
    square = graph.node("GatherElements", squares, column, axis=1)
    return doubt, graph.node("Log", graph.node("Add", square, graph.constant(LEAST_SQUARE)))


def _trees(conditional: Conditional) -> Trees:
    """The forest's probabilities: the mean over its trees of the shares of classes in the leaf reached."""
    forest: Any = conditional.forest
    trees = Trees(n_targets=conditional.n_classes)
    targets = forest.classes_.astype(int).tolist()
    for estimator in forest.estimators_:
        trees.start_tree()
        _copy(estimator.tree_, trees, targets, unit=1 / len(forest.estimators_))
    return trees


def _copy(tree: Any, trees: Trees, targets: list[int], *, unit: float) -> None:
    shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
    for node in range(tree.node_count):
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            trees.shared_leaf((unit * shares[node]).tolist(), targets)
            continue
        trees.branch(int(tree.feature[node]), round_down(float(tree.threshold[node])))
        trees.connect(node, true=left, false=right)


def _standardised(graph: GraphBuilder, encoded: str, gaussians: Gaussians) -> str:
    values = encoded
    if gaussians.heavy.any():
        risen = graph.node("Relu", graph.node("Sub", encoded, graph.constant([gaussians.low])))
        logs = graph.node("Log", graph.node("Add", risen, graph.constant([1.0])))
        values = graph.node("Where", graph.constant([gaussians.heavy], dtype=np.bool_), logs, encoded)
    centred = graph.node("Sub", values, graph.constant([gaussians.mean]))
    scaled = graph.node("Mul", centred, graph.constant([gaussians.inverse]))
    return graph.node("Clip", scaled, graph.constant(-FARTHEST), graph.constant(FARTHEST))


def _squares(graph: GraphBuilder, row: str, conditional: Conditional) -> str:
    """Squared Mahalanobis distances to all classes, [N, C]."""
    gaussians = conditional.gaussians
    e, axis = len(gaussians.mean), graph.constant([2], dtype=np.int64)
    if len(gaussians.whitening) < conditional.n_classes:
        shared = graph.node("MatMul", row, graph.constant(gaussians.whitening[0]))
        column = graph.node("Unsqueeze", shared, graph.constant([1], dtype=np.int64))
        apart = graph.node("Sub", column, graph.constant(gaussians.centres[None]))
        return graph.node("ReduceSumSquare", apart, axis, keepdims=0)
    matrix = np.concatenate(list(gaussians.whitening), axis=1)
    whitened = graph.node("Gemm", row, graph.constant(matrix), graph.constant(-gaussians.centres.reshape(-1)))
    shaped = graph.node("Reshape", whitened, graph.constant([-1, conditional.n_classes, e], dtype=np.int64))
    return graph.node("ReduceSumSquare", shaped, axis, keepdims=0)
