"""A text or bytes that may carry an image or serialised code: recognised by how it begins, base64 or a data URI.

Threat model. Hosts find an image in many spellings: `DATA:image/png;name=x;base64,`, spaces before it, base64 of the
URL alphabet, with line breaks, in bytes that are text. So a text is recognised as leniently as the most lenient host
reads it, and then decoded strictly, so that no two of them read different bytes. Out of scope: base64 with characters
that aren't of it among the first four, or before them; formats that aren't images to `looks_like_image`, unless a data
URI says that they are.

https://www.rfc-editor.org/rfc/rfc2397
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from guard.decode.base64_text import decode_base64
from guard.decode.images.header import looks_like_image
from guard.decode.images.jpeg import SIGNATURE as JPEG
from guard.decode.serialised import name_code
from guard.errors import MalformedRequest

__all__ = ["IN_BYTES", "IN_JSON", "IN_TEXT", "SHORTEST_BYTES", "SHORTEST_TEXT", "Carrier", "recognise"]

# In base64, the first bytes of images (PNG, JPEG, GIF, BMP, WebP, TIFF), of pickles, zip files, and their kin.
_PREFIXES = (
    r"\s*+(?:iVBO|[/_]9j|R0lG|Qk|UklG|SUkq|TU0A|gA[I-X]|UEs[DF]|rO0A|iUhE|N3q8|UmFy"
    r"|[Dd][Aa][Tt][Aa]:)"  # as possessive as it can be: a body may hold nothing but spaces
)
_RAW = rb"\x89PNG|\x89HDF|\xff\xd8|GIF8|BM|RIFF|II\*|MM\0|\x80[\2-\5]|PK[\3\5]|\xac\xed|7z|Rar!"

IN_TEXT = re.compile(_PREFIXES)
"""How a text begins that may carry something."""
IN_JSON = re.compile(_PREFIXES.encode() + rb"|[\x80-\xff]")
"""The same within a JSON body, where a text may also begin with white space of other alphabets."""
IN_BYTES = re.compile(_PREFIXES.encode() + rb"|" + _RAW)
"""How bytes begin that may carry something, as they are or as text."""

SHORTEST_TEXT = 24
"""A shorter text carries no image, and nothing that runs."""
SHORTEST_BYTES = 8

# As many bytes, and characters, as hold what looks_like_image wants to see.
_HEAD_BYTES = 33
_HEAD_CHARACTERS = 64
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_FROM_URL_ALPHABET = str.maketrans("-_", "+/")

_SCHEME = re.compile(r"\s*+data:", re.IGNORECASE)
_IS_BASE64 = re.compile(r";\s*+base64\s*+(?:;|\Z)", re.IGNORECASE)
_BEFORE_BASE64 = re.compile(r";\s*+base64\s*+,", re.IGNORECASE)
_IMAGE = "image/"

# After SOI comes a marker, and these begin there; fewer texts that are paths begin so.
_MARKERS = range(0xC0, 0xFF)


class Carrier(NamedTuple):
    """What carries an image, or may carry code: a text from where its base64 begins, or bytes as they are.

    `subtype` is that of a data URI's media type.
    """

    content: str | bytes
    is_image: bool
    subtype: str | None = None

    def decode(self, where: str | None) -> bytes:
        """Return the bytes; MalformedRequest (G126) where a text isn't canonical base64."""
        if type(self.content) is bytes:
            return self.content
        try:
            (content,) = decode_base64([str(self.content)], where=where or "", is_array=False)
        except MalformedRequest as error:
            error.where = where
            raise
        return content


def recognise(cell: object) -> Carrier | None:
    """Recognise a text or bytes; None for anything else. Raises MalformedRequest (G126) for an ambiguous data URI."""
    if type(cell) is str:
        return _of_text(cell) if len(cell) >= SHORTEST_TEXT and IN_TEXT.match(cell) is not None else None
    if type(cell) is not bytes or len(cell) < SHORTEST_BYTES or IN_BYTES.match(cell) is None:
        return None
    if _is_image(cell[:_HEAD_BYTES]):
        return Carrier(cell, is_image=True)
    if name_code(cell) is not None:
        return Carrier(cell, is_image=False)
    # V2's binary tensors have texts as bytes too.
    return _of_text(cell.decode("latin-1")) if len(cell) >= SHORTEST_TEXT else None


def _of_text(text: str) -> Carrier | None:
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _of_data_uri(text, scheme.end())
    return _as_carrier(text, _decode_head(text))


def _of_data_uri(text: str, start: int) -> Carrier | None:
    comma = text.find(",", start)
    if comma < 0:
        return None
    media_type, _, _ = text[start:comma].partition(";")
    media_type = media_type.strip().lower()
    subtype = media_type[len(_IMAGE) :] if media_type.startswith(_IMAGE) else None
    data = text[comma + 1 :]
    if subtype is not None and _IS_BASE64.search(text, start, comma) is not None:
        return Carrier(data, is_image=True, subtype=subtype)
    if subtype is not None and _BEFORE_BASE64.search(data) is not None:
        raise MalformedRequest("a data URI with a comma among its parameters", rule="G126")
    # Some hosts look no further than for the comma.
    found = _as_carrier(data, _decode_head(data))
    if found is None and _is_image(unquote_to_bytes(data[:_HEAD_CHARACTERS])):
        raise MalformedRequest("an image in a data URI that isn't base64", rule="G126")
    return None if found is None else found._replace(subtype=subtype)


def _as_carrier(text: str, head: bytes) -> Carrier | None:
    if _is_image(head):
        return Carrier(text, is_image=True)
    return None if name_code(head) is None else Carrier(text, is_image=False)


def _decode_head(text: str) -> bytes:
    """Decode the first characters, whatever stands between them."""
    head = _NOT_BASE64.sub("", text[:_HEAD_CHARACTERS].translate(_FROM_URL_ALPHABET))
    return a2b_base64(head[: len(head) // 4 * 4])


def _is_image(head: bytes) -> bool:
    if head.startswith(JPEG):
        return len(head) > len(JPEG) and head[len(JPEG)] in _MARKERS
    return looks_like_image(head)
