"""JPEG: its segments up to the pixels, and what may end the body. ITU-T T.81, annex B."""

from __future__ import annotations

import struct

from guard.decode.images.structure import ImageHeader, broken, check_end

__all__ = ["SIGNATURE", "read_jpeg"]

SIGNATURE = b"\xff\xd8\xff"

# A few dozens are usual; a colour profile has 255 at most.
_MOST_SEGMENTS = 600

# libjpeg's own script has 10 passes, mozjpeg's 12. Each goes over the whole image, however short it is.
_MOST_SCANS = 16

_BASELINE_TO_PROGRESSIVE = range(0xC0, 0xC3)
_DHT, _DQT, _DRI, _SOS = 0xC4, 0xDB, 0xDD, 0xDA
# JFIF and Adobe's segment tell the colour space; the other APPn hold previews and metadata, COM a comment.
_JFIF, _ADOBE = 0xE0, 0xEE
_KEPT = frozenset({_DHT, _DQT, _DRI, _JFIF, _ADOBE, *_BASELINE_TO_PROGRESSIVE})
_LEFT_OUT = frozenset({*range(0xE0, 0xF0), 0xFE}) - _KEPT


def read_jpeg(body: bytes) -> ImageHeader:
    """Read the structure of a JPEG image; may raise struct.error or IndexError where it is cut off."""
    frame: tuple[int, int, int] | None = None
    kept = [b"\xff\xd8"]
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker, end = _jpeg_segment(body, at)
        if marker == _SOS:
            break
        if marker in _BASELINE_TO_PROGRESSIVE:
            if frame is not None:
                raise broken("its size stands twice")
            frame = _jpeg_frame(body, at)
        if marker in _KEPT:
            kept.append(body[at:end])
        at = end
    else:
        raise broken(f"more than {_MOST_SEGMENTS} segments")
    if frame is None:
        raise broken("no size before its first scan")
    _check_scans(body, at)
    height, width, channels = frame
    kept.append(body[at:])
    return ImageHeader("JPEG", width, height, channels, b"".join(kept))


def _jpeg_segment(body: bytes, at: int) -> tuple[int, int]:
    prefix, marker, length = struct.unpack_from(">BBH", body, at)
    if prefix != 0xFF or length < 2 or not (marker in _KEPT or marker in _LEFT_OUT or marker == _SOS):
        raise broken(f"a JPEG segment that isn't read: {prefix:02x} {marker:02x}")
    end = at + 2 + length
    if end > len(body):
        raise broken("cut off")
    return marker, end


def _jpeg_frame(body: bytes, at: int) -> tuple[int, int, int]:
    precision, height, width, channels = struct.unpack_from(">BHHB", body, at + 4)
    if precision != 8 or channels not in {1, 3}:
        raise broken(f"{channels} components of {precision} bits; expected 1 or 3 of 8")
    return height, width, channels


def _check_scans(body: bytes, at: int) -> None:
    # Compressed bytes hold FF only before 00 or a marker, so that the first EOI is the image's end.
    end = body.find(b"\xff\xd9", at)
    if end < 0:
        raise broken("cut off")
    check_end(body, end + 2)
    n_scans = body.count(b"\xff\xda", at)
    if n_scans > _MOST_SCANS:
        raise broken(f"{n_scans} scans; at most {_MOST_SCANS} are read")
