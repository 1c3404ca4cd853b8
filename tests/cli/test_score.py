"""`guard score --explain`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from guard.cli.main import app
from guard.cli.score import MOST_REASONS
from guard.training import fit_detector

Lines = list[dict[str, str]]
Score = Callable[..., Lines]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    n = 900
    frame = pl.DataFrame(
        {
            "age": random.integers(18, 90, n),
            "=cmd, \x1b[2J": random.normal(size=n),
            "kind": random.choice(["x", "y"], n),
            **{f"f{place}": random.normal(size=n) for place in range(MOST_REASONS)},
        }
    )
    path = tmp_path_factory.mktemp("score") / "detector.onnx"
    fit_detector(frame, rates=[0.01]).save(path)
    return path


@pytest.fixture
def score(detector: Path, tmp_path: Path) -> Score:
    def run(*rows: list[object], explain: bool = True) -> Lines:
        header = ["age", "=cmd, \x1b[2J", "kind", *(f"f{place}" for place in range(MOST_REASONS))]
        with (tmp_path / "rows.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *([*row, *[0] * (len(header) - len(row))] for row in rows)])
        found = CliRunner().invoke(app, ["score", str(detector), str(tmp_path / "rows.csv"), *["--explain"] * explain])
        assert found.exit_code == 0
        assert "\x1b" not in found.stdout
        return list(csv.DictReader(io.StringIO(found.stdout)))

    return run


def test_explain_gives_reasons_of_what_is_flagged_alone(score: Score) -> None:
    typical, old, unseen = score([50, 0, "x"], [5000, 0, "x"], [50, 0, "=1+1"])

    assert (typical["action"], typical["reasons"]) == ("allow", "")
    assert old["action"] != "allow"
    assert old["reasons"].startswith("G511 age: 5000 lies outside the learned range, 18 to 89; ")
    assert unseen["reasons"].startswith("G512 kind: '=1+1', a category that no fitted row had; ")
    assert "; the most similar clean row has kind '" in unseen["reasons"]
    assert "; the most similar clean row has age " in old["reasons"]


def test_explain_of_an_array_names_no_category(detector: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([[50, 0, 7, *[0] * MOST_REASONS]], dtype=np.float64))

    found = CliRunner().invoke(app, ["score", str(detector), str(tmp_path / "rows.npy"), "--explain"])

    (line,) = csv.DictReader(io.StringIO(found.stdout))
    assert line["reasons"].startswith("G512 kind: a category that no fitted row had; ")


def test_explain_of_parquet_names_the_category(detector: Path, tmp_path: Path) -> None:
    values = {"age": 50, "=cmd, \x1b[2J": 0.0, "kind": 7, **{f"f{place}": 0.0 for place in range(MOST_REASONS)}}
    pl.DataFrame(values).write_parquet(tmp_path / "rows.parquet")

    found = CliRunner().invoke(app, ["score", str(detector), str(tmp_path / "rows.parquet"), "--explain"])

    (line,) = csv.DictReader(io.StringIO(found.stdout))
    assert line["reasons"].startswith("G512 kind: '7', a category that no fitted row had; ")


def test_explain_stays_short(score: Score) -> None:
    (line,) = score([5000, 1e9, "y" * 5000, *[1e6] * MOST_REASONS])

    assert len(line["reasons"]) < 2000


def test_explain_writes_names_that_are_safe_in_a_cell(score: Score) -> None:
    (line,) = score([50, 1e9, "x"])

    assert line["reasons"].startswith("G511 =cmd, \\x1b[2J: 1e+09 lies outside")
    assert "the most similar clean row has =cmd, \\x1b[2J " in line["reasons"]


def test_explain_tells_of_a_missing_value_and_of_infinity(score: Score) -> None:
    missing, infinite = score(["", 0, "x"], ["inf", 0, "x"])

    assert (missing["score"], missing["action"]) == ("nan", "reject")
    assert missing["reasons"].startswith(
        "G514 age: missing, which it was in no fitted row: without it there is no score; the most similar clean row "
    )
    assert infinite["reasons"].startswith("G511 age: inf lies outside")


def test_explain_gives_the_first_reasons_of_many(score: Score) -> None:
    (line,) = score([5000, 1e9, "x", *[1e6] * MOST_REASONS])

    assert line["reasons"].count("lies outside") == MOST_REASONS


def test_without_explain_there_are_no_reasons(score: Score) -> None:
    (line,) = score([5000, 0, "x"], explain=False)

    assert list(line) == ["score", "p_value", "action"]
