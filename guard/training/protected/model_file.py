"""ModelFile: the protected model's ONNX file, and the classes that it predicts when onnxruntime runs it as it is.

Supported: one input of float32, float64 or float16 [N, d], the detector's features in order without its strings
(skl2onnx: `FloatTensorType([None, d])`), and the classes as one of
a label, [N] or [N, 1], integer, boolean or string; scores, [N, C], of which the highest counts;
a probability, [N] or [N, 1], that a Sigmoid gave, compared with one half. A ZipMap is looked through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from guard.detectors.detector import open_session
from guard.detectors.manifest import FeatureCard
from guard.errors import DetectorError, TrainingError
from guard.training.extras import require

__all__ = ["CHUNK", "Answer", "ModelFile", "behind", "labels_of", "producers", "read_model"]

CHUNK = 16_384
"""Rows that are run at once."""

# Of onnx.TensorProto.DataType.
INPUT_TYPES: dict[int, type[np.floating[Any]]] = {1: np.float32, 11: np.float64, 10: np.float16}

# They move or copy values without altering what is highest or over one half.
PASSING = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
PICKING = frozenset({"Gather", "Slice", "ArrayFeatureExtractor"})
REGRESSORS = frozenset({"LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor"})

INSTEAD = "or give the classes that it predicted as a column, --predictions COLUMN"

Matrix = npt.NDArray[np.float32]
Texts = npt.NDArray[np.str_]


class Answer(NamedTuple):
    """Which output tells the class, and how; `names` are those of all classes by index, empty for a label."""

    output: str
    kind: Literal["label", "scores", "probability"]
    names: tuple[str, ...] = ()


class ModelFile(NamedTuple):
    """A model without its ZipMap: `columns` are the places of its inputs among the detector's features."""

    proto: Any
    source: str
    sha256: str
    input: str
    dtype: type[np.floating[Any]]
    columns: tuple[int, ...]
    zipped: tuple[str, ...]

    def run(self, rows: Matrix) -> dict[str, npt.NDArray[Any]]:
        """Give all outputs that have one row for each of `rows`, which are the detector's raw ones, float32 [n, d]."""
        try:
            session = open_session(self.proto.SerializeToString(), source=self.source)
        except DetectorError as error:
            raise TrainingError(f"{self.source}: onnxruntime can't load it: {_first_line(error.__cause__)}") from None
        given = rows[:, self.columns].astype(self.dtype)
        try:
            chunks = [session.run(None, {self.input: given[at : at + CHUNK]}) for at in range(0, len(rows), CHUNK)]
        except Exception as error:
            raise TrainingError(f"{self.source}: onnxruntime can't run it: {_first_line(error)}") from error
        found = {put.name: [chunk[place] for chunk in chunks] for place, put in enumerate(session.get_outputs())}
        return {name: np.concatenate(parts) for name, parts in found.items() if _is_by_row(parts, len(rows))}

    def classes(self, rows: Matrix) -> tuple[Answer, Texts]:
        """Give what tells the class, and the class of each row by name, [n]; raises TrainingError if nothing does."""
        outputs = self.run(rows)
        answer = _choose(self, outputs)
        found = outputs[answer.output]
        if answer.kind == "label":
            return answer, _label_texts(found)
        codes = found.argmax(axis=1) if answer.kind == "scores" else (found.ravel() > 0.5).astype(np.intp)
        return answer, np.array(answer.names)[codes]


def read_model(content: bytes, *, features: tuple[FeatureCard, ...], source: str) -> ModelFile:
    """Read a model and see whether the detector's features can be its input; raises TrainingError."""
    proto = _parse(content, source)
    if any(tensor.external_data for tensor in proto.graph.initializer):
        raise TrainingError(
            f"{source} keeps its weights in another file; write all into one "
            f"(onnx.save(model, path, save_as_external_data=False)), {INSTEAD}"
        )
    zipped = _unzip(proto.graph)
    columns = _columns(features, source)
    name, dtype = _input(proto.graph, len(columns), source)
    return ModelFile(proto, source, hashlib.sha256(content).hexdigest(), name, dtype, columns, zipped)


def producers(graph: Any) -> dict[str, Any]:
    """Which node makes each tensor."""
    return {name: node for node in graph.node for name in node.output if name}


def behind(graph: Any, tensor: str, *, through: frozenset[str] = PASSING) -> Any:
    """The node that computes a tensor, looked for through those that only move values; None where an input does."""
    made_by = producers(graph)
    node = made_by.get(tensor)
    while node is not None and node.op_type in through and not _takes_labels(graph, node):
        node = made_by.get(node.input[0])
    return node


def labels_of(node: Any) -> tuple[str, ...]:
    """The class labels in a node's attributes, as texts; empty where it has none."""
    found = {attribute.name: attribute for attribute in node.attribute}
    if "classlabels_strings" in found:
        return tuple(text.decode() for text in found["classlabels_strings"].strings)
    numbers = found.get("classlabels_int64s") or found.get("classlabels_ints")
    return tuple(map(str, numbers.ints)) if numbers else ()


def _takes_labels(graph: Any, node: Any) -> bool:
    """Whether it looks labels up, rather than picking columns of what is computed."""
    return node.op_type == "ArrayFeatureExtractor" and any(node.input[0] == kept.name for kept in graph.initializer)


def _parse(content: bytes, source: str) -> Any:
    onnx = require("onnx")
    try:
        proto = onnx.load_from_string(content)
        if proto.functions:
            proto = require("onnx.inliner").inline_local_functions(proto)
    except Exception as error:
        raise TrainingError(f"{source}: not an ONNX file: {_first_line(error)}") from error
    if not proto.graph.node:
        raise TrainingError(f"{source}: not an ONNX file: it holds no graph")
    return proto


