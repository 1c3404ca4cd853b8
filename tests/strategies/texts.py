"""Requests of language models, each with the texts that it holds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["anthropic_messages", "chats", "completions", "embeddings", "requests", "responses"]

Request = tuple[dict[str, Any], list[str]]

TEXT = st.text(max_size=20)
IMAGE = st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}})
AUDIO = st.just({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})
TOKENS = st.lists(st.integers(0, 100_000), min_size=1, max_size=5)


def contents(kind: str) -> st.SearchStrategy[tuple[Any, list[str]]]:
    """A message's content, as a text or in parts, with its texts."""
    text = TEXT.map(lambda found: ({"type": kind, "text": found}, [found]))
    other: st.SearchStrategy[tuple[Any, list[str]]] = (IMAGE | AUDIO).map(lambda part: (part, []))
    part = st.one_of(text, other)
    return st.one_of(
        TEXT.map(lambda text: (text, [text])),
        st.lists(part, max_size=4).map(lambda parts: ([p for p, _ in parts], [t for _, ts in parts for t in ts])),
    )


@st.composite
def messages(draw: st.DrawFn, *, kind: str = "text") -> tuple[list[dict[str, Any]], list[str]]:
    """A conversation with calls of tools."""
    made, texts = [], []
    for _ in range(draw(st.integers(1, 4))):
        content, found = draw(contents(kind))
        message: dict[str, Any] = {
            "role": draw(st.sampled_from(["system", "user", "assistant", "tool"])),
            "content": content,
        }
        if draw(st.booleans()):
            arguments = draw(TEXT)
            message["tool_calls"] = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}]
            found = [*found, "f", arguments]
        made.append(message)
        texts += found
    return made, texts


@st.composite
def chats(draw: st.DrawFn) -> Request:
    """A request for /v1/chat/completions."""
    made, texts = draw(messages())
    return {"model": "m", "messages": made, "temperature": 0.5}, texts


@st.composite
def anthropic_messages(draw: st.DrawFn) -> Request:
    """A request for /v1/messages."""
    made, texts = draw(messages())
    system = draw(TEXT)
    return {"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": system}], "messages": made}, [
        system,
        *texts,
    ]


@st.composite
def responses(draw: st.DrawFn) -> Request:
    """A request for /v1/responses."""
    made, texts = draw(messages(kind="input_text"))
    return {"model": "m", "instructions": "be kind", "input": made}, ["be kind", *texts]


def _of_prompts(member: str) -> st.SearchStrategy[Request]:
    texts = st.lists(TEXT, min_size=1, max_size=5)
    return st.one_of(
        TEXT.map(lambda text: ({"model": "m", member: text}, [text])),
        texts.map(lambda found: ({"model": "m", member: found}, found)),
        TOKENS.map(lambda tokens: ({"model": "m", member: tokens}, [])),
        st.lists(TOKENS, min_size=1, max_size=3).map(lambda lists: ({"model": "m", member: lists}, [])),
    )


def completions() -> st.SearchStrategy[Request]:
    """A request for /v1/completions."""
    return _of_prompts("prompt")


def embeddings() -> st.SearchStrategy[Request]:
    """A request for /v1/embeddings."""
    return _of_prompts("input")


def requests() -> st.SearchStrategy[Request]:
    """A request for any path of the protocol."""
    return st.one_of(chats(), anthropic_messages(), responses(), completions(), embeddings())
