"""The parts of a multipart/form-data body, by one strict grammar."""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.decode.json.members import quote
from guard.decode.media import MediaType, read_media_type
from guard.errors import MalformedRequest

__all__ = ["Part", "read_parts"]

# RFC 2046's characters of a boundary, which doesn't end in a space.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")

_MOST_PARTS = 64
_MOST_HEADERS = 8
_LONGEST_HEADERS = 4_096

# No blanks around the value here: a pattern that strips them takes time by the square of their number.
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0-\x08\x0a-\x1f\x7f]*)")
_DISPOSITION = "form-data"
_PARAMETER = re.compile(
    r"[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"([^\"\\\0-\x1f\x7f]*)\"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))"
)
_PARAMETERS = frozenset({"name", "filename"})

# Sets the charset of all other fields, to those who know it.
_CHARSET_FIELD = "_charset_"


class Part(NamedTuple):
    """A part's name, whether it has a file name, its Content-Type as it came and read, and its content."""

    name: str
    is_file: bool
    content_type: bytes
    media: MediaType
    content: bytes


def read_parts(body: bytes, *, boundary: str) -> list[Part]:
    """Take a body apart; raises MalformedRequest (G127)."""
    if _BOUNDARY.fullmatch(boundary) is None:
        raise _bad("no boundary of 1 to 70 characters that a boundary may have", where="headers")
    delimiter = b"--" + boundary.encode("ascii")
    if not body.startswith(delimiter):
        raise _bad("bytes before the first delimiter, or not the boundary of the Content-Type")
    inner = b"\r\n" + delimiter
    if body.count(b"\n" + delimiter) != body.count(inner) or b"\r" + delimiter in body:
        raise _bad("a delimiter after a line end that isn't CRLF")
    parts: list[Part] = []
    names: set[str] = set()
    at = len(delimiter)
    while body[at : at + 2] == b"\r\n":
        if len(parts) == _MOST_PARTS:
            raise _bad(f"more than {_MOST_PARTS} parts")
        end = body.find(inner, at)
        if end < 0:
            raise _bad("no delimiter after the last part")
        part = _read_part(body, at + 2, end)
        if part.name in names:
            raise _bad(f"{quote(part.name)} names two parts")
        names.add(part.name)
        parts.append(part)
        at = end + len(inner)
    if body[at:] not in {b"--", b"--\r\n"}:
        raise _bad("something else than a line end or the end after a delimiter")
    if not parts:
        raise _bad("no parts")
    return parts


def _bad(found: str, *, where: str | None = None) -> MalformedRequest:
    return MalformedRequest(found, rule="G127", where=where)


def _read_part(body: bytes, start: int, end: int) -> Part:
    blank = body.find(b"\r\n\r\n", start, min(end, start + _LONGEST_HEADERS))
    if blank < 0:
        raise _bad(f"a part whose headers don't end, or are longer than {_LONGEST_HEADERS} bytes")
    content = body[blank + 4 : end]
    headers = _read_headers(body[start:blank])
    if "content-transfer-encoding" in headers:
        raise _bad("a part with Content-Transfer-Encoding, which forms don't have")
    if headers.get("content-length", str(len(content))) != str(len(content)):
        raise _bad("a part with another Content-Length than it has")
    name, is_file = _read_disposition(headers.get("content-disposition", ""))
    content_type = headers.get("content-type")
    raw = None if content_type is None else content_type.encode("utf-8")
    return Part(name, is_file, raw or b"", read_media_type(raw), content)


def _read_headers(block: bytes) -> dict[str, str]:
    try:
        lines = block.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise _bad("a part whose headers aren't UTF-8") from None
    if len(lines) > _MOST_HEADERS:
        raise _bad(f"a part with more than {_MOST_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise _bad(f"no header of a part: {quote(line)}")
        name = found[1].lower()
        if name in headers:
            raise _bad(f"a part with {quote(name)} twice")
        headers[name] = found[2].strip(" \t")
    return headers


def _read_disposition(value: str) -> tuple[str, bool]:
    """Return a part's name, and whether it has a file name."""
    at = len(_DISPOSITION)
    if value[:at].lower() != _DISPOSITION:
        raise _bad("a part without Content-Disposition: form-data")
    parameters: dict[str, str] = {}
    while at < len(value):
        found = _PARAMETER.match(value, at)
        if found is None:
            raise _bad(f"a Content-Disposition that isn't read alike by all: {quote(value)}")
        parameter = found[1].lower()
        if parameter in parameters or parameter not in _PARAMETERS:
            raise _bad(f"{quote(parameter)} twice, or not among name and filename")
        parameters[parameter] = found[3] if found[2] is None else found[2]
        at = found.end()
    name = parameters.get("name", "")
    if not name or name == _CHARSET_FIELD:
        raise _bad("a part without a name, or with one that has a meaning of its own")
    return name, "filename" in parameters
