"""EmbeddedModel: the protected model's own operators, as nodes of the detector's graph.

Only what leads to the class is taken along, brought to the detector's operator sets, and only where it keeps to what
a detector may hold (`guard.detectors.onnx_file`) and costs a row little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from guard.training.extras import require
from guard.training.graph.nodes import INT64, OPSET, GraphBuilder
from guard.training.protected.model_file import Answer, ModelFile, behind, labels_of, producers
from guard.training.protected.model_limits import NotEmbeddable, check_domains, check_operators, check_size

__all__ = ["EmbeddedModel", "embed"]


class EmbeddedModel(NamedTuple):
    """A model cut down to what leads to `tensor`, and how the class index comes from that.

    `kind` is `index` where the tensor is it already, else as in Answer; `labels` are the values of a label, by class.
    """

    proto: Any
    model: ModelFile
    tensor: str
    kind: str
    labels: tuple[int, ...]

    def add(self, graph: GraphBuilder, x: str) -> str:
        """Add the nodes to a graph whose raw rows are `x`; returns the name of the class index, int64 [N]."""
        renamed = {"": "", self.model.input: self._input(graph, x)}
        names = [*(kept.name for kept in self.proto.initializer), *producers(self.proto)]
        renamed |= {name: f"{graph.prefix}model{place}" for place, name in enumerate(names)}
        graph.embed(
            [_renamed_node(node, renamed) for node in self.proto.node],
            [_renamed_constant(kept, renamed[kept.name]) for kept in self.proto.initializer],
        )
        return self._index(graph, renamed[self.tensor])

    def _input(self, graph: GraphBuilder, x: str) -> str:
        columns = self.model.columns
        if columns != tuple(range(graph.n_features)):
            x = graph.node("Gather", x, graph.constant(columns, dtype=np.int64), axis=1)
        if self.model.dtype is np.float32:
            return x
        return graph.node("Cast", x, to=_type_of(np.dtype(self.model.dtype)))

    def _index(self, graph: GraphBuilder, tensor: str) -> str:
        if self.kind == "scores":
            return graph.node("ArgMax", tensor, axis=1, keepdims=0)
        flat = graph.node("Reshape", tensor, graph.constant([-1], dtype=np.int64))
        if self.kind == "index":
            return flat
        if self.kind == "probability":
            dtype = require("onnx.helper").tensor_dtype_to_np_dtype(self.proto.output[0].type.tensor_type.elem_type)
            over = graph.node("Greater", flat, graph.constant(0.5, dtype=dtype))
            return graph.node("Cast", over, to=INT64)
        return self._place(graph, graph.node("Cast", flat, to=INT64))

    def _place(self, graph: GraphBuilder, label: str) -> str:
        """The place of a label among those that there are; of one that no training row had, some place."""
        last = len(self.labels) - 1
        if self.labels == tuple(range(last + 1)):
            bounds = (graph.constant(bound, dtype=np.int64) for bound in (0, last))
            return graph.node("Clip", label, *bounds)
        column = graph.node("Reshape", label, graph.constant([-1, 1], dtype=np.int64))
        same = graph.node("Equal", column, graph.constant(self.labels, dtype=np.int64))
        return graph.node("ArgMax", graph.node("Cast", same, to=INT64), axis=1, keepdims=0)


def embed(model: ModelFile, answer: Answer, names: tuple[str, ...]) -> tuple[EmbeddedModel, tuple[str, ...]]:
    """Cut the model down to what gives the class; returns it, and the names of the classes by index.

    `names` are those of the classes seen, in the order wanted where the model itself gives none. Raises
    NotEmbeddable.
    """
    proto = type(model.proto)()
    proto.CopyFrom(model.proto)
    tensor, kind, declared = _head(proto.graph, answer)
    if kind == "label" and not all(name.lstrip("-").isdigit() for name in names):
        raise NotEmbeddable("gives its classes as texts in a way that guard doesn't follow")
    declared = declared or answer.names or names
    _cut(proto.graph, tensor, _element_type(proto.graph, answer, kind))
    check_domains(proto)
    check_size(proto.graph)
    graph = _converted(proto).graph
    _constants_to_initializers(graph)
    check_operators(graph)
    labels = tuple(map(int, declared)) if kind == "label" else ()
    return EmbeddedModel(graph, model, tensor, kind, labels), declared


def _head(graph: Any, answer: Answer) -> tuple[str, str, tuple[str, ...]]:
    """The tensor to take, its kind, and the names of its classes where the model tells them.

    Where a classifier's node or a table of labels makes the label, the index is taken before it becomes one.
    """
    node = behind(graph, answer.output) if answer.kind == "label" else None
    if node is None or not node.input:
        return answer.output, answer.kind, ()
    if labels := labels_of(node):
        _relabel(node, len(labels))
        return node.output[0], "index", labels
    table = next((kept for kept in graph.initializer if kept.name == node.input[0]), None)
    if node.op_type == "ArrayFeatureExtractor" and table is not None:
        values = require("onnx.numpy_helper").to_array(table).ravel()
        return node.input[1], "index", tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist())
    return answer.output, answer.kind, ()


def _relabel(node: Any, n_classes: int) -> None:
    """Let a classifier's label be the class index."""
    name = "classlabels_int64s" if node.op_type == "TreeEnsembleClassifier" else "classlabels_ints"
    kept = [attribute for attribute in node.attribute if not attribute.name.startswith("classlabels_")]
    del node.attribute[:]
    node.attribute.extend([*kept, require("onnx.helper").make_attribute(name, list(range(n_classes)))])


