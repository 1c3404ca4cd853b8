"""Base64 within JSON, decoded only where it is canonical.

Threat model. Base64 that isn't canonical has as many readings as readers: MLServer takes a text that it can't decode
for the bytes themselves, TensorFlow Serving does without padding, Python's decoder drops what isn't of the alphabet.
So a text counts only if encoding its bytes gives the same text again: RFC 4648's standard alphabet, padded, no line
breaks, unused bits zero. What it decodes to is shorter than the text, which is part of the body. Out of scope: what
the bytes hold.

https://www.rfc-editor.org/rfc/rfc4648#section-3
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from guard.errors import MalformedRequest

__all__ = ["decode_base64"]

# As many texts are compared at once: what is encoded again is soon dropped.
_AT_ONCE = 1024


def decode_base64(texts: Sequence[str] | npt.NDArray[Any], *, where: str, is_array: bool = True) -> list[bytes]:
    """Decode each text; MalformedRequest (G126) at the first that isn't canonical base64.

    `where` is the place of the texts; unless `is_array` is false, that of each is its index there.
    """
    decoded: list[bytes] = []
    for start in range(0, len(texts), _AT_ONCE):
        chunk = list(texts[start : start + _AT_ONCE])
        found = _decode_canonical(chunk)
        if found is None:
            index = start + next(index for index, text in enumerate(chunk) if _decode_canonical([text]) is None)
            raise MalformedRequest("no canonical base64", rule="G126", where=f"{where}[{index}]" if is_array else where)
        decoded += found
    return decoded


def _decode_canonical(texts: Sequence[str]) -> list[bytes] | None:
    """Decode texts; None where one isn't what its bytes would be encoded to.

    No text is shorter than what it decodes to, encoded again. So where all of them together are equal, each is.
    """
    try:
        found = [a2b_base64(text) if text else b"" for text in texts]
    except ValueError:
        return None
    sent = "\n".join([*texts, ""])
    return found if sent.isascii() and b"".join(map(b2a_base64, found)) == sent.encode() else None
