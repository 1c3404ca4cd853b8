"""`guard calibrate` on files."""

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from guard.cli.calibrate import calibrate
from guard.cli.detector import detector as show_app
from guard.detectors import load_detector
from guard.errors import ConfigError, TrainingError
from guard.training import fit_detector

app = typer.Typer()
app.command()(calibrate)


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("calibrated") / "detector.onnx"
    fit_detector(np.random.default_rng(0).normal(size=(600, 3))).save(path)
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    np.save(tmp_path / "fresh.npy", np.random.default_rng(1).normal(size=(500, 3)))
    return tmp_path / "fresh.npy"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_new_file_with_what_it_promises(detector: Path, fresh: Path, tmp_path: Path) -> None:
    found = run(detector, fresh, "-o", tmp_path / "new.onnx")

    assert found.exit_code == 0, found.output
    new, old = load_detector(tmp_path / "new.onnx"), load_detector(detector)
    assert f"sha256:{new.digest}" in found.stdout
    assert f"sha256:{old.digest}" in found.stdout
    assert "calibration: 500 rows" in found.stdout
    assert "rate 0.01: a clean row is flagged with probability 0.998%" in found.stdout
    assert "warning" not in found.stdout
    assert new.manifest.recalibration is not None
    assert new.manifest.recalibration.parent_sha256 == old.digest


def test_card_and_show_tell_of_the_fresh_rows(detector: Path, fresh: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.onnx"
    run(detector, fresh, "-o", new)
    run(detector, fresh, "-o", tmp_path / "bare.onnx", "--no-card")

    card = (tmp_path / "new.md").read_text(encoding="utf-8")
    shown = CliRunner().invoke(show_app, ["show", str(new)], catch_exceptions=False).stdout

    assert load_detector(new).digest in card
    assert "| calibrate | 500 fresh, since recalibrated |" in card
    assert "fit 300, select 90; recalibrated on 500 rows" in shown
    assert f"from        sha256 {load_detector(detector).digest}" in shown
    assert not (tmp_path / "bare.md").exists()


def test_rates_and_confidence(detector: Path, fresh: Path, tmp_path: Path) -> None:
    found = run(detector, fresh, "-o", tmp_path / "new.onnx", "--fpr", "0.05", "--confidence", "0.9")

    assert found.exit_code == 0, found.output
    (calibration,) = load_detector(tmp_path / "new.onnx").manifest.calibrations
    assert (calibration.rates, calibration.confidence) == ((0.05,), 0.9)
    assert "rate 0.05" in found.stdout


def test_rows_of_another_kind_are_warned_of_or_refused(detector: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "far.npy", np.random.default_rng(1).normal(scale=2, size=(1500, 3)))

    warned = run(detector, tmp_path / "far.npy", "-o", tmp_path / "new.onnx")
    refused = run(detector, tmp_path / "far.npy", "-o", tmp_path / "strict.onnx", "--strict")

    assert warned.exit_code == 0, warned.output
    assert "warning: the fresh rows' scores differ strongly" in warned.stdout
    assert isinstance(refused.exception, TrainingError)
    assert not (tmp_path / "strict.onnx").exists()


def test_rows_too_few_write_nothing(detector: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", np.zeros((20, 3)))

    error = run(detector, tmp_path / "few.npy", "-o", tmp_path / "new.onnx").exception

    assert isinstance(error, TrainingError)
    assert "a rate of 0.01 needs 99" in str(error)
    assert not (tmp_path / "new.onnx").exists()


def test_a_file_that_cannot_be_written(detector: Path, fresh: Path, tmp_path: Path) -> None:
    assert isinstance(run(detector, fresh, "-o", tmp_path / "none" / "new.onnx").exception, TrainingError)


def test_calibrate_refuses_to_write_over_its_rows(tmp_path: Path) -> None:
    result = run(tmp_path / "d.onnx", tmp_path / "rows.csv", "-o", tmp_path / "rows.csv")

    assert isinstance(result.exception, ConfigError)
    assert "the output and the rows are the same file" in str(result.exception)
