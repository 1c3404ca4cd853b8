"""What is refused before the runtime sees it."""

from collections.abc import Callable

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from guard.detectors.onnx_file import OPERATORS, check_onnx
from guard.errors import DetectorError
from guard.training import FittedDetector


def external_data(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")


def foreign_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def foreign_node(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.example"


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Loop"


def hidden_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Mul\u202e"


def subgraph(model: onnx.ModelProto) -> None:
    model.graph.node[1].attribute.append(helper.make_attribute("body", model.graph.__class__(name="g")))


def tensor_attribute(model: onnx.ModelProto) -> None:
    model.graph.node[1].attribute.append(helper.make_attribute("value", helper.make_tensor("t", 1, [1], [1.0])))


def function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("d", "Mul", [], [], [], []))


def training(model: onnx.ModelProto) -> None:
    model.training_info.append(helper.make_training_info(onnx.GraphProto(), [], onnx.GraphProto(), []))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(onnx.SparseTensorProto())


def no_graph(model: onnx.ModelProto) -> None:
    model.ClearField("graph")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external_data, "external data"),
        (foreign_domain, "domain 'com.microsoft'"),
        (foreign_node, "domain 'com.example'"),
        (foreign_operator, "operator 'Loop'"),
        (hidden_operator, r"operator 'Mul\\u202e'"),
        (subgraph, "a subgraph"),
        (tensor_attribute, "unexpected field 5"),
        (function, "functions"),
        (training, "training information"),
        (sparse, "unexpected field 15"),
        (no_graph, "no graph"),
    ],
)
def test_check_of_a_model_that_guard_does_not_write(
    numeric: FittedDetector, change: Callable[[onnx.ModelProto], None], message: str
) -> None:
    model = onnx.load_from_string(numeric.content)
    change(model)

    with pytest.raises(DetectorError, match=message):
        check_onnx(model.SerializeToString(), source="file")


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_allowed_operator_is_pure_and_has_no_subgraph(operator: bytes) -> None:
    name = operator.decode()
    schema = next(s for s in onnx.defs.get_all_schemas() if s.name == name and s.domain in {"", "ai.onnx.ml"})

    kinds = {attribute.type for attribute in schema.attributes.values()}
    assert not kinds & {onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS}
    assert schema.node_determinism is not onnx.defs.OpSchema.NodeDeterminism.NonDeterministic


@pytest.mark.parametrize(
    "operator", ["If", "Loop", "Scan", "RandomNormal", "Expand", "Range", "ConstantOfShape", "StringConcat", "ZipMap"]
)
def test_operator_that_runs_graphs_or_makes_tensors_of_any_size_is_refused(operator: str) -> None:
    assert operator.encode() not in OPERATORS


def test_check_of_what_fit_writes(numeric: FittedDetector, mixed: FittedDetector) -> None:
    check_onnx(numeric.content, source="file")
    check_onnx(mixed.content, source="file")


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_check_of_any_bytes_raises_nothing_else(content: bytes) -> None:
    try:
        check_onnx(content, source="file")
        message = "file: "
    except DetectorError as error:
        message = str(error)

    assert message.startswith("file: ")
