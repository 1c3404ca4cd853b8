"""Images within a request of another format: bytes or base64, one per instance, to the layout of images.

Threat model. A text that holds an image is text to a tabular detector and pixels to the model. So where the first
instance holds an image, every instance must hold one; base64 is read strictly (`guard.decode.base64_text`), and the
images of a request are bounded together, as one would be. What the contract has as a feature stays one. Out of scope:
images by address (a URL), which guard never fetches, and instances of several images, which
`guard.decode.images.within` bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guard.contract import Contract
from guard.decode.images.carrier import Carrier, recognise
from guard.decode.images.header import read_header
from guard.decode.images.image import check_together, decode_pixels
from guard.decode.images.structure import ImageHeader
from guard.decode.images.within import MOST_IMAGES
from guard.decode.json.members import quote
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, RequestError
from guard.inference import Datatype, Fault, InferenceRequest, Layout, Tensor

__all__ = ["lift_images"]

_SUBTYPES = {"png": "PNG", "jpeg": "JPEG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP"}

_CONTAINERS = frozenset({dict, list})
_CARRIERS = frozenset({str, bytes})


def lift_images(
    request: InferenceRequest, *, limits: DecodeLimits, contract: Contract | None = None
) -> InferenceRequest:
    """Return a request of images where the first instance holds one, with scalars beside it at most; else the same.

    Nothing is lifted where a feature of the contract is among the names. Raises MalformedRequest with rule G110, G111,
    G116, G124, G125 or G126, UnsupportedMediaType with rule G115.
    """
    cells = _find_cells(request)
    if cells is None or (contract is not None and not contract.compiled.places.keys().isdisjoint(_names(request))):
        return request
    if len(cells) > MOST_IMAGES:
        raise MalformedRequest(f"{len(cells)} images; at most {MOST_IMAGES} are read", rule="G111")
    carriers = [_at(index, _recognise, cell) for index, cell in enumerate(cells)]
    contents = [_decode(carrier, index) for index, carrier in enumerate(carriers)]
    headers = [_at(index, read_header, content) for index, content in enumerate(contents)]
    check_together(headers, n_bytes=sum(map(len, contents)), limits=limits)
    images = tuple(_at(index, decode_pixels, header) for index, header in enumerate(headers))
    faults = request.faults + _compare(carriers, headers)
    return request._replace(layout=Layout.IMAGES, data=images, n_instances=len(images), faults=faults, is_plain=False)


def _names(request: InferenceRequest) -> Iterable[str]:
    match request.layout:
        case Layout.TENSORS:
            return [tensor.name for tensor in request.data]
        case Layout.RECORDS:
            return [name for record in request.data for name in record]
        case Layout.COLUMNS:
            return list(request.data)
        case _:
            return ()


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
    carrier = recognise(cell)
    return carrier is not None and carrier.is_image


def _recognise(cell: Any) -> Carrier:
    carrier = recognise(cell)
    if carrier is None or not carrier.is_image:
        raise MalformedRequest("no image, where instance 0 is one", rule="G116")
    return carrier


def _decode(carrier: Carrier, index: int) -> bytes:
    return carrier.decode(f"instance {index}")


def _at(index: int, read: Any, given: Any) -> Any:
    """Add to an error which instance it is about."""
    try:
        return read(given)
    except RequestError as error:
        error.where = f"instance {index}"
        raise


def _compare(carriers: Sequence[Carrier], headers: Sequence[ImageHeader]) -> tuple[Fault, ...]:
    """Tell the first data URI that names another format than its image has."""
    for index, (carrier, header) in enumerate(zip(carriers, headers, strict=True)):
        if carrier.subtype is not None and _SUBTYPES.get(carrier.subtype) != header.format:
            detail = f"a data URI of {quote('image/' + carrier.subtype)}; the image is {header.format}"
            return (Fault("G120", detail, instance=index),)
    return ()
