"""Small tables of clean rows."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest


@pytest.fixture(scope="session")
def rows() -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(500, 5))


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    random = np.random.default_rng(1)
    n = 700
    return pl.DataFrame(
        {
            "age": random.integers(18, 90, n),
            "income": [None if row % 5 == 0 else float(v) for row, v in enumerate(random.lognormal(3, 1, n))],
            "kind": [[None, "x", "yy", "z"][v] for v in random.choice(4, n, p=[0.1, 0.6, 0.2, 0.1])],
            "vip": [None if row % 50 == 3 else bool(v) for row, v in enumerate(random.random(n) < 0.2)],
            "version": np.full(n, 3),
        }
    )


@pytest.fixture
def csv_path(frame: pl.DataFrame, tmp_path: Path) -> Path:
    frame.write_csv(tmp_path / "rows.csv")
    return tmp_path / "rows.csv"
