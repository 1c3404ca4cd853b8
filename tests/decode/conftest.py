"""Fixtures of the decoders' tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.decode import DecodeLimits, decode
from guard.inference import InferenceRequest

Reader = Callable[..., InferenceRequest]


@pytest.fixture(scope="session")
def limits() -> DecodeLimits:
    return DecodeLimits(max_depth=8, max_containers=100, max_instances=16)


@pytest.fixture(scope="session")
def read(limits: DecodeLimits) -> Reader:
    """Decode text or bytes under small limits."""

    def run(body: str | bytes, *, allow_non_finite: bool = False) -> InferenceRequest:
        given = body.encode() if isinstance(body, str) else body
        return decode(given, limits=limits, allow_non_finite=allow_non_finite)

    return run


@pytest.fixture(scope="session")
def json_suite() -> Path:
    """The folder of the JSONTestSuite."""
    root = Path(__file__).parents[2]
    data = Path(os.environ.get("INFERENCE_GUARD_DATA", root / "../shared/data"))
    folder = data / "json"
    if not folder.is_dir():
        pytest.skip("the JSONTestSuite isn't in $INFERENCE_GUARD_DATA/json, nor in ../shared/data/json")
    return folder
