"""Where a request may hold images or code: in its texts and bytes, however deep, whether a feature or not.

Threat model. A client puts an image where the decoder of the format doesn't look: beside the instances, in the second
of them, nested, in a parameter. Or fills the body with numbers, brackets or quotes to make the search slow. So a body
is first asked, by its quotes, whether a text in it begins as something; only then is the document searched, level by
level, each in a few passes over all its values. Out of scope: the names of members.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from guard.decode.images.carrier import IN_BYTES, IN_JSON, IN_TEXT, SHORTEST_BYTES, SHORTEST_TEXT
from guard.inference import InferenceRequest, Layout

__all__ = ["find_bytes", "find_cells", "find_texts", "may_carry"]

# As many texts are found one by one, at the speed of memchr.
_FEW = 4

# Below this length it is cheaper to search the document at once.
_SMALL_BYTES = 4096

# In base64, what the shortest bytes take that are looked at.
_SHORTEST = 12

_QUOTE = b'"'
_CONTAINERS = frozenset({dict, list})


def may_carry(body: bytes) -> bool:
    """Whether a text within a JSON body may carry an image or code; False is certain.

    Without escapes, quotes open and close texts in turn. With any, and for a short body of many texts, it is True.
    """
    end = -1
    for _ in range(_FEW):
        start = body.find(_QUOTE, end + 1)
        if start < 0:
            return body.find(b"\\", 0, end + 1) >= 0
        end = body.find(_QUOTE, start + 1)
        if end - start > _SHORTEST and IN_JSON.match(body, start + 1) is not None:
            return True
    if len(body) < _SMALL_BYTES or b"\\" in body:
        return True
    return _may_carry_further(body, end + 1)


def _may_carry_further(body: bytes, at: int) -> bool:
    quotes = np.flatnonzero(np.frombuffer(body, np.uint8, offset=at) == _QUOTE[0])
    starts = quotes[:-1:2]
    long = starts[quotes[1::2] - starts > _SHORTEST]
    return any(IN_JSON.match(body, start) for start in (long + (at + 1)).tolist())


def find_texts(value: Any) -> list[str]:
    """Return every text within lists and objects that begins as something to look at."""
    return [text for text in _walk([value], str) if len(text) >= SHORTEST_TEXT and IN_TEXT.match(text) is not None]


def find_bytes(request: InferenceRequest) -> list[bytes]:
    """Return the bytes among what a decoder has found, where they aren't very short."""
    return [
        content
        for content in _walk(_parts(request), bytes)
        if len(content) >= SHORTEST_BYTES and IN_BYTES.match(content) is not None
    ]


def find_cells(request: InferenceRequest) -> list[str | bytes]:
    """Return texts and bytes among what a decoder has found."""
    parts = _parts(request)
    return [*find_texts(parts), *find_bytes(request)]


def _parts(request: InferenceRequest) -> list[Any]:
    match request.layout:
        case Layout.TENSORS:
            return [tensor.data.ravel().tolist() for tensor in request.data if tensor.data.dtype == np.object_]
        case Layout.RECORDS | Layout.ROWS | Layout.COLUMNS:
            return [request.data]
        case _:
            return []


def _walk(values: list[Any], wanted: type) -> list[Any]:
    """Return all values of a type within lists and objects."""
    found: list[Any] = []
    level = values
    while level:
        kinds = set(map(type, level))
        if wanted in kinds:
            found += [value for value in level if type(value) is wanted]
        if _CONTAINERS.isdisjoint(kinds):
            break
        level = list(chain.from_iterable(_contents(level)))
    return found


def _contents(level: list[Any]) -> Iterable[Iterable[Any]]:
    for value in level:
        if type(value) is list:
            yield value
        elif type(value) is dict:
            yield value.values()
