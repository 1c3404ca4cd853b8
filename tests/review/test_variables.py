from __future__ import annotations

from pathlib import Path

import pytest

from guard.errors import ConfigError
from guard.review.variables import read_variables


def test_lines_are_read_as_an_env_file(tmp_path: Path) -> None:
    path = tmp_path / "guard.env"
    path.write_text(
        "# what if\n\n  GUARD_FLAG_FPR = 0.02 \nexport GUARD_MODE=enforce\r\nGUARD_CONTRACT=\n"
        'GUARD_PATHS="/a,/b"\nGUARD_DISABLED_RULES=\'G205:"age" a=b\'\nGUARD_CLIENT="\n'
    )

    assert read_variables(path) == {
        "GUARD_FLAG_FPR": "0.02",
        "GUARD_MODE": "enforce",
        "GUARD_CONTRACT": "",
        "GUARD_PATHS": "/a,/b",
        "GUARD_DISABLED_RULES": 'G205:"age" a=b',
        "GUARD_CLIENT": '"',
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GUARD_MODE\nA=1\nB C=2\n", "line 1 isn't NAME=value\n.*line 3 isn't NAME=value"),
        (b"GUARD_MODE=\xff", "not UTF-8"),
    ],
)
def test_what_isnt_one_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "guard.env").write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        read_variables(tmp_path / "guard.env")


def test_file_that_isnt_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_variables(tmp_path / "guard.env")
