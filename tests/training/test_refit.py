"""Fitting a detector again to the same rows."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from guard.detectors import Detector
from guard.detectors.detector import open_detector
from guard.errors import TrainingError
from guard.training import fit_detector
from guard.training.refit import Check, check_refit, check_rows, compare, inspect, refit

CONTRACT = '[features.kind]\ntype = "category"\nnullable = true\n'


def outcomes(checks: list[Check]) -> list[str]:
    return [check.outcome for check in checks]


@pytest.fixture(scope="module")
def fitted(frame: pl.DataFrame) -> Detector:
    content = fit_detector(
        frame, drop=["version"], contract=CONTRACT, seed=5, rates=[0.02], confidence=0.9, categorical=["vip"]
    ).content
    return open_detector(content, source="the test's")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_same_rows_and_options_give_the_same_bytes(
    fitted: Detector, frame: pl.DataFrame, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"rows.{ending}"
    frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)

    again = refit(fitted, path)

    assert again.content == fitted.content
    assert outcomes(list(compare(fitted, again, path))) == ["ok"]
    assert check_rows(fitted, path).outcome == "ok"


def test_rows_of_an_array(rows: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", rows)
    detector = open_detector(fit_detector(rows, drop=["f1"]).content, source="the test's")

    again = refit(detector, tmp_path / "rows.npy")

    assert again.content == detector.content


def test_other_rows_are_told(fitted: Detector, frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.reverse().write_parquet(tmp_path / "rows.parquet")

    (check,) = compare(fitted, refit(fitted, tmp_path / "rows.parquet"), tmp_path / "rows.parquet")

    assert check.outcome == "failed"
    assert "the rows, their order or the columns" in check.text
    assert check_rows(fitted, tmp_path / "rows.parquet") == check


@pytest.mark.parametrize("change", ["few", "fewer columns", "other types"])
def test_other_rows_are_told_before_anything_is_fitted(
    fitted: Detector, frame: pl.DataFrame, tmp_path: Path, change: str
) -> None:
    changed = {
        "few": frame.head(3),
        "fewer columns": frame.drop("age"),
        "other types": frame.with_columns(age=pl.lit("old")),
    }[change]
    changed.write_csv(tmp_path / "rows.csv")
    steps: list[str] = []

    (check,) = check_refit(fitted, tmp_path / "rows.csv", on_step=steps.append)

    assert check.outcome == "failed"
    assert "the rows, their order or the columns" in check.text
    assert not steps


@pytest.mark.parametrize("ending", ["csv", "npy", "parquet", "txt"])
def test_file_that_is_not_there_is_a_failed_check(fitted: Detector, tmp_path: Path, ending: str) -> None:
    (check,) = check_refit(fitted, tmp_path / f"none.{ending}")

    assert check.outcome == "failed"
    assert "is not a file" in check.text


def test_code_that_differs_is_named_beside_an_altered_file(
    fitted: Detector, frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_parquet(tmp_path / "rows.parquet")
    altered = open_detector(fitted.content, source="the test's")
    altered.content = b"other bytes"

    checks = list(check_refit(altered, tmp_path / "rows.parquet"))

    assert outcomes(checks) == ["ok", "failed", "ok"]
    assert "or guard's own code of the same version differs" in checks[1].text


def test_another_seed_is_told_by_bytes_and_scores(fitted: Detector, frame: pl.DataFrame, tmp_path: Path) -> None:
    kept = frame.drop("version")
    kept.write_parquet(tmp_path / "rows.parquet")
    one = open_detector(fit_detector(kept, seed=1).content, source="one")
    other = fit_detector(kept, seed=2)
    # The same digest, though the shares are others: there is a range at most that differs.
    same_rows = other.manifest.training_sha256 == one.manifest.training_sha256

    checks = list(compare(one, other, tmp_path / "rows.parquet"))

    assert outcomes(checks) == (["failed", "failed"] if same_rows else ["failed"])


def test_other_versions_demand_scores_within_the_tolerance(
    fitted: Detector, frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_parquet(tmp_path / "rows.parquet")
    again = refit(fitted, tmp_path / "rows.parquet")
    older = fitted.manifest.model_copy(update={"versions": fitted.manifest.versions.model_copy(update={"onnx": "1.0"})})
    built_elsewhere = open_detector(fitted.content, source="the test's")
    built_elsewhere.manifest = older
    built_elsewhere.content = b"other bytes"

    checks = list(compare(built_elsewhere, again, tmp_path / "rows.parquet"))

    assert outcomes(checks) == ["note", "ok"]
    assert "onnx" in checks[0].text
    assert "where it was 1.0" in checks[0].text
    assert "all 700 rows score alike: within 0, demanded 0.0001" in checks[1].text


def test_inspect_of_a_whole_file(fitted: Detector, tmp_path: Path) -> None:
    (tmp_path / "d.onnx").write_bytes(fitted.content)

    for demanded in (fitted.digest, f"sha256:{fitted.digest.upper()}"):
        found, checks = inspect(tmp_path / "d.onnx", sha256=demanded)

        assert found is not None
        assert outcomes(checks) == ["ok", "ok", "ok"]

    assert outcomes(inspect(tmp_path / "d.onnx")[1]) == ["note", "ok", "ok"]


def test_inspect_of_another_file(fitted: Detector, tmp_path: Path) -> None:
    (tmp_path / "d.onnx").write_bytes(fitted.content)

    found, checks = inspect(tmp_path / "d.onnx", sha256=hashlib.sha256(b"").hexdigest())

    assert found is None
    assert outcomes(checks) == ["failed"]


def test_inspect_of_a_cut_file_and_of_none(fitted: Detector, tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(fitted.content[:-100])
    (tmp_path / "empty.onnx").write_bytes(b"")

    assert outcomes(inspect(tmp_path / "cut.onnx")[1]) == ["note", "failed"]
    assert outcomes(inspect(tmp_path / "empty.onnx")[1]) == ["failed"]
    assert outcomes(inspect(tmp_path / "none.onnx")[1]) == ["failed"]


@pytest.mark.parametrize("options", [{"rows": "contaminated"}, {"cross_fitted": True}, {"private": True}])
def test_every_option_is_asked_again(frame: pl.DataFrame, tmp_path: Path, options: dict[str, Any]) -> None:
    frame.write_parquet(tmp_path / "rows.parquet")
    detector = open_detector(fit_detector(frame, **options).content, source="the test's")

    assert outcomes(list(check_refit(detector, tmp_path / "rows.parquet"))) == ["ok", "ok"]
    assert refit(detector, tmp_path / "rows.parquet").content == detector.content


def test_predictions_are_read_again(frame: pl.DataFrame, tmp_path: Path) -> None:
    predicted = frame.with_columns(model=pl.when(pl.col("age") > 50).then(pl.lit("old")).otherwise(pl.lit("young")))
    predicted.write_parquet(tmp_path / "rows.parquet")
    detector = open_detector(fit_detector(predicted, predictions="model", rates=[0.05]).content, source="the test's")

    assert check_rows(detector, tmp_path / "rows.parquet").outcome == "ok"
    assert refit(detector, tmp_path / "rows.parquet").content == detector.content


def test_a_detector_of_a_model_asks_for_it(fitted: Detector, tmp_path: Path) -> None:
    options = fitted.manifest.options.model_copy(update={"model_sha256": "0" * 64})
    detector = open_detector(fitted.content, source="the test's")
    detector.manifest = fitted.manifest.model_copy(update={"options": options})
    (tmp_path / "model.onnx").write_bytes(b"another")

    with pytest.raises(TrainingError, match="give its file with --model"):
        refit(detector, tmp_path / "rows.csv")
    with pytest.raises(TrainingError, match=r"has sha256 .*; the detector was fitted with the model of sha256 000"):
        refit(detector, tmp_path / "rows.csv", model=tmp_path / "model.onnx")
    with pytest.raises(TrainingError, match="can't be read"):
        refit(detector, tmp_path / "rows.csv", model=tmp_path / "none.onnx")
