from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from guard.decode import DecodeLimits
from guard.decode.images.image import decode_image, looks_like_image
from guard.errors import MalformedRequest, RequestError, UnsupportedMediaType
from guard.inference import Layout, WireFormat
from tests.strategies.binary import Sent, images, write_image

LIMITS = DecodeLimits(max_depth=8, max_containers=100, max_instances=16)
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def picture(width: int = 16, height: int = 12, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


PNG, JPEG = write_image(picture(), "PNG"), write_image(picture(), "JPEG")
WEBP, BMP = write_image(picture(), "WEBP"), write_image(picture(), "BMP")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, more: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")


def refused(body: bytes, limits: DecodeLimits = LIMITS) -> str:
    with pytest.raises(RequestError) as caught:
        decode_image(body, limits=limits)
    return caught.value.rule


@given(sent=images())
def test_pixels_are_those_of_pillow(sent: Sent) -> None:
    body, _ = sent

    request = decode_image(body, limits=LIMITS)

    (array,) = request.data
    assert (request.wire_format, request.layout, request.n_instances) == (WireFormat.IMAGE, Layout.IMAGES, 1)
    assert (array.dtype, array.ndim) == (np.uint8, 3)
    expected = np.asarray(Image.open(io.BytesIO(body)).convert(MODES[array.shape[2]]))
    np.testing.assert_array_equal(array, expected.reshape(array.shape))


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 4), ("P", 3), ("RGB", 3), ("RGBA", 4)])
def test_modes_have_their_channels(mode: str, channels: int) -> None:
    (array,) = decode_image(write_image(picture(mode=mode), "PNG"), limits=LIMITS).data

    assert array.shape == (12, 16, channels)


def test_palette_with_transparency_has_an_alpha_channel() -> None:
    body = write_image(picture(mode="P"), "PNG", transparency=bytes(range(256)))

    assert decode_image(body, limits=LIMITS).data[0].shape == (12, 16, 4)


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 20}, {"subsampling": 0}])
def test_jpeg_of_any_coding_is_read(options: dict[str, Any]) -> None:
    body = write_image(picture(40, 30), "JPEG", **options)

    np.testing.assert_array_equal(decode_image(body, limits=LIMITS).data[0], np.asarray(Image.open(io.BytesIO(body))))


