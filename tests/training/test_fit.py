"""Fitting: parity, determinism, calibration, and what is refused."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy import stats

from guard.detectors import Detector, load_detector
from guard.detectors.detector import open_session
from guard.errors import ContractError, TrainingError
from guard.training import FittedDetector, fit_detector
from guard.training.data import from_frame
from guard.training.encode import describe, forest_columns, forest_matrix, raw_matrix
from guard.training.forest import fit_forest
from guard.training.split import split_rows


def loaded(fitted: FittedDetector, tmp_path: Path) -> Detector:
    fitted.save(tmp_path / "detector.onnx")
    return load_detector(tmp_path / "detector.onnx")


def test_forest_of_numbers_is_that_of_scikit_learn(rows: npt.NDArray[np.float64], tmp_path: Path) -> None:
    fit = split_rows(len(rows), seed=4).fit
    theirs = fit_forest(rows[fit].astype(np.float32), seed=4)
    new = np.random.default_rng(9).normal(scale=2, size=(2000, 5)).astype(np.float32)

    ours = loaded(fit_detector(rows, seed=4), tmp_path).parts(new)["forest"]

    np.testing.assert_allclose(ours, -theirs.score_samples(new), atol=1e-6)


def test_forest_on_its_own_thresholds_is_that_of_scikit_learn(tmp_path: Path) -> None:
    # Few distinct values, neighbours in float32: rounding a threshold up would send them the other way.
    random = np.random.default_rng(3)
    base = np.float32(1.0)
    steps = [base]
    for _ in range(5):
        steps.append(np.nextafter(steps[-1], np.float32(2)))
    rows = random.choice(np.array(steps), size=(400, 3))
    theirs = fit_forest(rows[split_rows(400, seed=0).fit], seed=0)

    ours = loaded(fit_detector(rows), tmp_path).parts(rows)["forest"]

    np.testing.assert_allclose(ours, -theirs.score_samples(rows), atol=1e-6)


def test_forest_of_missing_values_and_categories_is_that_of_scikit_learn(frame: pl.DataFrame, tmp_path: Path) -> None:
    dataset, fit = from_frame(frame), split_rows(frame.height, seed=1).fit
    cards = describe(dataset, fit=fit)
    raw = raw_matrix(dataset, cards)
    columns = forest_columns(cards, raw[fit])
    theirs = fit_forest(forest_matrix(raw[fit], columns, n_fit=len(fit)), seed=1)
    raw[:40, 2] = -1

    ours = loaded(fit_detector(frame, seed=1), tmp_path).parts(raw)["forest"]

    expected = -theirs.score_samples(forest_matrix(raw, columns, n_fit=len(fit)))
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

    at_least = (calibration[None, :] >= found.score[:, None]).sum(axis=1)
    inside = found.score <= calibration.max()
    expected = ((1 + at_least) / (n + 1)).astype(np.float32)
    assert len(np.unique(calibration)) < n
    assert n == detector.manifest.calibration.n
    np.testing.assert_array_equal(found.p_value[inside], expected[inside])
    assert (found.p_value[~inside] <= np.float32(1 / (n + 1))).all()


def test_p_values_beyond_the_calibration_fall_as_scores_rise(rows: npt.NDArray[np.float64], tmp_path: Path) -> None:
    detector = loaded(fit_detector(rows), tmp_path)
    farther = np.zeros((60, 5))
    farther[:, 0] = np.linspace(3, 12, 60)

    found = detector.score(farther)

    ordered = found.p_value[np.argsort(found.score, kind="stable")]
    assert (np.diff(ordered) <= 0).all()
    assert ordered[-1] < 1 / (detector.manifest.calibration.n + 1)
    assert len(np.unique(ordered[ordered < 1 / (detector.manifest.calibration.n + 1)])) > 5


def test_p_values_of_the_graph_are_those_of_the_manifest(frame: pl.DataFrame, tmp_path: Path) -> None:
    detector = loaded(fit_detector(frame), tmp_path)
    rows = raw_matrix(from_frame(frame), detector.manifest.features)
    rows[:30, 0] = np.linspace(0, 300, 30)

    found = detector.score(rows)

    np.testing.assert_allclose(found.p_value, detector.manifest.calibration.p_value(found.score), rtol=1e-4, atol=1e-29)


def test_clean_rows_are_flagged_no_more_than_promised() -> None:
    over = 0
    for seed in range(12):
        random = np.random.default_rng(1000 + seed)
        fitted = fit_detector(random.normal(size=(330, 3)), seed=seed, rates=[0.05])
        calibration = fitted.manifest.calibration
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
        ({"data": np.zeros((10, 2))}, "expected at least 40"),
        ({"data": np.zeros((200, 2))}, "needs 99, which is 281 rows in all"),
        ({"data": np.zeros((300, 2)), "strict": True}, "needs 999, which is"),
        ({"data": np.zeros((300, 2)), "confidence": 0.95}, "with confidence 0.95 needs 299"),
        ({"data": np.zeros((300, 2)), "rates": [1.5]}, "between 0 and 1"),
        ({"data": np.zeros((300, 2)), "rates": []}, "at least one"),
        ({"data": np.zeros((300, 2)), "confidence": 1.0}, "less than 1"),
        ({"data": np.zeros(300)}, "of shape"),
        ({"data": np.zeros((300, 2)), "names": ["a"]}, "1 names were given for 2 columns"),
        ({"data": np.full((300, 2), np.nan)}, "'f0' has no value"),
        ({"data": np.full((300, 2), np.inf)}, "holds inf in row 0"),
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


def test_values_close_together_and_far_from_zero_stay_in_range(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).uniform(1.6e9, 1.6e9 + 1000, size=(400, 2))
    detector = loaded(fit_detector(rows), tmp_path)

    fit = split_rows(400, seed=0).fit

    assert (detector.parts(rows[fit])["range"] <= 0).all()
