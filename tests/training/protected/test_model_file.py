"""Which models can be read, and what is said of the others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeRegressor

from guard.errors import TrainingError
from guard.training.protected.classes import from_model
from tests.training.onnx_models import FLOAT, INT64, linear, model, numbers

ROWS = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)


def read(content: bytes | Path, **options: Any) -> None:
    features = options.get("features", numbers(3))
    from_model(content, features=features, fit_rows=ROWS[:50], select_rows=ROWS[50:], seed=0)


def external() -> ModelProto:
    network = linear(columns=2)
    tensor = network.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    return network


def two_inputs() -> ModelProto:
    network = linear(columns=2)
    network.graph.input.append(helper.make_tensor_value_info("z", FLOAT, ["N", 1]))
    return network


def with_input(shape: tuple[Any, ...], kind: int = FLOAT) -> ModelProto:
    identity = helper.make_node("Identity", ["x"], ["y"])
    return model([identity], outputs={"y": kind}, shape=shape, kind=kind)


def two_scores() -> ModelProto:
    nodes = [helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Exp", ["x"], ["b"])]
    return model(nodes, outputs={"a": FLOAT, "b": FLOAT})


def two_labels() -> ModelProto:
    nodes = [
        helper.make_node(operator, ["x"], [name], axis=1, keepdims=0)
        for operator, name in (("ArgMax", "a"), ("ArgMin", "b"))
    ]
    return model(nodes, outputs={"a": INT64, "b": INT64})


def image() -> ModelProto:
    node = helper.make_node("Unsqueeze", ["x", "axes"], ["y"])
    return model([node], outputs={"y": FLOAT}, weights={"axes": [2, 3]})


def one_sum() -> ModelProto:
    node = helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)
    return model([node], outputs={"y": FLOAT})


def unknown() -> ModelProto:
    return model([helper.make_node("Nothing", ["x"], ["y"])], outputs={"y": FLOAT})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no model", "not an ONNX file"),
        (b"", "not an ONNX file: it holds no graph"),
        (external(), "keeps its weights in another file; write all into one"),
        (two_inputs(), r"takes 2 inputs \('x', 'z'\); expected one float32 tensor \[N, 3\]"),
        (with_input(("N", 3), INT64), "a tensor of type 7 in 2 dimensions; expected one float32"),
        (with_input(("N", 1, 28, 28)), "a tensor of type 1 in 4 dimensions; expected one float32"),
        (with_input(("N", 5)), "takes 5 features, and the data has 3: give rows with all of its features"),
        (with_input(("N", 2)), "takes 2 features, and the data has 3: .* leave it out with --target or --drop"),
        (with_input((1, 3)), "takes exactly 1 rows at once; export it with a free first dimension"),
        (linear(columns=1), "one number a row, which may be a logit or a regression's value"),
        (two_scores(), "gives 'a', 'b', and which of them is the class isn't said"),
        (two_labels(), "gives 'a', 'b', and which of them is the class isn't said"),
        (image(), r"output 'y' has 4 dimensions; expected \[N, C\]"),
        (one_sum(), "gives nothing by row, and which"),
        (unknown(), "onnxruntime can't load it"),
    ],
)
def test_model_that_cannot_be_used_says_why(content: bytes | ModelProto, message: str) -> None:
    with pytest.raises(TrainingError, match=message) as raised:
        read(content if isinstance(content, bytes) else content.SerializeToString())

    assert "--predictions COLUMN" in str(raised.value) or "ONNX file" in message or "can't load" in message


@pytest.mark.parametrize("regressor", [LinearRegression(), DecisionTreeRegressor(max_depth=3)], ids=str)
def test_regressor_has_no_classes(regressor: Any) -> None:
    content = to_onnx(regressor.fit(ROWS, ROWS.sum(axis=1)), ROWS[:1]).SerializeToString()

    with pytest.raises(TrainingError, match=r"is a regressor .*, which has no classes; fit without --model"):
        read(content)


def test_network_of_one_number_is_not_guessed_at() -> None:
    network = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2000, tol=1e-2, random_state=0).fit(ROWS, ROWS.sum(axis=1))

    with pytest.raises(TrainingError, match="may be a logit or a regression's value; end the model in a Sigmoid"):
        read(to_onnx(network, ROWS[:1]).SerializeToString())


def test_category_is_not_the_models_own_code() -> None:
    card = numbers(1)[0].model_copy(update={"name": "colour", "type": "category"})

    with pytest.raises(TrainingError, match="'colour' is a category, whose codes are the detector's own"):
        read(linear(columns=2).SerializeToString(), features=(card, *numbers(2)))


def test_model_that_predicts_one_class_is_refused() -> None:
    node = helper.make_node("Add", ["x", "much"], ["y"])
    content = model(
        [node], outputs={"y": FLOAT}, weights={"much": np.array([0, 0, 1e3], dtype=np.float32)}
    ).SerializeToString()

    with pytest.raises(TrainingError, match=r"every row is predicted as \['2'\]"):
        read(content)


def test_model_that_fails_on_the_rows() -> None:
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    content = model([node], outputs={"y": FLOAT}, weights={"shape": [7, 7]}).SerializeToString()

    with pytest.raises(TrainingError, match="onnxruntime can't run it"):
        read(content)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"model\.onnx: can't be read: No such file"):
        read(tmp_path / "model.onnx")
