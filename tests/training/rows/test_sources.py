"""Training rows from files, in chunks."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from guard.errors import TrainingError
from guard.training.rows.data import Dataset, Selection
from guard.training.rows.frames import from_frame
from guard.training.rows.sources import open_source, to_source


def written(frame: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path, row_group_size=50)
    return path


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("smaller", [1, 2**18])
def test_rows_of_a_file_are_those_of_the_frame(frame: pl.DataFrame, tmp_path: Path, ending: str, smaller: int) -> None:
    source = open_source(written(frame, tmp_path / f"rows{ending}"), selection=Selection(), smaller=smaller)

    chunks = list(source.chunks())

    assert (len(chunks) == 1) is (smaller == 1)
    found = Dataset.join(chunks)
    assert source.n_rows == found.n_rows == frame.height
    for left, right in zip(found.columns, from_frame(frame).columns, strict=True):
        assert (left.name, left.type, left.texts) == (right.name, right.type, right.texts)
        if left.values is not None and right.values is not None:
            np.testing.assert_array_equal(left.values, right.values)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_columns_that_are_dropped_may_be_of_any_type(frame: pl.DataFrame, tmp_path: Path, ending: str) -> None:
    dated = frame.with_columns(when=pl.date(2020, 1, 1))
    path = written(dated, tmp_path / f"rows{ending}")

    assert open_source(path, selection=Selection(drop=["when"])).names == tuple(frame.columns)
    with pytest.raises(TrainingError, match="'when' holds dates"):
        open_source(path, selection=Selection())


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_in_either_order_is_read_in_chunks(tmp_path: Path, order: str) -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 3))
    np.save(tmp_path / "rows.npy", np.asarray(rows, order=order))  # type: ignore[call-overload]

    chunks = list(open_source(tmp_path / "rows.npy", selection=Selection(), smaller=2**8).chunks())

    assert len(chunks) == 4
    np.testing.assert_array_equal(Dataset.join(chunks).columns[1].values, rows[:, 1])


def test_csv_tells_how_much_of_it_was_read(csv_path: Path) -> None:
    told: list[tuple[int, int]] = []

    open_source(csv_path, selection=Selection(), on_bytes=lambda *part: told.append(part), smaller=2**14)

    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] == (csv_path.stat().st_size, csv_path.stat().st_size)


@pytest.mark.parametrize("text", ["a\n1\n\n3\n", "a\r\n1\r\n\r\n3\r\n", "a\n1\n\n3", '\ufeff"a"\n1\n\n3\n'])
@pytest.mark.parametrize("smaller", [1, 2**23])
def test_empty_line_is_a_missing_value_wherever_blocks_are_cut(tmp_path: Path, text: str, smaller: int) -> None:
    (tmp_path / "rows.csv").write_bytes(text.encode())

    found = Dataset.join(
        list(open_source(tmp_path / "rows.csv", selection=Selection(), smaller=smaller).chunks())
    ).columns[0]

    np.testing.assert_array_equal(found.values, [1, np.nan, 3])


def test_header_may_hold_quotes_commas_and_line_feeds(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b'"quo""te","x,\ny",1\n1,2,a\n3,4,b\n')

    source = open_source(tmp_path / "rows.csv", selection=Selection(drop=["x,\ny"]), smaller=2**23)

    assert source.names == ('quo"te', "1")
    first, second = Dataset.join(list(source.chunks())).columns
    np.testing.assert_array_equal(first.values, [1, 3])
    assert second.texts == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.txt", b"", "no known format"),
        ("rows.csv", b"", "holds no rows"),
        ("rows.csv", b"a,b\n", "holds no rows"),
        ("rows.csv", b"a,b\n1,2,3\n", "can't be read as CSV"),
        ("rows.csv", b"a,b,a\n1,2,3\n", "several columns named 'a': rename"),
        ("rows.csv", b'\xef\xbb\xbf"a","b","a"\n1,2,3\n', "several columns named 'a'"),
        ("rows.csv", b"1,2,1\n1,2,3\n", "add a header"),
        ("rows.csv", b"a;b\n1,5;2\n", "not semicolons; write it with commas"),
        ("rows.csv", b"a\tb\n1\t2\n", "not tabs"),
        ("rows.csv", b"a\n\xff\n", "can't be read as CSV"),
        ("rows.csv", b"when\n2020-01-01\n2020-01-02\n", "'when' holds dates"),
        ("rows.parquet", b"PAR1", "can't be read as Parquet"),
        ("rows.npy", b"nothing", "can't be read as an array"),
        ("rows.npz", b"nothing", "can't be read as an array"),
    ],
)
def test_file_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(TrainingError, match=message):
        open_source(tmp_path / name, selection=Selection())


def test_record_that_is_too_long_is_told_with_the_rows_before_it(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a,b\n" + b"1,2\n" * 1000 + b"1,2,3\n")

    with pytest.raises(TrainingError, match=r"after row 9\d\d: "):
        open_source(tmp_path / "rows.csv", selection=Selection(), smaller=2**17)


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="is not a file"):
        open_source(tmp_path / "none.csv", selection=Selection())


def test_source_of_anything(frame: pl.DataFrame) -> None:
    dataset = from_frame(frame)

    source = to_source(dataset, None, Selection())

    assert list(source.chunks()) == [dataset]
    assert to_source(source, None, Selection()) is source
    assert to_source(frame, None, Selection(drop=["age"])).names == tuple(frame.columns[1:])
    assert to_source([[1, 2]], ["a", "b"], Selection()).names == ("a", "b")
