"""The card beside a detector."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from guard.errors import TrainingError
from guard.training import FittedDetector, fit_detector
from guard.training.card import card_path, render_card, write_card


@pytest.fixture(scope="module")
def fitted() -> FittedDetector:
    random = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "age": random.integers(18, 90, 600),
            "kind|\x1b[2J": random.choice(["x", "<img src=y>"], 600),
            "income": [None if row % 9 == 0 else float(row % 50) for row in range(600)],
        }
    )
    return fit_detector(frame)


def test_card_tells_origin_rows_features_and_promise(fitted: FittedDetector) -> None:
    card = render_card(fitted.content, path=Path("d/x.onnx"))

    assert card.startswith("# Detector x.onnx\n")
    assert hashlib.sha256(fitted.content).hexdigest() in card
    assert fitted.manifest.training_sha256 in card
    assert "| calibrate | 210 |" in card
    assert "| age | integer | 18 to 89 |" in card
    assert "rate 0.01: a clean row is flagged with probability 0.948%" in card
    assert "rate 0.001: not carried by 210 calibration rows" in card
    assert "**Secret.**" in card
    assert "## Predicted classes" not in card
    assert "Nothing: no rows but those that fit and calibrate" in card


def test_names_and_categories_are_no_markup(fitted: FittedDetector) -> None:
    card = render_card(fitted.content, path=Path("x.onnx"))

    assert "kind\\|\\\\x1b\\[2J" in card
    assert "\\<img src=y\\>" in card
    assert "\x1b" not in card
    assert "<img" not in card.replace("\\<img", "")


def test_figures_are_those_of_the_rows_given(fitted: FittedDetector) -> None:
    inside = np.array([[50, 0, 20]] * 99 + [[1e9, 0, 20]], dtype=np.float32)

    card = render_card(fitted.content, path=Path("x.onnx"), select=inside)

    assert "On the 100 select rows" in card
    assert "| 0.01 | 1 of 100 = 1.000% |" in card
    assert "| 0.001 | 1 of 100 = 1.000% |" in card


def test_concerns_classes_and_relations_have_their_place() -> None:
    random = np.random.default_rng(2)
    low = random.integers(0, 1000, 600)
    frame = pl.DataFrame(
        {"low": low, "high": low + random.integers(0, 500, 600), "model": np.where(low > 400, "b*d", "good")}
    )
    found = fit_detector(frame, predictions="model", rates=[0.05])

    card = render_card(found.content, path=Path("x.onnx"), concerns=["3 rows are odd"])

    assert "## Warnings\n\n* 3 rows are odd\n" in card
    assert "## Predicted classes\n\n" in card
    assert "b\\*d" in card
    assert "by trees fitted to the model's predictions, right for " in card
    assert "## Relations" in card
    assert "\\`low\\` \\<= \\`high\\`" in card


def test_card_of_a_cross_fitted_detector_tells_what_was_measured(rows: np.ndarray) -> None:
    found = fit_detector(rows, cross_fitted=True, rates=[0.01])
    assert found.measured is not None

    card = render_card(found.content, path=Path("x.onnx"), measured=found.measured)

    assert f"flagged {found.measured:.3%} at a rate of 0.01" in card
    assert "Approximate" in card
    assert f"{len(rows):,} rows, cross-fitted: each of them fits, and each calibrates" in card
    assert "none is in two" not in card
    assert "with probability about " in card
    assert "95 %" not in card.partition("## What is promised")[2].partition("## Measured")[0]
    assert "--data TRAINING_ROWS\n" in card


def test_card_of_a_detector_fitted_with_a_model_asks_for_it_to_check(rows: np.ndarray) -> None:
    proto = to_onnx(LogisticRegression().fit(rows, rows[:, 0] > np.median(rows[:, 0])), rows[:1].astype(np.float32))
    found = fit_detector(rows, model=proto.SerializeToString(), rates=[0.05])

    assert "--data TRAINING_ROWS --model MODEL\n" in render_card(found.content, path=Path("x.onnx"))


def test_card_stands_beside_its_detector(tmp_path: Path) -> None:
    assert card_path(Path("d/x.onnx")) == Path("d/x.md")
    assert write_card("text", tmp_path / "x.onnx").read_text(encoding="utf-8") == "text"


def test_card_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="can't be written"):
        write_card("text", tmp_path / "none" / "x.onnx")
