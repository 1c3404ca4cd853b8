"""Rows to be scored, as they stand in files."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from guard.detectors import Manifest
from guard.errors import TrainingError
from guard.training import fit_detector
from guard.training.rows.encode import raw_matrix
from guard.training.rows.frames import from_frame
from guard.training.rows.stream import CHUNK_ROWS, Stream, open_stream


@pytest.fixture(scope="module")
def manifest(frame: pl.DataFrame) -> Manifest:
    return fit_detector(frame).manifest


def rows_of(stream: Stream) -> np.ndarray:
    return np.concatenate([chunk.rows for chunk in stream.chunks]).astype(np.float32)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_stream_gives_the_rows_that_fitting_saw(
    frame: pl.DataFrame, manifest: Manifest, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"rows.{ending}"
    shuffled = frame.select(["vip", "kind", "version", "age", "income"]).with_columns(other=1)
    shuffled.write_csv(path) if ending == "csv" else shuffled.write_parquet(path)

    stream = open_stream(path, manifest)

    assert stream.ignored == ("other",)
    np.testing.assert_array_equal(rows_of(stream), raw_matrix(from_frame(frame), manifest.features))


def test_stream_of_an_array_reads_by_position(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(CHUNK_ROWS + 10, 2))
    np.save(tmp_path / "rows.npy", rows)

    stream = open_stream(tmp_path / "rows.npy", fit_detector(rows).manifest)
    chunks = list(stream.chunks)

    assert [len(chunk.rows) for chunk in chunks] == [CHUNK_ROWS, 10]
    assert chunks[-1].done == stream.total
    np.testing.assert_array_equal(chunks[1].rows, rows[CHUNK_ROWS:])


def test_stream_of_an_array_codes_its_categories(tmp_path: Path) -> None:
    rows = np.column_stack([np.random.default_rng(0).normal(size=400), [1, 2, 2, 2] * 100])
    manifest = fit_detector(rows, categorical=["f1"]).manifest
    np.save(tmp_path / "rows.npy", np.array([[0, 1], [0, 2], [0, 3], [0, np.nan]]))

    found = rows_of(open_stream(tmp_path / "rows.npy", manifest))

    np.testing.assert_array_equal(found[:, 1], [0, 1, -1, np.nan])


@pytest.mark.parametrize(("text", "code"), [("3", 0), ("3.0", 0), ("4", -1), ("", np.nan), ("x", -1)])
def test_stream_of_csv_reads_a_category_however_it_is_written(
    frame: pl.DataFrame, tmp_path: Path, text: str, code: float
) -> None:
    manifest = fit_detector(frame.select("age", "version"), categorical=["version"]).manifest
    (tmp_path / "rows.csv").write_text(f'age,version\n20,"{text}"\n', encoding="utf-8")

    found = rows_of(open_stream(tmp_path / "rows.csv", manifest))

    np.testing.assert_array_equal(found, [[20, code]])


def test_stream_of_csv_with_a_byte_order_mark(manifest: Manifest, tmp_path: Path) -> None:
    text = "\ufeffage,income,kind,vip,version\n20,,x,TRUE,3\n"
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")

    np.testing.assert_array_equal(
        rows_of(open_stream(tmp_path / "rows.csv", manifest))[0, [0, 1, 3, 4]], [20, np.nan, 1, 3]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,income,kind,vip\n", "lacks the columns: 'version'"),
        ("age,income,kind,vip,version\n1,2,x,true,3\n1,2,x,true,abc\n", "row 2, counted from 1: 'version' is 'abc'"),
        ("age,income,kind,vip,version\n1,2,x,maybe,3\n", "expected a boolean, or nothing"),
        ("age,income,kind,vip,version\n1,2,x\n", "row 1 has 3 cells; the header has 5"),
        ('age,income,kind,vip,version\n1,2,"x"y,true,3\n', "can't be read as CSV, after row 0"),
        ("age,income,kind,vip,version\n1,2,\udcff,true,3\n", "can't be read as CSV"),
    ],
)
def test_stream_of_csv_that_does_not_fit(manifest: Manifest, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")

    with pytest.raises(TrainingError, match=message):
        list(open_stream(path, manifest).chunks)


def test_stream_of_an_array_of_another_width(manifest: Manifest, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((3, 4)))

    with pytest.raises(TrainingError, match=r"expected numbers of shape \(rows, 5\)"):
        open_stream(tmp_path / "rows.npy", manifest)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_stream_carries_columns_beside_the_features(
    frame: pl.DataFrame, manifest: Manifest, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"rows.{ending}"
    beside = frame.with_columns(label=pl.Series(["1", None] * 350), other=2)
    beside.write_csv(path) if ending == "csv" else beside.write_parquet(path)

    stream = open_stream(path, manifest, carry=["label", "version"])
    chunk = next(stream.chunks)

    assert stream.ignored == ("other",)
    assert chunk.carried["label"][:3] == ["1", None, "1"]
    assert set(chunk.carried["version"]) == {"3"}


def test_stream_carries_arrays_of_an_archive(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(CHUNK_ROWS + 2, 2))
    manifest = fit_detector(rows).manifest
    np.savez(tmp_path / "rows.npz", X=rows, y=np.arange(len(rows)) % 2, short=np.zeros(3))

    chunks = list(open_stream(tmp_path / "rows.npz", manifest, carry=["y"]).chunks)

    assert chunks[1].carried == {"y": ["0", "1"]}
    with pytest.raises(TrainingError, match=r"holds 'short' of shape \(3,\); expected one value for each of the rows"):
        open_stream(tmp_path / "rows.npz", manifest, carry=["short"])


@pytest.mark.parametrize("ending", ["csv", "parquet", "npy", "npz"])
def test_stream_that_lacks_a_column_to_carry(tmp_path: Path, ending: str) -> None:
    rows = np.random.default_rng(0).normal(size=(400, 2))
    manifest, path = fit_detector(rows).manifest, tmp_path / f"rows.{ending}"
    match ending:
        case "csv":
            pl.DataFrame(rows, schema=["f0", "f1"]).write_csv(path)
        case "parquet":
            pl.DataFrame(rows, schema=["f0", "f1"]).write_parquet(path)
        case "npy":
            np.save(path, rows)
        case _:
            np.savez(path, X=rows)

    with pytest.raises(TrainingError, match=r"has no (column|array) 'label'"):
        open_stream(path, manifest, carry=["label"])
