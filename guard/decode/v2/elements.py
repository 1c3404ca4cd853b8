"""The elements of a tensor as bytes after the JSON document, read by Triton's rules.

Threat model. Servers differ in what they make of bytes that don't fit: KServe reads a tensor cut short, and ignores
what is left over. A client that gives a wrong size, or lengths of texts that don't add up, wants guard to look at
other bytes than the model. Or it announces elements by the billion. So sizes must fit exactly, and are compared before
anything is allocated. Out of scope: NaN and infinite elements, which the contract admits or doesn't.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import math
import struct
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from guard.errors import MalformedRequest
from guard.inference import Datatype

__all__ = ["Tail", "element_size", "read_elements"]

# As they are sent, where that isn't as they are kept: NumPy has no BF16, and would take any byte for a boolean.
_SENT: dict[Datatype, np.dtype[Any]] = {Datatype.BF16: np.dtype("<u2"), Datatype.BOOL: np.dtype("u1")}

_PREFIX = struct.Struct("<I")


class Tail:
    """What follows the JSON document in a body; each tensor takes the next of it."""

    __slots__ = ("_at", "body", "is_used")

    def __init__(self, body: bytes, start: int) -> None:
        self.body = body
        self.is_used = False
        self._at = start

    @property
    def left(self) -> int:
        """How many bytes no tensor has taken."""
        return len(self.body) - self._at

    def take(self, size: int) -> int:
        """Take the next bytes, and return where they begin; MalformedRequest (G116) where there are fewer."""
        if size > self.left:
            found = f"binary_data_size is {size}, of {self.left} bytes left in the body"
            raise MalformedRequest(found, rule="G116", where="parameters")
        start = self._at
        self._at += size
        self.is_used = True
        return start


def element_size(datatype: Datatype) -> int:
    """How many bytes an element takes as it is sent; of BYTES, the length before each."""
    return _PREFIX.size if datatype is Datatype.BYTES else _SENT.get(datatype, datatype.numpy).itemsize


def read_elements(
    body: bytes, *, start: int, size: int, datatype: Datatype, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Read `size` bytes as an array of that shape and of dtype `datatype.numpy`; it may be read-only.

    Raises MalformedRequest (G116) where they don't fill the shape exactly.
    """
    n_elements = math.prod(shape)  # Python's integers don't wrap
    needed = n_elements * element_size(datatype)
    if needed > size or (needed != size and datatype is not Datatype.BYTES):
        found = f"{list(shape)} of {datatype} takes another number of bytes than {size}"
        raise MalformedRequest(found, rule="G116", where="shape")
    if datatype is Datatype.BYTES:
        array = _read_texts(body, start=start, size=size, n_elements=n_elements)
    else:
        array = _read_numbers(body, start=start, n_elements=n_elements, datatype=datatype)
    return array.reshape(shape)


def _read_numbers(body: bytes, *, start: int, n_elements: int, datatype: Datatype) -> npt.NDArray[Any]:
    sent = np.ndarray(n_elements, _SENT.get(datatype, datatype.numpy), body, start)
    if datatype is Datatype.BF16:
        return (sent.astype(np.uint32) << 16).view(np.float32)
    if datatype is Datatype.BOOL:
        _check_booleans(sent)
        return sent.view(np.bool_)
    # The JSON before it may have any length. What reads the elements next is slower where they are not aligned.
    return sent if sent.flags.aligned else sent.copy()


def _check_booleans(sent: npt.NDArray[np.uint8]) -> None:
    if sent.max(initial=0) > 1:
        index = int(np.argmax(sent > 1))
        found = f"byte {sent[index]}, where BOOL has 0 and 1"
        raise MalformedRequest(found, rule="G116", where=f"data[{index}]")


def _read_texts(body: bytes, *, start: int, size: int, n_elements: int) -> npt.NDArray[Any]:
    """Read elements that each have their length before them; the last must end where the tensor does."""
    end = start + size
    elements = []
    try:
        # Where a length leads too far, no later element leads back, so that one comparison at the end is enough.
        for _ in repeat(None, n_elements):
            (length,) = _PREFIX.unpack_from(body, start)
            begin = start + _PREFIX.size
            start = begin + length
            elements.append(body[begin:start])
    except struct.error:
        start = -1
    if start != end:
        found = f"the lengths of {n_elements} elements don't add up to binary_data_size, {size}"
        raise MalformedRequest(found, rule="G116", where="data")
    array = np.empty(n_elements, object)
    array[:] = elements
    return array
