"""Trees fitted to predictions: the same class as scikit-learn's, wherever a missing value goes."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from guard.detectors.detector import open_session
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.protected.surrogate import Surrogate, fit_surrogate
from tests.training.onnx_models import numbers

N_FEATURES = 6


def run(found: Surrogate, rows: np.ndarray) -> np.ndarray:
    graph = GraphBuilder(N_FEATURES)
    graph.export(found.add(graph, INPUT), ["N"], integral=True)
    result: np.ndarray = open_session(graph.serialize(), source="graph").run(None, {INPUT: rows})[0]
    return result


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    random = np.random.default_rng(3)
    values = random.normal(size=(1500, N_FEATURES)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    return values


@pytest.mark.parametrize(("n_classes", "rounds"), [(2, 75), (3, 50), (5, 30), (20, 10)])
def test_fold_gives_the_class_of_scikit_learn(rows: np.ndarray, n_classes: int, rounds: int) -> None:
    place = np.nan_to_num(rows).clip(-3, 3) @ np.linspace(1, 2, N_FEATURES)
    codes = np.digitize(place, np.quantile(place, np.linspace(0, 1, n_classes + 1)[1:-1])).astype(np.int64)
    booster = HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False, random_state=0).fit(rows, codes)

    found = fit_surrogate(rows, codes, n_classes=n_classes, features=numbers(N_FEATURES, nullable=True), seed=0)

    np.testing.assert_array_equal(run(found, rows), booster.predict(rows))


def test_class_that_no_row_has_is_never_given(rows: np.ndarray) -> None:
    codes = np.where(rows[:, 1] > 0, 3, 1).astype(np.int64)

    found = fit_surrogate(rows, codes, n_classes=5, features=numbers(N_FEATURES, nullable=True), seed=0)

    assert set(run(found, rows)) == {1, 3}
    assert (run(found, rows) == codes).mean() > 0.99


def test_string_feature_is_not_looked_at(rows: np.ndarray) -> None:
    codes = (rows[:, 0] > 0).astype(np.int64)
    text, *others = numbers(N_FEATURES, nullable=True)
    features = (text.model_copy(update={"type": "string"}), *others)
    without = rows.copy()
    without[:, 0] = np.nan

    found = fit_surrogate(rows, codes, n_classes=2, features=features, seed=0)

    np.testing.assert_array_equal(run(found, rows), run(found, without))
