from __future__ import annotations

from pathlib import Path

import pytest

from guard.demo.assets import BREAST_CANCER, model_folder, read_rows
from guard.errors import GuardError


def test_model_folder_holds_all_that_the_demo_needs() -> None:
    names = {path.name for path in model_folder(BREAST_CANCER).iterdir()}

    assert {"model.onnx", "detector.onnx", "contract.toml", "heldout.csv", "README.md"} <= names


def test_model_folder_of_an_unknown_model_says_what_would_do() -> None:
    with pytest.raises(GuardError, match=r"no_such_model.*python -m models.build"):
        model_folder("no_such_model")


def test_read_rows_gives_header_and_values(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1.5,2\n3e-3,4\n", encoding="utf-8")

    header, rows = read_rows(path)

    assert header == ("a", "b")
    assert rows.tolist() == [[1.5, 2.0], [0.003, 4.0]]
