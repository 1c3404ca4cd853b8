"""What a Content-Type says of a body, for comparison with what the body is.

Threat model: hosts differ in who may decide what a body is. FastAPI reads JSON only where the type says so, Litestar
and BentoML nearly always, Triton never looks, MLflow reads `text/csv` as CSV whatever the bytes. A client that gives
one type and sends another format wants guard and the host to read two things. Out of scope: types no host decodes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["Media", "MediaType", "read_media_type"]


class Media(enum.Enum):
    """The sorts of media types that model servers tell apart."""

    NEUTRAL = "nothing in particular"
    """absent, or one that says nothing of the format: text/plain, application/octet-stream, types of no known host"""
    JSON = "JSON"
    CSV = "CSV"
    FORM = "a form"
    MULTIPART = "multipart"
    NPY = "npy"
    ARROW = "Arrow"
    PARQUET = "Parquet"
    IMAGE = "an image"
    OTHER = "a format that guard doesn't read"
    CODE = "serialised code"
    SEVERAL = "several types"


class MediaType(NamedTuple):
    """A Content-Type: its sort, `type/subtype` in lower case, and its parameters by lower-case name."""

    media: Media
    essence: str
    parameters: Mapping[str, str]

    @property
    def is_utf_8(self) -> bool:
        """Whether no other charset is given than UTF-8, or ASCII, which is part of it."""
        return self.parameters.get(_CHARSET, "utf-8").lower() in _UTF_8


_NOTHING: Mapping[str, str] = MappingProxyType({})
_ABSENT = MediaType(Media.NEUTRAL, "", _NOTHING)

_ESSENCE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;|\Z)")
_PARAMETER = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*))\s*(?:;|\Z)")

_BY_ESSENCE: Mapping[str, Media] = {
    "application/json": Media.JSON,
    "text/json": Media.JSON,
    "text/csv": Media.CSV,
    "application/csv": Media.CSV,
    "application/x-www-form-urlencoded": Media.FORM,
    "application/x-npy": Media.NPY,
    "application/x-npz": Media.CODE,
    "application/vnd.apache.arrow.stream": Media.ARROW,
    "application/vnd.apache.arrow.file": Media.ARROW,
    "application/vnd.apache.parquet": Media.PARQUET,
    "application/x-parquet": Media.PARQUET,
    "application/msgpack": Media.OTHER,
    "application/x-msgpack": Media.OTHER,
    "application/vnd.msgpack": Media.OTHER,
    "application/x-protobuf": Media.OTHER,
    "application/protobuf": Media.OTHER,
    "application/x-recordio-protobuf": Media.OTHER,
    "application/grpc": Media.OTHER,
    "application/xml": Media.OTHER,
    "text/xml": Media.OTHER,
    "application/yaml": Media.OTHER,
    "text/libsvm": Media.OTHER,
    "text/x-libsvm": Media.OTHER,
    "application/jsonlines": Media.OTHER,
    "application/x-ndjson": Media.OTHER,
    "application/java-serialized-object": Media.CODE,
    "application/zip": Media.CODE,
}

_BY_TYPE: Mapping[str, Media] = {
    "multipart": Media.MULTIPART,
    "image": Media.IMAGE,
    "audio": Media.OTHER,
    "video": Media.OTHER,
}

_CHARSET = "charset"
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})

# Stands for one that parsers of the header wouldn't all find, or not alike.
_UNCERTAIN = "uncertain"

# Of these, each stands for code that a careless host runs when it reads the body.
_CODE = ("pickle", "joblib", "cloudpickle", "dill", "x-python")

_LONGEST_CACHED = 512


def read_media_type(value: bytes | None) -> MediaType:
    """Read a Content-Type header as it came; an unreadable one says nothing, as none does."""
    if value is None:
        return _ABSENT
    # Longer ones aren't cached, so that a client can't fill the memory with them.
    return _cached(value) if len(value) <= _LONGEST_CACHED else _read(value)


def _read(value: bytes) -> MediaType:
    text = value.decode("latin-1")
    found = _ESSENCE.match(text)
    if found is None:
        # Two of them, joined by a comma, have no end either.
        return MediaType(Media.SEVERAL if "," in text else Media.NEUTRAL, "", _NOTHING)
    essence = found[1].lower()
    parameters: dict[str, str] = {}
    media, at = _sort(essence), found.end()
    while at < len(text):
        parameter = _PARAMETER.match(text, at)
        if parameter is None or parameter[1].lower() in parameters:
            media = Media.SEVERAL if "," in text[at:] or parameter else media
            break
        quoted = parameter[2]
        parameters[parameter[1].lower()] = parameter[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = parameter.end()
    if text.lower().count(_CHARSET) > (_CHARSET in parameters):
        # In a part that can't be read, within quotes, or as `charset*`: frameworks search for it each in their own way.
        parameters[_CHARSET] = _UNCERTAIN
    return MediaType(media, essence, MappingProxyType(parameters))


_cached = lru_cache(maxsize=512)(_read)


def _sort(essence: str) -> Media:
    kind, _, subtype = essence.partition("/")
    if any(word in subtype for word in _CODE):
        return Media.CODE
    known = _BY_ESSENCE.get(essence) or _BY_TYPE.get(kind)
    if known is not None:
        return known
    return Media.JSON if subtype.endswith("+json") else Media.NEUTRAL
