"""multipart/form-data: a file among fields, or fields alone, which are one record.

Threat model. Parsers of multipart differ in nearly everything: what stands before the first delimiter and after the
last, line ends, which of two names or headers counts, `filename*`, quoting, encodings within a part. Each difference
has let a body past a firewall (CVE-2026-21876, CVE-2026-114101). guard reads the one form that curl, browsers and HTTP
libraries write, and refuses the rest (G127). Of a file and fields, hosts read one or the other: features stand in one
of them alone. Parts, headers and their lengths are bounded. Out of scope: fields beside a file that are no features.

https://www.rfc-editor.org/rfc/rfc7578, https://www.rfc-editor.org/rfc/rfc2046#section-5.1
"""

from __future__ import annotations

import re
from typing import NamedTuple

import orjson

from guard.contract import Contract
from guard.decode.arrow.batches import decode_arrow, looks_like_arrow
from guard.decode.csv.rows import decode_csv
from guard.decode.images.image import decode_image, looks_like_image
from guard.decode.images.search import find_texts
from guard.decode.images.within import check_cells
from guard.decode.json.members import quote
from guard.decode.json.scan import MAX_EXACT_INTEGER
from guard.decode.json_body import decode_json, looks_like_json
from guard.decode.limits import DecodeLimits
from guard.decode.media import Media, MediaType
from guard.decode.multipart.parts import Part, read_parts
from guard.decode.npy import decode_npy, looks_like_npy
from guard.decode.serialised import name_serialised
from guard.decode.source import Source
from guard.errors import MalformedRequest, RequestError, UnsupportedMediaType
from guard.inference import Fault, InferenceRequest, Layout, WireFormat

__all__ = ["decode_multipart"]

_FORM_DATA = "multipart/form-data"

# A number, a choice, an identifier; what is longer comes as a file.
_LONGEST_FIELD = 4_096
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 32


class _Fields(NamedTuple):
    values: dict[str, str | int | float]
    faults: tuple[Fault, ...]


def decode_multipart(body: bytes, *, media_type: MediaType, limits: DecodeLimits, source: Source) -> InferenceRequest:
    """Decode the one part that is a file (an image, npy, Arrow, CSV or JSON), or all fields as one record.

    Raises MalformedRequest with rule G127 or one of that format's, NotScorable as that format does,
    UnsupportedMediaType with rule G115 or G121.
    """
    if media_type.essence != _FORM_DATA:
        detail = f"{quote(media_type.essence)}; of multipart only form-data is read"
        raise UnsupportedMediaType(detail, rule="G115")
    parts = read_parts(body, boundary=media_type.parameters.get("boundary", ""))
    for part in parts:
        _check_part(part)
    files = [part for part in parts if _is_file(part)]
    if len(files) > 1:
        found = f"{len(files)} files, {quote(files[0].name)} and {quote(files[1].name)} among them; expected one"
        raise MalformedRequest(found, rule="G127")
    fields = _read_fields([part for part in parts if not _is_file(part)])
    if files:
        _check_beside(fields, source.contract)
        check_cells(find_texts(fields.values), limits=limits)
        return _decode_file(files[0], limits, source)
    return InferenceRequest(WireFormat.MULTIPART, Layout.RECORDS, [fields.values], n_instances=1, faults=fields.faults)


def _check_beside(fields: _Fields, contract: Contract | None) -> None:
    """Refuse features as fields beside a file: a host that reads fields would take these, and guard the file."""
    beside = set() if contract is None else contract.compiled.places.keys() & fields.values.keys()
    if beside:
        found = f"{quote(min(beside))}, a feature, is a field beside a file; expected all features in one of them"
        raise MalformedRequest(found, rule="G127")


def _check_part(part: Part) -> None:
    serialised = name_serialised(part.content, part.media)
    if serialised is not None:
        raise UnsupportedMediaType(f"{serialised}, which guard never opens", rule="G121", where=_where(part))
    if part.media.media is Media.MULTIPART:
        raise MalformedRequest("a part that is multipart itself", rule="G127", where=_where(part))
    if part.media.media is Media.SEVERAL:
        raise MalformedRequest("a part of several types", rule="G127", where=_where(part))
    if not part.media.is_utf_8:
        raise MalformedRequest("a charset other than UTF-8", rule="G127", where=_where(part))


def _where(part: Part) -> str:
    return f"parts[{quote(part.name)}]"


def _is_file(part: Part) -> bool:
    if part.is_file or part.media.media is not Media.NEUTRAL:
        return True
    content = part.content
    return looks_like_image(content) or looks_like_npy(content) or looks_like_arrow(content) or looks_like_json(content)


def _decode_file(part: Part, limits: DecodeLimits, source: Source) -> InferenceRequest:
    try:
        request, found = _decode_content(part, limits, source)
    except RequestError as error:
        error.where = _where(part) if error.where is None else f"{_where(part)}: {error.where}"
        raise
    faults = request.faults
    if part.media.media not in {Media.NEUTRAL, found}:
        detail = f"the part's Content-Type says {part.media.media.value}; its content is {found.value}"
        faults = (Fault("G120", detail, where=_where(part)), *faults)
    return request._replace(wire_format=WireFormat.MULTIPART, faults=faults, is_plain=False)


def _decode_content(part: Part, limits: DecodeLimits, source: Source) -> tuple[InferenceRequest, Media]:
    content = part.content
    if looks_like_json(content):
        return decode_json(content, limits=limits, allow_non_finite=False, source=source), Media.JSON
    if looks_like_npy(content):
        return decode_npy(content, limits=limits), Media.NPY
    if looks_like_arrow(content):
        return decode_arrow(content, limits=limits), Media.ARROW
    if looks_like_image(content):
        return decode_image(content, limits=limits), Media.IMAGE
    if part.media.media is Media.CSV:
        own = source._replace(headers={b"content-type": part.content_type})
        return decode_csv(content, limits=limits, source=own), Media.CSV
    raise UnsupportedMediaType("a file that is no image, npy, Arrow, CSV or JSON", rule="G115")


def _read_fields(parts: list[Part]) -> _Fields:
    values: dict[str, str | int | float] = {}
    faults: tuple[Fault, ...] = ()
    for part in parts:
        value = _read_field(part)
        values[part.name] = value
        if type(value) is int and abs(value) > MAX_EXACT_INTEGER:
            faults += (Fault("G106", f"{value} is beyond 2^53", feature=part.name, where=_where(part)),)
    return _Fields(values, faults)


def _read_field(part: Part) -> str | int | float:
    """Read a field: a number where it is written as in JSON, a text otherwise."""
    if len(part.content) > _LONGEST_FIELD:
        found = f"a field of {len(part.content)} bytes; at most {_LONGEST_FIELD} are read, unless it is a file"
        raise MalformedRequest(found, rule="G127", where=_where(part))
    try:
        text = part.content.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedRequest("a field that isn't UTF-8", rule="G127", where=_where(part)) from None
    if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
        return text
    try:
        number = orjson.loads(text)
    except ValueError:
        return text  # beyond float64
    return number if type(number) is int or type(number) is float else text
