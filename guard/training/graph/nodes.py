"""GraphBuilder: an ONNX graph under construction, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from guard.training.extras import require
from guard.training.graph.trees import Trees

__all__ = ["FLOAT", "INPUT", "INT64", "GraphBuilder"]

# The oldest that have what is used; older runtimes read them too.
OPSET, ML_OPSET, IR_VERSION = 18, 3, 8

FLOAT, INT64 = 1, 7
"""Of onnx.TensorProto.DataType."""

INPUT = "x"
"""The raw rows, float32 [N, d]."""


class GraphBuilder:
    """Nodes, constants and outputs under construction; each method adds one and returns its name.

    The graph's input is INPUT, float32 [N, n_features]. Names begin with `prefix`, so that the nodes of a
    section can be told from others.
    """

    def __init__(self, n_features: int, *, prefix: str = "") -> None:
        self.n_features = n_features
        self.prefix = prefix
        self._helper = require("onnx.helper")
        self._numpy_helper = require("onnx.numpy_helper")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._overridable: list[Any] = []
        self._outputs: list[Any] = []

    @classmethod
    def reopen(cls, content: bytes, *, without: str) -> Self:
        """Take a graph that was built so, but for what is named with the prefix `without` and needs it."""
        graph = require("onnx").load_from_string(content).graph
        found = cls(graph.input[0].type.tensor_type.shape.dim[1].dim_value)
        dropped = {without}
        for node in graph.node:
            if any(name.startswith(without) for name in (*node.input, *node.output)):
                dropped.update(node.output)
            else:
                found._nodes.append(node)
        found._constants = [constant for constant in graph.initializer if not constant.name.startswith(without)]
        found._overridable = list(graph.input[1:])
        found._outputs = [output for output in graph.output if output.name not in dropped]
        return found

    def constant(self, value: npt.ArrayLike, *, dtype: Any = np.float32, name: str | None = None) -> str:
        """Add a constant tensor."""
        name = name or f"{self.prefix}c{len(self._constants)}"
        self._constants.append(self._numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def default(self, name: str, value: npt.NDArray[np.float32]) -> str:
        """Add an input that a caller may leave out: then it is `value`, float32."""
        self._constants.append(self._numpy_helper.from_array(value, name))
        self._overridable.append(self._helper.make_tensor_value_info(name, FLOAT, value.shape))
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, width: int = 1, **attributes: Any) -> str:
        """Add a node of one output, which `output` makes one of the graph's, float32 [N, width]."""
        name = output or f"{self.prefix}n{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(operator, inputs, [name], **attributes))
        if output:
            self.export(name, ["N", width])
        return name

    def add(self, operator: str, *inputs: str, outputs: Sequence[str], **attributes: Any) -> None:
        """Add a node of several outputs, whose names are their author's care."""
        self._nodes.append(self._helper.make_node(operator, inputs, outputs, **attributes))

    def export(self, name: str, shape: Sequence[str | int], *, integral: bool = False) -> None:
        """Make a tensor an output of the graph; where nobody asks for it, it costs nothing more."""
        kind = INT64 if integral else FLOAT
        self._outputs.append(self._helper.make_tensor_value_info(name, kind, shape))

    def rename(self, name: str, new: str) -> str:
        """Give a node's output another name; returns it."""
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [new if found == name else found for found in names]
        return new

    def embed(self, nodes: list[Any], constants: list[Any]) -> None:
        """Add nodes and constants made elsewhere, whose names are their author's care."""
        self._nodes.extend(nodes)
        self._constants.extend(constants)

    def sum_trees(self, values: str, trees: Trees, *, output: str | None = None) -> str:
        """Add the sum of the trees' leaves for each row of `values`."""
        return self.node("TreeEnsembleRegressor", values, output=output, domain="ai.onnx.ml", **trees.attributes())

    def scaled(self, values: str, factor: npt.ArrayLike, offset: npt.ArrayLike, *, output: str | None = None) -> str:
        """Add `values * factor + offset`, both numbers or vectors."""
        product = self.node("Mul", values, self.constant(np.atleast_1d(factor)))
        return self.node("Add", product, self.constant(np.atleast_1d(offset)), output=output)

    def serialize(self, properties: dict[str, str] | None = None) -> bytes:
        """Give the bytes of the file: the same calls, the same bytes."""
        helper = self._helper
        graph = helper.make_graph(
            self._nodes,
            "guard",
            [helper.make_tensor_value_info(INPUT, FLOAT, ["N", self.n_features]), *self._overridable],
            self._outputs,
            initializer=self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="guard")
        if properties:
            helper.set_model_props(model, properties)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
