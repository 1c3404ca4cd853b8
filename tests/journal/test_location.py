from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from guard.errors import JournalError
from guard.journal.location import create_private, sqlite_path


def test_path_of_a_relative_url_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert sqlite_path("sqlite:///guard.db") == tmp_path / "guard.db"


@pytest.mark.parametrize("url", ["guard.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a?mode=ro"])
def test_path_of_another_url_is_refused(url: str) -> None:
    with pytest.raises(JournalError, match="expected sqlite:///FILE"):
        sqlite_path(url)


def test_refusal_hides_the_password() -> None:
    with pytest.raises(JournalError) as refusal:
        sqlite_path("postgresql://guard:hunter2@db/guard")

    assert "hunter2" not in str(refusal.value)


def test_path_in_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="not-there"):
        sqlite_path(f"sqlite:///{tmp_path}/not-there/guard.db")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_new_file_is_the_owners_alone(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        create_private(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_existing_file_is_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"something")

    create_private(path)

    assert path.read_bytes() == b"something"
