"""From messages, parts and tool calls of a language model's request to passages of text.

Threat model. A client that spends few bytes on very many texts, or on places nested so deep that their names outweigh
the body: both are counted. A member of another type than its protocol has is refused: servers differ in what they make
of it. Out of scope: members that no protocol has.
"""

from __future__ import annotations

from typing import Any, NoReturn

from guard.decode.base64_text import decode_base64
from guard.decode.images.header import looks_like_image
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, UnsupportedMediaType
from guard.inference import Passage

__all__ = ["Texts", "refuse"]

# Each costs some hundred bytes, however short it is. GUARD_MAX_INSTANCES may allow more prompts.
_MOST_TEXTS = 4096

# Deeper places are told by where they begin: their names would take more memory than the body.
_LONGEST_WHERE = 80

# Members of a message, a part or a tool call that hold text, or parts of it.
_CONTENTS = frozenset(
    {
        "code", "content", "context", "custom", "function", "function_call", "name", "output", "reasoning",
        "reasoning_content", "refusal", "summary", "text", "thinking", "title", "tool_calls",
    }
)  # fmt: skip

# Members that hold JSON of the client's own, as a text or as it is.
_VALUES = frozenset({"action", "arguments", "input"})

_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})


def refuse(expected: str, where: str) -> NoReturn:
    """Raise MalformedRequest (G116): something else was expected there."""
    raise MalformedRequest(f"expected {expected}", rule="G116", where=where)


def _within(where: str, step: str) -> str:
    return where if len(where) > _LONGEST_WHERE else where + step


def _check_image(source: dict[str, Any], where: str) -> None:
    """Check that a source in base64 is canonical, and an image where it says so; its size is looked at elsewhere."""
    media_type, data = source.get("media_type"), source.get("data")
    if type(media_type) is not str or not media_type.strip().lower().startswith("image/") or type(data) is not str:
        return
    (content,) = decode_base64([data], where=_within(where, ".data"), is_array=False)
    if not looks_like_image(content):
        raise UnsupportedMediaType("no image, where the media type says image", rule="G115", where=where)


class Texts:
    """The texts found so far."""

    def __init__(self, limits: DecodeLimits) -> None:
        self.found: list[Passage] = []
        self._most = max(_MOST_TEXTS, limits.max_instances)

    def add(self, text: str, role: str, where: str) -> None:
        """Keep one text."""
        if len(self.found) >= self._most:
            raise MalformedRequest(f"more than {self._most:,} texts", rule="G111", where=where)
        self.found.append(Passage(role, text, where))

    def add_content(self, content: Any, role: str, where: str) -> None:
        """Keep a text, or the texts of parts."""
        if type(content) is str:
            self.add(content, role, where)
        elif type(content) is dict:
            self.add_part(content, role, where)
        elif type(content) is list:
            for index, part in enumerate(content):
                if type(part) is not str and type(part) is not dict:
                    refuse("a text, or a part, which is an object", f"{where}[{index}]")
                self.add_content(part, role, _within(where, f"[{index}]"))
        elif content is not None:
            refuse("a text or an array of parts", where)

    def add_part(self, part: dict[str, Any], role: str, where: str) -> None:
        """Keep the texts of a message, of a part of its content, or of a tool call."""
        kind = part.get("type")
        if kind is not None and type(kind) is not str:
            refuse("a text", f"{where}.type")
        if kind in _TEXT_PARTS and type(part.get("text")) is not str:
            refuse("a text", f"{where}.text")
        for member, value in part.items():
            if member == "content" and type(value) is dict:
                refuse("a text or an array of parts", _within(where, ".content"))
            if member in _CONTENTS:
                self.add_content(value, role, _within(where, f".{member}"))
            elif member in _VALUES:
                self.add_strings(value, role, _within(where, f".{member}"))
            elif member == "source":
                self._add_source(value, role, _within(where, ".source"))

    def _add_source(self, source: Any, role: str, where: str) -> None:
        # Of a document; that of an image has no text.
        if type(source) is dict and source.get("type") == "base64":
            _check_image(source, where)
        if type(source) is dict and source.get("type") == "text":
            self.add_content(source.get("data"), role, _within(where, ".data"))
        else:
            self.add_content(source, role, where)

    def add_strings(self, value: Any, role: str, where: str) -> None:
        """Keep every text within a JSON value."""
        if type(value) is str:
            self.add(value, role, where)
            return
        items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
        for key, item in items:
            if type(item) in {str, dict, list}:
                # A key is the client's own, and may be as long as the body.
                self.add_strings(item, role, where if type(key) is str else _within(where, f"[{key}]"))

    def add_descriptions(self, value: Any, where: str) -> None:
        """Keep the descriptions of tools and of their parameters."""
        if type(value) is dict:
            if type(value.get("description")) is str:
                self.add(value["description"], "tool", _within(where, ".description"))
            for item in value.values():
                if type(item) in {dict, list}:
                    self.add_descriptions(item, where)
        elif type(value) is list:
            for index, item in enumerate(value):
                if type(item) in {dict, list}:
                    self.add_descriptions(item, _within(where, f"[{index}]"))
