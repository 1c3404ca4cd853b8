"""Files that are written whole or not at all."""

from pathlib import Path

import pytest

from guard.errors import ConfigError, TrainingError
from guard.training.write import refuse_same_files, write_whole


def test_write_replaces_a_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "d.onnx").write_bytes(b"old")

    write_whole(tmp_path / "d.onnx", b"new")

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("d.onnx", b"new")]


def test_write_into_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"d\.onnx can't be written: No such file"):
        write_whole(tmp_path / "none" / "d.onnx", b"new")


def test_the_same_file_in_two_roles_is_refused_however_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"1")
    (tmp_path / "link.csv").symlink_to(tmp_path / "rows.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "rows.csv")
    given = {"the data": tmp_path / "rows.csv", "--output": tmp_path / "new" / ".." / "d.onnx", "--model": None}

    refuse_same_files(given)
    for name in ("link.csv", "hard.csv", "rows.csv"):
        with pytest.raises(ConfigError, match="the data and --plot are the same file"):
            refuse_same_files(given | {"--plot": tmp_path / name})
    with pytest.raises(ConfigError, match="--output and --plot"):
        refuse_same_files(given | {"--plot": tmp_path / "d.onnx"})
