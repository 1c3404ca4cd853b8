"""The lookup tree."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from guard.training.trees import Trees, lookup_tree


def run(trees: Trees, values: list[float]) -> np.ndarray:
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **trees.attributes())
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", 1])],
        [helper.make_tensor_value_info("y", 1, ["N", 1])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": np.array(values, dtype=np.float32)[:, None]})[0][:, 0]
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 1000])
def test_lookup_tree_is_searchsorted(n: int) -> None:
    random = np.random.default_rng(n)
    thresholds = np.unique(random.normal(size=n).astype(np.float32))
    weights = random.normal(size=len(thresholds) + 1).astype(np.float32).astype(np.float64)
    values = [*random.normal(size=100).tolist(), *thresholds.tolist(), -np.inf, np.inf]

    found = run(lookup_tree(thresholds, weights), values)

    np.testing.assert_array_equal(found, weights[np.searchsorted(thresholds, np.array(values, dtype=np.float32))])


def test_lookup_tree_finds_nan_for_nan() -> None:
    assert np.isnan(run(lookup_tree(np.array([0.0], dtype=np.float32), [1.0, 2.0]), [np.nan])).all()
