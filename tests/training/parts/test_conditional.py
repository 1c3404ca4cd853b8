"""Parts that know the predicted class: the graph's against their definition, and what they are for."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from onnx import ModelProto
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from guard.detectors import Detector, Judge, open_detector
from guard.detectors.votes import votes
from guard.errors import TrainingError
from guard.training import FittedDetector, fit_detector
from guard.training.graph.conditional import add_conditional
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.learn import run
from guard.training.parts.conditional import Conditional, fit_conditional
from guard.verdict import Action

Matrix = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]


def three_clouds(n: int, seed: int) -> tuple[Matrix, Codes]:
    random = np.random.default_rng(seed)
    codes = random.integers(0, 3, n)
    rows = random.normal(size=(n, 4)) + np.array([[0, 0, 0, 0], [4, 0, 0, 0], [0, 4, 0, 0]])[codes]
    rows[:, 3] = np.exp(2 * rows[:, 3])
    return rows.astype(np.float32), codes


def parts_of(conditional: Conditional, rows: Matrix, codes: Codes) -> tuple[Matrix, Matrix]:
    """Doubt and distance by the graph, whose class is the last column of its input."""
    graph = GraphBuilder(rows.shape[1] + 1)
    encoded = graph.node("Gather", INPUT, graph.constant(np.arange(rows.shape[1]), dtype=np.int64), axis=1)
    last = graph.node("Gather", INPUT, graph.constant(rows.shape[1], dtype=np.int64), axis=1)
    doubt, distance = add_conditional(graph, encoded, graph.node("Cast", last, to=7), conditional)
    graph.rename(doubt, "doubt")
    graph.rename(distance, "distance")
    graph.export("doubt", ["N", 1])
    graph.export("distance", ["N", 1])
    content, given = graph.serialize(), np.column_stack([rows, codes]).astype(np.float32)
    return run(content, "doubt", given)[:, 0], run(content, "distance", given)[:, 0]


def test_doubt_is_minus_the_logarithm_of_the_forest_probability() -> None:
    rows, codes = three_clouds(600, 0)
    conditional = fit_conditional(rows, codes, n_classes=3, seed=0)
    new, wanted = three_clouds(300, 1)

    doubt, _ = parts_of(conditional, new, wanted)

    forest = conditional.forest
    shares = forest.predict_proba(new)[np.arange(300), wanted]  # type: ignore[attr-defined]
    np.testing.assert_allclose(doubt, -np.log(shares + 0.01), rtol=1e-4, atol=1e-5)


def test_distance_is_that_of_mahalanobis_to_the_class() -> None:
    rows, codes = three_clouds(3000, 0)
    rows[:, 3] = np.random.default_rng(5).normal(size=3000)
    conditional = fit_conditional(rows, codes, n_classes=3, seed=0)
    new, wanted = rows[:200], codes[:200]

    _, distance = parts_of(conditional, new, wanted)

    for code in range(3):
        members = rows[codes == code].astype(np.float64)
        centred = new[wanted == code] - members.mean(axis=0)
        exact = np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(members.T)), centred)
        np.testing.assert_allclose(np.exp(distance[wanted == code]), exact, rtol=0.05, atol=0.05)


def test_heavy_columns_are_taken_by_their_logarithm() -> None:
    rows, codes = three_clouds(600, 0)

    found = fit_conditional(rows, codes, n_classes=3, seed=0).gaussians

    assert found.heavy.tolist() == [False, False, False, True]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e20, -1e30])
def test_parts_of_what_is_far_are_finite(value: float) -> None:
    rows, codes = three_clouds(600, 0)
    conditional = fit_conditional(rows, codes, n_classes=3, seed=0)
    far = np.array([[value, 0, 0, value]], dtype=np.float32)

    assert np.isfinite(parts_of(conditional, far, np.array([1]))).all()


def test_distances_by_a_shared_covariance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guard.training.parts.conditional.MOST_NUMBERS", 0)
    rows, codes = three_clouds(3000, 0)
    rows[:, 3] = np.random.default_rng(5).normal(size=3000)
    conditional = fit_conditional(rows, codes, n_classes=3, seed=0)

    _, distance = parts_of(conditional, rows[:200], codes[:200])

    # The clouds are alike, so what they share is each one's own.
    centred = rows[:200] - np.array([[0, 0, 0, 0], [4, 0, 0, 0], [0, 4, 0, 0]])[codes[:200]]
    assert conditional.gaussians.whitening.shape == (1, 4, 4)
    np.testing.assert_allclose(np.exp(distance), (centred**2).sum(axis=1), rtol=0.25, atol=0.25)


def test_classes_without_rows_are_as_far_as_the_others_allow() -> None:
    rows, codes = three_clouds(600, 0)
    conditional = fit_conditional(rows[codes < 2], codes[codes < 2], n_classes=4, seed=0)

    doubt, distance = parts_of(conditional, rows[:5], np.full(5, 3))

    np.testing.assert_allclose(doubt, -np.log(0.01), rtol=1e-5)
    assert np.isfinite(distance).all()


@pytest.fixture(scope="module")
def modelled() -> tuple[FittedDetector, Detector, LogisticRegression]:
    """A detector that has a model of three classes inside, fitted to rows that the model hasn't seen."""
    rows, codes = three_clouds(900, 10)
    model = LogisticRegression(max_iter=500).fit(rows[:, :3], codes)
    content = to_model(model)
    fitted = fit_detector(three_clouds(4000, 11)[0][:, :3], model=content, seed=1)
    return fitted, open_detector(fitted.content, source="test"), model


