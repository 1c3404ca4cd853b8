"""The lookup tree."""

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from guard.training.graph.trees import Lookup, Trees, lookup_tree

TABLE = Lookup(np.array([0.0], dtype=np.float32), np.array([1.0, 2.0]))


def run(trees: Trees, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **trees.attributes())
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", None])],
        [helper.make_tensor_value_info("y", 1, ["N", 1])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = np.array(values, dtype=np.float32)
    rows = rows if rows.ndim == 2 else rows[:, None]
    found: npt.NDArray[np.float32] = session.run(None, {"x": rows})[0][:, 0]
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 1000])
def test_lookup_tree_is_searchsorted(n: int) -> None:
    random = np.random.default_rng(n)
    thresholds = np.unique(random.normal(size=n).astype(np.float32))
    weights = random.normal(size=len(thresholds) + 1).astype(np.float32).astype(np.float64)
    values = [*random.normal(size=100).tolist(), *thresholds.tolist(), -np.inf, np.inf]

    found = run(lookup_tree([Lookup(thresholds, weights)]), values)

    np.testing.assert_array_equal(found, weights[np.searchsorted(thresholds, np.array(values, dtype=np.float32))])


def test_lookup_tree_finds_nan_for_nan() -> None:
    assert np.isnan(run(lookup_tree([TABLE]), [np.nan])).all()


@pytest.mark.parametrize("n_tables", [2, 3, 7])
def test_lookup_tree_of_several_tables_looks_in_its_own(n_tables: int) -> None:
    tables = [
        Lookup(np.arange(size, dtype=np.float32), np.arange(size + 1, dtype=np.float64) + 100 * size)
        for size in range(1, n_tables + 1)
    ]
    rows = [(0.5, place) for place in range(n_tables)]

    found = run(lookup_tree(tables), rows)

    np.testing.assert_array_equal(found, [1 + 100.0 * (place + 1) for place in range(n_tables)])
