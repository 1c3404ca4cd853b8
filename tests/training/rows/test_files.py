"""Arrays and headers in files."""

from pathlib import Path

import numpy as np
import pytest

from guard.errors import TrainingError
from guard.training.rows.files import looks_like_number, read_array, read_header, refuse_repeated


def test_npz_of_several_arrays_reads_x_or_the_named_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X=np.ones((3, 2)), y=np.zeros(3))

    assert read_array(tmp_path / "rows.npz").shape == (3, 2)
    assert read_array(tmp_path / "rows.npz", name="y").shape == (3,)


def test_npz_without_x(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", a=np.ones(3), b=np.zeros(3))

    with pytest.raises(TrainingError, match="expected one, or one named X"):
        read_array(tmp_path / "rows.npz")


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz"])
def test_array_of_a_name_that_is_not_there(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / name, np.ones(3)) if name.endswith("y") else np.savez(tmp_path / name, a=np.ones(3))

    with pytest.raises(TrainingError, match="has no array 'b'"):
        read_array(tmp_path / name, name="b")


def test_npy_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([{}, {}], dtype=object), allow_pickle=True)

    with pytest.raises(TrainingError, match="can't be read as an array"):
        read_array(tmp_path / "rows.npy")


@pytest.mark.parametrize(
    ("content", "names"),
    [(b"a,b\n1,2\n", ["a", "b"]), (b'\xef\xbb\xbf"a,b",c\n', ["a,b", "c"]), (b'"a\nb"\n', ["a\nb"]), (b"", [])],
)
def test_header(tmp_path: Path, content: bytes, names: list[str]) -> None:
    (tmp_path / "rows.csv").write_bytes(content)

    assert read_header(tmp_path / "rows.csv") == names


def test_repeated_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="several columns named 'a': rename"):
        refuse_repeated(["a", "b", "a"], tmp_path)


@pytest.mark.parametrize(("name", "expected"), [("1", True), ("-2.5e3", True), ("x1", False), ("", False)])
def test_name_that_looks_like_a_number(name: str, expected: bool) -> None:
    assert looks_like_number(name) is expected
