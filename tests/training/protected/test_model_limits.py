"""What keeps a model out of a detector's graph, and what the user is told."""

from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper

from guard.training.protected.classes import ClassFunction, from_model, predict
from guard.training.protected.model_limits import MOST_NODES
from tests.training.onnx_models import DOUBLE, FLOAT, linear, model, numbers

ROWS = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)


def embedded(network: ModelProto, rows: np.ndarray = ROWS) -> ClassFunction:
    features = numbers(rows.shape[1])
    return from_model(
        network.SerializeToString(), features=features, fit_rows=rows[:300], select_rows=rows[300:], seed=0
    )


def looped() -> ModelProto:
    """Doubles x three times."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["v", "v"], ["twice"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, ["N", 3]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("twice", FLOAT, ["N", 3]),
        ],
    )
    node = helper.make_node("Loop", ["times", "", "x"], ["y"], body=body)
    return model([node], outputs={"y": FLOAT}, weights={"times": np.array(3)})


def foreign() -> ModelProto:
    nodes = [helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")]
    return model(nodes, outputs={"y": FLOAT}, opsets=(("", 18), ("com.microsoft", 1)))


def sized_by_value() -> ModelProto:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Expand", ["bias", "shape"], ["b"]),
        helper.make_node("Add", ["x", "b"], ["y"]),
    ]
    return model(nodes, outputs={"y": FLOAT}, weights={"bias": np.array([0.1, 0, 0], dtype=np.float32)})


def of_many_nodes() -> ModelProto:
    names = ["x", *(f"n{place}" for place in range(MOST_NODES)), "y"]
    nodes = [helper.make_node("Identity", [a], [b]) for a, b in pairwise(names)]
    return model(nodes, outputs={"y": FLOAT})


def of_many_weights() -> ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
    random = np.random.default_rng(0)
    weights = {"w": random.normal(size=(3, 30_000)), "v": random.normal(size=(30_000, 3))}
    return model(
        nodes, outputs={"y": FLOAT}, weights={name: value.astype(np.float32) for name, value in weights.items()}
    )


def of_many_bytes() -> ModelProto:
    trees = 3 * 50_000
    numbered = {"nodes_treeids": list(range(trees)), "nodes_nodeids": [0] * trees, "nodes_modes": ["LEAF"] * trees}
    unused = ("featureids", "truenodeids", "falsenodeids")
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["zero"],
        domain="ai.onnx.ml",
        n_targets=3,
        nodes_values=[0.0] * trees,
        target_treeids=list(range(trees)),
        target_nodeids=[0] * trees,
        target_ids=[place % 3 for place in range(trees)],
        target_weights=[0.0] * trees,
        **numbered,
        **{f"nodes_{name}": [0] * trees for name in unused},
    )
    return model([node, helper.make_node("Add", ["x", "zero"], ["y"])], outputs={"y": FLOAT})


def of_newer_operators() -> ModelProto:
    network = model(
        [helper.make_node("Neg", ["x"], ["h"]), helper.make_node("Gelu", ["h"], ["y"])],
        outputs={"y": FLOAT},
        opsets=(("", 20),),
    )
    network.ir_version = 9
    return network


@pytest.mark.parametrize(
    ("network", "note"),
    [
        (looped, "it has a subgraph (Loop)"),
        (foreign, "it has the operator Gelu of the domain 'com.microsoft'"),
        (sized_by_value, "it has the operator Expand, which detectors don't have"),
        (of_many_nodes, "it has 65 nodes, of which a detector may hold 64"),
        (of_many_weights, "it has 180,000 weights to multiply with, of which a detector may hold 131,072"),
        (of_many_bytes, "bytes, of which a detector may hold 4,194,304"),
        (of_newer_operators, "it can't be brought to operator set 18"),
    ],
)
def test_model_outside_the_limits_is_distilled(network: Any, note: str) -> None:
    found = embedded(network())

    assert found.kind == "surrogate"
    assert found.note is not None
    assert note in found.note
    assert found.note.endswith("trees fitted to its predictions are")
    assert found.agreement > 0.8
    assert found.agreement == (predict(found, ROWS[300:]) == _classes(network())[300:]).mean()


def test_what_only_feeds_other_outputs_does_not_count() -> None:
    network = linear(columns=3)
    names = ["y", *(f"n{place}" for place in range(MOST_NODES)), "further"]
    nodes = [helper.make_node("Identity", [a], [b]) for a, b in pairwise(names)]
    network.graph.node.extend([*nodes, helper.make_node("ArgMax", ["y"], ["label"], axis=1, keepdims=0)])
    for name, element in (("further", FLOAT), ("label", TensorProto.INT64)):
        network.graph.output.append(helper.make_tensor_value_info(name, element, None))

    assert embedded(network).kind == "model"


def test_function_is_written_out() -> None:
    network = model([helper.make_node("Twice", ["x"], ["y"], domain="local")], outputs={"y": FLOAT})
    network.opset_import.append(helper.make_opsetid("local", 1))
    inner = [helper.make_node("Add", ["a", "a"], ["b"])]
    network.functions.append(helper.make_function("local", "Twice", ["a"], ["b"], inner, [helper.make_opsetid("", 18)]))

    found = embedded(network)

    assert found.kind == "model"
    np.testing.assert_array_equal(predict(found, ROWS), ROWS.argmax(axis=1))


def test_tensor_attribute_of_trees_is_not_let_in() -> None:
    half = helper.make_tensor("t", DOUBLE, [3], [0.0, 0.5, 0.5])
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=2,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values_as_tensor=half,
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 1],
        target_weights_as_tensor=helper.make_tensor("w", DOUBLE, [2], [1.0, 1.0]),
    )
    network = model(
        [node, helper.make_node("ArgMax", ["y"], ["label"], axis=1, keepdims=0)],
        outputs={"label": TensorProto.INT64},
        kind=DOUBLE,
    )

    found = embedded(network)

    assert found.kind == "surrogate"
    assert found.note is not None
    assert "a tensor among the attributes of TreeEnsembleRegressor" in found.note


def _classes(network: ModelProto) -> np.ndarray:
    found: np.ndarray = ort.InferenceSession(network.SerializeToString()).run(None, {"x": ROWS})[0]
    codes: np.ndarray = found.argmax(axis=1)
    return codes
