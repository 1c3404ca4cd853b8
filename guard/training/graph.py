"""The ONNX graph, node by node: each costs a third of a microsecond or more per call, so there are few.

Input `x`, float32 [N, d]: the raw row. Outputs, float32 [N, 1]: the parts `forest`, `range`, `unseen`, and with weights
`score`, and with a calibration `p_value`. Sub-graphs that nothing needs are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.detectors.manifest import MANIFEST_KEY, Calibration, FeatureCard, Manifest, Tail, Weights
from guard.detectors.ranges import HALF_WIDTH, learned_ranges
from guard.training.calibrate import LN10, lookup_p_values
from guard.training.extras import require
from guard.training.forest import FoldedForest
from guard.training.trees import Trees, lookup_tree

__all__ = ["build_graph"]

# The oldest that have what is used; older runtimes read them too.
OPSET, ML_OPSET, IR_VERSION = 18, 3, 8

# A slope that makes "nothing found" weigh less than anything else: no evidence, rather than evidence of 0 decades,
# which would tie the bulk of the rows at one p-value.
NO_EVIDENCE_SLOPE = 1e9

# exp(-69) = 1e-30: the smallest factor on 1 / (n + 1), so that no p-value is 0.
LEAST_LOG_FACTOR = -69.0


class _Graph:
    """Nodes, constants and outputs under construction; each method adds a node and returns its output's name."""

    def __init__(self, features: Sequence[FeatureCard]) -> None:
        self._helper = require("onnx.helper")
        self._numpy_helper = require("onnx.numpy_helper")
        self._n_features = len(features)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._outputs: list[str] = []

    def constant(self, value: npt.ArrayLike, *, dtype: Any = np.float32) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(self._numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"n{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(operator, inputs, [name], **attributes))
        if output:
            self._outputs.append(name)
        return name

    def sum_trees(self, values: str, trees: Trees, *, output: str | None = None) -> str:
        return self.node("TreeEnsembleRegressor", values, output=output, domain="ai.onnx.ml", **trees.attributes())

    def scaled(self, values: str, factor: float, offset: float, *, output: str | None = None) -> str:
        product = self.node("Mul", values, self.constant([factor]))
        return self.node("Add", product, self.constant([offset]), output=output)

    def serialize(self, manifest: Manifest | None) -> bytes:
        helper = self._helper
        graph = helper.make_graph(
            self._nodes,
            "guard",
            [helper.make_tensor_value_info("x", 1, ["N", self._n_features])],
            [helper.make_tensor_value_info(name, 1, ["N", 1]) for name in self._outputs],
            initializer=self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="guard")
        if manifest is not None:
            helper.set_model_props(model, {MANIFEST_KEY: manifest.to_json()})
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def build_graph(
    features: tuple[FeatureCard, ...],
    forest: FoldedForest,
    *,
    weights: Weights | None = None,
    calibration: Calibration | None = None,
    manifest: Manifest | None = None,
) -> bytes:
    """Assemble the graph as far as is known, and give the bytes of the file: same arguments, same bytes."""
    graph = _Graph(features)
    parts = _parts(graph, features, forest)
    if weights is not None:
        score = _score(graph, parts, weights)
        if calibration is not None:
            _p_value(graph, score, calibration)
    return graph.serialize(manifest)


def _parts(graph: _Graph, features: tuple[FeatureCard, ...], forest: FoldedForest) -> dict[str, str]:
    length = graph.sum_trees("x", forest.trees)
    exponent = graph.node("Mul", length, graph.constant([forest.exponent]))
    parts = {"forest": graph.node("Exp", exponent, output="forest")}
    if any(card.is_numeric for card in features):
        parts["range"] = _range(graph, features)
    if any(card.type == "category" for card in features):
        parts["unseen"] = graph.sum_trees("x", _unseen(features), output="unseen")
    return parts


def _range(graph: _Graph, features: tuple[FeatureCard, ...]) -> str:
    """The farthest that a value lies beyond its range, in widths; 0 or less inside."""
    ranges = learned_ranges(features)
    values = "x"
    if any(card.nullable or card.type == "string" for card in features):
        # Only there: elsewhere a NaN has made the forest's sum NaN, and shall stay one.
        values = graph.node("Where", graph.node("IsNaN", "x"), graph.constant([ranges.middle]), "x")
    distance = graph.node("Sub", values, graph.constant([ranges.middle]))
    widths = graph.node("Abs", graph.node("Mul", distance, graph.constant([ranges.inverse])))
    capped = graph.node("Min", widths, graph.constant([ranges.cap]))
    farthest = graph.node("ReduceMax", capped, graph.constant([1], dtype=np.int64), keepdims=1)
    return graph.node("Sub", farthest, graph.constant([HALF_WIDTH]), output="range")


def _unseen(features: tuple[FeatureCard, ...]) -> Trees:
    """Three stumps a category, whose sum is 1 for a code that isn't one of its own: -1, the unseen, or too large."""
    trees = Trees()
    for place, card in enumerate(features):
        if card.type == "category":
            trees.stump(place, -0.5, true=1.0, false=0.0)
            # In two, so that a missing value, which goes the false way, counts as seen.
            trees.stump(place, len(card.categories) - 0.5, true=-1.0, false=0.0)
            trees.stump(place, math.inf, true=1.0, false=0.0)
    return trees


def _score(graph: _Graph, parts: dict[str, str], weights: Weights) -> str:
    slope = 1 / (weights.forest_scale * LN10)
    decades = [graph.scaled(parts["forest"], slope, 1 - weights.forest_start * slope)]
    if "range" in parts:
        beyond = graph.node("LeakyRelu", parts["range"], alpha=NO_EVIDENCE_SLOPE)
        decades.append(graph.scaled(beyond, 1 / (weights.range_scale * LN10), weights.range_base))
    if "unseen" in parts:
        # Half of one category is the bend: none lies below it, one or more above.
        surplus = graph.node("Sub", parts["unseen"], graph.constant([0.5]))
        counted = graph.node("LeakyRelu", surplus, alpha=NO_EVIDENCE_SLOPE)
        decades.append(graph.scaled(counted, weights.unseen_step, weights.unseen_step / 2))
    # onnxruntime's Max passes NaN on; the self-test at loading has a row that would show if it didn't.
    return graph.node("Max", *decades, output="score")


def _p_value(graph: _Graph, score: str, calibration: Calibration) -> str:
    thresholds = np.array(calibration.scores, dtype=np.float32)
    found = graph.sum_trees(score, lookup_tree(thresholds, lookup_p_values(calibration)))
    return graph.node("Mul", found, _tail(graph, score, calibration.tail), output="p_value")


def _tail(graph: _Graph, score: str, tail: Tail) -> str:
    """The factor on 1 / (n + 1) beyond the tail's start: exactly 1 before it."""
    beyond = graph.node("Sub", score, graph.constant([tail.start]))
    if tail.shape == 0:
        exponent = graph.node("Mul", beyond, graph.constant([-1 / tail.scale]))
        return graph.node("Exp", graph.node("Clip", exponent, graph.constant(LEAST_LOG_FACTOR), graph.constant(0.0)))
    base = graph.scaled(beyond, tail.shape / tail.scale, 1.0)
    most = min(math.exp(-LEAST_LOG_FACTOR * tail.shape), float(np.finfo(np.float32).max))
    clipped = graph.node("Clip", base, graph.constant(1.0), graph.constant(most))
    return graph.node("Pow", clipped, graph.constant([-1 / tail.shape]))
