"""Training rows from files."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from guard.errors import TrainingError
from guard.training import Selection, read_dataset


def test_csv_and_parquet_of_the_same_rows_read_alike(frame: pl.DataFrame, csv_path: Path, tmp_path: Path) -> None:
    frame.write_parquet(tmp_path / "rows.parquet")

    from_csv = read_dataset(csv_path, selection=Selection())
    from_parquet = read_dataset(tmp_path / "rows.parquet", selection=Selection())

    for left, right in zip(from_csv.columns, from_parquet.columns, strict=True):
        assert (left.name, left.type, left.texts) == (right.name, right.type, right.texts)
        if left.values is not None and right.values is not None:
            np.testing.assert_array_equal(left.values, right.values)


def test_npz_of_several_arrays_reads_x(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X=np.ones((3, 2)), y=np.zeros(3))

    assert read_dataset(tmp_path / "rows.npz", selection=Selection()).n_rows == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.txt", b"", "no known format"),
        ("rows.csv", b"", "can't be read as CSV|holds no rows"),
        ("rows.csv", b"a,b\n", "holds no rows"),
        ("rows.csv", b"a,b\n1,2,3\n", "can't be read as CSV"),
        ("rows.csv", b"a,b,a\n1,2,3\n", "several columns named 'a': rename"),
        ("rows.csv", b'\xef\xbb\xbf"a","b","a"\n1,2,3\n', "several columns named 'a'"),
        ("rows.csv", b"1,2,1\n1,2,3\n", "add a header"),
        ("rows.csv", b"when\n2020-01-01\n2020-01-02\n", "holds dates"),
        ("rows.parquet", b"PAR1", "can't be read as Parquet"),
        ("rows.npy", b"nothing", "can't be read as an array"),
        ("rows.npz", b"nothing", "can't be read as an array"),
    ],
)
def test_file_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(TrainingError, match=message):
        read_dataset(tmp_path / name, selection=Selection())


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="is not a file"):
        read_dataset(tmp_path / "none.csv", selection=Selection())


def test_npy_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([{}, {}], dtype=object), allow_pickle=True)

    with pytest.raises(TrainingError, match="can't be read as an array"):
        read_dataset(tmp_path / "rows.npy", selection=Selection())


def test_npz_without_x(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", a=np.ones(3), b=np.zeros(3))

    with pytest.raises(TrainingError, match="expected one, or one named X"):
        read_dataset(tmp_path / "rows.npz", selection=Selection())
