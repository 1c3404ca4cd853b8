"""A linear model of three features, rows of both its labels, and the demo's own files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from guard.demo.assets import BREAST_CANCER, model_folder, read_rows
from guard.demo.host import OnnxModel
from guard.demo.tally import Outcome
from guard.demo.traffic import DemoRequest, TrafficKind


@pytest.fixture(scope="session")
def folder() -> Path:
    """The folder of the demo's model."""
    return model_folder(BREAST_CANCER)


@pytest.fixture(scope="session")
def features(folder: Path) -> tuple[str, ...]:
    """The names of the demo's 30 features."""
    return read_rows(folder / "heldout.csv")[0]


@pytest.fixture(scope="session")
def heldout(folder: Path) -> npt.NDArray[np.float64]:
    """The demo's held-out rows."""
    return read_rows(folder / "heldout.csv")[1]


@pytest.fixture(scope="session")
def model(folder: Path, features: tuple[str, ...]) -> OnnxModel:
    """The demo's model."""
    return OnnxModel(folder / "model.onnx", features=features)


@pytest.fixture
def outcome() -> Callable[..., Outcome]:
    """A builder of outcomes of a kind, with a status."""

    def build(kind: TrafficKind, status: int | None, *, request_id: str = "a", refused: bool = False) -> Outcome:
        request = DemoRequest(kind=kind, variant="some variant", body=b"")
        return Outcome(request=request, request_id=request_id, status=status, refused_by_guard=refused)

    return build
