"""A user's decoder, as GUARD_DECODER names it in the cases of G129."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any


def decode(body: bytes, headers: Mapping[str, str], path: str) -> Any:
    """Lines `name=value`, for bodies that begin with `#lines`; others are guard's own to read."""
    if path == "/binary":
        return [{"a": struct.unpack("<d", body)[0]}]
    if not body.startswith(b"#lines"):
        return None
    lines = body.decode(headers.get("x-charset", "utf-8")).splitlines()[1:]
    return {name: float(value) for name, value in (line.split("=") for line in lines)}
