"""Two small detectors, fitted once: numbers alone, and every kind of feature."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from guard.detectors import Detector, load_detector
from guard.training import FittedDetector, fit_detector


@pytest.fixture(scope="session")
def numeric() -> FittedDetector:
    rows = np.random.default_rng(0).normal(size=(600, 4))
    return fit_detector(rows, names=["a", "b", "c", "d"])


@pytest.fixture(scope="session")
def mixed_frame() -> pl.DataFrame:
    random = np.random.default_rng(1)
    n = 800
    return pl.DataFrame(
        {
            "age": random.integers(18, 90, n),
            "income": [None if row % 9 == 0 else float(v) for row, v in enumerate(random.lognormal(3, 1, n))],
            "kind": random.choice(["x", "yy", "z"], n, p=[0.7, 0.2, 0.1]),
            "vip": random.random(n) < 0.2,
            "version": np.full(n, 3),
        }
    )


@pytest.fixture(scope="session")
def mixed(mixed_frame: pl.DataFrame) -> FittedDetector:
    return fit_detector(mixed_frame, seed=2)


@pytest.fixture
def numeric_path(numeric: FittedDetector, tmp_path: Path) -> Path:
    numeric.save(tmp_path / "detector.onnx")
    return tmp_path / "detector.onnx"


@pytest.fixture(scope="session")
def numeric_detector(numeric: FittedDetector, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    path = tmp_path_factory.mktemp("numeric") / "detector.onnx"
    numeric.save(path)
    return load_detector(path)


@pytest.fixture(scope="session")
def mixed_detector(mixed: FittedDetector, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    path = tmp_path_factory.mktemp("mixed") / "detector.onnx"
    mixed.save(path)
    return load_detector(path)
