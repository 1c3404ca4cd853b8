"""What is to be said against rows."""

import numpy as np
import polars as pl
import pytest

from guard.detectors import Manifest
from guard.detectors.classes import ClassCard
from guard.detectors.promise import Promise
from guard.training import fit_detector
from guard.training.concerns import concerns_of_fit, concerns_of_fresh_rows, concerns_of_names, rows_in_all
from guard.training.rows.breaches import Breaches
from guard.training.rows.drift import Drift


@pytest.fixture(scope="module")
def manifest(rows: np.ndarray) -> Manifest:
    return fit_detector(rows, rates=[0.01]).manifest


def test_rows_without_fault_cause_no_concern(manifest: Manifest) -> None:
    assert concerns_of_fit(manifest) == ()


def test_each_fact_is_told(manifest: Manifest) -> None:
    breaches = Breaches(3, 500, {"f0": 3}, sampled=False)

    found = concerns_of_fit(
        manifest,
        duplicates=12,
        missing={"f1": 251, "f2": 250},
        breaches=breaches,
        drifts=[Drift("f3", 0.25)],
    )

    assert [sentence.split(":")[0].split(";")[0] for sentence in found] == [
        "3 of 500 rows break the contract and would be refused",
        "the first and the last rows of the file differ in",
        "12 rows are the same as an earlier one",
        "most of the 500 rows have no value of",
    ]
    assert "f3 (0.25)" in found[1]
    assert found[3].endswith(": f1 (251)")


def test_constants_and_rates_that_are_not_carried_are_told(frame: pl.DataFrame) -> None:
    fitted = fit_detector(frame, rates=[0.01, 0.001])

    found = concerns_of_fit(fitted.manifest)

    assert any("the rate 0.001 isn't carried by 245 calibration rows" in sentence for sentence in found)
    assert any("the same in all rows that fit: version;" in sentence for sentence in found)


def test_a_rate_that_a_class_does_not_carry_is_told_with_the_class_and_its_share(manifest: Manifest) -> None:
    calibration = manifest.calibrations[0].model_copy(update={"n": 400, "rates": (0.01, 0.001)})
    rare = calibration.model_copy(update={"n": 100})
    card = ClassCard(
        names=("a", "b"), kind="surrogate", agreement=1.0, class_agreement=(1.0, 1.0), note=None, groups=(1, 0)
    )

    found = concerns_of_fit(manifest.model_copy(update={"classes": card, "calibrations": (calibration, rare)}))

    # With a fifth of the calibration rows, 999 take 4,995 in all: 35 % of 14,269 rows, rounded up.
    assert [sentence for sentence in found if "class a" in sentence] == [
        (
            "the rate 0.001 isn't carried by 100 calibration rows of class a, so that nothing is promised; 999 would: "
            "about 14,269 rows in all, if as many of them are of this class"
        )
    ]
    assert sum("of class b" in sentence for sentence in found) == 1


def test_cross_fitted_rows_all_fit_and_calibrate() -> None:
    rows = np.random.default_rng(0).normal(size=(120, 16))

    found = concerns_of_fit(fit_detector(rows, cross_fitted=True, rates=[0.01, 0.001]).manifest)

    assert found == ("the rate 0.001 isn't carried by 120 calibration rows, so that nothing is promised; 999 would",)


@pytest.mark.parametrize(
    ("share", "cross_fit", "expected"), [(1.0, False, 2852), (1.0, True, 999), (0.5, True, 1998), (0.001, False, None)]
)
def test_rows_in_all(share: float, cross_fit: bool, expected: int | None) -> None:
    assert rows_in_all(Promise(0.001, 100), share=share, cross_fit=cross_fit) == expected


def test_one_row_is_a_row(manifest: Manifest) -> None:
    assert concerns_of_fit(manifest, duplicates=1)[0].startswith("1 row is the same as an earlier one")


def test_few_rows_for_many_features_are_told() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 40))

    found = concerns_of_fit(fit_detector(rows, rates=[0.01]).manifest)

    assert found == ("150 rows to fit 40 features are few: much that is usual will look unusual",)


def test_classes_that_the_detector_hardly_knows_are_told(manifest: Manifest) -> None:
    card = ClassCard(names=("a", "b"), kind="surrogate", agreement=0.8, class_agreement=(0.9, None), note="too large")

    found = concerns_of_fit(manifest.model_copy(update={"classes": card}))

    assert found[0] == "too large"
    assert found[1].startswith("the detector gives only 80.0% of the select rows the class that was predicted")


@pytest.mark.parametrize(("names", "count"), [(["1", "2.5"], 1), (["1", "x"], 0), ([], 0)])
def test_names_that_are_numbers(names: list[str], count: int) -> None:
    assert len(concerns_of_names(names)) == count


@pytest.mark.parametrize(
    ("flagged", "distance", "chance", "told"),
    [
        (10, 0.05, 1e-9, []),
        (10, 0.3, 0.2, []),
        (200, 0.05, 1e-9, ["200 of 1,000 fresh rows (20.00%) are flagged"]),
        (10, 0.3, 1e-9, ["the fresh rows' scores differ strongly"]),
    ],
)
def test_fresh_rows_that_are_another_kind(flagged: int, distance: float, chance: float, told: list[str]) -> None:
    found = concerns_of_fresh_rows(
        promise=Promise(0.01, 999), flagged=flagged, n_rows=1000, unscored=0, distance=distance, chance=chance
    )

    assert len(found) == len(told)
    assert all(sentence.startswith(start) for sentence, start in zip(found, told, strict=True))


def test_unscored_fresh_rows_are_told() -> None:
    found = concerns_of_fresh_rows(
        promise=Promise(0.01, 999), flagged=0, n_rows=1000, unscored=3, distance=0.0, chance=1.0
    )

    assert found == ("3 rows lack a value that may not be missing: they have no score, and weren't used",)
