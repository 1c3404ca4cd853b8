r"""Text of others, made fit for a terminal.

Threat model: whoever sends requests to a model, and knows that somebody reads the journal in a terminal.
Control characters move the cursor, change the title or answer in the reader's place; bidi controls and
invisible characters show other text than there is; rich reads `[markup]`. Out of scope: look-alike letters.
"""

from __future__ import annotations

import re

from rich.text import Text

__all__ = ["cell", "safe"]

# Control (C0, DEL, C1), format (bidi, zero width, tags and the like), surrogate, line and paragraph separators:
# categories Cc, Cf, Cs, Zl and Zp of Unicode 15.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def safe(text: str, limit: int | None = None) -> str:
    r"""The text with every character that isn't seen as `\xNN`, `\uNNNN` or `\UNNNNNNNN`.

    Text of more than `limit` characters is cut, and ends in an ellipsis then.
    """
    if limit is not None and len(text) > limit:
        text = f"{text[: max(limit - 1, 0)]}…"
    return _HIDDEN.sub(_visible, text)


def cell(text: str | None, limit: int | None = None) -> Text:
    """The text for a rich table or console, without markup; empty for None."""
    return Text("" if text is None else safe(text, limit))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