def _unzip(graph: Any) -> tuple[str, ...]:
    """Take the ZipMap nodes out, so that what they take is given; returns their labels."""
    make = require("onnx.helper").make_tensor_value_info
    labels: tuple[str, ...] = ()
    for node in [node for node in graph.node if node.op_type == "ZipMap"]:
        labels = labels_of(node)
        kept = [put for put in graph.output if put.name not in {node.output[0], node.input[0]}]
        del graph.output[:]
        graph.output.extend([*kept, make(node.input[0], 1, None)])
        graph.node.remove(node)
    return labels


def _columns(features: tuple[FeatureCard, ...], source: str) -> tuple[int, ...]:
    category = next((card.name for card in features if card.type == "category"), None)
    if category is not None:
        raise TrainingError(
            f"feature {category!r} is a category, whose codes are the detector's own and not those of {source}; "
            f"give the data as the model takes it, as numbers, {INSTEAD}; if it is what the model predicts, leave it "
            f"out with --target or --drop"
        )
    return tuple(place for place, card in enumerate(features) if card.type != "string")


def _input(graph: Any, n_scored: int, source: str) -> tuple[str, type[np.floating[Any]]]:
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [put for put in graph.input if put.name not in constants]
    wanted = f"expected one float32 tensor [N, {n_scored}] of all features in order"
    if len(inputs) != 1:
        names = ", ".join(repr(put.name) for put in inputs[:5])
        raise TrainingError(f"{source} takes {len(inputs)} inputs ({names}); {wanted}: export it so, {INSTEAD}")
    tensor, dimensions = inputs[0].type.tensor_type, inputs[0].type.tensor_type.shape.dim
    if tensor.elem_type not in INPUT_TYPES or len(dimensions) != 2:
        found = f"a tensor of type {tensor.elem_type} in {len(dimensions)} dimensions"
        raise TrainingError(f"{source} takes {inputs[0].name!r}, {found}; {wanted}: export it so, {INSTEAD}")
    if dimensions[0].dim_value:
        raise TrainingError(
            f"{source} takes exactly {dimensions[0].dim_value} rows at once; export it with a free first dimension "
            f"(torch.onnx.export: dynamic_axes), {INSTEAD}"
        )
    if dimensions[1].dim_value not in {0, n_scored}:
        n_taken = dimensions[1].dim_value
        remedy = (
            "if a column is none of its features, or what it predicts, leave it out with --target or --drop"
            if n_taken < n_scored
            else "give rows with all of its features"
        )
        raise TrainingError(f"{source} takes {n_taken} features, and the data has {n_scored}: {remedy}, {INSTEAD}")
    return inputs[0].name, INPUT_TYPES[tensor.elem_type]


def _choose(model: ModelFile, outputs: Mapping[str, npt.NDArray[Any]]) -> Answer:
    labels = [name for name, found in outputs.items() if found.dtype.kind not in "fc" and found.size == len(found)]
    if len(labels) > 1:
        labels = [name for name in labels if "label" in name.lower()]
    if len(labels) == 1:
        return Answer(labels[0], "label")
    graph, numbers = model.proto.graph, [name for name, found in outputs.items() if found.dtype.kind == "f"]
    probable = [name for name in numbers if _gives_probabilities(graph, name)] or numbers
    if len(probable) != 1:
        raise TrainingError(
            f"{model.source} gives {', '.join(map(repr, outputs)) or 'nothing by row'}, and which of them is the class "
            f"isn't said; give it one integer output named 'label', {INSTEAD}"
        )
    _check_numbers(model, probable[0], outputs[probable[0]])
    n_scores = outputs[probable[0]].size // len(outputs[probable[0]])
    n_classes = max(n_scores, 2)
    names = model.zipped if len(model.zipped) == n_classes else tuple(map(str, range(n_classes)))
    return Answer(probable[0], "probability" if n_scores == 1 else "scores", names)


def _check_numbers(model: ModelFile, name: str, found: npt.NDArray[Any]) -> None:
    if found.ndim > 2:
        raise TrainingError(f"{model.source}: output {name!r} has {found.ndim} dimensions; expected [N, C], {INSTEAD}")
    if _gives_probabilities(model.proto.graph, name):
        return
    node = behind(model.proto.graph, name)
    if node is not None and node.op_type in REGRESSORS:
        raise TrainingError(
            f"{model.source} is a regressor ({node.op_type}), which has no classes; fit without --model, "
            f"or give a class for each row, such as the decision taken on it, as --predictions COLUMN"
        )
    if found.size == len(found):
        raise TrainingError(
            f"{model.source}: output {name!r} is one number a row, which may be a logit or a regression's value; "
            f"end the model in a Sigmoid, give it an integer output named 'label', {INSTEAD}"
        )


def _gives_probabilities(graph: Any, name: str) -> bool:
    node = behind(graph, name, through=PASSING | PICKING)
    if node is None:
        return False
    transforms = {attribute.s for attribute in node.attribute if attribute.name == "post_transform"}
    is_probable = node.op_type in {"Sigmoid", "Softmax", "LogSoftmax"} or bool(transforms & {b"LOGISTIC", b"SOFTMAX"})
    return is_probable or (bool(labels_of(node)) and name != node.output[0])


def _is_by_row(parts: list[Any], n_rows: int) -> bool:
    arrays = [part for part in parts if isinstance(part, np.ndarray) and part.ndim]
    return len(arrays) == len(parts) and sum(map(len, arrays)) == n_rows


def _label_texts(found: npt.NDArray[Any]) -> Texts:
    flat = found.ravel()
    return (flat.astype(np.int64) if flat.dtype.kind == "b" else flat).astype(np.str_)


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0][:200]
