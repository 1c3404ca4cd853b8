"""What is known of an image before a pixel is decoded, and how it is told to be broken."""

from __future__ import annotations

from typing import NamedTuple

from guard.errors import MalformedRequest

__all__ = ["ImageHeader", "broken", "check_end", "several_frames"]


class ImageHeader(NamedTuple):
    """An image's format by Pillow's name, its size, its channels at most, and its bytes without metadata."""

    format: str
    width: int
    height: int
    channels: int
    data: bytes

    @property
    def n_pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def broken(found: str) -> MalformedRequest:
    """An error (G125) to raise."""
    return MalformedRequest(f"an image that is broken: {found}", rule="G125")


def several_frames() -> MalformedRequest:
    """An error (G124) to raise."""
    return MalformedRequest("an image of several frames; expected one", rule="G124")


def check_end(body: bytes, end: int) -> None:
    """Raise MalformedRequest where the body is shorter (G125) or longer (G110) than the image."""
    if end > len(body):
        raise broken("cut off")
    if end < len(body):
        raise MalformedRequest(f"{len(body) - end} bytes after the end of the image", rule="G110")