def _element_type(graph: Any, answer: Answer, kind: str) -> int:
    if kind == "index":
        return INT64
    declared = next(put.type.tensor_type.elem_type for put in graph.output if put.name == answer.output)
    return int(declared)


def _cut(graph: Any, tensor: str, element_type: int) -> None:
    """Leave only what `tensor` needs, and make it the one output."""
    needed, nodes = {tensor}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    constants = [kept for kept in graph.initializer if kept.name in needed]
    inputs = [put for put in graph.input if put.name not in {kept.name for kept in graph.initializer}]
    output = require("onnx.helper").make_tensor_value_info(tensor, element_type, None)
    for field, kept in (
        (graph.node, nodes[::-1]),
        (graph.initializer, constants),
        (graph.input, inputs),
        (graph.output, [output]),
        (graph.value_info, []),
    ):
        copies = [type(item).FromString(item.SerializeToString()) for item in kept]
        del field[:]
        field.extend(copies)


def _converted(proto: Any) -> Any:
    """Bring the default domain to the detector's version."""
    if {used.version for used in proto.opset_import if used.domain in {"", "ai.onnx"}} <= {OPSET}:
        return proto
    try:
        return require("onnx.version_converter").convert_version(proto, OPSET)
    except Exception as error:
        last = str(error).strip().rpartition("\n")[2].rpartition("failed: ")[2]
        raise NotEmbeddable(f"can't be brought to operator set {OPSET} ({last[:100]})") from error


def _constants_to_initializers(graph: Any) -> None:
    numpy_helper, kept = require("onnx.numpy_helper"), []
    for node in graph.node:
        if node.op_type != "Constant":
            kept.append(node)
            continue
        graph.initializer.append(numpy_helper.from_array(_constant(node.attribute[0]), node.output[0]))
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)


def _constant(attribute: Any) -> Any:
    value = require("onnx.helper").get_attribute_value(attribute)
    if attribute.name == "value":
        return require("onnx.numpy_helper").to_array(value)
    kinds: Mapping[str, Any] = {"value_float": np.float32, "value_floats": np.float32}
    return np.array(value, dtype=kinds.get(attribute.name, np.int64))


def _renamed_node(node: Any, names: Mapping[str, str]) -> Any:
    copy = type(node)(op_type=node.op_type, domain="" if node.domain == "ai.onnx" else node.domain)
    copy.input.extend(names[name] for name in node.input)
    copy.output.extend(names.get(name, "") for name in node.output)
    copy.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    for attribute in copy.attribute:
        attribute.ClearField("doc_string")
    return copy


def _renamed_constant(tensor: Any, name: str) -> Any:
    numpy_helper = require("onnx.numpy_helper")
    return numpy_helper.from_array(numpy_helper.to_array(tensor), name)


def _type_of(dtype: np.dtype[Any]) -> int:
    return int(require("onnx.helper").np_dtype_to_tensor_dtype(dtype))
