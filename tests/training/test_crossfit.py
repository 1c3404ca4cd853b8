"""Cross-fitting: few rows, each of which fits and calibrates."""

import numpy as np
import pytest

from guard.detectors import open_detector
from guard.errors import TrainingError
from guard.training import fit_detector
from guard.training.crossfit import with_ranges_of


def test_all_rows_calibrate() -> None:
    rows = np.random.default_rng(0).normal(size=(150, 4))

    fitted = fit_detector(rows, cross_fitted=True)

    assert [calibration.n for calibration in fitted.manifest.calibrations] == [150]
    assert fitted.manifest.options.cross_fit
    assert fitted.measured is not None
    assert 0 <= fitted.measured <= 0.05


def test_rows_too_few_to_split_are_enough() -> None:
    rows = np.random.default_rng(1).normal(size=(120, 3))

    with pytest.raises(TrainingError, match="needs 99, which is 281 rows"):
        fit_detector(rows)
    fit_detector(rows, cross_fitted=True)


def test_rows_too_few_at_all_are_told() -> None:
    with pytest.raises(TrainingError, match=r"60 to calibrate; a rate of 0\.01 needs 99: give more"):
        fit_detector(np.random.default_rng(1).normal(size=(60, 3)), cross_fitted=True)


def test_new_clean_rows_are_flagged_about_as_often_as_asked() -> None:
    rates = []
    for seed in range(5):
        random = np.random.default_rng(seed)
        detector = open_detector(
            fit_detector(random.normal(size=(300, 4)), cross_fitted=True, rates=[0.05]).content, source="test"
        )
        rates.append(np.mean(detector.score(random.normal(size=(2000, 4))).p_value <= 0.05))

    assert 0.01 < np.mean(rates) < 0.065


def test_outliers_of_a_cross_fitted_detector_are_found() -> None:
    detector = open_detector(
        fit_detector(np.random.default_rng(2).normal(size=(200, 3)), cross_fitted=True).content, source="test"
    )

    assert detector.score([[8, -8, 8]]).p_value[0] < 0.01


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = np.random.default_rng(3).normal(size=(150, 3))

    assert fit_detector(rows, cross_fitted=True).content == fit_detector(rows, cross_fitted=True).content


def test_ranges_are_those_of_the_rows_given() -> None:
    rows = np.random.default_rng(4).normal(size=(300, 2)).astype(np.float32)
    features = fit_detector(rows).manifest.features

    found = with_ranges_of(features, rows[:10])

    assert (found[0].minimum, found[1].maximum) == (rows[:10, 0].min(), rows[:10, 1].max())
