"""The way nearly every V2 request looks, read in a fifth of the steps: one flat tensor of numbers.

What isn't exactly that, or may be ambiguous or beyond a limit, is left to the exact decoders, which say
what is wrong with it. A test holds the two against each other.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import orjson

from guard.decode.limits import JsonLimits
from guard.decode.scan import may_hold_long_number
from guard.inference import Datatype, InferenceRequest, Layout, Tensor, WireFormat

__all__ = ["decode_plain"]

_DATATYPES = {"FP32": Datatype.FP32, "FP64": Datatype.FP64}

# The document and the tensor: with two objects, nothing is nested in `parameters` or `outputs`.
_OBJECTS = 2

# "inputs" and perhaps "id" outside; name, shape, datatype and data inside.
_OUTER, _INNER = 2, 4

# Above this, the general decoder's vectorised checks cost less.
_LONGEST_BYTES = 4096


def decode_plain(body: bytes, *, limits: JsonLimits) -> InferenceRequest | None:
    """Decode `{"inputs": [{"name", "shape": [N, d], "datatype": "FP32" or "FP64", "data": [numbers]}]}`.

    None where the body is anything else, however little.
    """
    if (
        len(body) > _LONGEST_BYTES
        or body.count(b"{") != _OBJECTS
        or body.count(b"[") + _OBJECTS > min(limits.max_depth, limits.max_containers)
    ):
        return None
    # struct would pack booleans among the numbers.
    if b"true" in body or b"false" in body or may_hold_long_number(body):
        return None
    try:
        document = orjson.loads(body)
        (tensor,) = document["inputs"]
        outer = len(document)
        if outer != 1 and not (outer == _OUTER and "id" in document):
            return None
        # As many names as colons: none stood twice, and no string holds a colon.
        if len(tensor) != _INNER or body.count(b":") != outer + _INNER:
            return None
        return _decode_tensor(tensor, limits)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, OverflowError):
        return None


def _decode_tensor(tensor: dict[str, Any], limits: JsonLimits) -> InferenceRequest | None:
    """Decode a tensor that has four members; most exceptions mean that it isn't plain."""
    name, shape, data = tensor["name"], tensor["shape"], tensor["data"]
    datatype = _DATATYPES[tensor["datatype"]]
    rows, columns = shape
    # The very types: `[true]` is no shape, and a string has a length too.
    if type(name) is not str or not name or type(data) is not list or type(rows) is not int or type(columns) is not int:
        return None
    if not 0 < rows <= limits.max_instances or columns < 1 or rows * columns != len(data):
        return None
    dtype = datatype.numpy
    # Anything but numbers is an error to struct, and in its standard form (`<`) so is a number that overflows.
    packed = struct.pack(f"<{len(data)}{dtype.char}", *data)
    array = np.ndarray((rows, columns), dtype, packed)
    return InferenceRequest(
        WireFormat.V2, Layout.TENSORS, (Tensor(name, datatype, (rows, columns), array),), rows, is_plain=True
    )
