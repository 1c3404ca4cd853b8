"""DecodeLimits: how much a request may hold."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DecodeLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """The limits that the operator set; what exceeds one is refused before memory is spent on it.

    `max_depth` counts nested objects and arrays of JSON (`[1]` has depth 1), `max_containers` all of them.
    `max_bytes` is what a body may have after its Content-Encoding is undone, `max_ratio` how many times longer that
    may make it. `max_pixels` is width times height of an image.
    """

    max_depth: int
    max_containers: int
    max_instances: int
    max_bytes: int = 8_388_608
    max_ratio: int = 100
    max_pixels: int = 16_777_216
