"""`guard fit`, `guard detector show` and `guard score`, one after the other on files."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from guard.cli.detector import detector
from guard.cli.fit import fit
from guard.cli.score import score
from guard.detectors import load_detector
from guard.errors import ConfigError, ContractError, DetectorError, TrainingError

app = typer.Typer()
app.command()(fit)
app.command()(score)
app.add_typer(detector, name="detector")


@pytest.fixture(scope="session")
def table() -> pl.DataFrame:
    random = np.random.default_rng(0)
    n = 600
    return pl.DataFrame(
        {
            "age": random.integers(18, 90, n),
            "income": [None if row % 9 == 0 else float(v) for row, v in enumerate(random.lognormal(3, 1, n))],
            "kind\u202e": random.choice(["x", "y\x1b[31m"], n),
            "always": np.full(n, 1),
            "label": random.integers(0, 2, n),
        }
    )


@pytest.fixture(scope="session")
def fitted(table: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    table.write_csv(folder / "rows.csv")
    found = CliRunner().invoke(
        app, ["fit", str(folder / "rows.csv"), "-o", str(folder / "detector.onnx"), "--target", "label"]
    )
    assert found.exit_code == 0, found.output
    return folder / "detector.onnx"


def run(*arguments: str | Path) -> str:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert found.exit_code == 0, found.output
    return found.stdout


def failure(*arguments: str | Path) -> BaseException | None:
    return CliRunner().invoke(app, [str(argument) for argument in arguments]).exception


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy", "npz"])
def test_fit_prints_what_it_found_and_promises(table: pl.DataFrame, tmp_path: Path, ending: str) -> None:
    data, output = tmp_path / f"rows.{ending}", tmp_path / "detector.onnx"
    match ending:
        case "csv":
            table.write_csv(data)
        case "parquet":
            table.write_parquet(data)
        case "npy":
            np.save(data, table.select("age", "income", "always").to_numpy())
        case _:
            np.savez(data, X=table.select("age", "income", "always").to_numpy())

    printed = run("fit", data, "-o", output)

    assert "rows: fit 300, select 90, calibrate 210" in printed
    assert f"sha256:{load_detector(output).digest}" in printed
    assert "rate 0.01: a clean row is flagged with probability 0.948%" in printed
    assert "warning: the rate 0.001 isn't carried by 210 calibration rows" in printed
    assert "999 would: 2,852 rows in all" in printed
    assert printed.count("0.001") == 1
    assert f"card: {tmp_path / 'detector.md'}" in printed
    assert "the same in all rows that fit: " in printed
    assert "(67)" in printed


def test_fit_leaves_out_target_and_dropped(table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")

    run(
        "fit",
        tmp_path / "rows.csv",
        "-o",
        tmp_path / "d.onnx",
        "--target",
        "label",
        "--drop",
        "age",
        "--drop",
        "always",
    )

    assert load_detector(tmp_path / "d.onnx").manifest.names == ("income", "kind\u202e")


def test_fit_of_the_same_rows_as_csv_and_parquet_gives_the_same_detector(table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")
    table.write_parquet(tmp_path / "rows.parquet")

    for ending in ("csv", "parquet"):
        run("fit", tmp_path / f"rows.{ending}", "-o", tmp_path / f"{ending}.onnx", "--predictions", "label")

    assert (tmp_path / "csv.onnx").read_bytes() == (tmp_path / "parquet.onnx").read_bytes()
    assert "label" not in load_detector(tmp_path / "csv.onnx").manifest.names


def test_fit_with_options(table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")
    (tmp_path / "contract.toml").write_text('[features.age]\ntype = "integer"\nminimum = 0\n', encoding="utf-8")
    options = ["--categorical", "label", "--seed", "7", "--fpr", "0.05", "--confidence", "0.9", "--strict"]

    run("fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx", "--contract", tmp_path / "contract.toml", *options)

    manifest = load_detector(tmp_path / "d.onnx").manifest
    assert manifest.features[-1].categories in {("0", "1"), ("1", "0")}
    assert (manifest.options.seed, manifest.calibrations[0].rates, manifest.calibrations[0].confidence) == (
        7,
        (0.05,),
        0.9,
    )
    assert manifest.to_contract().features[0].minimum == 0


def test_fit_warns_of_clean_rows_that_the_contract_would_refuse(table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")
    (tmp_path / "contract.toml").write_text('[features.age]\ntype = "integer"\nmaximum = 50\n', encoding="utf-8")
    arguments: list[str | Path] = [
        "fit",
        tmp_path / "rows.csv",
        "-o",
        tmp_path / "d.onnx",
        "--contract",
        tmp_path / "contract.toml",
    ]
    older = table.filter(pl.col("age") > 50).height

    printed = run(*arguments)
    error = failure(*arguments, "--strict", "--fpr", "0.05")

    line = f"{older} of 600 rows break the contract and would be refused: age ({older}); the promise counts none of"
    assert f"warning: {line}" in printed
    assert isinstance(error, TrainingError)
    assert line in str(error)


def test_cross_fitted_promise_is_printed_as_approximate(table: pl.DataFrame, tmp_path: Path) -> None:
    table.head(120).write_csv(tmp_path / "rows.csv")

    printed = run("fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx", "--cross-fit")

    assert "rate 0.01: a clean row is flagged with probability about 0.826%" in printed
    assert "95 %" not in printed
    assert "rows in all" not in printed


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "rows.csv"],
        ["-o", "d.onnx", "--contract", "d.md"],
        ["-o", "d.onnx", "--contract", "d.onnx"],
        ["-o", "d.onnx", "--model", "sub/../d.onnx"],
        ["-o", "rows.md", "--write-contract", "new.toml"],
        ["-o", "d.onnx", "--write-contract", "there.toml"],
        ["-o", "d.onnx", "--contract", "new.toml", "--write-contract", "new.toml"],
        ["-o", "d.onnx", "--fpr", "0"],
        ["-o", "d.onnx", "--confidence", "1"],
        ["-o", "d.onnx", "--model", "m.onnx", "--predictions", "label"],
    ],
)
def test_wrong_usage_of_fit_leaves_every_file_as_it_was(
    table: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table.write_csv("rows.csv")
    Path("there.toml").write_text("", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    before = Path("rows.csv").read_bytes()

    assert isinstance(failure("fit", "rows.csv", *options), ConfigError)
    assert Path("rows.csv").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "there.toml", "sub"}


def test_contract_that_was_written_is_told(table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")

    printed = run(
        "fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx", "--no-card", "--write-contract", tmp_path / "c.toml"
    )

    assert f"contract: {tmp_path / 'c.toml'}" in printed
    assert "card: " not in printed
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "d.onnx", "c.toml"}


def test_fit_under_a_contract_that_all_rows_keep_warns_of_nothing(table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")
    (tmp_path / "contract.toml").write_text('[features.age]\ntype = "integer"\nminimum = 18\n', encoding="utf-8")

    printed = run("fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx", "--contract", tmp_path / "contract.toml")

    assert "break the contract" not in printed


@pytest.mark.parametrize(("names", "warned"), [(["1", "2.5"], True), (["1", "x"], False)])
def test_fit_warns_of_names_that_are_numbers(tmp_path: Path, names: list[str], warned: bool) -> None:
    rows = np.random.default_rng(0).normal(size=(600, 2))
    pl.DataFrame(rows, schema=names).write_csv(tmp_path / "rows.csv")

    printed = run("fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx")

    assert ("the first row was read as names; add a header" in printed) is warned


def test_score_says_first_that_it_applies_no_contract(fitted: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")
    (tmp_path / "contract.toml").write_text('[features.age]\ntype = "integer"\n', encoding="utf-8")
    run("fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx", "--contract", tmp_path / "contract.toml")

    with_contract = CliRunner().invoke(app, ["score", str(tmp_path / "d.onnx"), str(tmp_path / "rows.csv")])
    without = CliRunner().invoke(app, ["score", str(fitted), str(tmp_path / "rows.csv")])

    assert with_contract.stderr.startswith("the contract in the detector isn't applied here")
    assert "contract" not in without.stderr


def test_fit_prints_no_control_characters(table: pl.DataFrame, tmp_path: Path) -> None:
    table.with_columns(pl.lit(5).alias("a\x1b[2J")).write_csv(tmp_path / "rows.csv")

    printed = run("fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx")

    assert "a\\x1b[2J" in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--strict"], TrainingError),
        (["--drop", "nothing"], TrainingError),
        (["--fpr", "0.0001"], TrainingError),
        (["--contract", "none.toml"], ContractError),
    ],
)
def test_fit_that_fails_writes_nothing(
    table: pl.DataFrame, tmp_path: Path, options: list[str], error: type[Exception]
) -> None:
    table.write_csv(tmp_path / "rows.csv")

    assert isinstance(failure("fit", tmp_path / "rows.csv", "-o", tmp_path / "d.onnx", *options), error)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(
    "arguments", [["fit"], ["fit", "rows.csv"], ["score", "d.onnx"], ["fit", "a", "-o", "b", "--seed", "x"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_show_prints_the_card(fitted: Path) -> None:
    printed = run("detector", "show", fitted)

    assert load_detector(fitted).digest in printed
    assert "derived from the training rows" in printed
    assert "always 1" in printed
    assert "18 to 89" in printed
    assert "kind\\u202e" in printed
    assert "\x1b" not in printed
    assert "rate 0.01" in printed


def test_show_as_json(fitted: Path) -> None:
    card = json.loads(run("detector", "show", fitted, "--json"))

    assert card["sha256"] == load_detector(fitted).digest
    assert [feature["name"] for feature in card["features"]] == ["age", "income", "kind\u202e", "always"]
    assert [promise["carried"] for promise in card["promises"]] == [True, False]
    assert "golden" not in card


def test_show_of_an_altered_file(fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "d.onnx").write_bytes(fitted.read_bytes()[:-100])

    assert isinstance(failure("detector", "show", tmp_path / "d.onnx"), DetectorError)


def test_score_judges_rows_in_order(fitted: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    rows = table.head(5).with_columns(
        age=pl.Series([50, 100_000, 50, None, 50]), income=pl.Series([20.0, 20.0, 20.0, 20.0, None])
    )
    rows.write_csv(tmp_path / "rows.csv")

    printed = run("score", fitted, tmp_path / "rows.csv")

    lines = list(csv.DictReader(io.StringIO(printed)))
    assert [line["action"] for line in lines] == ["allow", "reject", "allow", "reject", "allow"]
    assert lines[3]["score"] == "nan"
    assert float(lines[1]["score"]) > float(lines[0]["score"])


def test_score_writes_the_same_for_csv_and_parquet(fitted: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")
    table.write_parquet(tmp_path / "rows.parquet")

    run("score", fitted, tmp_path / "rows.csv", "-o", tmp_path / "a.csv")
    run("score", fitted, tmp_path / "rows.parquet", "-o", tmp_path / "b.csv")

    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()) == 601


def test_score_rates_decide_the_actions(fitted: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")

    few = run("score", fitted, tmp_path / "rows.csv")
    many = run("score", fitted, tmp_path / "rows.csv", "--flag-fpr", "0.3", "--reject-fpr", "0.1")

    assert many.count("flag") + many.count("reject") > few.count("flag") + few.count("reject")
    assert many.count("reject") > few.count("reject")


def test_score_names_ignored_columns_on_stderr(fitted: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "rows.csv")

    found = CliRunner().invoke(app, ["score", str(fitted), str(tmp_path / "rows.csv")])

    assert "ignored columns: label" in found.stderr
    assert "label" not in found.stdout


def test_score_of_a_file_that_lacks_a_column(fitted: Path, table: pl.DataFrame, tmp_path: Path) -> None:
    table.drop("age").write_csv(tmp_path / "rows.csv")

    error = failure("score", fitted, tmp_path / "rows.csv")

    assert isinstance(error, TrainingError)
    assert "'age'" in str(error)


def test_score_with_rates_the_wrong_way_round_is_wrong_usage(fitted: Path) -> None:
    arguments = ["score", str(fitted), "rows.csv", "--flag-fpr", "0.01", "--reject-fpr", "0.1"]

    assert CliRunner().invoke(app, arguments).exit_code == 2
