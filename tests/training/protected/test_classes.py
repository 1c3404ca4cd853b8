"""The class that the protected model predicts, computed in a detector's graph."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from guard.demo.assets import BREAST_CANCER
from guard.detectors.onnx_file import check_onnx
from guard.errors import TrainingError
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.protected.classes import ClassFunction, code_classes, from_model, predict, surrogate
from guard.training.protected.surrogate import fit_surrogate
from tests.training.onnx_models import DOUBLE, FLOAT, INT64, linear, model, numbers

CLASSIFIERS = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    RandomForestClassifier(20, random_state=0),
    GradientBoostingClassifier(n_estimators=10, random_state=0),
    make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=1000, tol=1e-2, random_state=0)),
    make_pipeline(StandardScaler(), SVC()),
    make_pipeline(MinMaxScaler(), GaussianNB()),
]

Rows = np.ndarray


def rows_of(load: Any) -> tuple[Rows, Rows]:
    values, classes = load(return_X_y=True)
    return values.astype(np.float32), classes


def function(content: bytes, rows: Rows, **options: Any) -> ClassFunction:
    features = options.pop("features", numbers(rows.shape[1]))
    return from_model(content, features=features, fit_rows=rows[::2], select_rows=rows[1::2], seed=0, **options)


def exported(classifier: Any, rows: Rows) -> bytes:
    content: bytes = to_onnx(
        classifier, initial_types=[("x", FloatTensorType([None, rows.shape[1]]))]
    ).SerializeToString()
    return content


def named(found: ClassFunction, rows: Rows) -> list[str]:
    return [found.names[code] for code in predict(found, rows)]


def graph_of(found: ClassFunction, n_features: int) -> bytes:
    graph = GraphBuilder(n_features)
    graph.export(found.add(graph, INPUT), ["N"], integral=True)
    return graph.serialize()


@pytest.fixture(scope="module")
def normal() -> Rows:
    return np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)


# skl2onnx reads what scikit-learn 1.9 is about to remove.
@pytest.mark.filterwarnings("ignore:Attribute .prob._. was deprecated:FutureWarning")
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__)
@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize("texts", [False, True])
def test_exported_classifier_gives_its_own_class(classifier: Any, load: Any, texts: bool) -> None:
    rows, classes = rows_of(load)
    labels = np.array([f"class {code}" for code in classes]) if texts else classes * 2 - 1
    classifier.fit(rows, labels)

    found = function(exported(classifier, rows), rows)

    assert (found.kind, found.agreement, found.note) == ("model", 1.0, None)
    assert set(found.class_agreement) == {1.0}
    assert found.names == tuple(map(str, np.unique(labels)))
    assert named(found, rows) == [str(label) for label in classifier.predict(rows)]
    check_onnx(graph_of(found, rows.shape[1]), source="file")


def test_demo_model_gives_its_own_label() -> None:
    path = Path("models") / BREAST_CANCER / "model.onnx"
    rows = rows_of(load_breast_cancer)[0]

    found = from_model(path, features=numbers(30), fit_rows=rows[:300], select_rows=rows[300:], seed=0)

    labels = ort.InferenceSession(path).run(["label"], {"x": rows})[0]
    assert found.kind == "model"
    np.testing.assert_array_equal(predict(found, rows), labels)


def test_sigmoid_of_boosted_trees_is_compared_with_one_half() -> None:
    rows, classes = rows_of(load_breast_cancer)
    booster = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0).fit(rows, classes)
    trees = fit_surrogate(rows, classes, n_classes=2, features=numbers(30), seed=0).trees
    nodes = [
        helper.make_node("TreeEnsembleRegressor", ["x"], ["both"], domain="ai.onnx.ml", **trees.attributes()),
        helper.make_node("Gather", ["both", "second"], ["one"], axis=1),
        helper.make_node("Sigmoid", ["one"], ["p"]),
    ]
    content = model(nodes, outputs={"p": FLOAT}, weights={"second": [1]}, shape=("N", 30)).SerializeToString()

    found = function(content, rows)

    assert (found.kind, found.names) == ("model", ("0", "1"))
    np.testing.assert_array_equal(predict(found, rows), booster.predict(rows))


@pytest.mark.parametrize(("columns", "last"), [(4, None), (4, "Softmax"), (2, "LogSoftmax"), (1, "Sigmoid")])
def test_scores_give_the_highest(normal: Rows, columns: int, last: str | None) -> None:
    network = linear(columns=columns, last=last)

    found = function(network.SerializeToString(), normal)

    (scores,) = ort.InferenceSession(network.SerializeToString()).run(None, {"x": normal})
    wanted = scores.argmax(axis=1) if columns > 1 else scores[:, 0] > 0.5
    assert found.kind == "model"
    np.testing.assert_array_equal(predict(found, normal), wanted)


def test_scores_of_a_class_that_no_training_row_has(normal: Rows) -> None:
    node = helper.make_node("Add", ["x", "bias"], ["y"])
    bias = np.array([0, -1e3, 0], dtype=np.float32)
    content = model([node], outputs={"y": FLOAT}, weights={"bias": bias}).SerializeToString()

    found = function(content, normal)

    assert (found.kind, found.names) == ("model", ("0", "1", "2"))
    assert found.class_agreement == (1.0, None, 1.0)
    assert predict(found, np.array([[0, 1e4, 0]], dtype=np.float32)).tolist() == [1]


def test_labels_with_gaps_are_numbered(normal: Rows) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["h"]),
        helper.make_node("ArgMax", ["h"], ["place"], axis=1, keepdims=0),
        helper.make_node("Mul", ["place", "seven"], ["label"]),
    ]
    weights = {"w": np.eye(3, dtype=np.float32), "seven": np.array(7)}
    content = model(nodes, outputs={"label": INT64}, weights=weights).SerializeToString()

    found = function(content, normal)

    assert (found.kind, found.names) == ("model", ("0", "7", "14"))
    np.testing.assert_array_equal(predict(found, normal), normal.argmax(axis=1))


def test_labels_that_no_training_row_had_get_some_place(normal: Rows) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["x", "axis"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["label"], to=INT64),
    ]
    content = model(nodes, outputs={"label": INT64}, weights={"axis": [1]}).SerializeToString()

    found = function(content, normal)

    extreme = np.array([[1e6, 0, 0], [-1e6, -1e6, -1e6], [np.nan] * 3], dtype=np.float32)
    assert found.names[-1] in {"2", "3"}
    assert set(predict(found, extreme)) <= set(range(len(found.names)))


def test_boolean_label(normal: Rows) -> None:
    nodes = [
        helper.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=1),
        helper.make_node("Greater", ["sum", "zero"], ["label"]),
    ]
    weights = {"axis": [1], "zero": np.float32(0)}
    content = model(nodes, outputs={"label": 9}, weights=weights).SerializeToString()

    found = function(content, normal)

    assert (found.kind, found.names) == ("model", ("0", "1"))
    np.testing.assert_array_equal(predict(found, normal), normal.sum(axis=1) > 0)


@pytest.mark.parametrize("opset", [9, 13, 22])
def test_other_operator_set_and_float64_are_converted(normal: Rows, opset: int) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Constant", [], ["half"], value=helper.make_tensor("t", DOUBLE, [1], [0.5])),
        helper.make_node("Add", ["h", "half"], ["moved"]),
        helper.make_node("Softmax", ["moved"], ["y"]),
    ]
    weights = np.random.default_rng(1).normal(size=(3, 4))
    network = model(nodes, outputs={"y": DOUBLE}, weights={"w": weights}, kind=DOUBLE, opsets=(("", opset),))

    found = function(network.SerializeToString(), normal)

    assert found.kind == "model"
    np.testing.assert_array_equal(predict(found, normal), (normal @ weights).argmax(axis=1))


def test_string_features_are_passed_over(normal: Rows) -> None:
    with_text = np.insert(normal, 1, np.nan, axis=1)
    text = numbers(1)[0].model_copy(update={"type": "string"})
    first, *others = numbers(3)

    found = function(linear(columns=4).SerializeToString(), with_text, features=(first, text, *others))

    assert found.kind == "model"
    plain = function(linear(columns=4).SerializeToString(), normal)
    np.testing.assert_array_equal(predict(found, with_text), predict(plain, normal))


def test_missing_and_infinite_values_give_a_class(normal: Rows) -> None:
    found = function(linear(columns=4).SerializeToString(), normal)

    codes = predict(found, np.array([[np.nan] * 3, [np.inf] * 3, [-np.inf, 0, 0]], dtype=np.float32))

    assert set(codes) <= {0, 1, 2, 3}


def test_model_that_cannot_be_embedded_gets_a_surrogate() -> None:
    rows, classes = rows_of(load_breast_cancer)
    neighbours = KNeighborsClassifier().fit(rows, np.array(["benign", "malignant"])[classes])

    found = function(exported(neighbours, rows), rows)

    assert (found.kind, found.names) == ("surrogate", ("benign", "malignant"))
    assert found.note is not None
    assert "a subgraph (Scan)" in found.note
    agreed = np.array(named(found, rows[1::2])) == neighbours.predict(rows[1::2])
    assert found.agreement == agreed.mean() > 0.9
    assert found.sha256 is not None
    check_onnx(graph_of(found, 30), source="file")


def test_same_rows_give_the_same_bytes() -> None:
    rows, classes = rows_of(load_iris)
    content = exported(RandomForestClassifier(5, random_state=0).fit(rows, classes), rows)

    first, second = (graph_of(function(content, rows), 4) for _ in range(2))

    assert first == second


def test_surrogate_tells_how_far_it_agrees_by_class(normal: Rows) -> None:
    codes = (normal[:, 0] > 0).astype(np.int64)
    select_codes = np.where(normal[:, 0] > 0, 1, 0).astype(np.int64)
    select_codes[0] = 1 - select_codes[0]

    found = surrogate(normal, codes, normal, select_codes, names=("no", "yes", "never"), features=numbers(3), seed=0)

    assert found.agreement == pytest.approx(399 / 400)
    wrong = select_codes[0]
    assert found.class_agreement[wrong] == pytest.approx(1 - 1 / (select_codes == wrong).sum())
    assert found.class_agreement[1 - wrong] == 1
    assert found.class_agreement[2] is None
    assert found.card((0, 1, 1)).model_dump()["groups"] == (0, 1, 1)


def test_surrogate_of_one_class_is_refused(normal: Rows) -> None:
    codes = np.zeros(len(normal), dtype=np.int64)

    with pytest.raises(TrainingError, match="every row to fit on is predicted as 'no'"):
        surrogate(normal, codes, normal, codes, names=("no", "yes"), features=numbers(3), seed=0)


def test_predict_of_no_rows(normal: Rows) -> None:
    found = function(linear(columns=4).SerializeToString(), normal)

    assert predict(found, normal[:0]).shape == (0,)


def test_code_classes_orders_numbers_by_value() -> None:
    names, codes = code_classes(["10", "9", "-1", "9", "other"])

    assert names == ("-1", "9", "10", "other")
    assert codes.tolist() == [2, 1, 0, 1, 3]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", None, "b", None], "2 rows have no predicted class"),
        (["a", "a"], r"every row is predicted as \['a'\]"),
        ([str(number) for number in range(101)], "101 distinct values; expected at most 100"),
    ],
)
def test_code_classes_refuses(texts: list[str | None], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        code_classes(texts)


def test_model_that_mixes_the_rows_of_a_batch_is_refused(normal: Rows) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["x", "axis"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Softmax", ["centred"], ["y"], axis=1),
    ]
    content = model(nodes, outputs={"y": FLOAT}, weights={"axis": [0]}).SerializeToString()
    skewed = normal + np.array([3, 0, 0], dtype=np.float32)

    with pytest.raises(TrainingError, match="among other rows"):
        function(content, skewed)
