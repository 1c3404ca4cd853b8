from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.journal.text import escape, unescape


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("mean radius", "mean radius"),
        ("größer 🎈", "größer 🎈"),
        ("a\0b", "a\\u0000b"),
        ("\ud800", "\\ud800"),
        ("\ud83d\ude00", "\\ud83d\\ude00"),
        ("\\u0000", "\\\\u0000"),
    ],
)
def test_escape_table(text: str, stored: str) -> None:
    assert escape(text) == stored


@given(st.text(alphabet=st.one_of(st.characters(codec=None), st.sampled_from("\\u0d8\0\ud800\udfff"))))
def test_unescape_gives_back_any_text(text: str) -> None:
    stored = escape(text)

    assert b"\0" not in stored.encode("utf-8")
    assert unescape(stored) == text
