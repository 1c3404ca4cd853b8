"""Images, as a body or within one, to arrays of uint8 [H, W, C].

Threat model. An image is the one format that is meant to expand: a kilobyte may ask for a gigabyte of pixels. So the
pixels of all images of a request together are bounded before any is decoded, by GUARD_MAX_IMAGE_PIXELS and by how far
honest encoders compress. Pillow gets only the format that was recognised, never chooses among its forty, and none of
its process-wide settings are changed, which the host shares. Out of scope: what is in the picture. A photo isn't
turned by its EXIF orientation. Where the host sets Pillow's LOAD_TRUNCATED_IMAGES, guard reads cut-off pixels as the
host does.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from guard.decode.images.header import looks_like_image, read_header
from guard.decode.images.structure import ImageHeader
from guard.decode.limits import DecodeLimits
from guard.errors import MalformedRequest, RequestError, UnsupportedMediaType
from guard.inference import InferenceRequest, Layout, WireFormat

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger("guard")

__all__ = ["check_together", "decode_image", "decode_pixels", "looks_like_image"]

# An image of 1,000 x 1,000 passes however little there is to see on it. A photo as JPEG of quality 75 decodes to 26
# times its bytes, a blurred one to 77: a large, nearly empty one is refused, since it can't be told from a bomb.
_FREE_BYTES = 4 * 2**20
_MOST_BYTES_PER_BYTE = 64

# Modes of Pillow, and those that stand for them: palettes are resolved, bits become 0 or 255.
_MODES = {"L": "L", "1": "L", "RGB": "RGB", "RGBA": "RGBA", "LA": "RGBA", "P": "RGB", "PA": "RGBA", "RGBX": "RGB"}

# Rows that are copied out of Pillow at once, so that an image isn't held three times.
_BAND = 64


def decode_image(body: bytes, *, limits: DecodeLimits) -> InferenceRequest:
    """Decode one image, which is one instance.

    Raises MalformedRequest with rule G110, G124 or G125, UnsupportedMediaType with rule G115.
    """
    header = read_header(body)
    check_together([header], n_bytes=len(body), limits=limits)
    return InferenceRequest(WireFormat.IMAGE, Layout.IMAGES, (decode_pixels(header),), n_instances=1)


def check_together(headers: Sequence[ImageHeader], *, n_bytes: int, limits: DecodeLimits) -> None:
    """Raise MalformedRequest (G124) where a request's images, which came as so many bytes, are too large together."""
    n_pixels = sum(header.n_pixels for header in headers)
    if n_pixels > limits.max_pixels:
        size = f"{headers[0].width} x {headers[0].height}" if len(headers) == 1 else f"{len(headers)} images of"
        found = f"{size} pixels, {n_pixels} in all; at most {limits.max_pixels} are read"
        raise MalformedRequest(found, rule="G124")
    decoded = sum(header.n_pixels * header.channels for header in headers)
    most = max(_FREE_BYTES, _MOST_BYTES_PER_BYTE * n_bytes)
    if decoded > most:
        found = f"{decoded} bytes when decoded, from {n_bytes}; at most {most} are read"
        raise MalformedRequest(found, rule="G124")


def decode_pixels(header: ImageHeader) -> npt.NDArray[np.uint8]:
    """Decode an image whose size was checked; raises MalformedRequest (G124, G125), UnsupportedMediaType (G115)."""
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError:
        _tell_missing()
        detail = "images are read with `pip install 'inference-guard[images]'`"
        raise UnsupportedMediaType(detail, rule="G115") from None
    try:
        with Image.open(BytesIO(header.data), formats=(header.format,)) as image:
            return _read(image, header)
    except RequestError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise MalformedRequest("more pixels than the host lets Pillow read", rule="G124") from None
    except Exception as error:  # noqa: BLE001  Pillow's parsers raise whatever comes up
        found = f"an image that can't be decoded ({type(error).__name__})"
        raise MalformedRequest(found, rule="G125") from None


@cache
def _tell_missing() -> None:
    """Tell the operator, once for each process."""
    logger.error("images can't be read: pip install 'inference-guard[images]'")


def _read(image: Image.Image, header: ImageHeader) -> npt.NDArray[np.uint8]:
    if image.size != (header.width, header.height):
        raise MalformedRequest("an image that gives its size twice, differently", rule="G125")
    if getattr(image, "n_frames", 1) > 1:
        raise MalformedRequest("an image of several frames; expected one", rule="G124")
    image.load()
    mode = _MODES.get(image.mode)
    if mode is None:
        raise MalformedRequest(f"pixels of mode {image.mode}; expected 8 bits, grey or RGB", rule="G125")
    if image.mode == "P" and "transparency" in image.info:
        mode = "RGBA"
    return _copy(image, mode)


def _copy(image: Any, mode: str) -> npt.NDArray[np.uint8]:
    width, height = image.size
    array = np.empty((height, width, len(mode)), np.uint8)
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        band = image.crop((0, top, width, bottom))
        array[top:bottom] = np.asarray(band if band.mode == mode else band.convert(mode)).reshape(
            bottom - top, width, -1
        )
    return array
