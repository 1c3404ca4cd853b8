"""Small ONNX models made by hand."""

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from guard.detectors.manifest import FeatureCard

FLOAT, INT64, DOUBLE = TensorProto.FLOAT, TensorProto.INT64, TensorProto.DOUBLE


def numbers(n_features: int, **options: Any) -> tuple[FeatureCard, ...]:
    return tuple(
        FeatureCard(name=f"f{place}", type="number", missing=0, **{"nullable": False, **options})
        for place in range(n_features)
    )


def model(
    nodes: list[Any],
    *,
    outputs: dict[str, int],
    weights: dict[str, Any] | None = None,
    shape: tuple[Any, ...] = ("N", 3),
    kind: int = FLOAT,
    opsets: tuple[tuple[str, int], ...] = (("", 18), ("ai.onnx.ml", 3)),
) -> ModelProto:
    """A model of input `x`; the outputs' shapes are left open."""
    graph = helper.make_graph(
        nodes,
        "handmade",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, element, None) for name, element in outputs.items()],
        initializer=[numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=8)


def linear(*, columns: int, last: str | None = None, output: str = "y") -> ModelProto:
    """Three features times a matrix, and what comes last."""
    weights = np.random.default_rng(5).normal(size=(3, columns)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h" if last else output])]
    if last:
        nodes.append(helper.make_node(last, ["h"], [output]))
    return model(nodes, outputs={output: FLOAT}, weights={"w": weights})
