"""Where the data of others lies."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("INFERENCE_GUARD_DATA", Path(__file__).parents[2] / "../shared/data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the data; what needs it is skipped where it isn't there."""
    if not DATA.is_dir():
        pytest.skip("no data of others: set INFERENCE_GUARD_DATA, or put it into ../shared/data")
    return DATA


@pytest.fixture(scope="session")
def strings(data: Path) -> list[str]:
    encoded = json.loads((data / "strings" / "blns.base64.json").read_text(encoding="ascii"))
    found = [base64.b64decode(text).decode() for text in encoded]
    assert len(found) == 515
    return found
