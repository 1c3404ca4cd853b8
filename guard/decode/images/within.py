"""The bounds of images hold wherever one stands in a request, and serialised code is refused there.

Threat model. What isn't a feature to guard may be an image to the host, or a pickle: a part of a chat's content, a
second instance, a cell of a table. So the header of each image is read, as if it were the body, and the sizes of all
together are bounded as one is, without decoding pixels. Out of scope: what `guard.decode.images.carrier` doesn't
recognise; images by address.
"""

from __future__ import annotations

from collections.abc import Sequence

from guard.decode.images.carrier import Carrier, recognise
from guard.decode.images.header import read_header
from guard.decode.images.image import check_together
from guard.decode.images.search import find_bytes, find_cells, find_texts
from guard.decode.limits import DecodeLimits
from guard.decode.serialised import name_code, name_code_in_text
from guard.errors import MalformedRequest, RequestError, UnsupportedMediaType
from guard.inference import InferenceRequest, Layout

__all__ = ["MOST_IMAGES", "check_bytes", "check_cells", "check_document", "check_request"]

MOST_IMAGES = 256
"""Images of a request that are read: each costs some 0.1 ms, however small."""

# Texts and bytes that begin as something are looked at, which takes some microseconds each, whatever they are then.
_MOST_LOOKED_AT = 8_192

_WHERE = "a value in the body"


def check_document(value: object, request: InferenceRequest, *, limits: DecodeLimits) -> None:
    """Check all texts of a JSON document; `request` is what was read of it, its images maybe lifted.

    Raises MalformedRequest with rule G110, G111, G124, G125 or G126, UnsupportedMediaType with rule G115 or G121.
    """
    # The images that were lifted are checked already, and more exactly.
    n_checked = request.n_instances if request.layout is Layout.IMAGES else 0
    check_cells(find_texts(value), limits=limits, n_checked=n_checked)


def check_request(request: InferenceRequest, *, limits: DecodeLimits) -> InferenceRequest:
    """Check all texts and bytes that a decoder has found, and return the request; raises as check_document does."""
    check_cells(find_cells(request), limits=limits)
    return request


def check_cells(cells: Sequence[str | bytes], *, limits: DecodeLimits, n_checked: int = 0) -> None:
    """Check texts and bytes; raises as check_document does. Of images, as many as `n_checked` were."""
    if len(cells) > _MOST_LOOKED_AT:
        found = f"{len(cells)} values that begin as images, data URIs or code; at most {_MOST_LOOKED_AT} are looked at"
        raise MalformedRequest(found, rule="G111")
    carriers = [carrier for carrier in map(_recognise, cells) if carrier is not None]
    images = [carrier for carrier in carriers if carrier.is_image]
    for carrier in carriers:
        if not carrier.is_image:
            _check_code(carrier)
    if len(images) > n_checked:
        _check_images(images, limits)


def check_bytes(request: InferenceRequest) -> None:
    """Raise UnsupportedMediaType (G121) where bytes that came as base64 are serialised code."""
    for content in find_bytes(request):
        _refuse(name_code(content))


def _recognise(cell: str | bytes) -> Carrier | None:
    try:
        return recognise(cell)
    except MalformedRequest as error:
        error.where = _WHERE
        raise


def _check_code(carrier: Carrier) -> None:
    if type(carrier.content) is bytes:
        _refuse(name_code(carrier.content))
        return
    try:
        content = carrier.decode(_WHERE)
    except MalformedRequest:
        return  # a text that begins like base64
    _refuse(name_code_in_text(content))


def _refuse(name: str | None) -> None:
    if name is not None:
        raise UnsupportedMediaType(f"{name}, which guard never opens", rule="G121", where=_WHERE)


def _check_images(images: list[Carrier], limits: DecodeLimits) -> None:
    if len(images) > MOST_IMAGES:
        raise MalformedRequest(f"{len(images)} images; at most {MOST_IMAGES} are read", rule="G111")
    headers, n_bytes = [], 0
    try:
        for image in images:
            content = image.decode(_WHERE)
            n_bytes += len(content)
            # The size is all that is needed: what the image holds needn't be kept.
            headers.append(read_header(content)._replace(data=b""))
        check_together(headers, n_bytes=n_bytes, limits=limits)
    except RequestError as error:
        error.where = _WHERE
        raise
