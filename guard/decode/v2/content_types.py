"""MLServer's `content_type`: what a parameter says of the elements of tensors.

Threat model. MLServer decodes a tensor by the content type that stands beside it, other servers don't look at it. So
a text in base64 is one thing to MLServer, and another to who reads it as it is. guard decodes as MLServer does, and
refuses where that is uncertain: a content type that MLServer doesn't know, which a custom codec may, or that it knows
only elsewhere. Out of scope: what codecs of its Hugging Face runtime make of JSON within a text, which stays a text.

https://mlserver.readthedocs.io/en/latest/user-guide/content-type.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from guard.decode.base64_text import decode_base64
from guard.decode.json.members import quote
from guard.errors import MalformedRequest
from guard.inference import Datatype, Fault

__all__ = ["BASE64", "decode_content", "read_content_type"]

BASE64 = frozenset({"base64", "pillow_image"})
"""Those of texts that hold bytes in base64."""

# Those of a request speak of all its tensors; base64 is decoded of a tensor alone.
_OF_REQUESTS = frozenset(
    {"datetime", "hg_conversation", "hg_json", "hg_jsonlist", "json", "np", "nplist", "pd", "pd_json", "raw", "str"}
)
_OF_TENSORS = _OF_REQUESTS | BASE64


def read_content_type(parameters: dict[str, Any], *, of_request: bool = False) -> tuple[str | None, tuple[Fault, ...]]:
    """Read the content type of a request's or a tensor's parameters; an unknown one is a fault (G119).

    Where both have one, the tensor's counts. Raises MalformedRequest (G116) where it isn't a string.
    """
    if "content_type" not in parameters:
        return None, ()
    found = parameters["content_type"]
    if type(found) is not str:
        raise MalformedRequest("content_type is a string", rule="G116", where="parameters")
    known = _OF_REQUESTS if of_request else _OF_TENSORS
    if found in known:
        return found, ()
    what = "of requests" if found in _OF_TENSORS else "of tensors"
    detail = (
        f"content_type {quote(found)} is unknown {what if of_request else 'here'}; known are {', '.join(sorted(known))}"
    )
    return None, (Fault("G119", detail, where="parameters"),)


def decode_content(
    array: npt.NDArray[Any], *, datatype: Datatype, content_type: str
) -> tuple[npt.NDArray[Any], tuple[Fault, ...]]:
    """Decode texts as their content type says; one that doesn't go with the datatype is a fault (G119).

    Raises MalformedRequest (G126) for a text that isn't base64.
    """
    if content_type not in BASE64:
        return array, ()
    if datatype is not Datatype.BYTES:
        return array, (Fault("G119", f"content_type {content_type} beside {datatype}", where="parameters"),)
    decoded = np.empty(array.size, object)
    decoded[:] = decode_base64(array.ravel(), where="data")
    return decoded.reshape(array.shape), ()
