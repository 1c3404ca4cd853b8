"""Texts of others within Markdown."""

import pytest

from guard.training.markdown import plain, table


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("größe", "größe"),
        ("a|b", "a\\|b"),
        ("<script>", "\\<script\\>"),
        ("[x](http://y)", "\\[x\\]\\(http://y\\)"),
        ("a\nb\x1b[2J", "a\\\\nb\\\\x1b\\[2J"),
        ("a\u202eb", "a\\\\u202eb"),
    ],
)
def test_plain_text_is_no_markup(text: str, written: str) -> None:
    assert plain(text) == written


def test_table() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
