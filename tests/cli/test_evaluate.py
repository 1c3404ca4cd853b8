"""`guard evaluate` on files."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from guard.cli.evaluate import evaluate
from guard.errors import TrainingError
from guard.training import fit_detector

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluated") / "detector.onnx"
    fit_detector(np.random.default_rng(0).normal(size=(600, 3)), names=["a", "b", "c"]).save(path)
    return path


@pytest.fixture
def table() -> pl.DataFrame:
    random = np.random.default_rng(1)
    rows = np.concatenate([random.normal(size=(400, 3)), random.normal(scale=6, size=(40, 3))])
    return pl.DataFrame(rows, schema=["a", "b", "c"]).with_columns(
        label=pl.Series(["normal"] * 400 + ["attack"] * 40),
        kind=pl.Series([None] * 400 + ["far\x1b[2J", "$x_{"] * 20),
        who=pl.Series(np.arange(440) % 40),
    )


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def printed(*arguments: str | Path) -> str:
    found = run(*arguments)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_without_label_all_rows_are_clean(detector: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.head(400).write_csv(tmp_path / "rows.csv")

    found = run(detector, tmp_path / "rows.csv")

    assert "rows: 400; clean 400, anomalous 0" in found.stdout
    assert "kept" in found.stdout
    assert "AUROC" not in found.stdout
    assert "ignored columns: label, kind, who" in found.stderr


def test_rows_that_the_detector_was_fitted_to_are_warned_of(detector: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(600, 3))
    np.savez(tmp_path / "rows.npz", X=rows, y=np.zeros(600))
    np.save(tmp_path / "others.npy", rows[::-1])
    warning = "warning: the detector was fitted to these very rows"

    assert warning in printed(detector, tmp_path / "rows.npz", "--label", "y")
    assert json.loads(printed(detector, tmp_path / "rows.npz", "--json"))["warnings"][0].startswith(warning)
    assert json.loads(printed(detector, tmp_path / "others.npy", "--json"))["warnings"] == []


@pytest.mark.parametrize("options", [["--attack", "kind"], ["--clean", "0"]])
def test_options_that_need_labels_are_wrong_usage_without(detector: Path, tmp_path: Path, options: list[str]) -> None:
    found = run(detector, tmp_path / "rows.csv", *options)

    assert found.exit_code == 2
    assert f"{options[0]} needs --label" in found.stderr


def test_with_labels_kinds_and_customers(detector: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_parquet(tmp_path / "rows.parquet")

    text = printed(detector, tmp_path / "rows.parquet", "--label", "label", "--attack", "kind", "--group", "who")

    assert "rows: 440; clean 400, anomalous 40" in text
    assert "kind far\\x1b[2J" in text
    assert "kind $x_{" in text
    assert "by forest alone" in text
    assert "requests: clean rows by 'who', 10 to 10 rows each" in text
    assert "\x1b" not in text


def test_json_has_the_same_figures_and_no_nan(detector: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")

    found = json.loads(
        printed(detector, tmp_path / "rows.csv", "--label", "label", "--attack", "kind", "--json", "--flag-fpr", "0.05")
    )

    assert (found["rows"], found["clean"], found["anomalous"]) == (440, 400, 40)
    assert found["flag"]["fpr"] == 0.05
    assert found["flag"]["flagged"]["n"] == 400
    assert found["detection"]["auroc"] > 0.9
    assert sorted(found["kinds"]) == ["$x_{", "far\x1b[2J"]
    assert len(found["detector"]) == 64
    assert found["batches"] is None


def test_an_archive_with_labels(detector: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    rows = table.select("a", "b", "c").to_numpy()
    np.savez(tmp_path / "rows.npz", X=rows, y=np.repeat([0, 1], [400, 40]))

    found = json.loads(printed(detector, tmp_path / "rows.npz", "--label", "y", "--json"))

    assert (found["clean"], found["anomalous"]) == (400, 40)


def test_clean_labels_can_be_named(detector: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.with_columns(label=pl.col("label").replace({"normal": "1", "attack": "-1"})).write_csv(tmp_path / "rows.csv")

    refused = run(detector, tmp_path / "rows.csv", "--label", "label")

    assert isinstance(refused.exception, TrainingError)
    assert "--clean" in str(refused.exception)
    assert "clean 400, anomalous 40" in printed(detector, tmp_path / "rows.csv", "--label", "label", "--clean", "1")


@pytest.mark.parametrize("ending", ["png", "html"])
def test_plot_is_written(detector: Path, table: pl.DataFrame, tmp_path: Path, ending: str) -> None:
    table.write_csv(tmp_path / "rows.csv")

    printed(
        detector, tmp_path / "rows.csv", "--label", "label", "--attack", "kind", "--plot", tmp_path / f"plot.{ending}"
    )

    content = (tmp_path / f"plot.{ending}").read_bytes()
    assert content.startswith(b"\x89PNG" if ending == "png" else b"<!DOCTYPE html>")
    assert b"<script" not in content
    assert b"\x1b[2J" not in content


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label", "none"], "has no column 'none'"),
        (["--plot", "plot.pdf"], "ends in .png or .html"),
    ],
)
def test_what_cannot_be_evaluated(
    detector: Path, table: pl.DataFrame, tmp_path: Path, options: list[str], message: str
) -> None:
    table.write_csv(tmp_path / "rows.csv")

    error = run(detector, tmp_path / "rows.csv", *options).exception

    assert isinstance(error, TrainingError)
    assert message in str(error)


def test_a_file_without_rows(detector: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b,c\n", encoding="utf-8")

    assert isinstance(run(detector, tmp_path / "rows.csv").exception, TrainingError)


def test_rates_the_wrong_way_round_are_wrong_usage(detector: Path) -> None:
    assert run(detector, "rows.csv", "--flag-fpr", "0.01", "--reject-fpr", "0.1").exit_code == 2
