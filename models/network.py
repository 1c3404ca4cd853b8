"""A scikit-learn network as a few ONNX operators: scale, Gemm, Relu, Gemm, Sigmoid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Network", "compile_network"]

# Fixed, so that another onnx release doesn't alter the file; both are read by onnxruntime 1.19, the oldest we take.
OPSET = 17
IR_VERSION = 9

Weights = npt.NDArray[np.float32]


class Network(NamedTuple):
    """One hidden layer over standardised features.

    With d features and h hidden units: `mean` and `inverse_spread` (d,), `hidden_weights` (d, h),
    `hidden_bias` (h,), `output_weights` (h, 1), `output_bias` (1,); all float32.
    """

    mean: Weights
    inverse_spread: Weights
    hidden_weights: Weights
    hidden_bias: Weights
    output_weights: Weights
    output_bias: Weights


def compile_network(network: Network, *, features: Sequence[str], metadata: Mapping[str, str]) -> bytes:
    """The bytes of an ONNX file.

    Input `x` float32 [N, d], raw features in the order of `features`. Outputs `probability` float32 [N] and
    `label` int64 [N], which is 1 where the probability is over one half.
    """
    graph = helper.make_graph(
        _nodes(),
        "network",
        inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(features)])],
        outputs=[
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        ],
        initializer=_initializers(network),
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="inference-guard",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def _nodes() -> list[Any]:
    return [
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "inverse_spread"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "hidden_weights", "hidden_bias"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "output_weights", "output_bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probabilities"]),
        helper.make_node("Squeeze", ["probabilities", "axis"], ["probability"]),
        helper.make_node("Greater", ["probability", "half"], ["over"]),
        helper.make_node("Cast", ["over"], ["label"], to=TensorProto.INT64),
    ]


def _initializers(network: Network) -> list[Any]:
    constants = {"axis": np.array([1], dtype=np.int64), "half": np.array(0.5, dtype=np.float32)}
    return [numpy_helper.from_array(value, name) for name, value in {**network._asdict(), **constants}.items()]
