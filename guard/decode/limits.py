"""JsonLimits: how much JSON a request may hold."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["JsonLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """The limits that the operator set; what exceeds one is refused before memory is spent on it.

    `max_depth` counts nested objects and arrays (`[1]` has depth 1), `max_containers` all of them.
    """

    max_depth: int
    max_containers: int
    max_instances: int
