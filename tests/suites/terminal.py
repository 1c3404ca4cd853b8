"""What a reviewer's terminal gets, and whether it may."""

from __future__ import annotations

import re
import unicodedata

from typer.testing import CliRunner

from guard.cli.review import review

__all__ = ["is_inert", "is_plain", "show", "unstyled"]

# The escape sequences that are guard's own: colours and weights.
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def is_inert(text: str) -> bool:
    shown = text.replace("\n", "")
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)


def unstyled(text: str) -> str:
    """The text without guard's own colours and weights."""
    return _STYLE.sub("", text)


def is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def show(url: str, *arguments: str, colour: bool = False) -> str:
    env = {"GUARD_JOURNAL": url, "COLUMNS": "200", "NO_COLOR": None if colour else "1"}
    env["FORCE_COLOR"] = "1" if colour else None
    result = CliRunner().invoke(review, arguments, env=env, color=colour)
    assert result.exit_code == 0
    return result.output
