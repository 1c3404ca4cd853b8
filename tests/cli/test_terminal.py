from __future__ import annotations

import base64
import io
import json
import os
import unicodedata
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from guard.cli.terminal import cell, safe

DATA = Path(os.environ.get("INFERENCE_GUARD_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
STRINGS = DATA / "strings" / "blns.base64.json"

HIDDEN = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0xFEFF]
HIDDEN += [*range(0x200B, 0x2010), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
HIDDEN += [*range(0xD800, 0xE000), *range(0xE0000, 0xE0080)]


def naughty_strings() -> list[str]:
    if not STRINGS.exists():
        pytest.skip(f"no naughty strings at {STRINGS}; set INFERENCE_GUARD_DATA")
    return [base64.b64decode(text).decode() for text in json.loads(STRINGS.read_text(encoding="ascii"))]


def is_inert(text: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mean radius", "mean radius"),
        ("größer 🎈 [red]", "größer 🎈 [red]"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_safe_table(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_every_hidden_character_is_shown_as_its_code() -> None:
    shown = safe("".join(map(chr, HIDDEN)))

    assert is_inert(shown)
    assert shown.isascii()
    assert shown.count("\\") == len(HIDDEN)


def test_text_over_the_limit_is_cut() -> None:
    assert safe("abcdef", limit=4) == "abc…"
    assert safe("abcd", limit=4) == "abcd"


def test_cell_reads_no_markup() -> None:
    assert cell("[bold]x[/bold]").plain == "[bold]x[/bold]"
    assert cell(None).plain == ""


def test_naughty_strings_are_inert_in_a_table() -> None:
    for text in naughty_strings():
        file = io.StringIO()
        table = Table(box=None)
        table.add_column(overflow="fold")
        table.add_row(cell(text))

        Console(file=file, width=200, force_terminal=True, color_system=None).print(table)

        assert is_inert(file.getvalue().replace("\n", "")), ascii(text)