def to_model(model: LogisticRegression) -> bytes:
    found: ModelProto = to_onnx(
        model,
        np.zeros((1, 3), dtype=np.float32),
        options={"zipmap": False},
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    content: bytes = found.SerializeToString()
    return content


def test_classes_of_the_detector_are_those_of_the_model(
    modelled: tuple[FittedDetector, Detector, LogisticRegression],
) -> None:
    _, detector, model = modelled
    rows = three_clouds(500, 12)[0][:, :3]

    found = detector.classes(rows)

    assert found is not None
    np.testing.assert_array_equal(found, model.predict(rows))
    assert detector.manifest.classes is not None
    assert detector.manifest.classes.kind == "model"


def test_each_class_has_its_own_calibration(modelled: tuple[FittedDetector, Detector, LogisticRegression]) -> None:
    fitted, detector, _ = modelled
    rows = three_clouds(3000, 13)[0][:, :3]

    found = detector.score(rows)

    assert [calibration.n > 300 for calibration in fitted.manifest.calibrations] == [True] * 3
    assert found.group is not None
    np.testing.assert_array_equal(found.group, detector.classes(rows))
    for group, calibration in enumerate(fitted.manifest.calibrations):
        mine = found.group == group
        np.testing.assert_allclose(found.p_value[mine], calibration.p_value(found.score[mine]), rtol=1e-4)
        assert np.mean(found.p_value[mine] <= 0.1) < 0.14


def test_score_by_classes_is_the_highest_vote(modelled: tuple[FittedDetector, Detector, LogisticRegression]) -> None:
    _, detector, _ = modelled
    rows = np.random.default_rng(0).normal(scale=4, size=(400, 3)).astype(np.float32)
    found = detector.score(rows)
    parts = np.stack(list(detector.parts(rows).values()), axis=1)

    by_vote = votes(parts, detector.manifest.parts, found.group)

    np.testing.assert_allclose(found.score, np.max(list(by_vote.values()), axis=0), rtol=1e-3, atol=1e-3)
    assert {"class", "class_distance"} <= set(by_vote)


def test_mimicry_is_seen_by_class_and_hardly_without() -> None:
    # The model looks at two of thirty features; the attacker gives a row of class 0 those of a row of class 1.
    random = np.random.default_rng(18)
    codes = random.integers(0, 2, 6000)
    gap = np.array([3.0] * 2 + [0.8] * 28)
    rows = (random.normal(size=(6000, 30)) + gap * codes[:, None]).astype(np.float32)
    model = LogisticRegression(C=1e3).fit(rows[:1000, :2], codes[:1000])
    model.coef_ = np.concatenate([model.coef_, np.zeros((1, 28))], axis=1)
    model.n_features_in_ = 30
    mimics = rows[4500:][codes[4500:] == 0]
    mimics[:, :2] = rows[4500:][codes[4500:] == 1][:, :2][np.arange(len(mimics)) % 700]
    mimics = mimics[model.predict(mimics) == 1]
    found = to_onnx(
        model, rows[:1], options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3}
    ).SerializeToString()

    by_class, without = (
        open_detector(fit_detector(rows[1000:4500], seed=1, **options).content, source="test").score(mimics).p_value
        for options in ({"model": found}, {})
    )

    assert len(mimics) > 500
    assert (by_class <= 0.05).mean() > 2 * (without <= 0.05).mean()


def test_clean_rows_are_flagged_no_more_than_promised_in_each_class(
    modelled: tuple[FittedDetector, Detector, LogisticRegression],
) -> None:
    _, detector, _ = modelled
    judge = Judge.for_detector(detector.manifest, flag_fpr=0.02, reject_fpr=0.001, per="instance")
    rows = three_clouds(6000, 15)[0][:, :3]
    found = detector.score(rows)
    assert found.group is not None

    evidence = judge.judge(found.p_value.astype(np.float64), found.group)

    flagged = np.zeros(len(rows))
    flagged[[outlier.instance for outlier in evidence.outliers if outlier.action is not Action.ALLOW]] = 1
    for group in range(3):
        assert flagged[found.group == group].mean() < 0.035


def test_a_column_of_predictions_makes_a_surrogate() -> None:
    rows, codes = three_clouds(3000, 16)
    frame = pl.DataFrame(rows[:, :3], schema=["a", "b", "c"]).with_columns(
        predicted=pl.Series(["low", "mid", "high"]).gather(codes)
    )

    fitted = fit_detector(frame, predictions="predicted")

    assert fitted.manifest.classes is not None
    assert fitted.manifest.classes.kind == "surrogate"
    assert fitted.manifest.names == ("a", "b", "c")
    assert fitted.manifest.options.predictions == "predicted"
    detector = open_detector(fitted.content, source="test")
    found = detector.classes(rows[:500, :3])
    assert found is not None
    told = np.array(fitted.manifest.classes.names)[found]
    assert (told == np.array(["low", "mid", "high"])[codes[:500]]).mean() > 0.9


def test_a_model_and_predictions_are_refused() -> None:
    rows, codes = three_clouds(600, 17)
    frame = pl.DataFrame(rows[:, :3], schema=["a", "b", "c"]).with_columns(predicted=pl.Series(codes))

    with pytest.raises(TrainingError, match="give the model alone"):
        fit_detector(frame, predictions="predicted", model=b"")
