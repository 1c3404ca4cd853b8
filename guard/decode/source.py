"""Source: what came with a body, and is declared of it. It chooses the decoder together with the body's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from guard.contract import Contract
from guard.decode.media import MediaType, read_media_type
from guard.errors import MalformedRequest
from guard.paths import Protocol

__all__ = ["HEADER_LENGTH", "LENGTH_PARAMETER", "Source"]

HEADER_LENGTH = b"inference-header-content-length"

_NO_HEADERS: Mapping[bytes, bytes] = {}

# SageMaker's and Vertex' variants of the binary tensor extension have the length in the media type.
LENGTH_PARAMETER = "json-header-size"

# Longer numbers are no length of a body.
_MOST_DIGITS = 12


class Source(NamedTuple):
    """The protocol of a body's path, its headers by lower-case name, and the contract of the model (or None)."""

    protocol: Protocol = Protocol.ANY
    headers: Mapping[bytes, bytes] = _NO_HEADERS
    contract: Contract | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether the contract's JSON pointers say where features are, whatever the format looks like."""
        return self.contract is not None and self.contract.is_mapped

    @property
    def media_type(self) -> MediaType:
        """The Content-Type, read."""
        return read_media_type(self.headers.get(b"content-type"))

    def json_length(self) -> int | None:
        """How many bytes of JSON stand before the tensors' bytes; None where the body isn't said to have any.

        Raises MalformedRequest (G117) where the length is no number, or is given twice.
        """
        if self.protocol not in _WITH_BINARY:
            return None
        header = self.headers.get(HEADER_LENGTH)
        parameter = self.media_type.parameters.get(LENGTH_PARAMETER)
        if header is None and parameter is None:
            return None
        if header is not None and parameter is not None:
            raise MalformedRequest("the length of the JSON header is given twice", rule="G117", where="headers")
        text = parameter if header is None else header.decode("latin-1")
        # As Triton reads it: ASCII digits and nothing else, no sign, no spaces.
        if text is None or not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
            raise MalformedRequest("the length of the JSON header isn't one number", rule="G117", where="headers")
        return int(text)


# Where else the header is given, the host ignores it, and reads the whole body.
_WITH_BINARY = frozenset({Protocol.V2, Protocol.INVOCATIONS, Protocol.ANY})
