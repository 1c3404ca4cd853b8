"""A detector's calibration on fresh rows."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from guard.detectors import Detector
from guard.detectors.detector import open_detector
from guard.errors import TrainingError
from guard.training import fit_detector
from guard.training.recalibrate import Recalibrated, distance_from, recalibrate_detector
from guard.training.rows.stream import open_stream


@pytest.fixture(scope="module")
def detector(rows: np.ndarray) -> Detector:
    return open_detector(fit_detector(rows, rates=[0.02, 0.001]).content, source="the test's")


def fresh(n: int, seed: int = 5, **normal: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5), **normal)


def recalibrated(detector: Detector, rows: np.ndarray, tmp_path: Path, **options: object) -> Recalibrated:
    np.save(tmp_path / "fresh.npy", rows)
    return recalibrate_detector(detector, open_stream(tmp_path / "fresh.npy", detector.manifest), **options)  # type: ignore[arg-type]


def test_p_values_are_those_of_the_fresh_rows_and_scores_stay(detector: Detector, tmp_path: Path) -> None:
    rows, others = fresh(700), fresh(50, seed=6)

    found = recalibrated(detector, rows, tmp_path)
    loaded = open_detector(found.content, source="the test's")

    np.testing.assert_array_equal(loaded.score(others).score, detector.score(others).score)
    calibration = detector.score(rows).score
    counted = (1 + (calibration[None, :] >= detector.score(others).score[:, None]).sum(axis=1)) / 701
    inside = counted > 1 / 701
    np.testing.assert_allclose(loaded.score(others).p_value[inside], counted[inside], rtol=1e-6)


def test_the_manifest_says_what_was_done(detector: Detector, tmp_path: Path) -> None:
    found = recalibrated(detector, fresh(700), tmp_path)

    manifest = open_detector(found.content, source="the test's").manifest
    assert manifest == found.manifest
    assert manifest.recalibration is not None
    assert (manifest.recalibration.parent_sha256, manifest.recalibration.n) == (detector.digest, 700)
    assert manifest.training_sha256 == detector.manifest.training_sha256 != manifest.recalibration.rows_sha256
    assert [calibration.n for calibration in manifest.calibrations] == [700]
    assert manifest.calibrations[0].rates == (0.02, 0.001)
    assert found.concerns == ()


def test_the_same_rows_give_the_same_bytes(detector: Detector, tmp_path: Path) -> None:
    assert recalibrated(detector, fresh(300), tmp_path).content == recalibrated(detector, fresh(300), tmp_path).content


def test_rates_and_confidence_can_be_others(detector: Detector, tmp_path: Path) -> None:
    found = recalibrated(detector, fresh(700), tmp_path, rates=[0.01, 0.05], confidence=0.9)

    assert found.manifest.calibrations[0].rates == (0.05, 0.01)
    assert found.manifest.calibrations[0].confidence == 0.9


@pytest.mark.parametrize(
    ("n", "strict", "needed"), [(48, False, r"a rate of 0\.02 needs 49"), (500, True, "a rate of 0.001 needs 999")]
)
def test_rows_too_few_are_refused(detector: Detector, tmp_path: Path, n: int, strict: bool, needed: str) -> None:
    with pytest.raises(TrainingError, match=needed):
        recalibrated(detector, fresh(n), tmp_path, strict=strict)


@pytest.mark.parametrize("n", [1, 19])
def test_fewer_than_twenty_rows_are_refused_whatever_the_rate(detector: Detector, tmp_path: Path, n: int) -> None:
    with pytest.raises(TrainingError, match=f"{n} fresh rows have a score; expected at least 20"):
        recalibrated(detector, fresh(n), tmp_path, rates=[0.6])
    assert recalibrated(detector, fresh(20), tmp_path, rates=[0.6]).manifest.calibrations[0].n == 20


def test_the_training_rows_are_refused(detector: Detector, rows: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the rows that the detector was fitted to"):
        recalibrated(detector, rows, tmp_path)


def test_rows_of_another_kind_are_told(detector: Detector, tmp_path: Path) -> None:
    found = recalibrated(detector, fresh(700, scale=1.5), tmp_path)

    assert len(found.concerns) == 2
    assert "are flagged by the old calibration" in found.concerns[0]
    assert "differ strongly" in found.concerns[1]


def test_rows_without_score_are_left_out_and_told(detector: Detector, tmp_path: Path) -> None:
    rows = fresh(700)
    rows[:7, 2] = np.nan

    found = recalibrated(detector, rows, tmp_path)

    assert found.manifest.calibrations[0].n == 693
    assert found.concerns == ("7 rows lack a value that may not be missing: they have no score, and weren't used",)


@pytest.mark.parametrize("scale", [1.0, 1.2])
def test_distance_is_scipys(detector: Detector, rows: np.ndarray, scale: float) -> None:
    calibration = detector.manifest.calibrations[0]
    kept = np.repeat(calibration.scores, -np.diff([calibration.n, *calibration.above]))
    scores = detector.score(fresh(400, scale=scale)).score
    expected = stats.ks_2samp(kept, scores, method="asymp")

    distance, chance = distance_from(calibration, scores)

    assert distance == pytest.approx(expected.statistic, abs=1e-9)
    assert (chance < 0.001) == (expected.pvalue < 0.001)


def test_each_group_of_classes_is_calibrated_anew(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = pl.DataFrame(random.normal(size=(1200, 3)), schema=["a", "b", "c"])
    predicted = rows.with_columns(model=(pl.col("a") > 0).cast(pl.String))
    detector = open_detector(fit_detector(predicted, predictions="model", rates=[0.02]).content, source="the test's")
    assert len(detector.manifest.calibrations) == 2

    found = recalibrated(detector, random.normal(size=(500, 3)), tmp_path)
    lopsided = np.abs(random.normal(size=(500, 3)))

    assert sum(calibration.n for calibration in found.manifest.calibrations) == 500
    assert open_detector(found.content, source="the test's").manifest == found.manifest
    with pytest.raises(TrainingError, match=r"fresh rows of class false have a score; a rate of 0\.02 needs 49"):
        recalibrated(detector, lopsided, tmp_path)
