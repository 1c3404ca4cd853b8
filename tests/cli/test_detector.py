"""`guard detector verify` and `show` on files; `show` is also tested with `fit`."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from guard.cli.detector import detector
from guard.detectors import load_detector
from guard.training import fit_detector

app = typer.Typer()
app.add_typer(detector, name="detector")


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    random = np.random.default_rng(0)
    return pl.DataFrame({"a": random.normal(size=400), "kind": random.choice(["x", "y"], 400), "label": np.arange(400)})


@pytest.fixture(scope="session")
def file(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verified") / "detector.onnx"
    fit_detector(frame, drop=["label"], seed=3).save(path)
    return path


def verify(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["detector", "verify", *map(str, arguments)])


def show(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["detector", "show", *map(str, arguments)], catch_exceptions=False)


def test_each_check_is_told(file: Path) -> None:
    found = verify(file)

    assert found.exit_code == 0, found.output
    assert [line.split()[0] for line in found.stdout.splitlines()] == ["note", "ok", "ok"]
    assert load_detector(file).digest in found.stdout


def test_the_digest_can_be_demanded(file: Path) -> None:
    assert verify(file, "--sha256", load_detector(file).digest).exit_code == 0

    refused = verify(file, "--sha256", "0" * 64)

    assert refused.exit_code == 1
    assert refused.stdout.startswith("failed  sha256 ")


def test_the_same_rows_give_the_same_file(file: Path, frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.write_csv(tmp_path / "rows.csv")

    found = verify(file, "--data", tmp_path / "rows.csv")

    assert found.exit_code == 0, found.output
    assert "fitted again, the file has the same bytes" in found.stdout


def test_other_rows_do_not(file: Path, frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.with_columns(pl.col("a") + 1).write_csv(tmp_path / "rows.csv")

    found = verify(file, "--data", tmp_path / "rows.csv")

    assert found.exit_code == 1
    assert "aren't those that the detector was fitted to" in found.stdout


def test_checks_are_told_before_rows_that_cannot_be_fitted_to(file: Path, frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.head(3).write_csv(tmp_path / "few.csv")

    for name, reason in {"few.csv": "aren't those that the detector", "none.csv": "is not a file"}.items():
        found = verify(file, "--data", tmp_path / name)

        assert found.exit_code == 1
        assert [line.split()[0] for line in found.stdout.splitlines()] == ["note", "ok", "ok", "failed"]
        assert reason in found.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sha256", "abc"], "expected 64 hex digits"),
        (["--model", "model.onnx"], "--model needs --data"),
    ],
)
def test_wrong_use_is_status_2(file: Path, options: list[str], message: str) -> None:
    found = verify(file, *options)

    assert found.exit_code == 2
    assert message in found.stderr


def test_show_of_a_private_detector_says_what_it_holds(frame: pl.DataFrame, tmp_path: Path) -> None:
    for private, held in {False: "holds some of them", True: "holds none of them whole"}.items():
        fit_detector(frame, private=private).save(tmp_path / "d.onnx")

        printed = show(tmp_path / "d.onnx")

        assert held in printed.stdout
        assert held in json.loads(show(tmp_path / "d.onnx", "--json").stdout)["warning"]


def test_show_tells_the_contract_that_is_enforced(file: Path, frame: pl.DataFrame, tmp_path: Path) -> None:
    fit_detector(frame, contract='[features.a]\ntype = "number"\n').save(tmp_path / "d.onnx")

    assert "contract    types, names and missing values as learned are enforced (G201 to" in show(file).stdout
    assert "contract    declared at fitting, kept in the file" in show(tmp_path / "d.onnx").stdout


def test_an_altered_file_is_told_without_escape_sequences(file: Path, tmp_path: Path) -> None:
    (tmp_path / "d\x1b[2J.onnx").write_bytes(file.read_bytes()[:-10])

    found = verify(tmp_path / "d\x1b[2J.onnx")

    assert found.exit_code == 1
    assert "failed" in found.stdout
    assert "\x1b" not in found.stdout
