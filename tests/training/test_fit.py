"""Fitting: parity, determinism, calibration, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy import stats

from guard.detectors import Detector, load_detector
from guard.detectors.detector import open_session
from guard.errors import ContractError, TrainingError
from guard.training import FittedDetector, fit_detector
from guard.training.graph.nodes import INPUT, GraphBuilder
from guard.training.learn import run
from guard.training.parts.forest import average_path_length, fit_forest, fold
from guard.training.rows.encode import describe, forest_columns, forest_matrix, raw_matrix
from guard.training.rows.frames import from_frame
from guard.training.rows.split import split_rows


def loaded(fitted: FittedDetector, tmp_path: Path) -> Detector:
    fitted.save(tmp_path / "detector.onnx")
    return load_detector(tmp_path / "detector.onnx")


Matrix = npt.NDArray[np.float32]


def expected_forest(forest: Any, fit: Matrix, rows: Matrix) -> npt.NDArray[np.float64]:
    """The binary logarithm of the paper's score, from scikit-learn's trees whose leaves count all fit rows."""
    length = np.zeros(len(rows))
    for estimator in forest.estimators_:
        counts = np.bincount(estimator.apply(fit), minlength=estimator.tree_.node_count)
        leaves = estimator.apply(rows)
        depths = np.asarray(estimator.decision_path(rows).sum(axis=1)).ravel() - 1
        length += depths + [average_path_length(max(int(counts[leaf]), 1)) for leaf in leaves]
    found: npt.NDArray[np.float64] = -(length / len(forest.estimators_) / average_path_length(len(fit)))
    return found


def test_forest_folded_without_rows_is_that_of_scikit_learn(rows: npt.NDArray[np.float64]) -> None:
    values = rows.astype(np.float32)
    dataset = from_frame(pl.DataFrame(values))
    cards = describe(dataset, fit=np.arange(len(rows)))
    columns = forest_columns(cards, values)
    forest = fit_forest(values, seed=4)
    new = np.random.default_rng(9).normal(scale=2, size=(2000, 5)).astype(np.float32)

    folded = fold(forest, columns, cards)

    graph = GraphBuilder(5)
    graph.sum_trees(INPUT, folded.trees, output="length")
    found = 2 ** run(graph.serialize(), "length", new)[:, 0]
    np.testing.assert_allclose(found, -forest.score_samples(new), atol=1e-6)


def test_forest_of_numbers_counts_all_fit_rows(rows: npt.NDArray[np.float64], tmp_path: Path) -> None:
    fit = rows[split_rows(len(rows), seed=4).fit].astype(np.float32)
    new = np.random.default_rng(9).normal(scale=2, size=(2000, 5)).astype(np.float32)

    ours = loaded(fit_detector(rows, seed=4), tmp_path).parts(new)["forest"]

    np.testing.assert_allclose(ours, expected_forest(fit_forest(fit, seed=4), fit, new), atol=1e-6)


def test_forest_on_its_own_thresholds_goes_the_way_of_scikit_learn(tmp_path: Path) -> None:
    # Few distinct values, neighbours in float32: rounding a threshold up would send them the other way.
    random = np.random.default_rng(3)
    base = np.float32(1.0)
    steps = [base]
    for _ in range(5):
        steps.append(np.nextafter(steps[-1], np.float32(2)))
    rows = random.choice(np.array(steps), size=(400, 3))
    fit = rows[split_rows(400, seed=0).fit]

    ours = loaded(fit_detector(rows), tmp_path).parts(rows)["forest"]

    np.testing.assert_allclose(ours, expected_forest(fit_forest(fit, seed=0), fit, rows), atol=1e-6)


def test_forest_of_missing_values_and_categories(frame: pl.DataFrame, tmp_path: Path) -> None:
    dataset, fit = from_frame(frame), split_rows(frame.height, seed=1).fit
    cards = describe(dataset, fit=fit)
    raw = raw_matrix(dataset, cards)
    columns = forest_columns(cards, raw[fit])
    fit_rows = forest_matrix(raw[fit], columns)
    raw[:40, 2] = -1

    ours = loaded(fit_detector(frame, seed=1), tmp_path).parts(raw)["forest"]

    expected = expected_forest(fit_forest(fit_rows, seed=1), fit_rows, forest_matrix(raw, columns))
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_same_rows_and_seed_give_the_same_bytes(frame: pl.DataFrame) -> None:
    assert fit_detector(frame, seed=5).content == fit_detector(frame, seed=5).content


def test_another_seed_gives_other_bytes(rows: npt.NDArray[np.float64]) -> None:
    assert fit_detector(rows, seed=5).digest != fit_detector(rows, seed=6).digest


def test_same_rows_in_another_container_give_the_same_features(rows: npt.NDArray[np.float64]) -> None:
    names = list("abcde")

    from_array = fit_detector(rows, names=names)
    from_table = fit_detector(pl.DataFrame(rows, schema=names))

    assert from_array.content == from_table.content


def test_p_values_follow_the_formula_on_calibration_and_new_rows(tmp_path: Path) -> None:
    # Integers of few values, so that scores tie.
    rows = np.random.default_rng(2).integers(0, 4, size=(900, 3))
    detector = loaded(fit_detector(rows, seed=7), tmp_path)
    calibration = detector.score(rows[split_rows(900, seed=7).calibrate]).score
    n = len(calibration)

    found = detector.score(np.vstack([rows, np.random.default_rng(3).integers(0, 5, size=(500, 3))]))

    tied = np.where(np.abs(calibration) > 1, calibration + 1e-4 * np.abs(calibration), calibration + 1e-4)
    at_least = (tied.astype(np.float32)[None, :] >= found.score[:, None]).sum(axis=1)
    inside = found.score <= calibration.max()
    expected = ((1 + at_least) / (n + 1)).astype(np.float32)
    assert len(np.unique(calibration)) < n
    assert n == detector.manifest.calibrations[0].n
    np.testing.assert_array_equal(found.p_value[inside], expected[inside])
    assert (found.p_value[~inside] <= np.float32(1 / (n + 1))).all()


def test_rows_alone_have_the_p_values_of_rows_together(tmp_path: Path) -> None:
    # Few distinct rows, so that calibration scores tie, and a class whose parts are rounded otherwise in a batch.
    random = np.random.default_rng(6)
    kinds = random.normal(size=(40, 5)).astype(np.float32)
    rows = kinds[random.integers(0, 40, 1500)]
    frame = pl.DataFrame(rows).with_columns(predicted=pl.Series((rows[:, 0] > 0).astype(int)))
    detector = loaded(fit_detector(frame, predictions="predicted", seed=6), tmp_path)

    together = detector.score(rows[:300])
    alone = [detector.score(row[None]) for row in rows[:300]]

    np.testing.assert_allclose([one.score[0] for one in alone], together.score, atol=1e-4)
    assert [one.p_value[0] for one in alone] == together.p_value.tolist()


def test_p_values_beyond_the_calibration_fall_as_scores_rise(rows: npt.NDArray[np.float64], tmp_path: Path) -> None:
    detector = loaded(fit_detector(rows), tmp_path)
    farther = np.zeros((60, 5))
    farther[:, 0] = np.linspace(3, 12, 60)

    found = detector.score(farther)

    ordered = found.p_value[np.argsort(found.score, kind="stable")]
    assert (np.diff(ordered) <= 0).all()
    assert ordered[-1] < 1 / (detector.manifest.calibrations[0].n + 1)
    assert len(np.unique(ordered[ordered < 1 / (detector.manifest.calibrations[0].n + 1)])) > 5


def test_p_values_of_the_graph_are_those_of_the_manifest(frame: pl.DataFrame, tmp_path: Path) -> None:
    detector = loaded(fit_detector(frame), tmp_path)
    rows = raw_matrix(from_frame(frame), detector.manifest.features)
    rows[:30, 0] = np.linspace(0, 300, 30)

    found = detector.score(rows)

    np.testing.assert_allclose(
        found.p_value, detector.manifest.calibrations[0].p_value(found.score), rtol=1e-4, atol=1e-29
    )


def test_clean_rows_are_flagged_no_more_than_promised() -> None:
    over = 0
    for seed in range(12):
        random = np.random.default_rng(1000 + seed)
        fitted = fit_detector(random.normal(size=(330, 3)), seed=seed, rates=[0.05])
        calibration = fitted.manifest.calibrations[0]
        k = int(0.05 * (calibration.n + 1) + 1e-9)
        (p_values,) = open_session(fitted.content, source="test").run(
            ["p_value"], {"x": random.normal(size=(400, 3)).astype(np.float32)}
        )
        flagged = int((p_values <= k / (calibration.n + 1) * (1 + 1e-6)).sum())
        over += flagged > stats.betabinom(400, k, calibration.n + 1 - k).ppf(0.975)

    assert over <= 2


def test_scores_of_the_bulk_do_not_tie(rows: npt.NDArray[np.float64], tmp_path: Path) -> None:
    detector = loaded(fit_detector(rows), tmp_path)

    found = detector.score(np.random.default_rng(5).normal(scale=0.8, size=(300, 5)))

    assert len(np.unique(found.p_value)) > 80


def test_golden_rows_are_no_training_rows(rows: npt.NDArray[np.float64]) -> None:
    fitted = fit_detector(rows)

    golden = {vector.x for vector in fitted.manifest.golden}

    assert len(golden) == 16
    assert not golden & {tuple(row) for row in rows.astype(np.float32).tolist()}


def test_duplicates_missing_and_constants_are_told(frame: pl.DataFrame) -> None:
    doubled = pl.concat([frame, frame.head(10)])

    fitted = fit_detector(doubled)

    assert fitted.duplicates >= 10
    assert fitted.missing["income"] == 142
    assert [card.name for card in fitted.manifest.features if card.constant] == ["version"]


def test_contract_gives_types_and_is_kept(frame: pl.DataFrame, tmp_path: Path) -> None:
    contract = '[features.version]\ntype = "category"\nnullable = true\n[features.age]\ntype = "integer"\nminimum = 0\n'

    fitted = fit_detector(frame, contract=contract)

    features = {feature.name: feature for feature in loaded(fitted, tmp_path).contract().features}
    assert features["version"].categories == ("3",)
    assert features["version"].nullable
    assert features["age"].minimum == 0


def test_contract_with_a_text_carries_it_unscored(frame: pl.DataFrame, tmp_path: Path) -> None:
    named = frame.with_columns(name=pl.Series([f"name {row}" for row in range(frame.height)]))

    detector = loaded(fit_detector(named, contract='[features.name]\ntype = "string"\n'), tmp_path)

    row = [[50.0, 20.0, 2.0, 0.0, 3.0, np.nan]]
    assert detector.contract().features[-1].type == "string"
    assert np.isfinite(detector.score(row).score).all()


def test_contract_that_contradicts_the_rows(frame: pl.DataFrame) -> None:
    with pytest.raises(ContractError, match="was fitted with it as a category"):
        fit_detector(frame, contract='[features.kind]\ntype = "number"\n')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": np.zeros((10, 2))}, "10 rows were given; expected at least 40$"),
        ({"data": np.zeros((1, 2))}, "1 row was given"),
        ({"data": np.zeros((30, 2))}, "expected at least 40, or 20 with --cross-fit"),
        ({"data": np.zeros((60, 2))}, "281 rows in all: give more, or a higher --fpr$"),
        ({"data": np.zeros((200, 2))}, "needs 99, which is 281 rows in all: .*, or --cross-fit, which"),
        ({"data": np.zeros((300, 2)), "rates": [1e-6]}, "fitting counts 200,000 at most: give a higher --fpr"),
        ({"data": np.zeros((300, 2)), "strict": True}, "needs 999, which is"),
        ({"data": np.zeros((300, 2)), "confidence": 0.95}, "with confidence 0.95 needs 299"),
        ({"data": np.zeros((300, 2)), "rates": [1.5]}, "between 0 and 1"),
        ({"data": np.zeros((300, 2)), "rates": []}, "at least one"),
        ({"data": np.zeros((300, 2)), "confidence": 1.0}, "less than 1"),
        ({"data": np.zeros(300)}, "of shape"),
        ({"data": np.zeros((300, 2)), "names": ["a"]}, "1 names were given for 2 columns"),
        ({"data": np.full((300, 2), np.nan)}, "'f0' has no value"),
        ({"data": np.full((300, 2), np.inf)}, "holds inf in row 1, counted from 1"),
        ({"data": np.full((300, 2), 1e37)}, "expected numbers up to"),
        ({"data": np.zeros((300, 2)), "drop": ["f0", "f1"]}, "no column is left"),
        ({"data": np.zeros((300, 2)), "categorical": ["g"]}, "there is no column 'g'"),
    ],
)
def test_fit_of_unusable_rows(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        fit_detector(arguments.pop("data"), **arguments)  # type: ignore[arg-type]


def test_rows_that_the_message_asks_for_are_enough() -> None:
    fit_detector(np.random.default_rng(0).normal(size=(281, 2)))


def test_rows_all_alike_give_a_detector(tmp_path: Path) -> None:
    detector = loaded(fit_detector(np.full((300, 2), 7.0)), tmp_path)

    found = detector.score([[7.0, 7.0], [7.0, 8.0]])

    assert found.p_value[0] == 1
    assert found.p_value[1] < 0.01


def test_values_close_together_and_far_from_zero_are_told_apart(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).uniform(1.6e9, 1.6e9 + 10_000, size=(800, 2))
    detector = loaded(fit_detector(rows), tmp_path)

    found = detector.score(np.vstack([rows, rows[:50] + 10_000]))

    assert (found.p_value[:800] > 0.05).mean() > 0.9
    assert (found.p_value[800:] <= 0.05).mean() > 0.9
