"""Images within a request of another format: bytes or base64, one per instance, to the layout of images.

Threat model. A text that holds an image is text to a tabular detector and pixels to the model. So where the first
instance holds an image, every instance must hold one; base64 is read strictly (`guard.decode.base64_text`), and the
images of a request are bounded together, as one would be. Out of scope: images by address (a URL), which guard never
fetches, and instances of several images.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from typing import Any

from guard.decode.base64_text import decode_base64
from guard.decode.images.header import read_header
from guard.decode.images.image import check_together, decode_pixels, looks_like_image
from guard.decode.images.structure import ImageHeader
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, RequestError
from guard.inference import Datatype, Fault, InferenceRequest, Layout, Tensor

__all__ = ["lift_images"]

# An image's first bytes in base64. The last two are as much as two letters of a BMP and RIFF, which may begin a text.
_CERTAIN = ("iVBORw0KGgo", "/9j/", "R0lGOD")
_UNCERTAIN = ("Qk", "UklGR")
_PREFIXES = (*_CERTAIN, *_UNCERTAIN, "data:image/")

# As many characters as hold what looks_like_image wants to see.
_HEAD_BYTES = 33
_HEAD_CHARACTERS = 44

_DATA_URI = re.compile(r"data:image/([A-Za-z0-9.+-]{1,32});base64,")
_LONGEST_DATA_URI = 64
_SUBTYPES = {"png": "PNG", "jpeg": "JPEG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP"}

# Each costs about 0.1 ms to open, however small.
_MOST_IMAGES = 256

_CONTAINERS = frozenset({dict, list})
_CARRIERS = frozenset({str, bytes})


def lift_images(request: InferenceRequest, *, limits: DecodeLimits) -> InferenceRequest:
    """Return a request of images where the first instance holds one, with scalars beside it at most; else the same.

    Raises MalformedRequest with rule G110, G111, G116, G124, G125 or G126, UnsupportedMediaType with rule G115.
    """
    cells = _find_cells(request)
    if cells is None:
        return request
    if len(cells) > _MOST_IMAGES:
        raise MalformedRequest(f"{len(cells)} images; at most {_MOST_IMAGES} are read", rule="G111")
    texts = [_as_text(cell) for cell in cells]
    for index, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        if text is None and not (type(cell) is bytes and looks_like_image(cell[:_HEAD_BYTES])):
            raise MalformedRequest("no image, where instance 0 is one", rule="G116", where=f"instance {index}")
    contents = [_decode(cell, text, index) for index, (cell, text) in enumerate(zip(cells, texts, strict=True))]
    headers = [_at(index, read_header, content) for index, content in enumerate(contents)]
    check_together(headers, n_bytes=sum(map(len, contents)), limits=limits)
    images = tuple(_at(index, decode_pixels, header) for index, header in enumerate(headers))
    faults = request.faults + _compare(texts, headers)
    return request._replace(layout=Layout.IMAGES, data=images, n_instances=len(images), faults=faults, is_plain=False)


def _find_cells(request: InferenceRequest) -> Sequence[Any] | None:
    """Return the cells that should be images, one per instance; None where instance 0 holds none.

    Only instance 0 is looked at, and of that only texts and bytes: requests of numbers cost next to nothing.
    """
    match request.layout:
        case Layout.TENSORS:
            return _of_tensors(request.data)
        case Layout.RECORDS:
            return _of_records(request.data)
        case Layout.ROWS:
            return _of_rows(request.data)
        case Layout.COLUMNS:
            return _of_columns(request.data)
        case _:
            return None


def _of_tensors(tensors: Sequence[Tensor]) -> Sequence[Any] | None:
    if len(tensors) != 1 or tensors[0].datatype is not Datatype.BYTES:
        return None
    array = tensors[0].data
    if not array.size or array.size != array.shape[0] or not _is_image(array.flat[0]):
        return None
    cells: list[Any] = array.reshape(-1).tolist()
    return cells


def _of_records(records: Sequence[Mapping[str, Any]]) -> Sequence[Any] | None:
    if not records or _CARRIERS.isdisjoint(map(type, records[0].values())):
        return None
    names = [name for name, value in records[0].items() if type(value) in _CARRIERS and _is_image(value)]
    if len(names) != 1 or not all(_CONTAINERS.isdisjoint(map(type, record.values())) for record in records):
        return None
    return [record.get(names[0]) for record in records]


def _of_rows(rows: Sequence[Any]) -> Sequence[Any] | None:
    first = rows[0] if rows else None
    if type(first) is not list or len(first) != 1 or not _is_image(first[0]):
        return None
    return [row[0] if type(row) is list and len(row) == 1 else None for row in rows]


def _of_columns(columns: Mapping[str, Any]) -> Sequence[Any] | None:
    if len(columns) != 1:
        return None
    (cells,) = columns.values()
    return cells if type(cells) is list and cells and _is_image(cells[0]) else None


def _is_image(cell: Any) -> bool:
    return _as_text(cell) is not None or (type(cell) is bytes and looks_like_image(cell[:_HEAD_BYTES]))


def _as_text(cell: Any) -> str | None:
    """Return a cell that is an image in base64 as text: V2's binary tensors have texts as bytes too."""
    if type(cell) is str:
        head = cell[:_LONGEST_DATA_URI] if cell.startswith(_PREFIXES) else ""
    else:
        head = cell[:_LONGEST_DATA_URI].decode("latin-1") if type(cell) is bytes else ""
    if not (head.startswith(_CERTAIN) or _DATA_URI.match(head) is not None or _begins_as_image(head)):
        return None
    return cell.decode("latin-1") if type(cell) is bytes else str(cell)


def _begins_as_image(head: str) -> bool:
    if not head.startswith(_UNCERTAIN):
        return False
    try:
        return looks_like_image(a2b_base64(head[:_HEAD_CHARACTERS]))
    except ValueError:
        return False


def _decode(cell: Any, text: str | None, index: int) -> bytes:
    if text is None:
        return bytes(cell)
    prefix = _DATA_URI.match(text)
    (content,) = decode_base64(
        [text if prefix is None else text[prefix.end() :]], where=f"instance {index}", is_array=False
    )
    return content


def _at(index: int, read: Any, given: Any) -> Any:
    """Add to an error which instance it is about."""
    try:
        return read(given)
    except RequestError as error:
        error.where = f"instance {index}"
        raise


def _compare(texts: Sequence[str | None], headers: Sequence[ImageHeader]) -> tuple[Fault, ...]:
    """Tell the first data URI that names another format than its image has."""
    for index, (text, header) in enumerate(zip(texts, headers, strict=True)):
        prefix = None if text is None else _DATA_URI.match(text)
        if prefix is not None and _SUBTYPES.get(prefix[1].lower()) != header.format:
            detail = f"a data URI of image/{prefix[1]}; the image is {header.format}"
            return (Fault("G120", detail, instance=index),)
    return ()