def test_metadata_change_no_pixel() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("comment", "x" * 1000, zip=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees

    for name, body, plain in (
        ("PNG", write_image(picture(), "PNG", pnginfo=texts, dpi=(72, 72)), PNG),
        ("JPEG", write_image(picture(), "JPEG", exif=exif, comment=b"x" * 500), JPEG),
        ("WEBP", write_image(picture(), "WEBP", exif=exif), WEBP),
    ):
        found, expected = (decode_image(given, limits=LIMITS).data[0] for given in (body, plain))
        np.testing.assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("body", [PNG, JPEG, WEBP, BMP], ids=["png", "jpeg", "webp", "bmp"])
def test_bytes_after_the_image_are_refused(body: bytes) -> None:
    assert refused(body + b"PK\x03\x04") == "G110"
    assert refused(body + body) == "G110"


@pytest.mark.parametrize("body", [PNG, JPEG, WEBP, BMP], ids=["png", "jpeg", "webp", "bmp"])
def test_cut_off_images_are_refused(body: bytes) -> None:
    for end in (len(body) - 1, len(body) // 2, 40, 30):
        assert refused(body[:end]) == "G125"


@pytest.mark.parametrize(
    "body",
    [
        write_image(picture(), "PNG", save_all=True, append_images=[picture(mode="L").convert("RGB")]),
        write_image(picture(), "WEBP", save_all=True, append_images=[Image.new("RGB", (16, 12))]),
    ],
    ids=["apng", "webp"],
)
def test_several_frames_are_refused(body: bytes) -> None:
    assert refused(body) == "G124"


def test_pixels_are_counted_before_they_are_decoded() -> None:
    limits = DecodeLimits(max_depth=8, max_containers=100, max_instances=16, max_pixels=100)

    assert refused(PNG, limits) == "G124"
    assert decode_image(write_image(picture(10, 10), "PNG"), limits=limits).n_instances == 1
    assert refused(png(2**31 - 1, 2**31 - 1)) == "G124"


def test_small_body_may_not_hold_a_large_image() -> None:
    assert decode_image(write_image(Image.new("RGB", (1000, 1000)), "PNG"), limits=LIMITS).n_instances == 1
    assert refused(write_image(Image.new("RGB", (2000, 2000)), "PNG")) == "G124"
    assert refused(write_image(Image.new("RGB", (2000, 2000)), "WEBP", lossless=True)) == "G124"


def jpeg_with(segment: bytes) -> bytes:
    return JPEG[:2] + segment + JPEG[2:]


@pytest.mark.parametrize(
    "body",
    [
        png(4, 4, depth=16),
        png(4, 4, colour=5),
        png(0, 4),
        png(400, 400),
        png(4, 4, more=chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))),
        png(4, 4, more=1_200 * chunk(b"tEXt", b"a\0b")),
        PNG.replace(b"IDAT", b"iDAT"),
        png(4, 4, more=chunk(b"CgBI", bytes(4))),
        PNG[:-16] + bytes(4) + PNG[-12:],
        write_image(picture().convert("CMYK"), "JPEG"),
        jpeg_with(JPEG[JPEG.index(b"\xff\xc0") :][:19]),
        jpeg_with(700 * b"\xff\xfe\0\3x"),
        jpeg_with(b"\xff\xcc\0\2"),
        jpeg_with(b"\xff\xd9"),
        JPEG.replace(b"\xff\xc0", b"\xff\xc9"),
        JPEG[:-2] + 20 * b"\xff\xda\0\x08\1\1\0\0\x3f\0" + JPEG[-2:],
        WEBP.replace(b"VP8 ", b"VP8Z"),
        WEBP.replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b"),
        BMP[:28] + b"\4\0" + BMP[30:],
        BMP[:30] + b"\1\0\0\0" + BMP[34:],
        BMP[:18] + b"\x11\0\0\0" + BMP[22:],
    ],
)
def test_broken_or_odd_images_are_refused(body: bytes) -> None:
    assert refused(body) == "G125"


@pytest.mark.parametrize("name", ["GIF", "TIFF"])
def test_other_formats_are_named_unread(name: str) -> None:
    body = write_image(picture().convert("P"), name)

    assert looks_like_image(body)
    with pytest.raises(UnsupportedMediaType) as caught:
        decode_image(body, limits=LIMITS)
    assert caught.value.rule == "G115"


@pytest.mark.parametrize("text", [b"BMI,age,sex\n21.5,40,1\n", b"BM", b"RIFF", b"GIF", b"\xff\xd8"])
def test_text_that_begins_alike_is_no_image(text: bytes) -> None:
    assert not looks_like_image(text)


def test_missing_pillow_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(UnsupportedMediaType, match=r"inference-guard\[images\]"):
        decode_image(PNG, limits=LIMITS)


@given(
    base=st.sampled_from([PNG, JPEG, WEBP, BMP, write_image(picture(), "JPEG", progressive=True)]),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_images_raise_request_errors_alone(base: bytes, edits: list[tuple[int, int]]) -> None:
    body = bytearray(base)
    for at, value in edits:
        body[at % len(body)] = value
    try:
        (array,) = decode_image(bytes(body), limits=LIMITS).data
    except RequestError:
        return
    assert array.size <= 4 * 2**20


def test_pillow_settings_of_the_host_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)

    # More than twice as many are an error to Pillow, and one to the host then.
    assert refused(PNG) == "G124"
    assert Image.MAX_IMAGE_PIXELS == 50
    with pytest.raises(MalformedRequest, match="host"):
        decode_image(PNG, limits=LIMITS)
