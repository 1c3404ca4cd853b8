from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from guard.detectors import load_detector
from guard.training import fit_detector
from tests.review.serving import CONTRACT, fit, frame, saved


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two detectors of the same features, fitted on other rows."""
    folder = tmp_path_factory.mktemp("detectors")
    return saved(fit(1), folder / "one.onnx"), saved(fit(2), folder / "other.onnx")


@pytest.fixture(scope="session")
def related(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A detector with a mined relation that neither of `detectors` has, and the relation's id."""
    rows = frame(3).with_columns(income=pl.col("age") + pl.col("income").fill_null(1.0))
    path = saved(fit_detector(rows, seed=3), tmp_path_factory.mktemp("related") / "related.onnx")
    (relation,) = (card.id for card in load_detector(path).manifest.relations if card.text == "`age` <= `income`")
    return path, relation


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/guard.db"


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    (tmp_path / "contract.toml").write_text(CONTRACT)
    return tmp_path / "contract.toml"
