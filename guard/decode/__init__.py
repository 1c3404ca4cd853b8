"""Bytes to InferenceRequest: a file, or a folder, for each wire format.

The protocol of the path says which formats a body may have, its shape which of them it has. Content-Type alone decides
nothing, since model servers differ in whether they heed it; one that contradicts the body is told. Nothing but
RequestError comes out of `decode`, whatever the bytes.
"""

from __future__ import annotations

from guard.decode.body import decode, decode_at_once, decode_exactly
from guard.decode.json_body import looks_like_json
from guard.decode.limits import DecodeLimits
from guard.decode.source import Source

__all__ = ["DecodeLimits", "Source", "decode", "decode_at_once", "decode_exactly", "looks_like_json"]
