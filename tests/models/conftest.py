"""The demo's files as they are committed, and as they are built here."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.build import HOME, build


@pytest.fixture(scope="session")
def committed() -> Path:
    """The folder of the committed files."""
    return HOME


@pytest.fixture(scope="session")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the same files, built here and now."""
    folder = tmp_path_factory.mktemp("rebuilt")
    build(folder)
    return folder
